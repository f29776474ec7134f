//! Long work: off the interpreter's lock, on our threads, and stopped by Ctrl-C.
//!
//! The library works in a pool; the thread that called waits, and asks the interpreter for signals
//! every [`PATIENCE`]: only the main thread may. A signal, or an exception in a callback, makes the
//! monitor break, and is raised once the work has returned, which leaves its objects unchanged.
//!
//! A callback may call fokker while the threads of the pool wait for it, so its work has a pool of its
//! own, one deeper; work inside a callback of that work the next one.
//!
//! An estimator sets by how many threads its work is done and whether its progress is printed: [`work_as`].

use crate::errors::{raise, refuse};
use fokker::{Error, Monitor, Task};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a signal may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// How often progress is printed.
const PRINTED: Duration = Duration::from_secs(1);

/// Hears of progress that is to be printed, and stops work for a signal or an exception.
#[derive(Default)]
pub struct Watch {
    stop: AtomicBool,
    raised: Mutex<Option<PyErr>>,
    /// Of verbose work.
    progress: Option<Mutex<Stage>>,
}

/// How far a piece of work is.
struct Stage {
    name: String,
    began: Instant,
    done: usize,
    total: usize,
}

impl Stage {
    /// The progress as a line, with an estimate where the end is known.
    fn line(&self) -> String {
        let Stage { name, began, done, total } = self;
        if *done == 0 || total < done {
            return format!("fokker: {name} {done}");
        }
        let left = began.elapsed().as_secs_f64() / *done as f64 * (total - done) as f64;
        format!("fokker: {name} {done} of {total}, {left:.0} s left")
    }
}

impl Watch {
    /// The work that it watches.
    pub fn task(&self) -> Task<'_> {
        Task::watched(self)
    }

    /// Stops the work for an exception, the first of which is raised.
    pub fn fail(&self, error: PyErr) -> Error {
        lock(&self.raised).get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
        Error::Interrupted
    }
}

impl Monitor for Watch {
    fn progress(&self, stage: &str, done: usize, total: usize) -> ControlFlow<()> {
        if let Some(progress) = &self.progress {
            let mut now = lock(progress);
            if now.name != stage {
                *now = Stage { name: stage.to_owned(), began: Instant::now(), done, total };
            }
            (now.done, now.total) = (done, total);
        }
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

thread_local! {
    /// The pool that work of this thread runs in: 0, unless threads of others wait for it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// How the work that this thread asks for is done: see [`work_as`].
    static MANNER: Cell<(bool, Option<i64>)> = const { Cell::new((false, None)) };
}

/// Sets whether work that this thread asks for prints its progress, and by how many threads it is done: all
/// by default, from −1 down all but that many less one. Returns what was set before.
///
/// Results do not depend on it.
#[pyfunction]
#[pyo3(signature = (verbose, n_jobs))]
pub fn work_as(verbose: &Bound<PyAny>, n_jobs: &Bound<PyAny>) -> PyResult<(bool, Option<i64>)> {
    let wrong = || {
        let shown = n_jobs.repr().map(|text| text.to_string()).unwrap_or_default();
        refuse(n_jobs.py(), "n_jobs", format!("n_jobs must be a whole number but 0, or None, found {shown}"))
    };
    let count: Option<i64> = n_jobs.extract().map_err(|_| wrong())?;
    if count == Some(0) {
        return Err(wrong());
    }
    Ok(MANNER.replace((verbose.is_truthy()?, count)))
}

/// Threads of the work that this thread asks for.
fn threads() -> usize {
    let all = || fokker::thread_count(None, std::env::var("RAYON_NUM_THREADS").ok().as_deref());
    match MANNER.get().1 {
        None => all(),
        Some(count @ 1..) => fokker::thread_count(usize::try_from(count).ok(), None),
        Some(less) => all().saturating_sub(usize::try_from(-1 - less).unwrap_or(0)).max(1),
    }
}

/// The pool of this thread's work, to be handed to [`called_from`].
pub fn depth() -> usize {
    DEPTH.get()
}

/// Marks this thread as running a callback for which threads of the pool at `depth` wait: its work runs
/// in the next pool, as it must not wait for them.
pub fn called_from(depth: usize) {
    DEPTH.set(depth + 1);
}

/// Runs work without the interpreter's lock.
///
/// # Errors
/// What the work reports, as an exception; a signal or an exception in a callback.
pub fn run<T: Send>(py: Python, work: impl FnOnce(&Watch) -> fokker::Result<T> + Send) -> PyResult<T> {
    let verbose = MANNER.get().0;
    let start = || Mutex::new(Stage { name: String::new(), began: Instant::now(), done: 0, total: 0 });
    let watch = Watch { progress: verbose.then(start), ..Watch::default() };
    let began = Instant::now();
    let result = py.detach(|| {
        // A thread of a pool, which a callback runs on, need not wait for others.
        if rayon::current_thread_index().is_some() {
            return Ok(work(&watch));
        }
        Ok(pooled(pool()?, &watch, work))
    });
    if verbose {
        print(py, &format!("fokker: done in {:.1} s", began.elapsed().as_secs_f64()))?;
    }
    match (result, lock(&watch.raised).take()) {
        (_, Some(error)) | (Err(error), None) => Err(error),
        (Ok(result), None) => result.map_err(|error| raise(py, error)),
    }
}

/// Writes a line where Python writes errors, which notebooks show.
fn print(py: Python, line: &str) -> PyResult<()> {
    let stream = py.import("sys")?.getattr("stderr")?;
    // There is none without a console.
    if !stream.is_none() {
        stream.call_method1("write", (format!("{line}\n"),))?;
        stream.call_method0("flush")?;
    }
    Ok(())
}

/// Runs work in the pool; waits here.
fn pooled<T: Send>(
    pool: &rayon::ThreadPool,
    watch: &Watch,
    work: impl FnOnce(&Watch) -> fokker::Result<T> + Send,
) -> fokker::Result<T> {
    let (result, finished) = (Mutex::new(None), Condvar::new());
    pool.in_place_scope(|scope| {
        scope.spawn(|_| {
            let value = catch_unwind(AssertUnwindSafe(|| work(watch)));
            *lock(&result) = Some(value);
            finished.notify_one();
        });
        let mut waiting = lock(&result);
        let mut printed = Instant::now();
        while waiting.is_none() {
            let (guard, time) =
                finished.wait_timeout(waiting, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            waiting = guard;
            if time.timed_out() && waiting.is_none() {
                drop(waiting);
                let due = watch.progress.as_ref().filter(|_| printed.elapsed() >= PRINTED);
                let line = due.map(|progress| lock(progress).line());
                let heard = Python::attach(|py| {
                    py.check_signals()?;
                    line.as_ref().map_or(Ok(()), |line| print(py, line))
                });
                if let Err(raised) = heard {
                    watch.fail(raised);
                }
                if line.is_some() {
                    printed = Instant::now();
                }
                waiting = lock(&result);
            }
        }
    });
    let value = lock(&result).take().expect("the loop ends with a result");
    value.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The threads of this process for work at the depth of this thread: a fork has none of its parent's.
fn pool() -> PyResult<&'static rayon::ThreadPool> {
    type Place = (u32, usize, usize);
    static POOLS: Mutex<Vec<(Place, &rayon::ThreadPool)>> = Mutex::new(Vec::new());
    let here = (process::id(), depth(), threads());
    let mut pools = lock(&POOLS);
    if let Some((_, pool)) = pools.iter().find(|(place, _)| *place == here) {
        return Ok(pool);
    }
    let pool = Box::leak(Box::new(started(here.1, here.2)?));
    pools.push((here, pool));
    Ok(pool)
}

/// As many threads as wanted, or as many as the system allows.
fn started(depth: usize, mut count: usize) -> PyResult<rayon::ThreadPool> {
    loop {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(count);
        let named = threads.thread_name(move |i| format!("fokker-{depth}-{i}"));
        match named.start_handler(move |_| DEPTH.set(depth)).build() {
            Ok(pool) => return Ok(pool),
            Err(error) if count == 1 => {
                return Err(PyRuntimeError::new_err(format!("no thread can be started: {error}")));
            }
            Err(_) => count /= 2,
        }
    }
}

/// A lock whose holders leave it consistent even when they panic.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

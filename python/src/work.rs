//! Long work: off the interpreter's lock, on our threads, and stopped by Ctrl-C.
//!
//! The library works in a pool; the thread that called waits, and asks the interpreter for signals
//! every [`PATIENCE`]: only the main thread may. A signal, or an exception in a callback, makes the
//! monitor break, and is raised once the work has returned, which leaves its objects unchanged.
//!
//! A callback may call fokker while the threads of the pool wait for it, so its work has a pool of its
//! own, one deeper; work inside a callback of that work the next one.

use crate::errors::raise;
use fokker::{Error, Monitor, Task};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a signal may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// Hears of nothing, and stops work for a signal or an exception.
#[derive(Default)]
pub struct Watch {
    stop: AtomicBool,
    raised: Mutex<Option<PyErr>>,
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
    fn progress(&self, _stage: &str, _done: usize, _total: usize) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

thread_local! {
    /// The pool that work of this thread runs in: 0, unless threads of others wait for it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
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
    let watch = Watch::default();
    let result = py.detach(|| {
        // A thread of a pool, which a callback runs on, need not wait for others.
        if rayon::current_thread_index().is_some() {
            return Ok(work(&watch));
        }
        Ok(pooled(pool()?, &watch, work))
    });
    match (result, lock(&watch.raised).take()) {
        (_, Some(error)) | (Err(error), None) => Err(error),
        (Ok(result), None) => result.map_err(|error| raise(py, error)),
    }
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
        while waiting.is_none() {
            let (guard, time) =
                finished.wait_timeout(waiting, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            waiting = guard;
            if time.timed_out() && waiting.is_none() {
                drop(waiting);
                if let Err(signal) = Python::attach(|py| py.check_signals()) {
                    watch.fail(signal);
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
    static POOLS: Mutex<Vec<(u32, usize, &rayon::ThreadPool)>> = Mutex::new(Vec::new());
    let here = (process::id(), depth());
    let mut pools = lock(&POOLS);
    if let Some((_, _, pool)) = pools.iter().find(|(owner, depth, _)| (*owner, *depth) == here) {
        return Ok(pool);
    }
    let pool = Box::leak(Box::new(started(here.1)?));
    pools.push((here.0, here.1, pool));
    Ok(pool)
}

/// As many threads as wanted, or as many as the system allows.
fn started(depth: usize) -> PyResult<rayon::ThreadPool> {
    let mut count = fokker::thread_count(None, std::env::var("RAYON_NUM_THREADS").ok().as_deref());
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

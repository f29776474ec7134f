//! Long work: off the interpreter's lock, on our threads, and stopped by Ctrl-C.
//!
//! The library works in a pool; the thread that called waits, and asks the interpreter for signals
//! every [`PATIENCE`]: only the main thread may. A signal, or an exception in a callback, makes the
//! monitor break, and is raised once the work has returned, which leaves its objects unchanged.

use crate::convert::raise;
use fokker::{Error, Monitor};
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
    /// Whether this thread runs a callback for which threads of the pool may wait.
    static CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as one for which threads of the pool wait: it must not wait for them.
pub fn in_callback() {
    CALLBACK.set(true);
}

/// Runs work without the interpreter's lock.
///
/// # Errors
/// What the work reports, as an exception; a signal or an exception in a callback.
pub fn run<T: Send>(py: Python, work: impl FnOnce(&Watch) -> fokker::Result<T> + Send) -> PyResult<T> {
    let watch = Watch::default();
    let result = py.detach(|| {
        // Inside a callback of other work, waiting for the pool would wait for ourselves.
        if CALLBACK.get() || rayon::current_thread_index().is_some() {
            work(&watch)
        } else {
            pooled(&watch, work)
        }
    });
    match (result, lock(&watch.raised).take()) {
        (_, Some(error)) => Err(error),
        (result, None) => result.map_err(|error| raise(py, error)),
    }
}

/// Runs work in the pool; waits here.
fn pooled<T: Send>(
    watch: &Watch,
    work: impl FnOnce(&Watch) -> fokker::Result<T> + Send,
) -> fokker::Result<T> {
    let (result, finished) = (Mutex::new(None), Condvar::new());
    pool().in_place_scope(|scope| {
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

/// The threads of this process: a fork has none of its parent's.
fn pool() -> &'static rayon::ThreadPool {
    static POOL: Mutex<Option<(u32, &rayon::ThreadPool)>> = Mutex::new(None);
    let mut current = lock(&POOL);
    match *current {
        Some((owner, pool)) if owner == process::id() => pool,
        _ => {
            let built = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("fokker-{i}")).build();
            let pool = Box::leak(Box::new(built.expect("threads can be started")));
            *current = Some((process::id(), pool));
            pool
        }
    }
}

/// A lock whose holders leave it consistent even when they panic.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

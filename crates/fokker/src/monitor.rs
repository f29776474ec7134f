//! Progress of long work, and the way to stop it.

use std::ops::ControlFlow;

/// Hears of progress and may ask to stop: progress bars and Ctrl-C.
///
/// `Break` makes the working function return [`Error::Interrupted`](crate::Error::Interrupted)
/// soon, with every object unchanged. Implementations are called from any thread.
pub trait Monitor: Send + Sync {
    /// `done` of `total` units of the named stage are finished.
    fn progress(&self, stage: &str, done: usize, total: usize) -> ControlFlow<()>;
}

/// The silent monitor: hears nothing, never stops.
impl Monitor for () {
    fn progress(&self, _stage: &str, _done: usize, _total: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

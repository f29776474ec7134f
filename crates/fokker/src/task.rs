//! Progress of long work, and the way to stop it.

use crate::{Error, Result};
use std::ops::ControlFlow;

/// Called with progress; may ask to stop: progress bars and Ctrl-C.
///
/// `Break` makes the working function return [`Error::Interrupted`] soon, with every object
/// unchanged. Implementations are called from any thread.
pub trait Monitor: Send + Sync {
    /// `done` of `total` units of the named stage are finished.
    fn progress(&self, stage: &str, done: usize, total: usize) -> ControlFlow<()>;
}

/// What carries the progress and the cancellation of a piece of work: beside its options, which are
/// plain data.
///
/// ```
/// use fokker::{Error, Monitor, Task};
/// use std::ops::ControlFlow;
/// struct Impatient;
/// impl Monitor for Impatient {
///     fn progress(&self, _stage: &str, done: usize, _total: usize) -> ControlFlow<()> {
///         if done < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
///     }
/// }
/// let task = Task::watched(&Impatient);
/// assert_eq!(task.tick("steps", 1, 3), Ok(()));
/// assert_eq!(task.tick("steps", 2, 3), Err(Error::Interrupted));
/// assert_eq!(Task::silent().tick("steps", 2, 3), Ok(()));
/// ```
#[derive(Clone, Copy, Default)]
pub struct Task<'a> {
    monitor: Option<&'a dyn Monitor>,
    /// Named instead of the stages inside, whose counts are not of it.
    stage: Option<&'a str>,
}

impl<'a> Task<'a> {
    /// Work that nobody watches and that nothing stops.
    pub fn silent() -> Self {
        Task::default()
    }

    /// Work that the monitor is called of.
    pub fn watched(monitor: &'a dyn Monitor) -> Self {
        Task { monitor: Some(monitor), stage: None }
    }

    /// A part of this work whose own progress is not shown: it may still be stopped.
    pub fn within(self, stage: &'a str) -> Self {
        Task { stage: Some(stage), ..self }
    }

    /// `done` of `total` units of the named stage are finished.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the monitor asks to stop.
    pub fn tick(&self, stage: &str, done: usize, total: usize) -> Result<()> {
        let (stage, done, total) = self.stage.map_or((stage, done, total), |outer| (outer, 0, 0));
        match self.monitor.map(|monitor| monitor.progress(stage, done, total)) {
            Some(ControlFlow::Break(())) => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }
}

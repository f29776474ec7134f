//! Progress bars on stderr for long work.

use fokker::{Monitor, Task};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::ops::ControlFlow;

/// A bar that appears only on a terminal and vanishes when the work is done.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Silent when `quiet`.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Progress { bar: ProgressBar::with_draw_target(None, target) }
    }

    /// Work whose progress is shown.
    pub fn task(&self) -> Task<'_> {
        Task::watched(self)
    }
}

impl Monitor for Progress {
    fn progress(&self, stage: &str, done: usize, total: usize) -> ControlFlow<()> {
        if self.bar.message() != stage {
            let template = match total {
                0 => "{spinner} {msg} {human_pos}",
                _ => "{msg} [{bar:30}] {human_pos}/{human_len} {eta}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_message(stage.to_owned());
            self.bar.set_length(total as u64);
        }
        self.bar.set_position(done as u64);
        ControlFlow::Continue(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

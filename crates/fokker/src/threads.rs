//! How many threads are started.

use std::thread::available_parallelism;

/// Threads that are started at most, however few cores there are: enough to see that results do not
/// depend on the number, and far from where a system refuses more.
const FEWEST_AT_MOST: usize = 64;

/// Threads to start: as many as asked for, or one for each core; at most the larger of 64 and four for
/// each core. More would only wait, and thousands cannot be started. Results do not depend on it.
///
/// `variable` is the text of the environment's `RAYON_NUM_THREADS`, which counts where nothing is
/// asked for; 0 and what is no number are as if it were not set.
///
/// ```
/// use fokker::thread_count;
/// assert_eq!((thread_count(Some(3), None), thread_count(None, Some("5"))), (3, 5));
/// assert_eq!(thread_count(None, Some("0")), thread_count(None, None));
/// assert!((64..100_000).contains(&thread_count(Some(100_000), None)));
/// ```
pub fn thread_count(asked: Option<usize>, variable: Option<&str>) -> usize {
    let cores = available_parallelism().map_or(1, |cores| cores.get());
    let variable = variable.and_then(|text| text.trim().parse().ok()).filter(|&count: &usize| count > 0);
    asked.or(variable).unwrap_or(cores).clamp(1, FEWEST_AT_MOST.max(4 * cores))
}

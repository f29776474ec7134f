//! Files that vanish unless they take the place of another: after an error, after a signal, and when
//! their process was killed, as soon as another one writes beside them.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use tempfile::NamedTempFile;

const PREFIX: &str = ".fokker-";
const SUFFIX: &str = ".tmp";

/// A temporary file, locked while its process lives.
pub struct Temporary {
    file: NamedTempFile,
    _watched: signals::Watched,
}

impl Temporary {
    /// A new file in the folder, with the mode and, where the system lets us, the owner of the file
    /// that it is to replace.
    pub fn new(folder: &Path, replaced: Option<&Metadata>) -> io::Result<Self> {
        collect(folder);
        loop {
            let file = created(folder, replaced.is_some())?;
            // Another process may have collected it before it was locked.
            if lock(file.as_file()) && !removed(file.as_file()) {
                replaced.map_or(Ok(()), |replaced| imitate(file.as_file(), replaced))?;
                let _watched = signals::watch(file.path());
                return Ok(Temporary { file, _watched });
            }
        }
    }

    /// The file.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Takes the place of the target.
    pub fn persist(self, target: &Path) -> io::Result<()> {
        self.file.persist(target).map(|_| ()).map_err(|error| error.error)
    }
}

/// Removes the temporary files of processes that are gone: their locks are free.
fn collect(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        if ours
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && File::open(entry.path()).is_ok_and(|file| unlocked(&file))
        {
            // Where it may not be removed, it is not ours.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(unix)]
fn created(folder: &Path, private: bool) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    // As any new file; what replaces one stays private until it has the mode of that one.
    let mode = if private { 0o600 } else { 0o666 };
    tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
}

#[cfg(unix)]
fn imitate(file: &File, replaced: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    // The group may be ours to give where the owner is not. The mode last: a new owner clears bits of it.
    if fchown(file, Some(replaced.uid()), Some(replaced.gid())).is_err() {
        let _ = fchown(file, None, Some(replaced.gid()));
    }
    file.set_permissions(replaced.permissions())
}

#[cfg(unix)]
fn removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|found| found.nlink() == 0)
}

/// False where another process holds it; file systems without locks collect nothing.
#[cfg(unix)]
fn lock(file: &File) -> bool {
    use rustix::fs::{FlockOperation, flock};
    flock(file, FlockOperation::NonBlockingLockExclusive) != Err(rustix::io::Errno::WOULDBLOCK)
}

#[cfg(unix)]
fn unlocked(file: &File) -> bool {
    use rustix::fs::{FlockOperation, flock};
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(not(unix))]
fn created(folder: &Path, _private: bool) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)
}

#[cfg(not(unix))]
fn imitate(file: &File, replaced: &Metadata) -> io::Result<()> {
    file.set_permissions(replaced.permissions())
}

#[cfg(not(unix))]
fn removed(_file: &File) -> bool {
    false
}

#[cfg(not(unix))]
fn lock(_file: &File) -> bool {
    true
}

#[cfg(not(unix))]
fn unlocked(_file: &File) -> bool {
    false
}

/// Signals that end a process remove its file first; the limit of a file's size is an error as a
/// full disk is.
#[cfg(unix)]
mod signals {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level::emulate_default_handler};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

    static CURRENT: Mutex<Option<PathBuf>> = Mutex::new(None);

    /// While it lives, signals remove the file.
    pub struct Watched;

    impl Drop for Watched {
        fn drop(&mut self) {
            *current() = None;
        }
    }

    pub fn watch(path: &Path) -> Watched {
        static START: Once = Once::new();
        START.call_once(start);
        *current() = Some(path.to_path_buf());
        Watched
    }

    fn start() {
        let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
        // What the parent told us to ignore, as nohup does, stays ignored.
        let ends: Vec<i32> = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&s| !ignored(s)).collect();
        let Ok(mut signals) = Signals::new(ends) else { return };
        std::thread::spawn(move || {
            for signal in signals.forever() {
                // Held until the end: nothing takes the place of a file that is being removed.
                let current = current();
                if let Some(path) = &*current {
                    let _ = std::fs::remove_file(path);
                }
                let _ = emulate_default_handler(signal);
            }
        });
    }

    fn current() -> MutexGuard<'static, Option<PathBuf>> {
        CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By the mask that Linux shows; elsewhere nothing is taken to be ignored.
    fn ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }
}

#[cfg(not(unix))]
mod signals {
    /// Nothing to watch for.
    pub struct Watched;

    pub fn watch(_path: &std::path::Path) -> Watched {
        Watched
    }
}

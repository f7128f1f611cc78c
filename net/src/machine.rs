//! What the machine offers.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many cores this process may use.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The folder for what of this program must survive a restart: the one that a service manager gives it, else `hansom` in the
/// user's state folder. `None` for a process that has neither.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    let folder = |name: &str| {
        let folder = std::env::var_os(name).map(PathBuf::from);
        folder.filter(|folder| folder.is_absolute())
    };
    // systemd lists several with colons between them; ours is the only one, or the first.
    if let Some(given) = folder("STATE_DIRECTORY") {
        let text = given.to_string_lossy();
        return text.split(':').next().map(PathBuf::from);
    }
    let own = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    own.map(|own| own.join("hansom"))
}

/// Raises the soft limit of open files to the hard one and returns both as they are after it. No limit is `u64::MAX`.
pub fn raise_open_files() -> (u64, u64) {
    let limit = getrlimit(Resource::Nofile);
    // Best effort: the soft limit that stays is returned.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    let limit = getrlimit(Resource::Nofile);
    (
        limit.current.unwrap_or(u64::MAX),
        limit.maximum.unwrap_or(u64::MAX),
    )
}

/// Whether SIGHUP is ignored, as nohup(1) has it for the programs that it starts. To be asked before anybody listens to that signal.
pub(crate) fn ignores_hangup() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| names_hangup(&status))
}

/// Whether the first signal, which is SIGHUP, is among those that are ignored (Linux proc(5)).
fn names_hangup(status: &str) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

/// Keeps the calling thread on the `nth` core this process may use. Best effort.
#[cfg(target_os = "linux")]
pub(crate) fn pin(nth: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let Some(core) = cores.nth(nth) else { return };
    let mut set = CpuSet::new();
    set.set(core);
    let _ = sched_setaffinity(None, &set);
}

/// Other systems place threads themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_nth: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_core() {
        assert!(cores() >= 1);
    }

    #[test]
    fn signals_that_are_ignored_are_known_by_their_number() {
        let status = |mask: &str| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(names_hangup(&status("0000000000001001")));
        assert!(!names_hangup(&status("0000000000001000")));
        assert!(!names_hangup("Name:\thansom\n"));
    }

    #[test]
    fn the_soft_limit_of_open_files_becomes_the_hard_one() {
        let (soft, hard) = raise_open_files();
        assert_eq!(soft, hard);
    }
}

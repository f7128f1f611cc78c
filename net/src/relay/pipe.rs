//! Pipes of the system, in which octets go from socket to socket without being copied.

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::RefCell;
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::io::retry_on_intr;
    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

    use crate::Stream;

    /// A pipe with octets in it, or none. One that is dropped with octets in it forgets them.
    #[derive(Debug)]
    pub(crate) struct Pipe {
        read: OwnedFd,
        write: OwnedFd,
        octets: usize,
    }

    impl Pipe {
        /// One that is empty. `None` if the system has none left.
        pub(crate) fn take() -> Option<Self> {
            SPARE.with_borrow_mut(Vec::pop).or_else(|| Self::new().ok())
        }

        fn new() -> io::Result<Self> {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            // Best effort: a smaller one only takes more calls.
            let _ = fcntl_setpipe_size(&write, PIPE_OCTETS);
            Ok(Self {
                read,
                write,
                octets: 0,
            })
        }

        /// Keeps it for the next that needs one, if it is empty.
        pub(crate) fn give_back(self) {
            if self.octets > 0 {
                return;
            }
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < SPARE_MAX {
                    spare.push(self);
                }
            });
        }

        /// Octets in it.
        pub(crate) fn octets(&self) -> usize {
            self.octets
        }

        /// Receives into it. 0 is the end of the source. Only while it is empty does `WouldBlock` say that nothing has come.
        pub(crate) fn fill(&mut self, source: &Stream) -> io::Result<usize> {
            let octets =
                retry_on_intr(|| splice(source, None, &self.write, None, PIPE_OCTETS, FLAGS))?;
            self.octets += octets;
            Ok(octets)
        }

        /// Transmits from it.
        pub(crate) fn empty(&mut self, target: &Stream) -> io::Result<usize> {
            let octets =
                retry_on_intr(|| splice(&self.read, None, target, None, self.octets, FLAGS))?;
            self.octets = self.octets.saturating_sub(octets);
            Ok(octets)
        }
    }

    thread_local! {
        /// Empty ones of this thread.
        static SPARE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
    }

    const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);
    /// What one pipe holds at most: the window of a direction.
    const PIPE_OCTETS: usize = 256 * 1024;
    /// Empty pipes that are kept.
    const SPARE_MAX: usize = 16;
}

/// Other systems have none: there octets are copied.
#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;

    use crate::Stream;

    /// Of which there is none.
    #[derive(Debug)]
    pub(crate) enum Pipe {}

    impl Pipe {
        pub(crate) fn take() -> Option<Self> {
            None
        }

        pub(crate) fn give_back(self) {
            match self {}
        }

        pub(crate) fn octets(&self) -> usize {
            match *self {}
        }

        pub(crate) fn fill(&mut self, _: &Stream) -> io::Result<usize> {
            match *self {}
        }

        pub(crate) fn empty(&mut self, _: &Stream) -> io::Result<usize> {
            match *self {}
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Pipe;

//! The few calls that no safe library offers. The only place with `unsafe`.
#![expect(
    unsafe_code,
    reason = "one socket option, one ioctl and one registration that have no safe wrapper"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// An epoll instance of its own that the runtime's watches.
///
/// Invariant: it is never handed out by value or by mutable reference, so its descriptor stays the registered one.
#[derive(Debug)]
pub(crate) struct WatchedPoll {
    poll: AsyncFd<mio::Poll>,
}

impl WatchedPoll {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        // SAFETY: `mio::Poll` owns its descriptor, always returns that one and closes it when it is dropped, which the `AsyncFd`
        // does after it has deregistered it; nothing here replaces it meanwhile.
        let poll = unsafe { AsyncFd::register_with_interest(poll, Interest::READABLE) }?;
        Ok(Self { poll })
    }

    pub(crate) fn registry(&self) -> &mio::Registry {
        self.poll.get_ref().registry()
    }

    /// Takes the events that are at hand, without waiting.
    pub(crate) fn take_events(&mut self, events: &mut mio::Events) -> io::Result<()> {
        self.poll.get_mut().poll(events, Some(Duration::ZERO))
    }

    /// Ready, once, if events came since it was last ready; else they will wake the task.
    pub(crate) fn poll_changed(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll.poll_read_ready(task))?.clear_ready();
        Poll::Ready(Ok(()))
    }
}

/// Lets `accept` return only connections that have sent octets, or that have sent none for `seconds` (Linux tcp(7)).
#[cfg(target_os = "linux")]
pub(crate) fn set_defer_accept(fd: BorrowedFd<'_>, seconds: u32) -> io::Result<()> {
    let value = libc::c_int::try_from(seconds).unwrap_or(libc::c_int::MAX);
    let octets = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` outlives the call and `octets` is its size; the descriptor is borrowed, thus open.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const value).cast(),
            octets,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Other systems accept at once, which is only slower.
#[cfg(not(target_os = "linux"))]
pub(crate) fn set_defer_accept(_fd: BorrowedFd<'_>, _seconds: u32) -> io::Result<()> {
    Ok(())
}

/// Octets in the send queue that the peer has not acknowledged (Linux tcp(7), SIOCOUTQ, which equals TIOCOUTQ).
#[cfg(target_os = "linux")]
pub(crate) fn unsent_octets(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut octets: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one c_int to the address, which is that of a live c_int; the descriptor is borrowed, thus open.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut octets) };
    if result == 0 {
        Ok(usize::try_from(octets).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Other systems do not say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unsent_octets(_fd: BorrowedFd<'_>) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

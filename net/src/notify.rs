//! Telling a service manager how far the process is (sd_notify(3)).

use std::env;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

/// How far the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It serves, by what it was told last.
    Ready,
    /// It reads its configuration again; [`Self::Ready`] follows.
    Reloading,
    /// It ends.
    Stopping,
}

/// Tells the manager that `NOTIFY_SOCKET` names, if any. Best effort: there is nobody to tell that it failed.
pub fn notify(notice: Notice) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let text = match notice {
        Notice::Ready => "READY=1".to_owned(),
        Notice::Reloading => {
            let now = clock_gettime(ClockId::Monotonic);
            let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
            format!("RELOADING=1\nMONOTONIC_USEC={micros}")
        }
        Notice::Stopping => "STOPPING=1".to_owned(),
    };
    let Ok(sender) = UnixDatagram::unbound() else {
        return;
    };
    let _ = sender.set_nonblocking(true);
    if let Some(address) = address(&socket) {
        let _ = sender.send_to_addr(text.as_bytes(), &address);
    }
}

/// A path, or with `@` a name in the abstract namespace.
fn address(socket: &std::ffi::OsStr) -> Option<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name).ok();
    }
    SocketAddr::from_pathname(socket).ok()
}

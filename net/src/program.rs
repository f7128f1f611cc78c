//! Programs that are started, and talked with over sockets.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{Outbound, blocking, drop_elsewhere, sleep};

/// A program that runs, and all that it has started. Dropped, they are killed.
#[derive(Debug)]
pub struct Program(Option<Running>);

/// What is waited for when it is dropped, so that nothing of it is left.
#[derive(Debug)]
struct Running(Child);

impl Program {
    /// Starts a program in `folder`, with this environment and no other. Its standard input and output are one connection, its standard
    /// error is another.
    ///
    /// # Errors
    /// What the system says; `Unsupported` outside a worker of [`run`](crate::run()).
    pub async fn start(
        file: PathBuf,
        folder: PathBuf,
        environment: Vec<(OsString, OsString)>,
    ) -> io::Result<(Self, Outbound, Outbound)> {
        let started = blocking(move || -> io::Result<_> {
            let (ours, theirs) = UnixStream::pair()?;
            let (errors, their_errors) = UnixStream::pair()?;
            let theirs = OwnedFd::from(theirs);
            let mut command = Command::new(file);
            command.current_dir(folder).env_clear().envs(environment);
            command.stdin(Stdio::from(theirs.try_clone()?));
            command.stdout(Stdio::from(theirs));
            command.stderr(Stdio::from(OwnedFd::from(their_errors)));
            // A group of its own, so that what it starts ends with it.
            let child = command.process_group(0).spawn()?;
            Ok((Running(child), ours, errors))
        });
        let (running, ours, errors) = started.await.map_err(io::Error::other)??;
        let program = Self(Some(running));
        let connected = Outbound::of(ours)?;
        Ok((program, connected, Outbound::of(errors)?))
    }

    /// It has said all: waits a second for it to end by itself.
    pub async fn ended(mut self) {
        for _ in 0..END_TRIES {
            let Some(Running(child)) = &mut self.0 else {
                return;
            };
            match child.try_wait() {
                Ok(None) => sleep(END_WAIT).await,
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            drop_elsewhere(running);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Ok(None) = self.0.try_wait()
            && let Some(group) = group
        {
            // Nothing is left to do about one that cannot be killed.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

const END_TRIES: u32 = 100;
const END_WAIT: Duration = Duration::from_millis(10);

//! CGI: a program that is started for each request (RFC 3875).

use std::cell::Cell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use std::future::poll_fn;

use net::{Outbound, Program};

use crate::talk::MORE;
use crate::{Fault, Script, Variables};

/// Programs that are started for requests. Clones count together.
#[derive(Clone, Debug)]
pub struct Programs {
    processes_max: usize,
    running: Rc<Cell<usize>>,
    /// Whom to tell what programs write to standard error.
    tell: fn(&str, &str),
}

/// A program that runs. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Running {
    program: Option<Program>,
    counted: Counted,
}

#[derive(Debug)]
struct Counted(Rc<Cell<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Programs {
    /// Programs of which so many run at once, in one worker.
    #[must_use]
    pub fn new(processes_max: usize, tell: fn(&str, &str)) -> Self {
        Self {
            processes_max,
            running: Rc::default(),
            tell,
        }
    }

    /// Starts the program of a request, in its own folder, with these variables and nothing else of our surroundings.
    pub(crate) async fn start(
        &self,
        script: &Script,
        variables: &Variables,
    ) -> Result<(Outbound, Running), Fault> {
        if self.running.get() >= self.processes_max {
            return Err(Fault::ProcessesMax);
        }
        self.running.set(self.running.get() + 1);
        let counted = Counted(Rc::clone(&self.running));
        let file = PathBuf::from(OsStr::from_bytes(
            script.file.as_deref().unwrap_or_default(),
        ));
        let name = file.display().to_string();
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        let owned = |octets: &[u8]| OsStr::from_bytes(octets).to_owned();
        let mut environment: Vec<_> = variables
            .iter()
            .map(|(name, value)| (owned(name), owned(value)))
            .collect();
        if !environment.iter().any(|(name, _)| name == "PATH") {
            environment.push(("PATH".into(), PATH.into()));
        }
        match Program::start(file, folder, environment).await {
            Ok((program, outbound, errors)) => {
                net::spawn(listen(errors, name, self.tell));
                let program = Some(program);
                Ok((outbound, Running { program, counted }))
            }
            Err(error) => {
                (self.tell)(&name, &format!("it cannot be started: {error}"));
                Err(Fault::Start)
            }
        }
    }
}

impl Running {
    /// The program has said all: it gets time to end by itself.
    pub(crate) fn ended(mut self) {
        if let Some(program) = self.program.take() {
            let counted = self.counted;
            net::spawn(async move {
                program.ended().await;
                drop(counted);
            });
        }
    }
}

/// Hears what a program says for the people who run it; up to a bound it is told.
async fn listen(mut errors: Outbound, name: String, tell: fn(&str, &str)) {
    let (mut said, mut buffer, mut is_cut) = (Vec::new(), [0; 1024], false);
    loop {
        let received = poll_fn(|cx| errors.poll_receive(cx, &mut buffer)).await;
        let octets = match received {
            Ok(received) if received.octets > 0 => received.octets,
            Ok(received) if received.rest != net::Rest::Ended => continue,
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let room = ERRORS_OCTETS_MAX.saturating_sub(said.len());
        said.extend_from_slice(buffer.get(..octets.min(room)).unwrap_or_default());
        is_cut |= octets > room;
    }
    if is_cut {
        said.extend_from_slice(MORE);
    }
    if !said.is_empty() {
        tell(&name, &String::from_utf8_lossy(&said));
    }
}

/// Where programs find others.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// What is told of what one program writes to standard error.
const ERRORS_OCTETS_MAX: usize = 4096;

//! Where the access log goes, and going over to another place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::writer::{LogHandle, LogWriter};
use crate::config::{Config, LogFormat};

/// How the log is written, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSetup {
    format: LogFormat,
    /// `None` is standard output.
    file: Option<PathBuf>,
}

impl LogSetup {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            format: config.log_format(),
            file: config.log.file.clone(),
        }
    }
}

/// The log of a process.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    current: Option<(LogWriter, LogSetup)>,
}

/// A log that lines can be handed to, before anybody does.
#[derive(Debug)]
pub(crate) struct PreparedLog {
    setup: LogSetup,
    handle: Option<LogHandle>,
    /// Its writer, if it is not the current one.
    fresh: Option<LogWriter>,
}

impl PreparedLog {
    /// Goes on with the log that `current` leads to, if any. Else opens the file and starts its writer, which may wait for a disk.
    pub(crate) fn new(setup: LogSetup, current: Option<LogHandle>) -> io::Result<Self> {
        if setup.format == LogFormat::Off {
            return Ok(Self {
                setup,
                handle: None,
                fresh: None,
            });
        }
        if current.is_some() {
            return Ok(Self {
                setup,
                handle: current,
                fresh: None,
            });
        }
        let writer = match &setup.file {
            None => LogWriter::to_stdout(setup.format)?,
            Some(path) => LogWriter::to_file(path.clone(), setup.format)?,
        };
        Ok(Self {
            handle: Some(writer.handle()),
            fresh: Some(writer),
            setup,
        })
    }

    pub(crate) fn handle(&self) -> Option<LogHandle> {
        self.handle.clone()
    }
}

impl Logs {
    /// The way to the current log, if it is written to the place that `setup` names. One that has stopped is not: it is opened anew.
    pub(crate) fn at(&self, setup: &LogSetup) -> Option<LogHandle> {
        let (writer, current) = self.current.as_ref()?;
        let handle = writer.handle();
        (current.file == setup.file && !handle.is_stopped()).then_some(handle)
    }

    /// Makes it the current log; gives the writer that nobody hands lines to any more.
    pub(crate) fn commit(&mut self, log: PreparedLog) -> Option<LogWriter> {
        if log.handle.is_none() {
            return self.take();
        }
        if let Some(fresh) = log.fresh {
            let left = self.current.replace((fresh, log.setup));
            return left.map(|(writer, _)| writer);
        }
        if let Some((writer, setup)) = &mut self.current {
            writer.set_format(log.setup.format);
            *setup = log.setup;
        }
        None
    }

    /// Has the file opened again.
    pub(crate) fn reopen(&self) {
        if let Some((writer, _)) = &self.current {
            writer.reopen();
        }
    }

    pub(crate) fn take(&mut self) -> Option<LogWriter> {
        self.current.take().map(|(writer, _)| writer)
    }
}

/// Opens a log for appending.
pub(super) fn open(path: &Path) -> io::Result<File> {
    net::open_to_append(path).map_err(|error| {
        let text = format!("the access log {}: {error}", path.display());
        io::Error::new(error.kind(), text)
    })
}

//! Where the access log goes, and going over to another place.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
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
    pub(crate) fn handle(&self) -> Option<LogHandle> {
        self.handle.clone()
    }
}

impl Logs {
    /// Opens the log's file and starts its writer, unless the current one writes to the same place.
    pub(crate) fn prepare(&self, setup: LogSetup) -> io::Result<PreparedLog> {
        if setup.format == LogFormat::Off {
            return Ok(PreparedLog {
                setup,
                handle: None,
                fresh: None,
            });
        }
        if let Some((writer, current)) = &self.current
            && current.file == setup.file
        {
            return Ok(PreparedLog {
                setup,
                handle: Some(writer.handle()),
                fresh: None,
            });
        }
        let writer = match &setup.file {
            None => LogWriter::to_stdout(setup.format)?,
            Some(path) => LogWriter::to_file(path.clone(), setup.format)?,
        };
        Ok(PreparedLog {
            handle: Some(writer.handle()),
            fresh: Some(writer),
            setup,
        })
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

/// Opens a log for appending. Who may not read the log of another does not read this one.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    let named = |error: io::Error| {
        let text = format!("the access log {}: {error}", path.display());
        io::Error::new(error.kind(), text)
    };
    options.open(path).map_err(named)
}

//! Records of a worker's exchanges on their way to the access log and to the recent exchanges.

use engine::{Record, Recorder};
use net::Peer;
use origin::wire::Recent;
use semantics::Status;
use std::net::{SocketAddr, SocketAddrV6};
use std::sync::Arc;

use crate::config::LogFormat;
use crate::log::own::OwnFormat;
use crate::log::{self, LogHandle, Style};
use crate::marks::Names;

/// Where the records of one worker go.
#[derive(Debug)]
pub(crate) struct AccessLog {
    pub(crate) format: LogFormat,
    pub(crate) style: Style,
    /// The format that the configuration describes, if that is the format.
    pub(crate) own: Option<Arc<OwnFormat>>,
    /// What exchanges are marked by.
    pub(crate) names: Arc<Names>,
    pub(crate) writer: Option<LogHandle>,
    pub(crate) recent: Option<Recent>,
    /// Lines since the last flush.
    pub(crate) batch: Vec<u8>,
}

impl Recorder for AccessLog {
    fn is_on(&self) -> bool {
        self.writer.is_some() || self.recent.is_some()
    }

    fn record(&mut self, record: &Record<'_>) {
        if let Some(recent) = &self.recent {
            recent.push(record);
        }
        let Some(writer) = &self.writer else { return };
        if writer.is_stopped() {
            return;
        }
        let end = record.request_end.because();
        let fate = record.fate.because();
        let request = record.request;
        let (site, route) = match record.mark.and_then(|mark| self.names.find(mark)) {
            Some((site, route)) => (Some(site), route),
            None => (None, None),
        };
        let line = log::Record {
            unix_millis: record.unix_millis,
            connection: record.connection,
            number: record.number,
            client: address(record.client),
            user: record.user,
            tls_version: record.tls.map(|tls| tls.version.name()),
            tls_name: record.tls.and_then(|tls| tls.server_name.as_deref()),
            method: request.method(),
            target: request.target(),
            version: if request.method().is_empty() {
                ""
            } else {
                request.version.name()
            },
            host: request.host(),
            referer: request.referer(),
            user_agent: request.user_agent(),
            site,
            route,
            server: record.server,
            tries: record.tries,
            status: record.status.map(Status::code),
            octets: record.octets,
            micros: u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
            request_octets: record.request_octets,
            complete: record.is_complete,
            content_end: (end.sentence, end.rule),
            closes: !record.fate.is_kept(),
            fate: (fate.sentence, fate.rule),
        };
        match &self.own {
            Some(own) => own.append(&mut self.batch, &line),
            None => log::append(self.format, &self.style, &mut self.batch, &line),
        }
        if self.batch.len() >= BATCH_OCTETS_MAX {
            writer.try_write(&mut self.batch);
        }
    }

    fn flush(&mut self) {
        if let Some(writer) = &self.writer {
            writer.try_write(&mut self.batch);
        }
    }
}

fn address(peer: Peer) -> Option<SocketAddr> {
    match peer {
        Peer::Inet4(address) => Some(address.into()),
        Peer::Inet6(ip, port) => Some(SocketAddrV6::new(ip, port, 0, 0).into()),
        Peer::Unix => None,
    }
}

/// Octets of lines gathered until they are handed over before the batch of events is done.
const BATCH_OCTETS_MAX: usize = 64 * 1024;

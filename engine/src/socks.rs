//! SOCKS5 in front of the machine (RFC 1928, RFC 1929): a client that speaks it asks for a tunnel, as CONNECT does.
//!
//! ```text
//!  Methods ──05──▶ Credentials ──01──▶ Request ──05 01──▶ Asked: the machine reads CONNECT
//!     │                 ▲ 02              ▲ │
//!     └──────00─────────┴─────────────────┘ └── anything else: a reply that says why, and the end
//! ```
//!
//! What is asked becomes the head of a CONNECT, so that whoever answers needs to know nothing of SOCKS: rules, credentials
//! and the record are those of any tunnel. The head of the answer becomes a reply.
//!
//! Invariant: no octet of a client gets into the head that is not of a name, of an address or in base 64.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use semantics::{ResponseHead, Status};

/// How clients of SOCKS5 say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocksMethod {
    /// Not at all.
    Nobody,
    /// By a name and a password (RFC 1929). Whether they are right is told in the reply to the request.
    Password,
}

/// One client's side of the conversation before the tunnel.
#[derive(Debug)]
pub(crate) struct Socks {
    state: State,
    /// Octets of a message that is not complete.
    held: Vec<u8>,
    /// `name:password` in base 64.
    credentials: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Methods(SocksMethod),
    Credentials,
    Request,
    /// The machine has the request.
    Asked,
}

/// What octets came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// More octets are needed.
    More,
    /// A tunnel is asked for by this head. So many of the octets given belong to what follows.
    Asks { head: Vec<u8>, left: usize },
    /// The conversation is over.
    Over,
}

impl Socks {
    /// Whether octets are the beginning of it. No message of HTTP/1.1 begins so.
    pub(crate) fn begins(octets: &[u8]) -> bool {
        octets.first() == Some(&VERSION)
    }

    pub(crate) fn new(method: SocksMethod) -> Self {
        Self {
            state: State::Methods(method),
            held: Vec::new(),
            credentials: None,
        }
    }

    /// Whether octets are for the machine: after a request was made of them.
    pub(crate) fn is_asked(&self) -> bool {
        self.state == State::Asked
    }

    /// Reads octets as they come, and appends what is to be replied.
    pub(crate) fn receive(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Step {
        self.held.extend_from_slice(octets);
        loop {
            let read = match self.state {
                State::Methods(method) => self.read_methods(method, out),
                State::Credentials => self.read_credentials(out),
                State::Request => match self.read_request(out) {
                    Ok(Some((head, taken))) => {
                        self.state = State::Asked;
                        let left = self.held.len() - taken;
                        self.held = Vec::new();
                        return Step::Asks { head, left };
                    }
                    Ok(None) => Ok(None),
                    Err(over) => Err(over),
                },
                State::Asked => Ok(None),
            };
            match read {
                Err(Over) => {
                    self.held = Vec::new();
                    return Step::Over;
                }
                Ok(Some(taken)) => drop(self.held.drain(..taken)),
                // What is held is bounded by the longest message: longer ones cannot be told.
                Ok(None) => return Step::More,
            }
        }
    }

    /// RFC 1928 §3.
    fn read_methods(&mut self, method: SocksMethod, out: &mut Vec<u8>) -> Read {
        let [version, count, rest @ ..] = self.held.as_slice() else {
            return Ok(None);
        };
        if *version != VERSION {
            return Err(Over);
        }
        let Some(offered) = rest.get(..usize::from(*count)) else {
            return Ok(None);
        };
        let (wanted, next) = match method {
            SocksMethod::Nobody => (METHOD_NOBODY, State::Request),
            SocksMethod::Password => (METHOD_PASSWORD, State::Credentials),
        };
        if !offered.contains(&wanted) {
            out.extend_from_slice(&[VERSION, METHOD_NONE]);
            return Err(Over);
        }
        out.extend_from_slice(&[VERSION, wanted]);
        let taken = 2 + offered.len();
        self.state = next;
        Ok(Some(taken))
    }

    /// RFC 1929 §2.
    fn read_credentials(&mut self, out: &mut Vec<u8>) -> Read {
        let Some((name, rest)) = self.held.get(1..).and_then(counted) else {
            return Ok(None);
        };
        let Some((password, rest)) = counted(rest) else {
            return Ok(None);
        };
        // RFC 7617 §2: a name that is to be told from its password has no colon.
        if self.held.first() != Some(&CREDENTIALS_VERSION) || name.contains(&b':') {
            out.extend_from_slice(&[CREDENTIALS_VERSION, 1]);
            return Err(Over);
        }
        let taken = self.held.len() - rest.len();
        self.credentials = Some(base64(&[name, b":", password].concat()));
        out.extend_from_slice(&[CREDENTIALS_VERSION, 0]);
        self.state = State::Request;
        Ok(Some(taken))
    }

    /// RFC 1928 §4: the head of a CONNECT, and the octets that it was made of.
    fn read_request(&self, out: &mut Vec<u8>) -> Result<Option<(Vec<u8>, usize)>, Over> {
        let [version, command, _, kind, rest @ ..] = self.held.as_slice() else {
            return Ok(None);
        };
        let mut over = |reply: u8| {
            self::reply(reply, out);
            Err(Over)
        };
        if *version != VERSION {
            return over(REPLY_FAILED);
        }
        if *command != COMMAND_CONNECT {
            return over(REPLY_COMMAND);
        }
        let (host, rest) = match *kind {
            ADDRESS_IPV4 => match rest.split_first_chunk::<4>() {
                Some((octets, rest)) => (Ipv4Addr::from(*octets).to_string(), rest),
                None => return Ok(None),
            },
            ADDRESS_IPV6 => match rest.split_first_chunk::<16>() {
                Some((octets, rest)) => (format!("[{}]", Ipv6Addr::from(*octets)), rest),
                None => return Ok(None),
            },
            ADDRESS_NAME => match counted(rest) {
                Some((name, rest)) => match name_of(name) {
                    Some(name) => (name, rest),
                    None => return over(REPLY_FAILED),
                },
                None => return Ok(None),
            },
            _ => return over(REPLY_ADDRESS),
        };
        let Some((port, rest)) = rest.split_first_chunk::<2>() else {
            return Ok(None);
        };
        let authority = format!("{host}:{}", u16::from_be_bytes(*port));
        let mut head = Vec::new();
        // Writing to memory does not fail.
        let _ = write!(
            head,
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: SOCKS5\r\n"
        );
        if let Some(credentials) = &self.credentials {
            let _ = write!(head, "Proxy-Authorization: Basic {credentials}\r\n");
        }
        head.extend_from_slice(b"\r\n");
        Ok(Some((head, self.held.len() - rest.len())))
    }
}

/// How many octets were read, if the message is complete.
type Read = Result<Option<usize>, Over>;

/// The conversation is over.
#[derive(Debug)]
struct Over;

/// Appends a reply (RFC 1928 §6). Where we are connected from is nobody's concern.
pub(crate) fn reply(code: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[VERSION, code, 0, ADDRESS_IPV4, 0, 0, 0, 0, 0, 0]);
}

/// The reply that says what the head of an answer says.
pub(crate) fn reply_to(head: &ResponseHead) -> u8 {
    let told = head.section().all_named(b"proxy-status").next();
    let is_told = |error: &[u8]| {
        told.is_some_and(|told| told.windows(error.len()).any(|window| window == error))
    };
    match head.status() {
        status if status.is_successful() => REPLY_SUCCEEDED,
        Status::FORBIDDEN | Status::PROXY_AUTHENTICATION_REQUIRED => REPLY_DENIED,
        _ if is_told(b"error=connection_refused") => REPLY_REFUSED,
        _ if is_told(b"error=destination_ip_unroutable") => REPLY_NETWORK,
        _ if is_told(b"error=dns_") || is_told(b"error=connection_timeout") => REPLY_HOST,
        _ => REPLY_FAILED,
    }
}

/// Octets behind their count, and what follows them.
fn counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = octets.split_first()?;
    rest.split_at_checked(usize::from(*count))
}

/// A name as it may stand in a target; what it means is judged as that of any CONNECT.
fn name_of(name: &[u8]) -> Option<String> {
    let is_octet = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_.".contains(octet);
    let is_name = !name.is_empty() && name.iter().all(is_octet);
    let text = std::str::from_utf8(name).ok()?;
    is_name.then(|| text.to_owned())
}

/// RFC 4648 §4.
fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let octet = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) as usize % ALPHABET.len();
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            text.push(match at > group.len() {
                true => '=',
                false => char::from(letter),
            });
        }
    }
    text
}

const VERSION: u8 = 5;
const CREDENTIALS_VERSION: u8 = 1;
const METHOD_NOBODY: u8 = 0;
const METHOD_PASSWORD: u8 = 2;
const METHOD_NONE: u8 = 0xff;
const COMMAND_CONNECT: u8 = 1;
const ADDRESS_IPV4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_IPV6: u8 = 4;
const REPLY_SUCCEEDED: u8 = 0;
const REPLY_FAILED: u8 = 1;
const REPLY_DENIED: u8 = 2;
const REPLY_NETWORK: u8 = 3;
const REPLY_HOST: u8 = 4;
const REPLY_REFUSED: u8 = 5;
const REPLY_COMMAND: u8 = 7;
const REPLY_ADDRESS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of octets that come in one piece: replies, the head in words, and what is left.
    fn said(method: SocksMethod, octets: &[u8]) -> (Vec<u8>, Option<String>, usize) {
        let (mut socks, mut out) = (Socks::new(method), Vec::new());
        match socks.receive(octets, &mut out) {
            Step::Asks { head, left } => (out, String::from_utf8(head).ok(), left),
            Step::More => (out, None, usize::MAX),
            Step::Over => (out, None, 0),
        }
    }

    const NAME: &[u8] = b"\x05\x01\x00\x05\x01\x00\x03\x09a.example\x01\xbb";

    #[test]
    fn a_request_becomes_the_head_of_a_connect() {
        let (out, head, left) = said(SocksMethod::Nobody, &[NAME, b"early"].concat());
        assert_eq!((out.as_slice(), left), (&[5, 0][..], 5));
        let expected =
            "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nUser-Agent: SOCKS5\r\n\r\n";
        assert_eq!(head.as_deref(), Some(expected));
        // table
        for (address, shown) in [
            (&b"\x01\x7f\x00\x00\x01"[..], "127.0.0.1:80"),
            (b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", "[::1]:80"),
            (b"\x03\x05127.1", "127.1:80"),
        ] {
            let octets = [b"\x05\x02\x01\x00\x05\x01\x00", address, b"\0\x50"].concat();
            let (_, head, _) = said(SocksMethod::Nobody, &octets);
            assert!(head.unwrap().starts_with(&format!("CONNECT {shown} ")));
        }
    }

    #[test]
    fn a_name_and_a_password_go_along() {
        let octets =
            b"\x05\x02\x00\x02\x01\x04anna\x06secret\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50";
        let (out, head, left) = said(SocksMethod::Password, octets);
        assert_eq!((out.as_slice(), left), (&[5, 2, 1, 0][..], 0));
        let head = head.unwrap();
        assert!(head.contains("\r\nProxy-Authorization: Basic YW5uYTpzZWNyZXQ=\r\n"));
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(text.as_bytes()), coded, "RFC 4648 §10");
        }
    }

    #[test]
    fn the_same_octets_cut_anywhere_ask_the_same() {
        for cut in 0..NAME.len() {
            let (mut socks, mut out) = (Socks::new(SocksMethod::Nobody), Vec::new());
            assert_eq!(socks.receive(&NAME[..cut], &mut out), Step::More);
            let step = socks.receive(&NAME[cut..], &mut out);
            assert!(matches!(step, Step::Asks { left: 0, .. }), "{cut}");
            assert_eq!(out, [5, 0]);
        }
    }

    #[test]
    fn what_cannot_be_done_is_told_and_is_the_end() {
        let failed = |code: u8| {
            let mut out = vec![5, 0];
            reply(code, &mut out);
            out
        };
        // table
        for (octets, expected) in [
            (&b"\x05\x01\x02"[..], vec![5, 0xff]),
            (b"\x05\x00", vec![5, 0xff]),
            (b"\x05\x01\x00\x05\x02\x00\x01\x7f\0\0\x01\0\x50", failed(7)),
            (b"\x05\x01\x00\x05\x03\x00\x01\x7f\0\0\x01\0\x50", failed(7)),
            (b"\x05\x01\x00\x05\x01\x00\x02\x7f", failed(8)),
            (b"\x05\x01\x00\x04\x01\x00\x01\x7f", failed(1)),
            (b"\x05\x01\x00\x05\x01\x00\x03\x03a\r\n\0\x50", failed(1)),
            (b"\x05\x01\x00\x05\x01\x00\x03\x03a:b\0\x50", failed(1)),
            (b"\x05\x01\x00\x05\x01\x00\x03\x00\0\x50", failed(1)),
        ] {
            assert_eq!(
                said(SocksMethod::Nobody, octets),
                (expected, None, 0),
                "{octets:x?}"
            );
        }
        let octets = b"\x05\x01\x02\x01\x03a:b\x01c";
        let expected = vec![5, 2, 1, 1];
        assert_eq!(said(SocksMethod::Password, octets), (expected, None, 0));
    }

    #[test]
    fn an_answer_becomes_a_reply() {
        // table
        for (status, told, code) in [
            (Status::OK, "", 0),
            (Status::FORBIDDEN, "", 2),
            (Status::PROXY_AUTHENTICATION_REQUIRED, "", 2),
            (
                Status::BAD_GATEWAY,
                "a; error=connection_refused; next-hop=\"b\"",
                5,
            ),
            (Status::BAD_GATEWAY, "a; error=dns_error", 4),
            (Status::BAD_GATEWAY, "a; error=destination_ip_unroutable", 3),
            (Status::GATEWAY_TIMEOUT, "a; error=connection_timeout", 4),
            (Status::BAD_REQUEST, "", 1),
        ] {
            let mut head = ResponseHead::new(status);
            head.add_named("Proxy-Status", told);
            assert_eq!(reply_to(&head), code, "{told}");
        }
    }
}

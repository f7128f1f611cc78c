//! Who listens on a port. Best effort, for error messages.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The processes that listen where `address` would. Those of other users are seen only by privileged processes.
pub(crate) fn holders(address: SocketAddr) -> Vec<Holder> {
    let mut sockets = HashSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let lines = fs::read_to_string(table).unwrap_or_default();
        sockets.extend(
            lines
                .lines()
                .skip(1)
                .filter_map(|line| listening_socket(line, address)),
        );
    }
    if sockets.is_empty() {
        return Vec::new();
    }
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let name = |pid| {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .map_or_else(|_| "?".into(), |name| name.trim().into())
    };
    let holds = pids
        .filter(|pid| holds_one(*pid, &sockets))
        .take(HOLDERS_MAX);
    holds
        .map(|pid| Holder {
            pid,
            name: name(pid),
        })
        .collect()
}

/// The inode in a line of /proc/net/tcp, if it is a listening socket in the way of `address` (Linux proc_pid_net(5)).
fn listening_socket(line: &str, address: SocketAddr) -> Option<u64> {
    const LISTEN: &str = "0A";
    let mut words = line.split_ascii_whitespace();
    let local = words.nth(1)?;
    let state = words.nth(1)?;
    let inode = words.nth(5)?.parse().ok()?;
    let (ip, port) = local.split_once(':')?;
    let is_port = u16::from_str_radix(port, 16) == Ok(address.port());
    let meets =
        |ip: IpAddr| ip == address.ip() || ip.is_unspecified() || address.ip().is_unspecified();
    (state == LISTEN && is_port && parse_ip(ip).is_some_and(meets)).then_some(inode)
}

/// Addresses are printed as native 32-bit words.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let mut octets = [0; 16];
    let words = text.as_bytes().chunks(8);
    for (word, place) in words.zip(octets.chunks_mut(4)) {
        let word = std::str::from_utf8(word).ok()?;
        place.copy_from_slice(&u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
    }
    match text.len() {
        8 => Some(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into()),
        32 => Some(Ipv6Addr::from(octets).to_canonical()),
        _ => None,
    }
}

fn holds_one(pid: u32, sockets: &HashSet<u64>) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files.flatten().any(|file| {
        let target = fs::read_link(file.path()).unwrap_or_default();
        let inode = target.to_str().and_then(|text| {
            text.strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        });
        inode.is_some_and(|inode| sockets.contains(&inode))
    })
}

const HOLDERS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_listening_socket_is_found_in_the_line_of_the_system() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4321 1 0 100 0 0 10 0";
        assert_eq!(
            listening_socket(line, "127.0.0.1:8080".parse().unwrap()),
            Some(4321)
        );
        assert_eq!(
            listening_socket(line, "0.0.0.0:8080".parse().unwrap()),
            Some(4321)
        );
        assert_eq!(
            listening_socket(line, "127.0.0.2:8080".parse().unwrap()),
            None
        );
        assert_eq!(
            listening_socket(line, "127.0.0.1:8081".parse().unwrap()),
            None
        );
        assert_eq!(
            listening_socket(
                &line.replace(" 0A ", " 01 "),
                "127.0.0.1:8080".parse().unwrap()
            ),
            None
        );
    }
}

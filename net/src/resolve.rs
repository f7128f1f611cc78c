//! Addresses of names, as the system knows them.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::{Address, blocking};

/// The addresses of a host by name or literal, in the order in which they are best tried. It asks the system's resolver on a
/// thread that may wait.
///
/// # Errors
/// What the resolver says; `NotFound` where the name has no address.
///
/// # Panics
/// Outside a worker of [`run`](crate::run()).
pub async fn resolve(host: String, port: u16) -> io::Result<Vec<Address>> {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = literal.parse() {
        return Ok(vec![Address::Inet(SocketAddr::new(ip, port))]);
    }
    let asked = blocking(move || (host.as_str(), port).to_socket_addrs()).await;
    let addresses = asked.map_err(io::Error::other)??;
    let addresses: Vec<_> = addresses.map(Address::Inet).collect();
    match addresses.is_empty() {
        true => Err(io::ErrorKind::NotFound.into()),
        false => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_alone;

    #[test]
    fn literals_are_themselves_and_names_are_asked_for() {
        let of = |host: &str| run_alone(resolve(host.to_owned(), 80));
        let shown = |host: &str| of(host).unwrap()[0].to_string();
        assert_eq!(shown("127.0.0.1"), "127.0.0.1:80");
        assert_eq!(shown("[::1]"), "[::1]:80");
        let local = of("localhost").unwrap();
        assert!(local.iter().all(|it| it.to_string().ends_with(":80")));
        assert!(of("no.such.invalid").is_err());
    }
}

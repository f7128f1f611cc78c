use super::*;

fn proxied(source: &str, destination: &str) -> Proxied {
    Proxied {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

/// What is said in the end if the octets come one after the other.
fn read_in_pieces(octets: &[u8]) -> Result<Option<ProxiedHeader>, ProxiedError> {
    for end in 0..=octets.len() {
        match read_proxied(&octets[..end]) {
            Ok(None) => {}
            done => return done,
        }
    }
    Ok(None)
}

fn read(octets: &[u8]) -> Result<Option<ProxiedHeader>, ProxiedError> {
    let whole = read_proxied(octets);
    assert_eq!(whole, read_in_pieces(octets), "{octets:?}");
    whole
}

fn v2(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut octets = SIGNATURE.to_vec();
    octets.extend_from_slice(&[version_command, family]);
    octets.extend_from_slice(&u16::try_from(rest.len()).unwrap().to_be_bytes());
    octets.extend_from_slice(rest);
    octets
}

#[test]
fn what_is_written_is_read_however_it_is_cut() {
    let four = proxied("192.0.2.1:4711", "198.51.100.7:443");
    let six = proxied("[2001:db8::1]:1", "[2001:db8::2]:65535");
    for version in [ProxiedVersion::V1, ProxiedVersion::V2] {
        for told in [Some(four), Some(six), None] {
            let mut octets = version.header(told.as_ref());
            let len = octets.len();
            octets.extend_from_slice(b"GET / HTTP/1.1\r\n");
            let header = read(&octets).unwrap().unwrap();
            assert_eq!((header.octets, header.proxied), (len, told));
            assert_eq!(read(&octets[..len - 1]), Ok(None));
        }
    }
    let mixed = proxied("192.0.2.1:1", "[::1]:2");
    let octets = ProxiedVersion::V1.header(Some(&mixed));
    assert_eq!(octets, b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n");
}

#[test]
fn each_thing_that_is_wrong_with_a_line_has_its_name() {
    use ProxiedError::*;
    // table
    for (text, expected) in [
        ("GET / HTTP/1.1\r\n", NoSignature),
        ("PRoXY TCP4 ", NoSignature),
        ("\r\n\r\n\0\r\nQUIX", NoSignature),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", LineEnd),
        ("PROXY TCP4 1.2.3.4\r 1.2.3.4 1 2\r\n", LineEnd),
        ("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", Protocol),
        ("PROXY UNKNOWNX\r\n", Protocol),
        ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", Protocol),
        ("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", Parts),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", Parts),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", Parts),
        ("PROXY TCP4 ::1 1.2.3.4 1 2\r\n", Address),
        ("PROXY TCP6 1.2.3.4 ::1 1 2\r\n", Address),
        ("PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", Address),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", Port),
    ] {
        assert_eq!(read(text.as_bytes()), Err(expected), "{text:?}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
    assert_eq!(long.len(), 107);
    assert_eq!(read(long.as_bytes()).unwrap().unwrap().octets, 107);
    let longer = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
    assert_eq!(read(longer.as_bytes()), Err(LineOctets));
}

#[test]
fn each_thing_that_is_wrong_with_a_binary_header_has_its_name() {
    use ProxiedError::*;
    let four = [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2];
    let with = |more: &[u8]| [&four[..], more].concat();
    // table
    for (octets, expected) in [
        (v2(0x11, 0x11, &four), Version),
        (v2(0x22, 0x11, &four), Command),
        (v2(0x21, 0x12, &four), Family),
        (v2(0x21, 0x41, &four), Family),
        (v2(0x21, 0x11, &four[..11]), Length),
        (v2(0x21, 0x21, &four), Length),
        (v2(0x21, 0x11, &with(&[4])), Vectors),
        (v2(0x21, 0x11, &with(&[4, 0, 2, 0])), Vectors),
        (v2(0x21, 0x11, &with(&[3, 0, 3, 0, 0, 0])), Vectors),
        (v2(0x21, 0x11, &with(&[3, 0, 4, 0, 0, 0, 1])), Checksum),
        (v2(0x21, 0x11, &with(&[0; 4096])), Octets),
    ] {
        assert_eq!(read(&octets), Err(expected), "{octets:?}");
    }
}

#[test]
fn what_is_told_beside_the_addresses_is_passed_over_and_its_checksum_verified() {
    let four = [192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2];
    let noop = [&four[..], &[4, 0, 2, 0, 0]].concat();
    let header = read(&v2(0x21, 0x11, &noop)).unwrap().unwrap();
    assert_eq!(header.proxied, Some(proxied("192.0.2.1:1", "192.0.2.2:2")));
    let mut octets = v2(0x21, 0x11, &[&noop[..], &[3, 0, 4, 0, 0, 0, 0]].concat());
    let at = octets.len() - 4;
    let crc = crc32c(&octets, 0..0);
    octets[at..].copy_from_slice(&crc.to_be_bytes());
    assert!(read(&octets).unwrap().is_some());
    // RFC 3720 §B.4.
    assert_eq!(crc32c(&[0; 32], 0..0), 0x8a91_36aa);
}

#[test]
fn what_is_local_or_without_addresses_is_of_who_sends_it() {
    for octets in [
        v2(0x20, 0, &[]),
        v2(0x20, 0xff, &[1, 2, 3]),
        v2(0x21, 0, &[]),
        v2(0x21, 0x31, &[0; 216]),
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff::1 whatever\r\n".to_vec(),
    ] {
        let header = read(&octets).unwrap().unwrap();
        assert_eq!((header.octets, header.proxied), (octets.len(), None));
    }
}

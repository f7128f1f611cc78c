use super::*;

fn kind(octets: &[u8]) -> Result<HostKind, Invalid> {
    Host::parse(octets).map(|host| host.kind)
}

fn port(octets: &[u8]) -> Result<Option<u16>, Invalid> {
    Host::parse(octets).map(|host| host.port)
}

#[test]
fn registered_names_are_valid() {
    for name in [
        "a",
        "example.com",
        "example.com.",
        "a_b",
        "xn--bcher-kva.example",
        "a!$&'()*+,;=~b",
        "%41%7e",
        "1.2.3",
        "256.1.1.1",
        "01.2.3.4",
        "..",
        "%00",
    ] {
        assert_eq!(kind(name.as_bytes()), Ok(HostKind::Name), "{name}");
    }
}

#[test]
fn addresses_are_told_from_names() {
    for (address, wanted) in [
        ("127.0.0.1", HostKind::Ipv4),
        ("[::1]", HostKind::Ipv6),
        ("[::]", HostKind::Ipv6),
        ("[2001:DB8::8:800:200C:417A]", HostKind::Ipv6),
        ("[1:2:3:4:5:6:7:8]", HostKind::Ipv6),
        ("[1:2:3:4:5:6:7::]", HostKind::Ipv6),
        ("[::ffff:192.0.2.1]", HostKind::Ipv6),
        ("[v1.a:b]", HostKind::IpFuture),
        ("[VF.~]", HostKind::IpFuture),
    ] {
        assert_eq!(kind(address.as_bytes()), Ok(wanted), "{address}");
        assert_eq!(
            port(format!("{address}:80").as_bytes()),
            Ok(Some(80)),
            "{address}"
        );
    }
}

#[test]
fn brackets_hold_a_real_address() {
    for literal in [
        "[",
        "[]",
        "[::1",
        "[:::]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3:4:5:6:7]",
        "[1::2::3]",
        "[12345::]",
        "[g::]",
        "[127.0.0.1]",
        "[::1.2.3]",
        "[::1.2.3.256]",
        "[::1%25eth0]",
        "[::1%eth0]",
        "[a.b]",
        "[v.a]",
        "[vg.a]",
        "[v1.]",
        "[v1]",
        "[v1.a/b]",
        "[ ::1]",
        "[::1]x",
        "[::1]]",
        "[[::1]]",
        "[::1]80",
        "[::1\u{e9}]",
    ] {
        assert_eq!(
            kind(literal.as_bytes()),
            Err(Invalid::IpLiteral),
            "{literal}"
        );
    }
}

#[test]
fn octets_no_host_has_are_refused() {
    for octet in b" \t@/?#\\\"<>^`{|}]\x00\x0b\x7f\r\n\x80\xff" {
        for octets in [
            vec![b'a', *octet, b'b'],
            vec![*octet, b'a'],
            vec![b'a', *octet],
        ] {
            assert_eq!(kind(&octets), Err(Invalid::Octet), "{octets:?}");
        }
    }
    assert_eq!(kind(b"a[::1]"), Err(Invalid::Octet));
}

#[test]
fn userinfo_is_refused() {
    for octets in [
        &b"user@a"[..],
        b"user:word@a",
        b"user:80@a",
        b"@a",
        b"a:80@b:80",
    ] {
        assert!(kind(octets).is_err(), "{octets:?}");
    }
}

#[test]
fn percent_encoding_needs_two_digits() {
    for octets in [
        &b"%"[..],
        b"a%",
        b"%4",
        b"%4g",
        b"%g4",
        b"%%41",
        b"%\xff4",
        b"%:80",
    ] {
        assert_eq!(kind(octets), Err(Invalid::PercentEncoding), "{octets:?}");
    }
}

#[test]
fn ports_are_digits_up_to_65535_or_nothing() {
    assert_eq!(port(b"a"), Ok(None));
    assert_eq!(port(b"a:"), Ok(None));
    assert_eq!(port(b"a:0"), Ok(Some(0)));
    assert_eq!(port(b"a:00080"), Ok(Some(80)));
    assert_eq!(port(b"a:65535"), Ok(Some(65535)));
    assert_eq!(port(b"a:65536"), Err(Invalid::PortTooLarge));
    assert_eq!(port(b"a:4294967376"), Err(Invalid::PortTooLarge));
    assert_eq!(
        port(b"a:99999999999999999999999"),
        Err(Invalid::PortTooLarge)
    );
    for octets in [
        &b"a:b"[..],
        b"a:80b",
        b"a:-1",
        b"a:+80",
        b"a: 80",
        b"a:80 ",
        b"a:80:80",
        b"a::",
        b"::1",
        b"a:80/",
        b"[::1]:x",
    ] {
        assert_eq!(port(octets), Err(Invalid::Port), "{octets:?}");
    }
}

#[test]
fn an_empty_host_is_valid_and_told_apart() {
    assert!(Host::parse(b"").is_ok_and(|host| host.is_empty()));
    assert!(Host::parse(b":80").is_ok_and(|host| host.is_empty() && host.port == Some(80)));
    assert!(Host::parse(b"a").is_ok_and(|host| !host.is_empty()));
}

#[test]
fn names_are_compared_in_any_case_and_without_a_root_dot() {
    let host = Host::parse(b"EXAMPLE.com.:80").unwrap();
    assert_eq!(host.name, b"EXAMPLE.com.");
    assert_eq!(host.name_without_root_dot(), b"EXAMPLE.com");
    assert!(host.is_named(b"example.COM"));
    assert!(host.is_named(b"example.com."));
    assert!(!host.is_named(b"example.co"));
    assert!(!Host::parse(b"a..").unwrap().is_named(b"a"));
}

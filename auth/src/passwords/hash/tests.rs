use super::*;

fn check(text: &str, password: &str) {
    let hash = Hash::parse(text).unwrap();
    assert!(hash.is_of(password.as_bytes()), "{text}");
    for wrong in ["", "x", "grün und blau", "grün und blau!!"] {
        assert_eq!(
            hash.is_of(wrong.as_bytes()),
            wrong == password,
            "{text} {wrong}"
        );
    }
}

/// Written by `htpasswd` of apache2-utils 2.4.
#[test]
fn what_apaches_htpasswd_writes_is_understood() {
    let password = "grün und blau!";
    for text in [
        "$2y$05$aYXJ2LzIGPtqGW7ejx2sQOHYwyomPh6hSagpHUjblKPGXcM0V.cdK",
        "$apr1$rFUfFiKy$KNPLrC3CcXs6Rq8xxBIll/",
        "{SHA}4V440WL1axDf+F+S9kVPLU2lu4E=",
        "$5$pSBbMkgxuM9yul1.$DR3TUW1tVJpfRvdRvVpnq.6Blw/NqFPG6HqxG4pTH/8",
        "$6$m5rjGmfLy.EW8eHN$GX8eQIIxJ02NMljQt2oClJpacqjmcBu6QDrgonsyOcMU4Hx2I5561MgcyFJGve831fv.kbB9eCuFlPyFa/eJG0",
    ] {
        check(text, password);
    }
}

#[test]
fn rounds_of_sha_crypt_may_be_said() {
    check(
        "$5$rounds=10000$OcDgMaJLXKlHy6FW$PL2G.ec20IRCGJ/NITs7MhJQANp/UznR3.MB1dlp2e3",
        "x",
    );
}

#[test]
fn an_empty_password_is_a_password() {
    check(
        "$2y$05$eQPcsNn.o3pl3JeJVjwjU.FhH6y1.88wiHrPFkL./R1AZ1g1HtGeW",
        "",
    );
    check("$apr1$Fkr64Y4v$eM/YM11GjhlvxLCcHDKot1", "");
}

#[test]
fn long_passwords_go_through_every_block() {
    check("$apr1$CPUazS/P$U1pZctIDe698kaZVI7EU/0", &HUNDRED[..35]);
    check(
        "$5$VF1PwO1gOVSA4L4W$x7fjcCh4x9vZ/vPlZz2mZvIzjKr0UKo1DcKrO2gvzrA",
        HUNDRED,
    );
    check(
        "$6$ILdDnCyPD2TNJgZe$szjh6E2ScbWgIU3FgyIQmDK8A0yzyvZ.0AfdNbeC7l3RICoiQwSEAm7OxL7tHqzmo1a9gnSKbMEPwRdZSf9Iy/",
        HUNDRED,
    );
}

const HUNDRED: &str = "1234567890123456789012345678901234512345678901234567890123456789012345123456789012345678901234567890";

/// From the test suite of the reference implementation (`test.c`).
#[test]
fn argon2_is_that_of_the_reference() {
    check(
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "password",
    );
}

#[test]
fn bcrypt_is_the_same_under_its_three_names() {
    for id in ["2a", "2b", "2y"] {
        check(
            &format!("${id}$05$eQPcsNn.o3pl3JeJVjwjU.FhH6y1.88wiHrPFkL./R1AZ1g1HtGeW"),
            "",
        );
    }
}

#[test]
fn plain_text_is_refused() {
    for text in [
        "",
        "open sesame",
        "rqXexS6ZhobKA",
        "{PLAIN}x",
        "$2x$05$eQPcsNn.o3pl3JeJVjwjU.FhH6y1.88wiHrPFkL./R1AZ1g1HtGeW",
    ] {
        assert_eq!(Hash::parse(text).unwrap_err(), HashError::Unknown, "{text}");
    }
}

#[test]
fn what_would_cost_too_much_is_refused() {
    for text in [
        "$2y$16$aYXJ2LzIGPtqGW7ejx2sQOHYwyomPh6hSagpHUjblKPGXcM0V.cdK",
        "$argon2id$v=19$m=262145,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=33,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$5$rounds=1000001$OcDgMaJLXKlHy6FW$PL2G.ec20IRCGJ/NITs7MhJQANp/UznR3.MB1dlp2e3",
    ] {
        assert!(
            matches!(Hash::parse(text), Err(HashError::Costly { .. })),
            "{text}"
        );
    }
}

#[test]
fn a_hash_that_is_cut_is_refused() {
    let whole = [
        "$2y$05$aYXJ2LzIGPtqGW7ejx2sQOHYwyomPh6hSagpHUjblKPGXcM0V.cdK",
        "$apr1$rFUfFiKy$KNPLrC3CcXs6Rq8xxBIll/",
        "{SHA}4V440WL1axDf+F+S9kVPLU2lu4E=",
        "$5$pSBbMkgxuM9yul1.$DR3TUW1tVJpfRvdRvVpnq.6Blw/NqFPG6HqxG4pTH/8",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ];
    for text in whole {
        for end in 0..text.len() {
            // A digest of argon2 may have any length, so only much shorter ones are no digests.
            if !text.starts_with("$argon2") || end < 65 {
                assert!(Hash::parse(&text[..end]).is_err(), "{text} {end}");
            }
        }
        assert!(Hash::parse(&format!("{text}$")).is_err());
    }
}

#[test]
fn a_hash_is_not_printed() {
    let hash = Hash::parse("{SHA}4V440WL1axDf+F+S9kVPLU2lu4E=").unwrap();
    assert_eq!(format!("{hash:?}"), "{SHA}");
}

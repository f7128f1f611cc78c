use super::*;

/// 2023-11-14T22:13:20Z
const NOW: HttpDate = HttpDate(1_700_000_000);

fn parse(octets: &[u8]) -> Option<u64> {
    HttpDate::parse(octets, NOW).map(|date| date.unix_seconds())
}

#[test]
fn the_three_examples_of_the_rfc_are_one_moment() {
    assert_eq!(parse(b"Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(parse(b"Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(parse(b"Sun Nov  6 08:49:37 1994"), Some(784_111_777));
}

#[test]
fn an_asctime_day_has_two_digits_or_a_space_and_one() {
    assert_eq!(parse(b"Sun Nov 06 08:49:37 1994"), Some(784_111_777));
    assert_eq!(
        parse(b"Wed Nov 16 08:49:37 1994"),
        Some(784_111_777 + 10 * 86_400)
    );
    assert_eq!(parse(b"Sun Nov 6  08:49:37 1994"), None);
    assert_eq!(parse(b"Sun Nov 6 08:49:37 1994"), None);
}

#[test]
fn days_that_do_not_exist_are_refused() {
    for date in [
        "Sun, 31 Feb 2021 00:00:00 GMT",
        "Sun, 29 Feb 2021 00:00:00 GMT",
        "Sun, 29 Feb 1900 00:00:00 GMT",
        "Sun, 31 Apr 2021 00:00:00 GMT",
        "Sun, 00 Jan 2021 00:00:00 GMT",
        "Sun, 32 Jan 2021 00:00:00 GMT",
        "Sun Feb 30 00:00:00 2020",
        "Sun Feb  0 00:00:00 2020",
        "Sunday, 31-Feb-21 00:00:00 GMT",
    ] {
        assert_eq!(parse(date.as_bytes()), None, "{date}");
    }
}

#[test]
fn leap_days_that_exist_are_accepted() {
    assert_eq!(parse(b"Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
    assert_eq!(parse(b"Sat, 29 Feb 2020 00:00:00 GMT"), Some(1_582_934_400));
}

#[test]
fn times_that_do_not_exist_are_refused() {
    for time in ["24:00:00", "25:00:00", "00:60:00", "00:00:61", "99:99:99"] {
        assert_eq!(
            parse(format!("Sun, 06 Nov 1994 {time} GMT").as_bytes()),
            None,
            "{time}"
        );
    }
}

#[test]
fn a_leap_second_counts_as_the_second_before() {
    assert_eq!(
        parse(b"Sat, 31 Dec 2016 23:59:60 GMT"),
        parse(b"Sat, 31 Dec 2016 23:59:59 GMT"),
    );
}

#[test]
fn anything_but_the_exact_spelling_is_refused() {
    for date in [
        "",
        "0",
        "-1",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994  8:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37  GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,\t06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nev 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov +994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "sunday, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sunday, 6-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 94",
        "Sun, Nov 6 08:49:37 1994",
        "1994-11-06T08:49:37Z",
    ] {
        assert_eq!(parse(date.as_bytes()), None, "{date:?}");
    }
}

#[test]
fn one_wrong_octet_anywhere_never_panics_and_only_digits_and_names_survive() {
    for good in [
        &b"Sun, 06 Nov 1994 08:49:37 GMT"[..],
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
    ] {
        for at in 0..good.len() {
            for octet in [0, b'\t', b' ', b'/', b':' + 1, 0x80, 0xff] {
                let mut bad = good.to_vec();
                bad[at] = octet;
                assert!(bad == good || parse(&bad).is_none(), "{bad:?}");
            }
            assert_eq!(parse(&good[..at]), None);
        }
    }
}

#[test]
fn a_day_name_need_not_fit_its_date() {
    assert_eq!(parse(b"Mon, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
}

#[test]
fn a_date_before_the_epoch_counts_as_the_epoch() {
    assert_eq!(parse(b"Wed, 31 Dec 1969 23:59:59 GMT"), Some(0));
    assert_eq!(parse(b"Sat, 01 Jan 0000 00:00:00 GMT"), Some(0));
}

#[test]
fn two_digit_years_reach_exactly_fifty_years_ahead() {
    let year = |date: &[u8], now: &[u8]| {
        let now = HttpDate::parse(now, NOW).unwrap();
        let read = HttpDate::parse(date, now).unwrap();
        Civil::from_days(read.0 / DAY_SECONDS).year
    };
    let now = b"Tue, 14 Nov 2023 22:13:20 GMT";
    assert_eq!(year(b"Tuesday, 14-Nov-73 22:13:20 GMT", now), 2073);
    assert_eq!(year(b"Tuesday, 14-Nov-73 22:13:21 GMT", now), 1973);
    assert_eq!(year(b"Saturday, 01-Jan-00 00:00:00 GMT", now), 2000);
    assert_eq!(year(b"Saturday, 01-Jan-99 00:00:00 GMT", now), 1999);
    // Late in a century the years ahead are those of the next.
    assert_eq!(
        year(
            b"Saturday, 01-Jan-01 00:00:00 GMT",
            b"Thu, 01 Jan 2099 00:00:00 GMT"
        ),
        2101
    );
    assert_eq!(
        year(
            b"Saturday, 01-Jan-98 00:00:00 GMT",
            b"Thu, 01 Jan 2099 00:00:00 GMT"
        ),
        2098
    );
}

#[test]
fn a_two_digit_year_must_have_the_day_it_names() {
    assert!(parse(b"Tuesday, 29-Feb-72 00:00:00 GMT").is_some());
    assert!(parse(b"Tuesday, 29-Feb-73 00:00:00 GMT").is_none());
}

#[test]
fn the_last_second_of_9999_is_the_last_that_is_rendered() {
    assert_eq!(&HttpDate::MAX.render(), b"Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(HttpDate::from_unix(u64::MAX), HttpDate::MAX);
    assert_eq!(
        parse(b"Fri, 31 Dec 9999 23:59:59 GMT"),
        Some(HttpDate::MAX.0)
    );
}

#[test]
fn known_moments_render_as_they_should() {
    for (seconds, date) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (10_000_000_000, "Sat, 20 Nov 2286 17:46:40 GMT"),
    ] {
        assert_eq!(HttpDate(seconds).to_string(), date);
    }
}

#[test]
fn what_is_rendered_is_read_back_for_every_day() {
    let mut previous = None;
    for day in 0..=HttpDate::MAX.0 / DAY_SECONDS {
        let date = HttpDate(day * DAY_SECONDS + day % DAY_SECONDS);
        assert_eq!(HttpDate::parse(&date.render(), NOW), Some(date));
        let civil = Civil::from_days(day);
        assert_ne!(previous.replace(civil), Some(civil));
    }
}

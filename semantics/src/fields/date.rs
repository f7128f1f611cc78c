//! `HTTP-date`: the three formats of RFC 9110 §5.6.7, and the one that is sent.
//!
//! ```
//! use hansom_semantics::fields::date::HttpDate;
//!
//! let now = HttpDate::from_unix(1_700_000_000);
//! let date = HttpDate::parse(b"Sun, 06 Nov 1994 08:49:37 GMT", now).unwrap();
//! assert_eq!(date.unix_seconds(), 784_111_777);
//! assert_eq!(&date.render(), b"Sun, 06 Nov 1994 08:49:37 GMT");
//! ```

/// A moment as HTTP knows it: whole seconds since 1970-01-01T00:00:00Z, up to the end of the
/// year 9999, the last that an `HTTP-date` can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate(u64);

impl HttpDate {
    /// The last second that can be written: 9999-12-31T23:59:59Z.
    pub const MAX: Self = Self(253_402_300_799);

    /// From seconds since the epoch; what cannot be written becomes [`HttpDate::MAX`].
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        if seconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seconds)
        }
    }

    /// Reads one of the three formats; `None` for anything else (RFC 9110 §5.6.7).
    ///
    /// Exact: each octet as in the grammar, which is case-sensitive, and a day and a time that
    /// exist. Four choices the grammar leaves open:
    ///
    /// * A day name must be one, but it need not fit the date. No recipient in wide use
    ///   compares them, and a sender that errs there still means its date.
    /// * Second 60 is a leap second, which this time scale has no number for. It counts as 59:
    ///   the earlier date only ever makes a condition harder to meet.
    /// * A date before 1970 counts as the epoch. It is valid, so it must not be ignored as an
    ///   invalid one would be, and it is earlier than what it is compared with all the same.
    /// * The two-digit year of RFC 850 means the latest such year that puts the date no more
    ///   than 50 years after `now`.
    #[must_use]
    pub fn parse(octets: &[u8], now: Self) -> Option<Self> {
        // The length tells the formats apart: 29, 24, and 30 to 33 for the RFC 850 one.
        match octets.len() {
            29 => parse_imf_fixdate(octets),
            24 => parse_asctime(octets),
            30..=33 => parse_rfc850(octets, now),
            _ => None,
        }
    }

    /// The IMF-fixdate, which is the only format to be generated (RFC 9110 §5.6.7).
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a remainder keeps each index inside its table"
    )]
    pub fn render(&self) -> [u8; 29] {
        let (days, seconds) = (self.0 / DAY_SECONDS, self.0 % DAY_SECONDS);
        let Civil { year, month, day } = Civil::from_days(days);
        // The epoch was a Thursday. The remainders keep both inside their tables.
        let &[w1, w2, w3] = DAY_NAMES[(days as usize + 4) % 7];
        let &[m1, m2, m3] = MONTH_NAMES[(month as usize + 11) % 12];
        let [d1, d2] = two_digits(day);
        let [y1, y2] = two_digits(year / 100);
        let [y3, y4] = two_digits(year % 100);
        let [h1, h2] = two_digits((seconds / 3600) as u32);
        let [n1, n2] = two_digits((seconds / 60 % 60) as u32);
        let [s1, s2] = two_digits((seconds % 60) as u32);
        [
            w1, w2, w3, b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', h1, h2,
            b':', n1, n2, b':', s1, s2, b' ', b'G', b'M', b'T',
        ]
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn unix_seconds(&self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for HttpDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.render()
            .iter()
            .try_for_each(|&octet| std::fmt::Write::write_char(f, char::from(octet)))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn parse_imf_fixdate(octets: &[u8]) -> Option<HttpDate> {
    let &[
        w1,
        w2,
        w3,
        b',',
        b' ',
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ',
        ref rest @ ..,
    ] = octets
    else {
        return None;
    };
    day_of_week([w1, w2, w3])?;
    let time = rest.strip_suffix(b" GMT")?;
    let year = number([y1, y2])? * 100 + number([y3, y4])?;
    moment(
        year,
        month([m1, m2, m3])?,
        number([d1, d2])?,
        parse_time(time)?,
    )
}

/// `Sun Nov  6 08:49:37 1994`
fn parse_asctime(octets: &[u8]) -> Option<HttpDate> {
    let &[
        w1,
        w2,
        w3,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        d1,
        d2,
        b' ',
        ref time @ ..,
        b' ',
        y1,
        y2,
        y3,
        y4,
    ] = octets
    else {
        return None;
    };
    day_of_week([w1, w2, w3])?;
    let day = number([if d1 == b' ' { b'0' } else { d1 }, d2])?;
    let year = number([y1, y2])? * 100 + number([y3, y4])?;
    moment(year, month([m1, m2, m3])?, day, parse_time(time)?)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn parse_rfc850(octets: &[u8], now: HttpDate) -> Option<HttpDate> {
    let rest = LONG_DAY_NAMES
        .iter()
        .find_map(|name| octets.strip_prefix(*name))?;
    let &[
        b',',
        b' ',
        d1,
        d2,
        b'-',
        m1,
        m2,
        m3,
        b'-',
        y1,
        y2,
        b' ',
        ref rest @ ..,
    ] = rest
    else {
        return None;
    };
    let time = parse_time(rest.strip_suffix(b" GMT")?)?;
    let (month, day) = (month([m1, m2, m3])?, number([d1, d2])?);
    let year = four_digit_year(number([y1, y2])?, (month, day, time), now);
    moment(year, month, day, time)
}

/// The latest year ending in `two_digits` that puts the rest of the date at most 50 years after
/// `now`: "a timestamp that appears to be more than 50 years in the future" is "the most recent
/// year in the past that had the same last two digits" (RFC 9110 §5.6.7).
fn four_digit_year(two_digits: u32, rest: (u32, u32, u32), now: HttpDate) -> u32 {
    let today = Civil::from_days(now.0 / DAY_SECONDS);
    let this_second = (now.0 % DAY_SECONDS) as u32;
    let horizon = (today.year + 50, (today.month, today.day, this_second));
    let mut year = horizon.0 / 100 * 100 + two_digits;
    if (year, rest) > horizon {
        // The year of `now` is 1970 or later, so this cannot go below zero.
        year = year.saturating_sub(100);
    }
    year
}

/// `08:49:37` as seconds of the day.
fn parse_time(octets: &[u8]) -> Option<u32> {
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = octets else {
        return None;
    };
    let (hour, minute, second) = (number([h1, h2])?, number([m1, m2])?, number([s1, s2])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(hour * 3600 + minute * 60 + second.min(59))
}

fn moment(year: u32, month: u32, day: u32, second_of_day: u32) -> Option<HttpDate> {
    if day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let days = Civil { year, month, day }.days_since_epoch();
    let seconds = days * DAY_SECONDS as i64 + i64::from(second_of_day);
    Some(HttpDate::from_unix(u64::try_from(seconds).unwrap_or(0)))
}

/// A day of the proleptic Gregorian calendar. The two conversions are Howard Hinnant's
/// `days_from_civil` and `civil_from_days`: years begin on the first of March, so that the leap
/// day is the last of its year, and 400 of them are an era of 146,097 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Civil {
    year: u32,
    /// From 1.
    month: u32,
    /// From 1.
    day: u32,
}

impl Civil {
    fn from_days(days: u64) -> Self {
        let shifted = days + DAYS_TO_EPOCH as u64;
        let (era, day_of_era) = (shifted / ERA_DAYS as u64, shifted % ERA_DAYS as u64);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self {
            year: year as u32,
            month: month as u32,
            day: day as u32,
        }
    }

    fn days_since_epoch(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let march_month = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * march_month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * ERA_DAYS + day_of_era - DAYS_TO_EPOCH
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn day_of_week(name: [u8; 3]) -> Option<usize> {
    DAY_NAMES.iter().position(|known| **known == name)
}

/// The month from 1.
fn month(name: [u8; 3]) -> Option<u32> {
    (1..)
        .zip(MONTH_NAMES)
        .find_map(|(month, known)| (*known == name).then_some(month))
}

fn number([tens, ones]: [u8; 2]) -> Option<u32> {
    let digit = |octet: u8| octet.is_ascii_digit().then(|| u32::from(octet - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// The last two digits of a number.
fn two_digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

const DAY_SECONDS: u64 = 86_400;
/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
const ERA_DAYS: i64 = 146_097;
const DAY_NAMES: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];
const LONG_DAY_NAMES: [&[u8]; 7] = [
    b"Sunday",
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
];
const MONTH_NAMES: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

#[cfg(test)]
mod tests;

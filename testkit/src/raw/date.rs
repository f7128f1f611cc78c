//! The one date format a server may send: IMF-fixdate (RFC 9110 §5.6.7).

use std::time::{SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds since 1970 of an IMF-fixdate, or `None` if it is not one to the octet.
pub fn parse(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (day, year) = (number(5..7)?, number(12..16)?);
    let month = MONTHS
        .iter()
        .position(|month| Some(*month) == text.get(8..11))?;
    let (hours, minutes, seconds) = (number(17..19)?, number(20..22)?, number(23..25)?);
    if hours > 23 || minutes > 59 || seconds > 60 || day == 0 || day > 31 || year < 1970 {
        return None;
    }
    let days = days_from_epoch(year, month as u64 + 1, day);
    let at = days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
    (format(at) == text).then_some(at)
}

/// The IMF-fixdate of so many seconds since 1970.
pub fn format(at: u64) -> String {
    let (days, second) = (at / 86_400, at % 86_400);
    let (year, month, day) = civil(days);
    let (weekday, month) = (
        DAYS[((days + 4) % 7) as usize],
        MONTHS[(month - 1) as usize],
    );
    let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hours:02}:{minutes:02}:{seconds:02} GMT")
}

/// Seconds since 1970 by this machine's clock.
pub fn clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn days_from_epoch(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).saturating_sub(719_468)
}

fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * index + 2) / 5 + 1;
    let month = if index < 10 { index + 3 } else { index - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_and_written_alike() {
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(format(1_704_535_200), "Sat, 06 Jan 2024 10:00:00 GMT");
    }

    #[test]
    fn a_wrong_day_name_or_another_format_is_no_date() {
        assert_eq!(parse("Mon, 06 Nov 1994 08:49:37 GMT"), None);
        assert_eq!(parse("Sunday, 06-Nov-94 08:49:37 GMT"), None);
        assert_eq!(parse("Thu, 31 Feb 2022 08:49:37 GMT"), None);
    }
}

//! A moment in the calendar of UTC.

/// A moment in the calendar of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: u64,
    /// From 1.
    pub(super) month: u64,
    /// From 1.
    pub(super) day: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
    pub(super) milli: u64,
}

impl Moment {
    /// The moment so many milliseconds after 1970-01-01; at most the end of year 9999.
    ///
    /// Days become a date as in H. Hinnant's `civil_from_days`: a year begins in
    /// March, so that the leap day is its last, and 400 years are a cycle.
    pub(super) fn from_unix_millis(millis: u64) -> Self {
        let millis = millis.min(MILLIS_MAX);
        let seconds = millis / 1000;
        let days = seconds / 86_400 + DAYS_FROM_0000_03_01;
        let (cycle, day_of_cycle) = (days / DAYS_PER_CYCLE, days % DAYS_PER_CYCLE);
        let leaps = day_of_cycle / 1460 + day_of_cycle / 146_096 - day_of_cycle / 36_524;
        let year_of_cycle = (day_of_cycle - leaps) / 365;
        let day_of_year =
            day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: cycle * 400 + year_of_cycle + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: seconds / 3600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            milli: millis % 1000,
        }
    }

    /// The English short name of the month.
    pub(super) fn month_name(&self) -> &'static str {
        let index = usize::try_from(self.month)
            .unwrap_or_default()
            .wrapping_sub(1);
        MONTHS.get(index).copied().unwrap_or("---")
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS_FROM_0000_03_01: u64 = 719_468;
const DAYS_PER_CYCLE: u64 = 146_097;
const MILLIS_MAX: u64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use super::*;

    fn date(millis: u64) -> (u64, u64, u64, u64, u64, u64, u64) {
        let m = Moment::from_unix_millis(millis);
        (m.year, m.month, m.day, m.hour, m.minute, m.second, m.milli)
    }

    #[test]
    fn known_moments_have_their_dates() {
        assert_eq!(date(0), (1970, 1, 1, 0, 0, 0, 0));
        assert_eq!(date(784_111_777_000), (1994, 11, 6, 8, 49, 37, 0));
        assert_eq!(date(951_782_399_999), (2000, 2, 28, 23, 59, 59, 999));
        assert_eq!(date(951_782_400_000), (2000, 2, 29, 0, 0, 0, 0));
        assert_eq!(date(951_868_800_000), (2000, 3, 1, 0, 0, 0, 0));
        assert_eq!(date(4_107_542_400_000), (2100, 3, 1, 0, 0, 0, 0));
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let days = |month, year: u64| match month {
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1970, 1, 1);
        for day in 0..200_000 {
            let (year, month, of_month, ..) = date(day * 86_400_000);
            assert_eq!((year, month, of_month), expected);
            expected = match expected {
                (y, 12, 31) => (y + 1, 1, 1),
                (y, m, d) if d == days(m, y) => (y, m + 1, 1),
                (y, m, d) => (y, m, d + 1),
            };
        }
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_its_end() {
        assert_eq!(date(u64::MAX), (9999, 12, 31, 23, 59, 59, 999));
    }
}

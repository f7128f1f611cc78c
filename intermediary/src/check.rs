//! Whether a server is in, by what its checks find.

use crate::health::Turn;

/// How a server is asked how it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRules {
    /// The method.
    pub method: String,
    /// The target.
    pub path: String,
    /// The value of Host; `None` is the server's own.
    pub host: Option<String>,
    /// Statuses that are good, from and to.
    pub statuses: Vec<(u16, u16)>,
    /// How long after one check the next is made, in milliseconds.
    pub interval_millis: u64,
    /// How long connecting and answering may take, each, in milliseconds.
    pub timeout_millis: u64,
    /// Good checks in a row that bring one in that is out.
    pub rise: u32,
    /// Bad checks in a row that take one out.
    pub fall: u32,
}

/// What the checks of one server found so far: it is in until they say otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    is_out: bool,
    /// Checks in a row that say otherwise.
    against: u32,
}

impl Checked {
    /// One that goes on from what is known.
    #[must_use]
    pub fn new(is_out: bool) -> Self {
        Self { is_out, against: 0 }
    }

    /// A check was made.
    pub fn told(&mut self, is_good: bool, rules: &CheckRules) -> Turn {
        if is_good != self.is_out {
            self.against = 0;
            return Turn::Same;
        }
        self.against = self.against.saturating_add(1);
        let needed = match self.is_out {
            true => rules.rise,
            false => rules.fall,
        };
        if self.against < needed {
            return Turn::Same;
        }
        *self = Self::new(!self.is_out);
        match self.is_out {
            true => Turn::Out,
            false => Turn::In,
        }
    }
}

impl CheckRules {
    /// Whether a status is good.
    #[must_use]
    pub fn is_good(&self, status: u16) -> bool {
        let mut ranges = self.statuses.iter();
        ranges.any(|(from, to)| (*from..=*to).contains(&status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> CheckRules {
        CheckRules {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: None,
            statuses: vec![(200, 299), (401, 401)],
            interval_millis: 1000,
            timeout_millis: 1000,
            rise: 2,
            fall: 3,
        }
    }

    #[test]
    fn so_many_in_a_row_change_what_is_known() {
        let mut checked = Checked::default();
        // table
        for (is_good, expected) in [
            (false, Turn::Same),
            (false, Turn::Same),
            (true, Turn::Same),
            (false, Turn::Same),
            (false, Turn::Same),
            (false, Turn::Out),
            (false, Turn::Same),
            (true, Turn::Same),
            (false, Turn::Same),
            (true, Turn::Same),
            (true, Turn::In),
            (true, Turn::Same),
        ] {
            assert_eq!(checked.told(is_good, &rules()), expected);
        }
    }

    #[test]
    fn statuses_are_ranges() {
        for (status, expected) in [
            (199, false),
            (200, true),
            (299, true),
            (300, false),
            (401, true),
        ] {
            assert_eq!(rules().is_good(status), expected, "{status}");
        }
    }
}

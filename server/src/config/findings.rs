//! What is found to be wrong while a file is read.

use super::error::{ConfigError, Place};
use super::slot::Complaint;
use std::collections::HashSet;
use std::ops::Range;

/// What is found to be wrong while a file is read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    warnings: Vec<Finding>,
}

#[derive(Debug)]
struct Finding {
    /// Where; `None` is the file as a whole.
    span: Option<Range<usize>>,
    complaint: Complaint,
    allowed: Option<String>,
    also: Option<Range<usize>>,
    /// Said of something that is not there.
    is_absence: bool,
}

impl Findings {
    /// Something is wrong.
    pub(super) fn note(&mut self, span: Range<usize>, complaint: Complaint) {
        self.found.push(Finding::new(Some(span), complaint));
    }

    /// Something is wrong, and this would be right.
    pub(super) fn note_allowed(&mut self, at: Range<usize>, complaint: Complaint, allowed: String) {
        self.found.push(Finding {
            allowed: Some(allowed),
            ..Finding::new(Some(at), complaint)
        });
    }

    /// Something does not go with what stands at another place.
    pub(super) fn note_also(
        &mut self,
        at: Range<usize>,
        first: Range<usize>,
        complaint: Complaint,
    ) {
        self.found.push(Finding {
            also: Some(first),
            ..Finding::new(Some(at), complaint)
        });
    }

    /// Something is missing, here or in the file as a whole.
    pub(super) fn note_absence(&mut self, span: Option<Range<usize>>, complaint: Complaint) {
        self.found.push(Finding {
            is_absence: true,
            ..Finding::new(span, complaint)
        });
    }

    /// Something is allowed, and probably not meant so.
    pub(super) fn warn(&mut self, span: Option<Range<usize>>, complaint: Complaint) {
        self.warnings.push(Finding::new(span, complaint));
    }

    /// Whether that was said there as a warning.
    pub(super) fn is_warned(&self, span: Option<&Range<usize>>, complaint: &Complaint) -> bool {
        let mut warnings = self.warnings.iter();
        warnings.any(|found| found.span.as_ref() == span && found.complaint == *complaint)
    }

    /// Whether something is wrong within these octets.
    pub(super) fn is_within(&self, span: &Range<usize>) -> bool {
        let starts = self.found.iter().filter_map(|found| found.span.as_ref());
        starts.into_iter().any(|found| span.contains(&found.start))
    }

    /// After syntax errors (the first ones): what seems to be missing may stand in a
    /// line that could not be read, and what could not be read has no value.
    pub(super) fn forget_consequences(&mut self, syntax_errors: usize) {
        let consequences = self.found.split_off(syntax_errors.min(self.found.len()));
        let broken: HashSet<_> = self.found.iter().map(Finding::start).collect();
        let is_own = |found: &Finding| !found.is_absence && !broken.contains(&found.start());
        self.found.extend(consequences.into_iter().filter(is_own));
    }

    /// The errors and the warnings in the order of the file, with their places.
    pub(super) fn into_errors(self, text: &str) -> (Vec<ConfigError>, Vec<ConfigError>) {
        let placed = |mut findings: Vec<Finding>| {
            findings.sort_by_key(Finding::start);
            let first = findings.into_iter().take(ERRORS_MAX);
            first.map(|found| found.into_error(text)).collect()
        };
        (placed(self.found), placed(self.warnings))
    }
}

impl Finding {
    fn new(span: Option<Range<usize>>, complaint: Complaint) -> Self {
        Self {
            span,
            complaint,
            allowed: None,
            also: None,
            is_absence: false,
        }
    }

    fn start(&self) -> usize {
        self.span.as_ref().map_or(usize::MAX, |span| span.start)
    }

    fn into_error(self, text: &str) -> ConfigError {
        let place = |span| Place::of(text, span);
        ConfigError {
            place: self.span.map(place),
            message: self.complaint.message,
            rule: self.complaint.rule,
            allowed: self.allowed,
            suggestion: self.complaint.suggestion,
            also: self.also.map(place),
        }
    }
}

/// Errors shown in one run.
const ERRORS_MAX: usize = 100;

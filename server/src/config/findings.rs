//! What is found to be wrong while a file is read.

use super::error::{ConfigError, Place};
use super::slot::Complaint;
use std::collections::HashSet;
use std::ops::Range;

/// What is found to be wrong while a file is read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
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
        self.push(Some(span), complaint);
    }

    /// Something is wrong, and this would be right.
    pub(super) fn note_allowed(&mut self, at: Range<usize>, complaint: Complaint, allowed: String) {
        self.push(Some(at), complaint).allowed = Some(allowed);
    }

    /// Something is there twice.
    pub(super) fn note_twice(&mut self, at: Range<usize>, first: Range<usize>, message: String) {
        self.push(Some(at), Complaint::new(message)).also = Some(first);
    }

    /// Something is missing, here or in the file as a whole.
    pub(super) fn note_absence(&mut self, span: Option<Range<usize>>, complaint: Complaint) {
        self.push(span, complaint).is_absence = true;
    }

    /// After syntax errors (the first ones): what seems to be missing may stand in a
    /// line that could not be read, and what could not be read has no value.
    pub(super) fn forget_consequences(&mut self, syntax_errors: usize) {
        let consequences = self.found.split_off(syntax_errors.min(self.found.len()));
        let broken: HashSet<_> = self.found.iter().map(Finding::start).collect();
        let is_own = |found: &Finding| !found.is_absence && !broken.contains(&found.start());
        self.found.extend(consequences.into_iter().filter(is_own));
    }

    /// The errors in the order of the file, with their places.
    pub(super) fn into_errors(mut self, text: &str) -> Vec<ConfigError> {
        self.found.sort_by_key(Finding::start);
        let place = |span| Place::of(text, span);
        let first = self.found.into_iter().take(ERRORS_MAX);
        let errors = first.map(|found| ConfigError {
            place: found.span.map(place),
            message: found.complaint.message,
            allowed: found.allowed,
            suggestion: found.complaint.suggestion,
            also: found.also.map(place),
        });
        errors.collect()
    }

    fn push(&mut self, span: Option<Range<usize>>, complaint: Complaint) -> &mut Finding {
        let (allowed, also, is_absence) = (None, None, false);
        self.found.push_mut(Finding {
            span,
            complaint,
            allowed,
            also,
            is_absence,
        })
    }
}

impl Finding {
    fn start(&self) -> usize {
        self.span.as_ref().map_or(usize::MAX, |span| span.start)
    }
}

/// Errors shown in one run.
const ERRORS_MAX: usize = 100;

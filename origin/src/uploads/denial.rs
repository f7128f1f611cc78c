//! Why a change is not made, and what that is answered. No status of a refused change is chosen anywhere else.

use std::io;

use engine::{Interrupted, Response};
use net::{BlockingError, OpenError};
use semantics::fields::precondition::Rule;
use semantics::{Known, RequestHead, Status};

use crate::errors::error_response;

/// Why a change is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) status: Status,
    because: &'static str,
    rule: &'static str,
}

impl Denial {
    /// The answer.
    pub(super) fn response(self, head: RequestHead<'_>) -> Response {
        let mut response = error_response(self.status, self.because, self.rule, Some(head));
        if self == Self::CODING {
            // RFC 9110 §15.5.16: what would have been accepted.
            response.head.add(Known::AcceptEncoding, "identity");
        }
        if self == Self::PARTIAL_TYPE {
            // RFC 5789 §2.2.
            response
                .head
                .add_named("Accept-Patch", super::resumable::PARTIAL);
        }
        response
    }

    pub(super) fn precondition(rule: Rule) -> Self {
        Self::new(
            Status::PRECONDITION_FAILED,
            "A precondition of the request is false",
            rule.citation(),
        )
    }

    pub(super) const fn new(status: Status, because: &'static str, rule: &'static str) -> Self {
        Self {
            status,
            because,
            rule,
        }
    }

    pub(super) const METHOD: Self = Self::new(Status::METHOD_NOT_ALLOWED, "", "RFC 9110 §15.5.6");
    pub(super) const UPLOADS: Self = Self::new(
        Status::SERVICE_UNAVAILABLE,
        "This server has as many uploads under way as it may (uploads_max)",
        "RFC 9110 §15.6.4",
    );
    pub(super) const OPEN_FILES: Self = Self::new(
        Status::SERVICE_UNAVAILABLE,
        "This server has as many files open as it may (open_files_max)",
        "RFC 9110 §15.6.4",
    );
    pub(super) const TOO_LARGE: Self = Self::new(
        Status::CONTENT_TOO_LARGE,
        "The content is longer than may be uploaded (content_octets_max)",
        "RFC 9110 §15.5.14",
    );
    pub(super) const NO_ROOM: Self = Self::new(
        Status::INSUFFICIENT_STORAGE,
        "This server has no room for the content",
        "RFC 4918 §11.5",
    );
    pub(super) const NOT_ALLOWED: Self = Self::new(
        Status::FORBIDDEN,
        "This server may not change the folder",
        "RFC 9110 §15.5.4",
    );
    pub(super) const CROSS_SITE: Self = Self::new(
        Status::FORBIDDEN,
        "The request was made by a page of another origin",
        "Fetch Metadata §2.4",
    );
    pub(super) const HIDDEN: Self = Self::new(
        Status::FORBIDDEN,
        "A name that begins with a dot is not served, thus not stored",
        "RFC 9110 §15.5.4",
    );
    pub(super) const FENCED: Self = Self::new(
        Status::FORBIDDEN,
        "The path of this file has rules of its own; a form for its folder does not store it",
        "RFC 9110 §15.5.4",
    );
    pub(super) const NAME: Self = Self::new(
        Status::BAD_REQUEST,
        "The name of the file has control characters, or is none",
        "RFC 7578 §4.2",
    );
    pub(super) const NAME_TOO_LONG: Self = Self::new(
        Status::URI_TOO_LONG,
        "The name of the file is longer than 255 octets",
        "RFC 9110 §15.5.15",
    );
    pub(super) const PART_NAME_TOO_LONG: Self = Self::new(
        Status::BAD_REQUEST,
        "The name of a file in the form is longer than 255 octets",
        "RFC 7578 §4.2",
    );
    pub(super) const CONTENT_RANGE: Self = Self::new(
        Status::BAD_REQUEST,
        "A part of a representation cannot be put; send all of it, without Content-Range",
        "RFC 9110 §14.5",
    );
    pub(super) const CODING: Self = Self::new(
        Status::UNSUPPORTED_MEDIA_TYPE,
        "Content is stored as it is served, without a content coding",
        "RFC 9110 §15.5.16",
    );
    pub(super) const NO_FOLDER: Self = Self::new(
        Status::CONFLICT,
        "There is no folder for the file",
        "RFC 4918 §9.7.1",
    );
    pub(super) const IS_FOLDER: Self = Self::new(
        Status::CONFLICT,
        "The path names a folder, which is named with a slash at its end",
        "RFC 9110 §15.5.10",
    );
    pub(super) const NOT_A_FILE: Self = Self::new(
        Status::CONFLICT,
        "The path names something that is no regular file; links are not replaced",
        "RFC 9110 §15.5.10",
    );
    pub(super) const NOT_EMPTY: Self = Self::new(
        Status::CONFLICT,
        "The folder is not empty",
        "RFC 9110 §15.5.10",
    );
    pub(super) const ROOT: Self = Self::new(
        Status::FORBIDDEN,
        "The folder that is served is not removed",
        "RFC 9110 §15.5.4",
    );
    pub(super) const NOT_FOUND: Self = Self::new(
        Status::NOT_FOUND,
        "There is nothing at this path",
        "RFC 9110 §15.5.5",
    );
    pub(super) const FORM: Self = Self::new(
        Status::UNSUPPORTED_MEDIA_TYPE,
        "A folder takes forms: multipart/form-data or application/x-www-form-urlencoded",
        "RFC 9110 §15.5.16",
    );
    pub(super) const PARTIAL: Self = Self::new(
        Status::BAD_REQUEST,
        "The content is a part of a representation, and uploads here are not resumable",
        "draft-ietf-httpbis-resumable-upload §4.2",
    );
    pub(super) const PARTIAL_TYPE: Self = Self::new(
        Status::UNSUPPORTED_MEDIA_TYPE,
        "An upload is gone on with by application/partial-upload",
        "draft-ietf-httpbis-resumable-upload §4.4",
    );
    pub(super) const PARTIAL_FIELDS: Self = Self::new(
        Status::BAD_REQUEST,
        "An upload is gone on with by Upload-Offset and Upload-Complete",
        "draft-ietf-httpbis-resumable-upload §4.4",
    );
    pub(super) const LENGTH: Self = Self::new(
        Status::BAD_REQUEST,
        "The length of the upload is not what was said before",
        "draft-ietf-httpbis-resumable-upload §4.1.3",
    );
    pub(super) const COMPLETED: Self = Self::new(
        Status::GONE,
        "The upload is complete",
        "draft-ietf-httpbis-resumable-upload §4.4.2",
    );
    pub(super) const TAKEN: Self = Self::new(
        Status::CONFLICT,
        "A later request has taken the upload over",
        "draft-ietf-httpbis-resumable-upload §4.6",
    );
    pub(super) const RESUMABLE: Self = Self::new(
        Status::SERVICE_UNAVAILABLE,
        "This server has as many unfinished uploads as it may (resumable_uploads_max)",
        "RFC 9110 §15.6.4",
    );
    pub(super) const BUSY: Self = Self::new(
        Status::CONFLICT,
        "Another program changes the file all the time",
        "RFC 9110 §15.5.10",
    );
    pub(super) const NUMBERS: Self = Self::new(
        Status::CONFLICT,
        "The name of the file is taken, with every number behind it",
        "RFC 9110 §15.5.10",
    );
    pub(super) const INTERRUPTED: Self = Self::new(
        Status::BAD_REQUEST,
        "The content did not come to its end",
        "RFC 9112 §8",
    );
    pub(super) const INTERNAL: Self = Self::new(
        Status::INTERNAL_SERVER_ERROR,
        "This server could not store the content",
        "RFC 9110 §15.6.1",
    );
}

impl From<io::Error> for Denial {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{
            FileTooLarge, InvalidFilename, NotADirectory, NotFound, PermissionDenied,
            QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        match error.kind() {
            // A file can be too large for its file system, or for this process.
            StorageFull | QuotaExceeded | FileTooLarge => Self::NO_ROOM,
            PermissionDenied | ReadOnlyFilesystem => Self::NOT_ALLOWED,
            InvalidFilename => Self::NAME_TOO_LONG,
            // The folder went meanwhile.
            NotFound | NotADirectory => Self::NO_FOLDER,
            _ => match OpenError::from(error) {
                OpenError::TooManyOpen => Self::OPEN_FILES,
                OpenError::OutsideRoot => Self::NOT_A_FILE,
                _ => Self::INTERNAL,
            },
        }
    }
}

impl From<OpenError> for Denial {
    fn from(error: OpenError) -> Self {
        match error {
            // A link that leads out is none of the client's business.
            OpenError::NotFound | OpenError::OutsideRoot => Self::NO_FOLDER,
            OpenError::NotAllowed => Self::NOT_ALLOWED,
            OpenError::NotAFile => Self::NOT_A_FILE,
            OpenError::TooManyOpen => Self::OPEN_FILES,
            OpenError::Io(error) => error.into(),
            _ => Self::INTERNAL,
        }
    }
}

impl From<Interrupted> for Denial {
    fn from(_: Interrupted) -> Self {
        Self::INTERRUPTED
    }
}

impl From<BlockingError> for Denial {
    fn from(_: BlockingError) -> Self {
        Self::INTERNAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_told_by_the_status_that_fits() {
        for (errno, status) in [
            (28, 507),  // ENOSPC
            (122, 507), // EDQUOT
            (27, 507),  // EFBIG
            (30, 403),  // EROFS
            (13, 403),  // EACCES
            (1, 403),   // EPERM
            (24, 503),  // EMFILE
            (36, 414),  // ENAMETOOLONG
            (2, 409),   // ENOENT
            (5, 500),   // EIO
        ] {
            let denial = Denial::from(io::Error::from_raw_os_error(errno));
            assert_eq!(denial.status.code(), status, "{errno}");
        }
    }
}

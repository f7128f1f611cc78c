//! Why a request goes no further.

use semantics::fields::proxy_status::{ProxyError, ProxyStatus};
use semantics::{Answer, ResponseHead, Status};

use crate::passage::Passage;

/// Why a request is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// TRACE or OPTIONS came as far as it may: whoever received it answers as if there were no server behind (RFC 9110
    /// §7.6.2). It is no error.
    LastForward,
    /// Max-Forwards of TRACE or OPTIONS is no number, or stands twice.
    MaxForwards,
    /// Connection names more fields than [`crate::NOMINATED_MAX`].
    ConnectionOptions,
    /// The request passed here before.
    Loop,
    /// The path does not lie below the prefix that is to be stripped, or there is none.
    Path,
    /// A gateway opens no tunnels.
    Connect,
}

impl Stop {
    /// The answer; `None` for [`Stop::LastForward`], which whoever received the request answers itself.
    #[must_use]
    pub fn answer(self) -> Option<Answer> {
        let (status, name, because, rule) = match self {
            Self::LastForward => return None,
            Self::MaxForwards => (
                Status::BAD_REQUEST,
                "max-forwards",
                "Max-Forwards is one number",
                "RFC 9110 §7.6.2",
            ),
            Self::ConnectionOptions => (
                Status::BAD_REQUEST,
                "nominated_max",
                "Connection names more fields than this server removes",
                "RFC 9110 §7.6.1",
            ),
            Self::Loop => (
                ProxyError::ProxyLoopDetected.status(),
                "loop",
                "The request came back to an intermediary that it had passed",
                "RFC 9110 §7.6.3",
            ),
            Self::Path => (
                Status::BAD_REQUEST,
                "path",
                "The target has no path that could be asked of the server behind",
                "RFC 9112 §3.2",
            ),
            Self::Connect => (
                Status::NOT_IMPLEMENTED,
                "connect",
                "This server opens no tunnels",
                "RFC 9110 §9.3.6",
            ),
        };
        Some(Answer {
            status: Some(status),
            name,
            because,
            rule,
        })
    }

    /// The head of the answer; `None` as for [`Self::answer`].
    #[must_use]
    pub fn head(self, passage: &Passage) -> Option<ResponseHead> {
        let status = self.answer()?.status.unwrap_or(Status::BAD_REQUEST);
        let mut head = ResponseHead::new(status);
        if self == Self::Loop {
            let told = ProxyStatus::new(passage.name(), ProxyError::ProxyLoopDetected);
            head.add_named("Proxy-Status", told.to_string());
        }
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;

    #[test]
    fn each_has_its_status_and_its_rule() {
        // table
        for (stop, status) in [
            (Stop::MaxForwards, 400),
            (Stop::ConnectionOptions, 400),
            (Stop::Loop, 502),
            (Stop::Path, 400),
            (Stop::Connect, 501),
        ] {
            let answer = stop.answer().unwrap();
            assert_eq!(answer.status.unwrap().code(), status, "{stop:?}");
            assert!(answer.rule.starts_with("RFC "), "{stop:?}");
        }
        assert_eq!(Stop::LastForward.answer(), None);
    }

    #[test]
    fn a_loop_is_told_in_proxy_status() {
        let passage = Passage::new("edge", Scheme::Http, "a").unwrap();
        let head = Stop::Loop.head(&passage).unwrap();
        let told = head.section().all_named(b"proxy-status").next();
        assert_eq!(told, Some(&b"edge; error=proxy_loop_detected"[..]));
        assert!(Stop::LastForward.head(&passage).is_none());
    }
}

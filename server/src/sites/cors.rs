//! Cross-origin resource sharing: what user agents let pages of other origins do (Fetch standard, "CORS protocol").
//!
//! It protects nobody from anything but pages in a user agent: who may ask is for access and authentication to say.

use engine::Response;
use semantics::fields::list::only_line;
use semantics::{FieldRuleError, FieldRules, Known, Method, RequestHead, ResponseHead, Status};

use crate::config;

/// What pages of other origins may do.
#[derive(Clone, Debug)]
pub(crate) struct Cors {
    origins: Origins,
    methods: String,
    request_fields: String,
    exposed_fields: String,
    credentials: bool,
    preflight_seconds: Option<u64>,
}

#[derive(Clone, Debug)]
enum Origins {
    /// Every one, by `*`.
    All,
    /// These, and the answer depends on who asks.
    Listed(Vec<Box<str>>),
}

impl Cors {
    pub(crate) fn new(cors: &config::Cors) -> Self {
        let is_all = cors.origins.iter().any(|origin| origin == "*");
        let mut methods = vec!["GET", "HEAD", "POST"];
        for method in &cors.methods {
            if !methods.contains(&method.as_str()) {
                methods.push(method);
            }
        }
        Self {
            // With credentials `*` stands for no origin at all (Fetch, "CORS protocol and credentials"), so none is
            // listed by it.
            origins: if is_all && !cors.credentials {
                Origins::All
            } else {
                Origins::Listed(
                    cors.origins
                        .iter()
                        .map(|origin| origin.to_ascii_lowercase().into())
                        .collect(),
                )
            },
            methods: methods.join(", "),
            request_fields: cors.request_fields.join(", "),
            exposed_fields: cors.exposed_fields.join(", "),
            credentials: cors.credentials,
            preflight_seconds: cors.preflight_time.map(|time| time.as_secs()),
        }
    }

    /// What every answer has, whoever asks.
    pub(crate) fn constant_fields(&self, rules: &mut FieldRules) -> Result<(), FieldRuleError> {
        match self.origins {
            Origins::All => {
                rules.set("Access-Control-Allow-Origin", "*")?;
                if !self.exposed_fields.is_empty() {
                    rules.set("Access-Control-Expose-Headers", &self.exposed_fields)?;
                }
                Ok(())
            }
            // RFC 9110 §12.5.5: also on answers to requests without the field.
            Origins::Listed(_) => rules.add("Vary", "Origin"),
        }
    }

    /// Whether the answer to a request with this Origin is another than without.
    pub(crate) fn depends_on_origin(&self) -> bool {
        matches!(self.origins, Origins::Listed(_))
    }

    /// The answer to a preflight request of an origin that is let in. It has no credentials, so nobody is asked for any. From
    /// elsewhere it is an OPTIONS as any other.
    pub(crate) fn preflight(&self, head: RequestHead<'_>) -> Option<Response> {
        let origin = only_line(head.all(Known::Origin))?;
        let is_preflight =
            head.method() == Method::Options && head.has(Known::AccessControlRequestMethod);
        if !is_preflight || !self.lets_in(origin) {
            return None;
        }
        let mut response = Response::new(Status::NO_CONTENT);
        let head = &mut response.head;
        head.add_named("Access-Control-Allow-Methods", &self.methods);
        if !self.request_fields.is_empty() {
            head.add_named("Access-Control-Allow-Headers", &self.request_fields);
        }
        if let Some(seconds) = self.preflight_seconds {
            head.add_named("Access-Control-Max-Age", seconds.to_string());
        }
        Some(response)
    }

    /// Adds what is for the origin that asks.
    pub(crate) fn add_for(&self, origin: &[u8], head: &mut ResponseHead) {
        if !self.depends_on_origin() || !self.lets_in(origin) {
            return;
        }
        head.remove_named(b"Access-Control-Allow-Origin");
        head.add_named("Access-Control-Allow-Origin", origin);
        if self.credentials {
            head.remove_named(b"Access-Control-Allow-Credentials");
            head.add_named("Access-Control-Allow-Credentials", "true");
        }
        if !self.exposed_fields.is_empty() {
            head.remove_named(b"Access-Control-Expose-Headers");
            head.add_named("Access-Control-Expose-Headers", &self.exposed_fields);
        }
    }

    /// Origins are compared as they are serialized, in lower case (RFC 6454 §6.1).
    fn lets_in(&self, origin: &[u8]) -> bool {
        match &self.origins {
            Origins::All => true,
            Origins::Listed(listed) => listed.iter().any(|one| one.as_bytes() == origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sites::testing::with_head;
    use std::time::Duration;

    fn cors(origins: &[&str]) -> config::Cors {
        config::Cors {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            methods: vec!["PUT".to_owned()],
            request_fields: vec!["X-A".to_owned()],
            exposed_fields: vec!["X-B".to_owned()],
            credentials: false,
            preflight_time: Some(Duration::from_secs(600)),
        }
    }

    fn lines(head: &ResponseHead) -> Vec<String> {
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        head.section()
            .iter()
            .map(|(name, value)| format!("{}: {}", text(name), text(value)))
            .collect()
    }

    /// The fields of an ordinary answer.
    fn answered(cors: &config::Cors, origin: &[u8]) -> Vec<String> {
        let cors = Cors::new(cors);
        let mut rules = FieldRules::default();
        cors.constant_fields(&mut rules).unwrap();
        let mut head = ResponseHead::new(Status::OK);
        rules.apply(&mut head);
        cors.add_for(origin, &mut head);
        lines(&head)
    }

    fn preflight(cors: &config::Cors, request: &str) -> Option<Vec<String>> {
        with_head(request, |head| Cors::new(cors).preflight(head)).map(|response| {
            assert_eq!(response.head.status(), Status::NO_CONTENT);
            lines(&response.head)
        })
    }

    const ASKED: &str = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\
        Access-Control-Request-Method: PUT\r\n\r\n";

    #[test]
    fn every_origin_is_told_by_a_star() {
        let expected = [
            "Access-Control-Allow-Origin: *",
            "Access-Control-Expose-Headers: X-B",
        ];
        assert_eq!(answered(&cors(&["*"]), b"https://a.example"), expected);
    }

    #[test]
    fn a_listed_origin_is_told_by_its_name() {
        let config = config::Cors {
            credentials: true,
            ..cors(&["https://a.example", "https://b.example"])
        };
        assert_eq!(
            answered(&config, b"https://b.example"),
            [
                "Vary: Origin",
                "Access-Control-Allow-Origin: https://b.example",
                "Access-Control-Allow-Credentials: true",
                "Access-Control-Expose-Headers: X-B"
            ]
        );
    }

    #[test]
    fn another_origin_is_told_nothing_but_that_it_depends() {
        for origin in [
            &b"https://c.example"[..],
            b"https://a.example.evil",
            b"http://a.example",
            b"https://a.example:8443",
            b"null",
            b"*",
            b"",
        ] {
            assert_eq!(
                answered(&cors(&["https://a.example"]), origin),
                ["Vary: Origin"]
            );
        }
    }

    #[test]
    fn a_star_with_credentials_lets_nobody_in() {
        let config = config::Cors {
            credentials: true,
            ..cors(&["*"])
        };
        assert_eq!(answered(&config, b"https://a.example"), ["Vary: Origin"]);
        assert_eq!(preflight(&config, ASKED), None);
    }

    #[test]
    fn a_preflight_says_what_may_be_sent() {
        assert_eq!(
            preflight(&cors(&["https://a.example"]), ASKED).unwrap(),
            [
                "Access-Control-Allow-Methods: GET, HEAD, POST, PUT",
                "Access-Control-Allow-Headers: X-A",
                "Access-Control-Max-Age: 600"
            ]
        );
    }

    #[test]
    fn each_method_is_told_once() {
        let config = config::Cors {
            methods: ["PUT", "GET", "PUT"].map(str::to_owned).into(),
            ..cors(&["https://a.example"])
        };
        let lines = preflight(&config, ASKED).unwrap();
        let methods = "Access-Control-Allow-Methods: GET, HEAD, POST, PUT";
        assert_eq!(lines.first().map(String::as_str), Some(methods));
    }

    #[test]
    fn what_is_no_preflight_is_no_matter_of_cors() {
        let cors = cors(&["https://a.example"]);
        for request in [
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n",
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
        ] {
            assert_eq!(preflight(&cors, request), None, "{request}");
        }
    }
}

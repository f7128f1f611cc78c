use super::*;
use crate::testing::with_content;
use crate::{Registry, SessionsConfig, SharedConfig, StoreConfig, WhenAway};
use engine::{Content, Incoming};
use semantics::{ContentEnd, ContentLength};
use std::fs;

/// A gate whose users anna and bert have the password `secret`.
struct Place {
    folder: tempfile::TempDir,
    gate: Rc<FormGate>,
}

impl Place {
    fn new() -> Self {
        Self::at("/login")
    }

    fn at(login: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("users");
        let hash = "$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2";
        fs::write(&users, format!("anna:{hash}\nbert:{hash}\n")).unwrap();
        let registry = Registry::new(2, |_: &str| {});
        let shared = SharedConfig {
            name: "staff".to_owned(),
            users,
            attempts_max: 3,
            attempts_time: Duration::from_secs(60),
        };
        let sessions = SessionsConfig {
            store: StoreConfig::File(folder.path().join("sessions")),
            when_away: WhenAway::Refuse,
            sessions_max: 100,
        };
        let config = FormConfig {
            realm: "Staff".to_owned(),
            login: login.to_owned(),
            logout: "/logout".to_owned(),
            page: Arc::new(Page::login()),
            cookie: "session".to_owned(),
            same_site: SameSite::Lax,
            idle_time: Duration::from_secs(1800),
            session_time: Duration::from_secs(36_000),
        };
        let sessions = Sessions::new(registry.sessions(&sessions).unwrap());
        let gate = FormGate::new(config, registry.shared(&shared).unwrap(), sessions);
        Self {
            folder,
            gate: Rc::new(gate),
        }
    }

    async fn ask(&self, request: &Asked<'_>) -> Said {
        let text = format!(
            "{} HTTP/1.1\r\nHost: a.example\r\n{}\r\n",
            request.line, request.fields
        );
        let incoming = Incoming::for_test(&[request.content.as_bytes()], Ok(ContentEnd::Length));
        let verdict = with_content(&text, Some(incoming), |exchange| {
            exchange.is_secured = request.is_secured;
            if !request.content.is_empty() {
                exchange.content = ContentLength::Exactly(request.content.len() as u64);
            }
            let target = Target::parse(exchange.head.target(), exchange.head.method()).unwrap();
            let path = target.path.to_vec();
            match self.gate.answer(exchange, &path) {
                Some(verdict) => verdict,
                None => self.gate.check(exchange, request.users),
            }
        });
        match verdict {
            Verdict::Ready(outcome) => Said::of(outcome),
            Verdict::Later(later) => Said::of(later.await),
        }
    }

    async fn get(&self, target: &str, fields: &str) -> Said {
        self.ask(&Asked {
            line: &format!("GET {target}"),
            fields,
            ..Asked::default()
        })
        .await
    }

    /// Opens the form and sends it.
    async fn sign_in(&self, password: &str, more: &str) -> Said {
        let page = self.get("/login", HTML).await;
        let fields = format!("{HTML}{FORM}Cookie: {}\r\n", page.cookie("session-form"));
        let content = format!(
            "user=anna&password={password}&csrf={}{more}",
            page.field("csrf")
        );
        self.post("/login", &fields, &content).await
    }

    async fn post(&self, target: &str, fields: &str, content: &str) -> Said {
        self.ask(&Asked {
            line: &format!("POST {target}"),
            fields,
            content,
            ..Asked::default()
        })
        .await
    }

    /// The `Cookie` line of somebody who signed in.
    async fn session(&self) -> String {
        let said = self.sign_in("secret", "").await;
        format!("Cookie: {}\r\n", said.cookie("session"))
    }
}

#[derive(Default)]
struct Asked<'a> {
    line: &'a str,
    fields: &'a str,
    content: &'a str,
    users: &'a [String],
    is_secured: bool,
}

#[derive(Debug)]
struct Said {
    /// 200 for a request that goes on.
    status: u16,
    user: Option<String>,
    lines: Vec<(String, String)>,
    text: String,
}

impl Said {
    fn of(outcome: Outcome) -> Self {
        let mut user = None;
        let (head, text) = match outcome {
            Outcome::Pass(pass) => {
                let mut head = ResponseHead::new(Status::OK);
                pass.add_to(&mut head);
                user = Some(pass.user.to_string());
                (head, String::new())
            }
            Outcome::Refuse(denial) => {
                let mut head = ResponseHead::new(denial.status);
                denial.add_to(&mut head);
                (head, denial.because.to_owned())
            }
            Outcome::Answer(response) => {
                let text = match response.content {
                    Content::Octets(octets) => String::from_utf8(octets.to_vec()).unwrap(),
                    _ => String::new(),
                };
                (response.head, text)
            }
        };
        let text_of = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        Self {
            status: head.status().code(),
            user,
            lines: head
                .section()
                .iter()
                .map(|(name, value)| (text_of(name), text_of(value)))
                .collect(),
            text,
        }
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.lines.iter().filter(|(own, _)| own == name);
        lines.map(|(_, value)| value.as_str()).collect()
    }

    fn first(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    /// The pair that a cookie is sent back as.
    fn cookie(&self, name: &str) -> &str {
        let set = self
            .all("Set-Cookie")
            .into_iter()
            .find(|set| set.starts_with(&format!("{name}=")));
        set.unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .split(';')
            .next()
            .unwrap()
    }

    /// The value of a field of the form.
    fn field(&self, name: &str) -> &str {
        let (_, rest) = self
            .text
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap();
        rest.split('"').next().unwrap()
    }
}

const HTML: &str = "Accept: text/html,*/*;q=0.8\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn run<F: Future>(act: impl FnOnce(Place) -> F) {
    let place = Place::new();
    net::run_alone(async { act(place).await });
}

#[test]
fn who_looks_at_pages_is_led_to_the_form_and_back() {
    run(async |place| {
        let said = place.get("/a/b?c=d&e", HTML).await;
        assert_eq!(
            (said.status, said.first("Location")),
            (303, "/login?next=/a/b%3Fc%3Dd%26e")
        );
        assert_eq!(said.first("Cache-Control"), "no-store");
        let page = place.get(said.first("Location"), HTML).await;
        assert_eq!((page.status, page.field("next")), (200, "/a/b?c=d&amp;e"));
        let said = place.sign_in("secret", "&next=/a/b%3Fc%3Dd%26e").await;
        assert_eq!((said.status, said.first("Location")), (303, "/a/b?c=d&e"));
        let fields = format!("Cookie: {}\r\n", said.cookie("session"));
        let said = place.get("/a/b?c=d&e", &fields).await;
        assert_eq!((said.status, said.user.as_deref()), (200, Some("anna")));
        assert_eq!(said.all("Cache-Control"), ["no-store"]);
    });
}

#[test]
fn a_path_in_any_script_is_told_as_a_reference() {
    net::run_alone(async {
        let place = Place::at("/grüß gott");
        let said = place.get("/a", HTML).await;
        assert_eq!(said.first("Location"), "/gr%C3%BC%C3%9F%20gott?next=/a");
        let said = place.get("/a", "").await;
        let challenge = said.first("WWW-Authenticate");
        assert!(
            challenge.contains("form-action=\"/gr%C3%BC%C3%9F%20gott\""),
            "{challenge}"
        );
    });
}

#[test]
fn a_program_gets_401_with_a_challenge_and_no_page() {
    run(async |place| {
        for fields in [
            "",
            "Accept: */*\r\n",
            "Accept: text/html;q=0\r\n",
            "Sec-Fetch-Mode: cors\r\nAccept: text/html\r\n",
        ] {
            let said = place.get("/a", fields).await;
            assert_eq!(said.status, 401, "{fields}");
            assert_eq!(
                said.first("WWW-Authenticate"),
                r#"Cookie realm="Staff", form-action="/login", cookie-name="session""#
            );
        }
        assert_eq!(
            place.post("/a", HTML, "").await.status,
            401,
            "its content would be lost"
        );
        assert_eq!(
            place.get("/a", "Sec-Fetch-Mode: navigate\r\n").await.status,
            303
        );
    });
}

#[test]
fn nobody_is_led_to_another_host() {
    run(async |place| {
        for next in [
            "//evil.example",
            "https://evil.example/",
            "/%5Cevil.example",
            "/login?next=/a",
            "/logout",
            "%2F%2Fevil",
        ] {
            let said = place.sign_in("secret", &format!("&next={next}")).await;
            assert_eq!((said.status, said.first("Location")), (303, "/"), "{next}");
        }
        let page = place.get("/login?next=//evil.example", HTML).await;
        assert_eq!(page.field("next"), "/");
        let said = place.get("//evil.example/x", HTML).await;
        assert_eq!(said.first("Location"), "/login");
    });
}

#[test]
fn cookies_are_hidden_from_scripts_and_other_hosts() {
    run(async |place| {
        let page = place.get("/login", HTML).await;
        let token = page.first("Set-Cookie");
        assert!(
            token.ends_with("; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict"),
            "{token}"
        );
        let said = place.sign_in("secret", "").await;
        let session = said.first("Set-Cookie");
        assert!(
            session.ends_with("; Path=/; Max-Age=36000; HttpOnly; SameSite=Lax"),
            "{session}"
        );
        let removed = said.all("Set-Cookie")[1];
        assert!(
            removed.starts_with("session-form=; Path=/; Max-Age=0"),
            "{removed}"
        );
    });
}

#[test]
fn over_tls_a_cookie_is_secure_and_has_its_prefix() {
    run(async |place| {
        let secured = |line, fields, content| Asked {
            line,
            fields,
            content,
            is_secured: true,
            ..Asked::default()
        };
        let page = place.ask(&secured("GET /login", HTML, "")).await;
        let fields = format!("{FORM}Cookie: {}\r\n", page.cookie("__Host-session-form"));
        let content = format!("user=anna&password=secret&csrf={}", page.field("csrf"));
        let said = place.ask(&secured("POST /login", &fields, &content)).await;
        let session = said.first("Set-Cookie");
        assert!(
            session.starts_with("__Host-session=") && session.contains("; Secure;"),
            "{session}"
        );
        let pair = said.cookie("__Host-session");
        let fields = format!("Cookie: {pair}\r\n");
        assert_eq!(place.ask(&secured("GET /a", &fields, "")).await.status, 200);
        // Neither is good for the other kind of connection.
        assert_eq!(place.get("/a", &fields).await.status, 401);
        let fields = fields.replace("__Host-", "");
        assert_eq!(place.ask(&secured("GET /a", &fields, "")).await.status, 401);
    });
}

#[test]
fn a_wrong_password_shows_the_form_again() {
    run(async |place| {
        let said = place.sign_in("wrong", "&next=/a").await;
        assert_eq!(said.status, 401);
        assert!(said.text.contains("The name or the password is wrong."));
        assert!(!said.first("WWW-Authenticate").is_empty());
        assert_eq!(said.field("next"), "/a");
        assert!(
            !said.text.contains("wrong\""),
            "what was typed is not shown"
        );
        assert!(
            said.all("Set-Cookie")
                .iter()
                .all(|set| !set.starts_with("session="))
        );
    });
}

#[test]
fn guesses_come_to_an_end_at_the_form_too() {
    run(async |place| {
        for guess in ["a", "b", "c"] {
            assert_eq!(place.sign_in(guess, "").await.status, 401);
        }
        let said = place.sign_in("secret", "").await;
        assert_eq!(said.status, 429);
        assert!(said.text.contains("<form") && !said.first("Retry-After").is_empty());
    });
}

#[test]
fn a_form_without_its_token_signs_nobody_in() {
    run(async |place| {
        let page = place.get("/login", HTML).await;
        let other = place.get("/login", HTML).await;
        let cookie = format!("{FORM}Cookie: {}\r\n", page.cookie("session-form"));
        let form = "user=anna&password=secret";
        for (fields, content) in [
            (FORM, format!("{form}&csrf={}", page.field("csrf"))),
            (&cookie, form.to_owned()),
            (&cookie, format!("{form}&csrf={}", other.field("csrf"))),
            (&cookie, format!("{form}&csrf=")),
        ] {
            let said = place.post("/login", fields, &content).await;
            assert_eq!(said.status, 403, "{content}");
            assert!(said.text.contains("<form"), "it can be tried again");
            assert!(
                said.all("Set-Cookie")
                    .iter()
                    .all(|set| !set.starts_with("session="))
            );
        }
        let foreign = format!("{cookie}Origin: http://evil.example\r\n");
        let content = format!("{form}&csrf={}", page.field("csrf"));
        assert_eq!(place.post("/login", &foreign, &content).await.status, 403);
        assert_eq!(place.post("/login", &cookie, &content).await.status, 303);
    });
}

#[test]
fn a_form_that_is_open_twice_works_twice() {
    run(async |place| {
        let first = place.get("/login", HTML).await;
        let fields = format!("{HTML}Cookie: {}\r\n", first.cookie("session-form"));
        let second = place.get("/login", &fields).await;
        assert_eq!(first.cookie("session-form"), second.cookie("session-form"));
        for page in [&first, &second] {
            let content = format!("user=anna&password=secret&csrf={}", page.field("csrf"));
            assert_eq!(
                place
                    .post("/login", &format!("{fields}{FORM}"), &content)
                    .await
                    .status,
                303
            );
        }
    });
}

#[test]
fn the_page_of_another_site_cannot_change_anything() {
    run(async |place| {
        let session = place.session().await;
        for (fields, status) in [
            ("Sec-Fetch-Site: cross-site\r\n", 403),
            ("Sec-Fetch-Site: same-site\r\n", 403),
            ("Origin: http://evil.example\r\n", 403),
            ("Origin: null\r\n", 403),
            ("Sec-Fetch-Site: same-origin\r\n", 200),
            ("Origin: http://a.example\r\n", 200),
            ("", 200),
        ] {
            let fields = format!("{session}{fields}");
            for line in ["POST /a", "PUT /a", "DELETE /a", "PROPFIND /a"] {
                let said = place
                    .ask(&Asked {
                        line,
                        fields: &fields,
                        ..Asked::default()
                    })
                    .await;
                assert_eq!(said.status, status, "{line} {fields}");
            }
            assert_eq!(
                place.get("/a", &fields).await.status,
                200,
                "to look is safe"
            );
        }
    });
}

#[test]
fn who_is_known_but_not_listed_is_forbidden() {
    run(async |place| {
        let fields = place.session().await;
        let users = ["bert".to_owned()];
        let said = place
            .ask(&Asked {
                line: "GET /a",
                fields: &fields,
                users: &users,
                ..Asked::default()
            })
            .await;
        assert_eq!(said.status, 403);
    });
}

#[test]
fn who_signs_out_is_out() {
    run(async |place| {
        let session = place.session().await;
        let own = format!("{session}{HTML}Sec-Fetch-Site: same-origin\r\n");
        let said = place.post("/logout", &own, "").await;
        assert_eq!((said.status, said.first("Location")), (303, "/login"));
        assert!(
            said.first("Set-Cookie")
                .starts_with("session=; Path=/; Max-Age=0"),
            "{said:?}"
        );
        assert_eq!(said.first("Clear-Site-Data"), "\"cache\"");
        assert_eq!(place.get("/a", &session).await.status, 401);
    });
}

#[test]
fn nobody_is_signed_out_by_another_site() {
    run(async |place| {
        let session = place.session().await;
        for fields in ["Sec-Fetch-Site: cross-site\r\n", "Origin: null\r\n"] {
            assert_eq!(
                place
                    .post("/logout", &format!("{session}{fields}"), "")
                    .await
                    .status,
                403
            );
        }
        // A link or an image asks for the page alone.
        let page = place.get("/logout", &session).await;
        assert!(
            page.status == 200 && page.text.contains("<button"),
            "{page:?}"
        );
        let bare = format!("{session}{FORM}");
        assert_eq!(place.post("/logout", &bare, "csrf=x").await.status, 403);
        assert_eq!(place.get("/a", &session).await.status, 200);
        // An old browser says nothing of where it comes from; then the form's token does.
        let pair = session.trim_end().trim_start_matches("Cookie: ");
        let fields = format!("{FORM}Cookie: {pair}; {}\r\n", page.cookie("session-form"));
        let said = place
            .post("/logout", &fields, &format!("csrf={}", page.field("csrf")))
            .await;
        assert_eq!(said.status, 204);
        assert_eq!(place.get("/a", &session).await.status, 401);
    });
}

#[test]
fn signing_in_again_ends_the_session_before() {
    run(async |place| {
        let first = place.session().await;
        let page = place.get("/login", HTML).await;
        let pair = first.trim_end();
        let fields = format!("{FORM}{pair}; {}\r\n", page.cookie("session-form"));
        let content = format!("user=bert&password=secret&csrf={}", page.field("csrf"));
        let said = place.post("/login", &fields, &content).await;
        assert_eq!(said.status, 303);
        assert_eq!(place.get("/a", &first).await.status, 401);
        let second = format!("Cookie: {}\r\n", said.cookie("session"));
        assert_eq!(place.get("/a", &second).await.user.as_deref(), Some("bert"));
    });
}

#[test]
fn a_session_ends_when_its_user_has_another_password_or_is_gone() {
    run(async |place| {
        let session = place.session().await;
        let users = place.folder.path().join("users");
        let text = fs::read_to_string(&users).unwrap();
        for other in ["", "anna:{SHA}4V440WL1axDf+F+S9kVPLU2lu4E=\n"] {
            fs::write(&users, other).unwrap();
            place.gate.shared.passwords.file().age();
            assert_eq!(place.get("/a", &session).await.status, 401, "{other}");
        }
        fs::write(&users, text).unwrap();
        place.gate.shared.passwords.file().age();
        assert_eq!(place.get("/a", &session).await.status, 200);
    });
}

#[test]
fn a_cookie_that_is_there_twice_with_two_values_is_nobodys() {
    run(async |place| {
        let session = place.session().await;
        let twice = format!("{}; session=planted\r\n", session.trim_end());
        assert_eq!(place.get("/a", &twice).await.status, 401);
        for value in ["", "x", "\"\"", &"A".repeat(43), &"A".repeat(10_000)] {
            assert_eq!(
                place
                    .get("/a", &format!("Cookie: session={value}\r\n"))
                    .await
                    .status,
                401
            );
        }
    });
}

#[test]
fn what_is_no_form_is_refused() {
    run(async |place| {
        assert_eq!(
            place
                .post("/login", "Content-Type: application/json\r\n", "{}")
                .await
                .status,
            415
        );
        assert_eq!(place.post("/login", "", "x").await.status, 415);
        let coded = format!("{FORM}Content-Encoding: gzip\r\n");
        assert_eq!(place.post("/login", &coded, "x").await.status, 415);
        assert_eq!(
            place
                .post("/login", FORM, &"x".repeat(16 * 1024 + 1))
                .await
                .status,
            413
        );
        let said = place
            .ask(&Asked {
                line: "DELETE /login",
                ..Asked::default()
            })
            .await;
        assert_eq!(
            (said.status, said.first("Allow")),
            (405, "GET, HEAD, POST, OPTIONS")
        );
        let said = place
            .ask(&Asked {
                line: "BREW /login",
                ..Asked::default()
            })
            .await;
        assert_eq!((said.status, said.first("Allow")), (501, ""));
        let said = place
            .ask(&Asked {
                line: "OPTIONS /logout",
                ..Asked::default()
            })
            .await;
        assert_eq!(
            (said.status, said.first("Allow")),
            (204, "GET, HEAD, POST, OPTIONS")
        );
    });
}

#[test]
fn the_form_is_kept_and_framed_by_nobody() {
    run(async |place| {
        let page = place.get("/login", HTML).await;
        assert_eq!(page.first("Cache-Control"), "no-store");
        assert_eq!(page.first("X-Content-Type-Options"), "nosniff");
        let policy = page.first("Content-Security-Policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!page.text.contains("<script"));
    });
}

#[test]
fn an_old_id_is_replaced_while_nobody_notices() {
    run(async |place| {
        let session = place.session().await;
        place.get("/a", &session).await;
        place.gate.sessions.make_old().await;
        let said = place.get("/a", &session).await;
        assert_eq!(said.status, 200);
        let renewed = format!("Cookie: {}\r\n", said.cookie("session"));
        assert_ne!(renewed, session);
        for fields in [&session, &renewed, &session] {
            let said = place.get("/a", fields).await;
            assert_eq!((said.status, said.user.as_deref()), (200, Some("anna")));
            assert!(said.all("Set-Cookie").is_empty(), "{said:?}");
        }
    });
}

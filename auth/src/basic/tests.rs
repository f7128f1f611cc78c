use super::*;
use crate::testing::with_exchange;
use crate::{Registry, SharedConfig};
use base64ct::{Base64, Encoding};
use std::fs;
use std::time::Duration;

/// Users anna and bert, both with the password `secret`.
fn gate(attempts_max: u64) -> (tempfile::TempDir, BasicGate) {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let hash = "$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2";
    fs::write(&users, format!("anna:{hash}\nbert:{hash}\n")).unwrap();
    let registry = Registry::new(2, |_: &str| {});
    let config = SharedConfig {
        name: "staff".to_owned(),
        users,
        attempts_max,
        attempts_time: Duration::from_secs(60),
    };
    let gate = BasicGate::new(
        "Staff \"only\"",
        registry.shared(&config).unwrap(),
        ForWhom::Server,
    );
    (folder, gate)
}

fn request(fields: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn authorization(name: &str, password: &str) -> String {
    let pair = format!("{name}:{password}");
    format!(
        "Authorization: Basic {}\r\n",
        Base64::encode_string(pair.as_bytes())
    )
}

async fn outcome(gate: &BasicGate, fields: &str, users: &[String]) -> Outcome {
    let verdict = with_exchange(&request(fields), |exchange| gate.check(exchange, users));
    match verdict {
        Verdict::Ready(outcome) => outcome,
        Verdict::Later(later) => later.await,
    }
}

async fn denial(gate: &BasicGate, fields: &str, users: &[String]) -> Denial {
    match outcome(gate, fields, users).await {
        Outcome::Refuse(denial) => denial,
        other => panic!("{other:?}"),
    }
}

fn challenges(denial: &Denial) -> Vec<&str> {
    let is_challenge = |(field, value)| (field == Known::WwwAuthenticate).then_some(value);
    let fields = denial
        .fields
        .iter()
        .map(|(field, value)| (*field, value.as_str()));
    fields.filter_map(is_challenge).collect()
}

#[test]
fn without_credentials_there_is_a_challenge() {
    let (_folder, gate) = gate(10);
    net::run_alone(async {
        let twice = authorization("anna", "secret").repeat(2);
        let wrong = authorization("anna", "wrong");
        for fields in [
            "",
            "Authorization: Bearer x\r\n",
            "Authorization: Basic !\r\n",
            &twice,
            &wrong,
        ] {
            let denial = denial(&gate, fields, &[]).await;
            assert_eq!(denial.status, Status::UNAUTHORIZED, "{fields}");
            assert_eq!(
                challenges(&denial),
                [r#"Basic realm="Staff \"only\"", charset="UTF-8""#]
            );
        }
    });
}

#[test]
fn who_is_known_comes_in_and_nothing_is_added() {
    let (_folder, gate) = gate(10);
    net::run_alone(async {
        let Outcome::Pass(pass) = outcome(&gate, &authorization("anna", "secret"), &[]).await
        else {
            panic!()
        };
        assert_eq!(&*pass.user, "anna");
        let head = semantics::ResponseHead::new(Status::OK);
        assert!(!pass.has_fields_for(&head));
    });
}

#[test]
fn who_was_let_in_lately_comes_in_at_once() {
    let (_folder, gate) = gate(10);
    net::run_alone(async {
        let fields = authorization("anna", "secret");
        outcome(&gate, &fields, &[]).await;
        let verdict = with_exchange(&request(&fields), |exchange| gate.check(exchange, &[]));
        assert!(
            matches!(verdict, Verdict::Ready(Outcome::Pass(_))),
            "{verdict:?}"
        );
    });
}

#[test]
fn who_is_known_but_not_listed_is_forbidden_and_not_asked_again() {
    let (_folder, gate) = gate(10);
    net::run_alone(async {
        let users = ["anna".to_owned()];
        let denial = denial(&gate, &authorization("bert", "secret"), &users).await;
        assert_eq!(denial.status, Status::FORBIDDEN);
        assert!(challenges(&denial).is_empty());
        assert!(matches!(
            outcome(&gate, &authorization("anna", "secret"), &users).await,
            Outcome::Pass(_)
        ));
    });
}

#[test]
fn whether_a_name_is_listed_is_told_to_its_owner_alone() {
    let (_folder, gate) = gate(10);
    net::run_alone(async {
        let users = ["anna".to_owned()];
        let denial = denial(&gate, &authorization("bert", "wrong"), &users).await;
        assert_eq!(denial.status, Status::UNAUTHORIZED);
    });
}

#[test]
fn too_many_guesses_are_told_when_to_go_on() {
    let (_folder, gate) = gate(2);
    net::run_alone(async {
        for guess in ["a", "b"] {
            denial(&gate, &authorization("anna", guess), &[]).await;
        }
        let denial = denial(&gate, &authorization("anna", "c"), &[]).await;
        assert_eq!(denial.status, Status::TOO_MANY_REQUESTS);
        let (field, wait) = &denial.fields[0];
        assert_eq!(*field, Known::RetryAfter);
        assert!((1..=60).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    });
}

#[test]
fn the_name_of_who_is_known_is_noted() {
    let (_folder, gate) = gate(10);
    net::run_alone(async {
        let fields = authorization("anna", "secret");
        for users in [&[][..], &["bert".to_owned()]] {
            let (verdict, note) = with_exchange(&request(&fields), |exchange| {
                (gate.check(exchange, users), exchange.note())
            });
            if let Verdict::Later(later) = verdict {
                later.await;
            }
            assert_eq!(note.user().as_deref(), Some("anna"));
        }
    });
}

#[test]
fn a_proxy_asks_for_itself() {
    let (_folder, mut gate) = gate(10);
    gate.for_whom = ForWhom::Proxy;
    net::run_alone(async move {
        let own = authorization("anna", "secret");
        let denial = denial(&gate, &own, &[]).await;
        assert_eq!(denial.status, Status::PROXY_AUTHENTICATION_REQUIRED);
        let challenge = &denial.fields[0];
        assert_eq!(challenge.0, Known::ProxyAuthenticate);
        assert!(challenge.1.starts_with("Basic realm="), "{challenge:?}");
        let own = format!("Proxy-{own}");
        assert!(matches!(outcome(&gate, &own, &[]).await, Outcome::Pass(_)));
    });
}

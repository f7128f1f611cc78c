use super::*;
use std::fs;

/// A file with anna's password `secret`.
fn passwords(attempts_max: u64, room: &Arc<Room>) -> (tempfile::TempDir, Arc<Passwords>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, format!("anna:{ANNA}\n")).unwrap();
    let file = UsersFile::open(path, Arc::new(|_: &str| {})).unwrap();
    let key = ProcessKey::new().unwrap();
    let time = Duration::from_secs(3600);
    (
        folder,
        Passwords::new(file, Arc::clone(room), key, attempts_max, time),
    )
}

/// bcrypt of the lowest cost.
const ANNA: &str = "$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2";

fn asked(name: &str, password: &str) -> Asked {
    Asked {
        name: name.into(),
        password: Password::new(password.into()),
        client: None,
    }
}

async fn outcome(passwords: &Arc<Passwords>, name: &str, password: &str) -> Outcome {
    match passwords.check(asked(name, password), Now::read()) {
        Checking::Known(outcome) => outcome,
        Checking::Later(later) => later.await,
    }
}

fn is_known(passwords: &Arc<Passwords>, name: &str, password: &str) -> bool {
    matches!(
        passwords.check(asked(name, password), Now::read()),
        Checking::Known(_)
    )
}

#[test]
fn the_right_password_is_right_and_no_other() {
    let (_folder, passwords) = passwords(100, &Room::new(1, 9));
    net::run_alone(async {
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Right);
        for (name, password) in [
            ("anna", "Secret"),
            ("anna", ""),
            ("bert", "secret"),
            ("", ""),
        ] {
            assert_eq!(
                outcome(&passwords, name, password).await,
                Outcome::Wrong,
                "{name} {password}"
            );
        }
    });
}

#[test]
fn what_was_checked_is_known_for_a_while() {
    let (_folder, passwords) = passwords(100, &Room::new(1, 9));
    net::run_alone(async {
        assert!(!is_known(&passwords, "anna", "secret"));
        outcome(&passwords, "anna", "secret").await;
        assert!(is_known(&passwords, "anna", "secret"));
        assert!(!is_known(&passwords, "anna", "other"));
    });
}

#[test]
fn a_password_that_is_too_long_is_wrong_without_work() {
    let (_folder, passwords) = passwords(100, &Room::new(1, 9));
    assert!(is_known(
        &passwords,
        "anna",
        &"x".repeat(PASSWORD_OCTETS_MAX + 1)
    ));
}

#[test]
fn guesses_come_to_an_end() {
    let (_folder, passwords) = passwords(3, &Room::new(1, 9));
    net::run_alone(async {
        for guess in ["a", "b", "c"] {
            assert_eq!(outcome(&passwords, "anna", guess).await, Outcome::Wrong);
        }
        // The right one tells nothing either, nor does one that was tried.
        for guess in ["d", "secret", "a"] {
            let outcome = outcome(&passwords, "anna", guess).await;
            assert!(
                matches!(outcome, Outcome::TooMany(_)),
                "{guess} {outcome:?}"
            );
        }
    });
}

#[test]
fn the_same_wrong_password_is_one_guess() {
    let (_folder, passwords) = passwords(2, &Room::new(1, 9));
    net::run_alone(async {
        for _ in 0..20 {
            assert_eq!(outcome(&passwords, "anna", "a").await, Outcome::Wrong);
        }
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Right);
    });
}

#[test]
fn a_session_that_is_known_goes_on_while_somebody_guesses() {
    let (_folder, passwords) = passwords(2, &Room::new(1, 9));
    net::run_alone(async {
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Right);
        for guess in ["a", "b", "c"] {
            outcome(&passwords, "anna", guess).await;
        }
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Right);
    });
}

#[test]
fn many_requests_with_one_password_are_one_check() {
    // One place, no queue, and one attempt: a second check would be refused.
    let (_folder, passwords) = passwords(1, &Room::new(1, 0));
    net::run_alone(async {
        let checks: Vec<_> = (0..50)
            .map(
                |_| match passwords.check(asked("anna", "secret"), Now::read()) {
                    Checking::Later(later) => later,
                    Checking::Known(outcome) => panic!("{outcome:?}"),
                },
            )
            .collect();
        for check in checks {
            assert_eq!(check.await, Outcome::Right);
        }
    });
}

#[test]
fn when_the_room_is_full_the_next_is_told_so() {
    let room = Room::new(1, 0);
    let (_folder, passwords) = passwords(100, &room);
    net::run_alone(async {
        let place = room.enter().unwrap().await;
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Busy);
        drop(place);
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Right);
    });
}

#[test]
fn who_leaves_before_the_end_leaves_nothing_behind() {
    let (_folder, passwords) = passwords(1, &Room::new(1, 0));
    net::run_alone(async {
        for _ in 0..3 {
            let Checking::Later(later) = passwords.check(asked("anna", "secret"), Now::read())
            else {
                break;
            };
            let mut later = Box::pin(later);
            std::future::poll_fn(|cx| {
                let _ = later.as_mut().poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
        }
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Right);
        assert!(passwords.results().flights.is_empty());
    });
}

#[test]
fn a_changed_file_makes_what_was_known_unknown() {
    let (folder, passwords) = passwords(100, &Room::new(1, 9));
    net::run_alone(async {
        outcome(&passwords, "anna", "secret").await;
        fs::write(folder.path().join("users"), "# nobody\n").unwrap();
        passwords.file().age();
        assert_eq!(outcome(&passwords, "anna", "secret").await, Outcome::Wrong);
    });
}

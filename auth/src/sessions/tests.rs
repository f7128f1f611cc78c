use super::*;
use std::path::Path;

pub(crate) const TIMES: Times = Times {
    idle: Duration::from_secs(1800),
    whole: Duration::from_secs(36_000),
};

fn open(path: &Path) -> Arc<SharedSessions> {
    let file = SessionsFile::open(path, 1000, Arc::new(|_: &str| {})).unwrap();
    Arc::new(SharedSessions::new(
        Place::File(Arc::new(file)),
        WhenAway::Refuse,
    ))
}

/// Runs with sessions in a file of their own.
fn with_sessions<F: Future>(act: impl FnOnce(Rc<Sessions>) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let shared = open(&folder.path().join("sessions"));
    net::run_alone(async { act(Sessions::new(shared)).await });
}

impl SharedSessions {
    /// As if what was seen of a session was too old to be believed.
    pub(crate) fn see_again(&self, key: Key) {
        if let Some(sight) = self.seen().sessions.find(&key) {
            sight.asked_millis = 0;
        }
    }
}

impl Sessions {
    /// As if the ids of all sessions that were seen had been made long ago, and nobody had seen them.
    pub(crate) async fn make_old(&self) {
        let keys: Vec<Key> = self.shared.seen().sessions.keys();
        for key in keys {
            let mut record = self.store.load(key).await.unwrap().unwrap();
            record.renewed -= RENEW_SECONDS;
            self.store.update(key, record).await.unwrap();
        }
        forget(self);
    }
}

pub(crate) fn anna() -> SignIn {
    SignIn {
        user: "anna".into(),
        auth: "staff".into(),
        mark: 7,
    }
}

pub(crate) async fn found(sessions: &Rc<Sessions>, key: Key) -> Answer {
    match sessions.look_up(key, "staff", TIMES, Now::read()) {
        Lookup::Known(record) => Ok(Some(record)),
        Lookup::Later(later) => later.await,
    }
}

pub(crate) async fn is_valid(sessions: &Rc<Sessions>, id: &SessionId) -> bool {
    found(sessions, id.key()).await.unwrap().is_some()
}

async fn renewed(sessions: &Rc<Sessions>, key: Key, record: &Record) -> SessionId {
    let claim = Claim {
        sessions: Rc::clone(sessions),
        key,
        is_done: false,
    };
    sessions.renew(claim, record).await.unwrap()
}

/// What is stored of a session, after all that nobody awaits.
async fn stored(sessions: &Rc<Sessions>, id: &SessionId) -> Record {
    // Changes are made in order.
    sessions.store.remove(Vec::new()).await.unwrap();
    sessions.store.load(id.key()).await.unwrap().unwrap()
}

/// As if this process had not seen any session.
pub(crate) fn forget(sessions: &Sessions) {
    sessions.shared.seen().sessions = Bounded::new(SEEN_ENTRIES_MAX);
}

#[test]
fn who_signed_in_is_known_and_asked_for_once() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        assert_eq!(
            &*found(&sessions, id.key()).await.unwrap().unwrap().user,
            "anna"
        );
        assert!(matches!(
            sessions.look_up(id.key(), "staff", TIMES, Now::read()),
            Lookup::Known(_)
        ));
        assert!(!is_valid(&sessions, &SessionId::new().unwrap()).await);
    });
}

#[test]
fn who_signs_out_is_out() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        assert!(is_valid(&sessions, &id).await);
        sessions.end(id.key()).await.unwrap();
        assert!(!is_valid(&sessions, &id).await);
        forget(&sessions);
        assert!(!is_valid(&sessions, &id).await);
    });
}

#[test]
fn the_session_before_a_sign_in_ends_with_it() {
    with_sessions(async |sessions| {
        let first = sessions.begin(anna(), None, TIMES).await.unwrap();
        let second = sessions
            .begin(anna(), Some(first.key()), TIMES)
            .await
            .unwrap();
        assert!(!is_valid(&sessions, &first).await);
        assert!(is_valid(&sessions, &second).await);
    });
}

#[test]
fn a_session_ends_when_it_is_idle_or_old() {
    let times = |begin, used| TIMES.end(begin, used);
    assert_eq!(times(1000, 1000), 2800);
    assert_eq!(times(1000, 36_900), 37_000);
    with_sessions(async |sessions| {
        let idle = Times {
            idle: Duration::ZERO,
            ..TIMES
        };
        let old = Times {
            whole: Duration::ZERO,
            ..TIMES
        };
        for times in [idle, old] {
            let id = sessions.begin(anna(), None, times).await.unwrap();
            assert!(!is_valid(&sessions, &id).await);
        }
    });
}

#[test]
fn that_a_session_is_used_is_written_now_and_then() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let mut record = sessions.store.load(id.key()).await.unwrap().unwrap();
        record.used -= 61;
        record.end -= 61;
        sessions
            .store
            .update(id.key(), record.clone())
            .await
            .unwrap();
        assert!(is_valid(&sessions, &id).await);
        // Changes are made in order, so this one is behind the one that nobody awaits.
        sessions.store.remove(Vec::new()).await.unwrap();
        let written = sessions.store.load(id.key()).await.unwrap().unwrap();
        assert!(written.end > record.end && written.used > record.used);
    });
}

#[test]
fn a_former_id_is_valid_until_the_other_was_used_and_then_ends_soon() {
    with_sessions(async |sessions| {
        let first = sessions.begin(anna(), None, TIMES).await.unwrap();
        let record = found(&sessions, first.key()).await.unwrap().unwrap();
        let second = renewed(&sessions, first.key(), &record).await;
        let end = async |id: &SessionId| sessions.store.load(id.key()).await.unwrap().unwrap().end;
        assert_eq!(end(&first).await, record.end, "the response may be lost");
        forget(&sessions);
        assert!(is_valid(&sessions, &second).await);
        sessions.store.remove(Vec::new()).await.unwrap();
        assert!(end(&first).await <= Now::read().unix_seconds + RETIRED_SECONDS);
        assert!(is_valid(&sessions, &first).await, "others may be under way");
        assert!(end(&second).await >= record.end);
    });
}

#[test]
fn who_signs_out_by_the_later_id_ends_the_former_one_too() {
    with_sessions(async |sessions| {
        let first = sessions.begin(anna(), None, TIMES).await.unwrap();
        let record = found(&sessions, first.key()).await.unwrap().unwrap();
        let second = renewed(&sessions, first.key(), &record).await;
        sessions.end(second.key()).await.unwrap();
        assert!(!is_valid(&sessions, &first).await);
    });
}

#[test]
fn an_id_that_was_offered_while_its_owner_signed_out_is_worth_nothing() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let record = found(&sessions, id.key()).await.unwrap().unwrap();
        let offered = renewed(&sessions, id.key(), &record).await;
        sessions.end(id.key()).await.unwrap();
        assert!(!is_valid(&sessions, &offered).await);
        forget(&sessions);
        assert!(!is_valid(&sessions, &offered).await);
    });
}

#[test]
fn who_signs_out_by_an_id_that_was_replaced_is_out() {
    with_sessions(async |sessions| {
        let first = sessions.begin(anna(), None, TIMES).await.unwrap();
        let record = found(&sessions, first.key()).await.unwrap().unwrap();
        let second = renewed(&sessions, first.key(), &record).await;
        assert!(is_valid(&sessions, &second).await);
        assert_eq!(stored(&sessions, &first).await.stage, Stage::Retired);
        sessions.end(first.key()).await.unwrap();
        assert!(!is_valid(&sessions, &first).await);
        assert!(!is_valid(&sessions, &second).await);
    });
}

#[test]
fn the_times_of_another_form_are_not_those_of_a_session() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let mut record = stored(&sessions, &id).await;
        record.used -= 100;
        record.end -= 100;
        sessions
            .store
            .update(id.key(), record.clone())
            .await
            .unwrap();
        let longer = Times {
            idle: TIMES.whole,
            whole: 10 * TIMES.whole,
        };
        match sessions.look_up(id.key(), "wiki", longer, Now::read()) {
            Lookup::Known(_) => panic!("nobody has asked for it"),
            Lookup::Later(later) => assert!(later.await.unwrap().is_some()),
        }
        assert_eq!(stored(&sessions, &id).await, record);
    });
}

#[test]
fn shorter_times_are_those_of_sessions_that_began_before() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let mut record = stored(&sessions, &id).await;
        record.begin -= 1000;
        record.used -= 500;
        sessions
            .store
            .update(id.key(), record.clone())
            .await
            .unwrap();
        let lasts = async |idle, whole| {
            let times = Times {
                idle: Duration::from_secs(idle),
                whole: Duration::from_secs(whole),
            };
            forget(&sessions);
            match sessions.look_up(id.key(), "staff", times, Now::read()) {
                Lookup::Known(_) => true,
                Lookup::Later(later) => later.await.unwrap().is_some(),
            }
        };
        assert!(!lasts(400, 36_000).await);
        assert!(!lasts(1800, 900).await);
        assert!(lasts(1800, 36_000).await);
    });
}

#[test]
fn a_session_of_a_clock_that_was_put_back_ends_like_others() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let mut record = stored(&sessions, &id).await;
        let now = record.used;
        for time in [
            &mut record.begin,
            &mut record.used,
            &mut record.renewed,
            &mut record.end,
        ] {
            *time += 1_000_000_000;
        }
        sessions.store.update(id.key(), record).await.unwrap();
        assert!(is_valid(&sessions, &id).await);
        let record = stored(&sessions, &id).await;
        assert!(record.end <= Now::read().unix_seconds + TIMES.idle.as_secs());
        assert!(record.begin >= now && record.begin <= Now::read().unix_seconds);
        let hostile = Record {
            used: u64::MAX,
            end: u64::MAX,
            ..record
        };
        sessions.store.update(id.key(), hostile).await.unwrap();
        forget(&sessions);
        assert!(is_valid(&sessions, &id).await);
    });
}

#[test]
fn an_id_that_is_old_is_renewed_once() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let record = found(&sessions, id.key()).await.unwrap().unwrap();
        let claim = |now| sessions.claim_renewal(id.key(), &record, now);
        assert!(claim(record.renewed + RENEW_SECONDS - 1).is_none());
        let given_up = claim(record.renewed + RENEW_SECONDS);
        assert!(given_up.is_some());
        assert!(claim(record.renewed + RENEW_SECONDS).is_none());
        drop(given_up);
        let claimed = claim(record.renewed + RENEW_SECONDS).unwrap();
        sessions.renew(claimed, &record).await.unwrap();
        assert!(claim(record.renewed + RENEW_SECONDS).is_none());
    });
}

#[test]
fn two_processes_after_one_another_share_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    // Each run ends with all that it does beside the reactor, which holds the file.
    let id = net::run_alone(async {
        let sessions = Sessions::new(open(&path));
        sessions.begin(anna(), None, TIMES).await.unwrap()
    });
    net::run_alone(async {
        let sessions = Sessions::new(open(&path));
        assert!(is_valid(&sessions, &id).await);
    });
}

/// A store that does not answer.
#[derive(Debug)]
struct Gone;

impl Store for Gone {
    fn load(&self, _: Key) -> store::Pending<Option<Record>> {
        Box::pin(async { Err(Away) })
    }
    fn insert(&self, _: Key, _: Record) -> store::Pending<()> {
        Box::pin(async { Err(Away) })
    }
    fn update(&self, _: Key, _: Record) -> store::Pending<()> {
        Box::pin(async { Err(Away) })
    }
    fn remove(&self, _: Vec<Key>) -> store::Pending<()> {
        Box::pin(async { Err(Away) })
    }
}

/// The same sessions when the store does not answer and what it said is old.
fn gone(sessions: &Sessions, when_away: WhenAway, key: Key) -> Rc<Sessions> {
    sessions.shared.set_when_away(when_away);
    sessions.shared.see_again(key);
    Rc::new(Sessions {
        shared: Arc::clone(&sessions.shared),
        store: Rc::new(Gone),
    })
}

#[test]
fn while_the_store_is_away_nobody_is_known() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        assert!(is_valid(&sessions, &id).await);
        let gone = gone(&sessions, WhenAway::Refuse, id.key());
        assert_eq!(found(&gone, id.key()).await, Err(Away));
        assert_eq!(
            gone.begin(anna(), None, TIMES).await.err(),
            Some(Failure::Away)
        );
    });
}

#[test]
fn while_the_store_is_away_who_was_seen_may_be_remembered() {
    with_sessions(async |sessions| {
        let (seen, unseen) = (
            sessions.begin(anna(), None, TIMES).await.unwrap(),
            sessions.begin(anna(), None, TIMES).await.unwrap(),
        );
        assert!(is_valid(&sessions, &seen).await);
        let gone = gone(&sessions, WhenAway::Remember, seen.key());
        assert!(is_valid(&gone, &seen).await);
        assert_eq!(found(&gone, unseen.key()).await, Err(Away));
        let idle = sessions
            .shared
            .seen()
            .sessions
            .find(&seen.key())
            .map(|sight| {
                sight.used -= TIMES.idle.as_secs() + 1;
            });
        assert!(idle.is_some());
        assert_eq!(
            found(&gone, seen.key()).await,
            Err(Away),
            "it was idle too long"
        );
    });
}

#[test]
fn many_requests_at_once_are_one_question() {
    with_sessions(async |sessions| {
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let lookups: Vec<_> = (0..60)
            .map(
                |_| match sessions.look_up(id.key(), "staff", TIMES, Now::read()) {
                    Lookup::Later(later) => later,
                    Lookup::Known(_) => panic!("nobody asked the store"),
                },
            )
            .collect();
        assert_eq!(sessions.shared.seen().flights.len(), 1);
        for lookup in lookups {
            assert!(lookup.await.unwrap().is_some());
        }
        assert!(sessions.shared.seen().flights.is_empty());
    });
}

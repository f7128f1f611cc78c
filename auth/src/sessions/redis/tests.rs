//! With a real server of one's own for each test, on a port of its own.

use super::*;
use crate::sessions::record::SessionId;
use crate::sessions::tests::{TIMES, anna, forget, found, is_valid};
use crate::sessions::{Place, Sessions, SharedSessions, WhenAway};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

struct Server {
    folder: tempfile::TempDir,
    port: u16,
    password: Option<&'static str>,
    child: Option<Child>,
}

impl Server {
    /// `None` where there is no redis-server and no valkey-server.
    fn start(password: Option<&'static str>) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            port,
            password,
            child: None,
        };
        match server.resume() {
            true => Some(server),
            false => {
                eprintln!(
                    "SKIPPED: there is neither redis-server nor valkey-server (apt-get install redis-server)"
                );
                None
            }
        }
    }

    /// Starts it, again; what it had is in its file.
    fn resume(&mut self) -> bool {
        for program in ["redis-server", "valkey-server"] {
            let mut command = Command::new(program);
            command
                .args([
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    &self.port.to_string(),
                    "--save",
                    "",
                    "--appendonly",
                    "yes",
                ])
                .args(["--appendfsync", "always"])
                .current_dir(self.folder.path())
                .stdout(Stdio::null());
            if let Some(password) = self.password {
                command.args(["--requirepass", password]);
            }
            if let Ok(child) = command.spawn() {
                self.child = Some(child);
                while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
                    let ended = self.child.as_mut().unwrap().try_wait().unwrap();
                    assert!(ended.is_none(), "the server did not start");
                    thread::yield_now();
                }
                return true;
            }
        }
        false
    }

    /// As if its machine lost power.
    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// It takes connections and says nothing, or goes on.
    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn url(&self, database: u8) -> String {
        let password = self
            .password
            .map_or(String::new(), |password| format!(":{password}@"));
        format!("redis://{password}127.0.0.1:{}/{database}", self.port)
    }

    /// The sessions of a process, and what it complains of.
    fn process(&self, when_away: WhenAway) -> (Rc<Sessions>, mpsc::Receiver<String>) {
        process(&self.url(0), when_away)
    }

    async fn ask<T: FromRedisValue>(&self, database: u8, command: &mut Cmd) -> T {
        let client = Client::open(self.url(database)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn process(url: &str, when_away: WhenAway) -> (Rc<Sessions>, mpsc::Receiver<String>) {
    let (sender, complaints) = mpsc::channel();
    let complain: Complain = Arc::new(move |text: &str| sender.send(text.to_owned()).unwrap());
    let place = Place::Redis(Arc::new(RedisServer::new(url, complain).unwrap()));
    let shared = SharedSessions::new(place, when_away);
    (Sessions::new(Arc::new(shared)), complaints)
}

fn with_server<F: Future>(act: impl FnOnce(Server) -> F) {
    if let Some(server) = Server::start(None) {
        net::run_alone(async { act(server).await });
    }
}

#[test]
fn two_processes_share_sessions() {
    with_server(async |server| {
        let ((here, _a), (there, _b)) = (
            server.process(WhenAway::Refuse),
            server.process(WhenAway::Refuse),
        );
        let id = here.begin(anna(), None, TIMES).await.unwrap();
        assert_eq!(
            &*found(&there, id.key()).await.unwrap().unwrap().user,
            "anna"
        );
        here.end(id.key()).await.unwrap();
        assert!(!is_valid(&here, &id).await);
        // Within seconds the other asks again.
        forget(&there);
        assert!(!is_valid(&there, &id).await);
    });
}

#[test]
fn the_server_forgets_a_session_by_itself_when_it_ends() {
    with_server(async |server| {
        let (sessions, _complaints) = server.process(WhenAway::Refuse);
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let name = name(&id.key());
        assert!(name.starts_with("hansom:session:") && !name.contains(&id.text()));
        let seconds: u64 = server.ask(0, &mut Cmd::ttl(name)).await;
        assert!((1790..=1800).contains(&seconds), "{seconds}");
    });
}

#[test]
fn what_was_removed_does_not_come_back_by_an_update() {
    with_server(async |server| {
        let (sessions, _complaints) = server.process(WhenAway::Refuse);
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let record = sessions.store.load(id.key()).await.unwrap().unwrap();
        sessions.store.remove(vec![id.key()]).await.unwrap();
        sessions.store.update(id.key(), record).await.unwrap();
        assert_eq!(sessions.store.load(id.key()).await, Ok(None));
    });
}

#[test]
fn a_password_and_a_database_may_be_said() {
    let Some(server) = Server::start(Some("open-sesame")) else {
        return;
    };
    net::run_alone(async {
        let (sessions, _complaints) = process(&server.url(3), WhenAway::Refuse);
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        let count: u64 = server.ask(3, &mut Cmd::exists(name(&id.key()))).await;
        assert_eq!(count, 1);
        let wrong = server.url(3).replace("open", "close");
        let (sessions, complaints) = process(&wrong, WhenAway::Refuse);
        assert_eq!(found(&sessions, id.key()).await, Err(Away));
        let complaint = complaints.recv().unwrap();
        assert!(
            complaint.contains("127.0.0.1") && !complaint.contains("sesame"),
            "{complaint}"
        );
    });
}

#[test]
fn a_url_that_is_none_is_told_so() {
    for url in ["", "http://a", "redis://", "127.0.0.1"] {
        assert!(
            RedisServer::new(url, Arc::new(|_: &str| {})).is_err(),
            "{url}"
        );
    }
    let complain: Complain = Arc::new(|_: &str| {});
    let server = RedisServer::new("redis://u:secret@h/1", complain).unwrap();
    assert!(!format!("{server:?}").contains("secret"));
}

#[test]
fn a_server_that_is_not_there_is_away_and_told_once() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (sessions, complaints) = process(&format!("redis://127.0.0.1:{port}"), WhenAway::Refuse);
    net::run_alone(async {
        for _ in 0..20 {
            assert_eq!(found(&sessions, [1; 32]).await, Err(Away));
        }
    });
    assert_eq!(complaints.try_iter().count(), 1);
}

#[test]
fn a_server_that_restarts_between_two_requests_is_not_noticed() {
    with_server(async |mut server| {
        let (sessions, complaints) = server.process(WhenAway::Refuse);
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        server.stop();
        assert!(server.resume());
        // It may be loading its file; that is an answer, and no reason to connect again.
        while found(&sessions, id.key()).await == Err(Away) {
            net::sleep(Duration::from_millis(5)).await;
        }
        assert!(is_valid(&sessions, &id).await);
        assert!(
            complaints
                .try_iter()
                .all(|complaint| complaint.contains("oading"))
        );
    });
}

#[test]
fn a_server_that_comes_back_is_used_again() {
    with_server(async |mut server| {
        let (sessions, _complaints) = server.process(WhenAway::Refuse);
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        server.stop();
        assert_eq!(found(&sessions, id.key()).await, Err(Away));
        assert!(server.resume());
        while found(&sessions, id.key()).await == Err(Away) {
            net::sleep(Duration::from_millis(5)).await;
        }
        assert!(is_valid(&sessions, &id).await);
    });
}

#[test]
fn a_server_that_says_nothing_is_away() {
    with_server(async |server| {
        let (sessions, _complaints) = server.process(WhenAway::Refuse);
        let id = sessions.begin(anna(), None, TIMES).await.unwrap();
        server.signal("-STOP");
        assert_eq!(found(&sessions, id.key()).await, Err(Away));
        server.signal("-CONT");
        while found(&sessions, id.key()).await == Err(Away) {
            net::sleep(Duration::from_millis(5)).await;
        }
        assert!(is_valid(&sessions, &id).await);
    });
}

/// Asks without end while the server stops and starts; says how many were told that it is away, and how many of a session
/// that is there that there is none.
async fn under_load(mut server: Server, when_away: WhenAway) -> (usize, usize) {
    let (sessions, _complaints) = server.process(when_away);
    let id = sessions.begin(anna(), None, TIMES).await.unwrap();
    assert!(is_valid(&sessions, &id).await);
    let counts = Rc::new((Cell::new(0), Cell::new(0), Cell::new(0)));
    let is_over = Rc::new(Cell::new(false));
    let (flight, pilot) = Flight::start(());
    let pilot = Rc::new(pilot);
    for _ in 0..20 {
        let (sessions, counts, is_over) = (
            Rc::clone(&sessions),
            Rc::clone(&counts),
            Rc::clone(&is_over),
        );
        let (key, pilot) = (id.key(), Rc::clone(&pilot));
        net::spawn(async move {
            while !is_over.get() {
                sessions.shared.see_again(key);
                let count = match found(&sessions, key).await {
                    Ok(Some(_)) => &counts.0,
                    Ok(None) => &counts.1,
                    Err(Away) => &counts.2,
                };
                count.set(count.get() + 1);
                net::sleep(Duration::from_millis(1)).await;
            }
            drop(pilot);
        });
    }
    drop(pilot);
    let answers = || counts.0.get() + counts.1.get() + counts.2.get();
    for is_up in [false, true] {
        match is_up {
            false => server.stop(),
            true => assert!(server.resume()),
        }
        let before = answers();
        while answers() < before + 200 {
            net::sleep(Duration::from_millis(5)).await;
        }
    }
    while sessions.store.load(id.key()).await == Err(Away) {
        net::sleep(Duration::from_millis(5)).await;
    }
    is_over.set(true);
    flight.landed().await;
    forget(&sessions);
    assert!(is_valid(&sessions, &id).await);
    (counts.2.get(), counts.1.get())
}

#[test]
fn while_it_stops_and_starts_nobody_is_taken_for_a_stranger() {
    with_server(async |server| {
        let (away, strangers) = under_load(server, WhenAway::Refuse).await;
        assert!(away > 0 && strangers == 0, "{away} {strangers}");
    });
}

#[test]
fn while_it_stops_and_starts_who_was_seen_goes_on_if_so_chosen() {
    with_server(async |server| {
        assert_eq!(under_load(server, WhenAway::Remember).await, (0, 0));
    });
}

#[test]
fn what_a_server_says_does_nothing_to_a_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut octets = [0; 4096];
        while stream.read(&mut octets).is_ok_and(|count| count > 0) {
            let _ = stream.write_all(&b"-OOM \x1b[2J\r\n".repeat(4));
        }
    });
    let (sessions, complaints) = process(&format!("redis://127.0.0.1:{port}"), WhenAway::Refuse);
    net::run_alone(async {
        let key = SessionId::new().unwrap().key();
        assert_eq!(found(&sessions, key).await, Err(Away));
    });
    let complaint = complaints.recv().unwrap();
    assert!(
        complaint.contains("[2J") && !complaint.contains('\x1b'),
        "{complaint:?}"
    );
}

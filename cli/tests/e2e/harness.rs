//! A running program, and a client that says exactly what a test says.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tempfile::TempDir;
use testkit::raw::response::{self, AnswerTo, Progress, Response};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// The program, and the folder that it runs in: `site/` is what it serves, `log` what it writes to standard output.
#[derive(Debug)]
pub(crate) struct Hansom {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    said: Mutex<Receiver<String>>,
    place: Place,
}

/// A folder of its own for each test.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    /// `site/` with an index file.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        place.with("site/index.html", "<!doctype html><title>a</title>")
    }

    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(path, content).expect("the file can be written");
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// `hansom serve site` on a free port, with more arguments.
    pub(crate) fn serve(self, args: &[&str]) -> Hansom {
        let mut command = self.command();
        command
            .args(["serve", "site", "--listen", "0", "--workers", "1"])
            .args(args);
        self.start(command)
    }

    /// `hansom run` of this configuration; it says where to listen by itself if it says so at all.
    pub(crate) fn run(self, configuration: &str) -> Hansom {
        let place = self.with("hansom.toml", configuration);
        let mut command = place.command();
        command.args(["run", "--listen", "0"]);
        place.start(command)
    }

    /// The program, in this folder.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hansom"));
        command.current_dir(self.path());
        command
    }

    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(self, mut command: Command) -> Hansom {
        let log = File::create(self.path().join("log")).expect("a log");
        command.stdout(log);
        self.start_as_it_is(command)
    }

    /// The same, with its standard output in a pipe.
    pub(crate) fn start_piped(self, mut command: Command) -> (Hansom, ChildStdout) {
        command.stdout(Stdio::piped());
        let mut hansom = self.start_as_it_is(command);
        let out = hansom.child.stdout.take().expect("stdout is piped");
        (hansom, out)
    }

    fn start_as_it_is(self, mut command: Command) -> Hansom {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let (sender, said) = channel();
        thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| drop(sender.send(line)))
        });
        let mut hansom = Hansom {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            said: Mutex::new(said),
            place: self,
        };
        let mut line = hansom.next_said();
        while line.starts_with("warning: ") {
            line = hansom.next_said();
        }
        if let Some((_, rest)) = line.split_once("://") {
            let authority = rest.trim_end_matches('/');
            hansom.address = authority.parse().expect("an address");
        } else {
            assert!(line.starts_with("unix:"), "it did not listen: {line}");
        }
        hansom
    }
}

impl Hansom {
    /// A folder with an index file, served.
    pub(crate) fn plain(args: &[&str]) -> Self {
        Place::new().serve(args)
    }

    /// The next line on standard error.
    pub(crate) fn next_said(&mut self) -> String {
        let said = self.said.get_mut().expect("nobody panicked with it");
        said.recv_timeout(PATIENCE)
            .expect("it says something on standard error")
    }

    pub(crate) fn site(&self, name: &str) -> PathBuf {
        self.place.path().join("site").join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connect(&self) -> Client {
        Self::client(self.address)
    }

    /// A client of an address that it also listens on.
    pub(crate) fn client(address: SocketAddr) -> Client {
        Self::client_of(TcpStream::connect(address).expect("it accepts"))
    }

    /// A client on a connection that was made already.
    pub(crate) fn client_of(stream: TcpStream) -> Client {
        stream.set_nodelay(true).expect("an option");
        Client::of(stream)
    }

    /// A client whose kernel takes little before it is read from.
    pub(crate) fn connect_narrow(&self) -> Client {
        let socket =
            Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("an option");
        socket.connect(&self.address.into()).expect("it accepts");
        Client::of(socket.into())
    }

    /// One answer on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> Response {
        let mut client = self.connect();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ));
        client.answer()
    }

    /// What it has written to standard output so far.
    pub(crate) fn log(&self) -> String {
        let octets = fs::read(self.place.path().join("log")).expect("a log");
        String::from_utf8(octets).expect("a log is text")
    }

    /// The lines of the log as soon as there are so many.
    pub(crate) fn log_lines(&self, count: usize) -> Vec<String> {
        until("the log has its lines", || {
            let log = self.log();
            let lines: Vec<_> = log.lines().map(str::to_owned).collect();
            (log.ends_with('\n') && lines.len() >= count).then_some(lines)
        })
    }

    pub(crate) fn log_records(&self, count: usize) -> Vec<serde_json::Value> {
        self.log_lines(count)
            .iter()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.id(), signal).expect("it runs");
    }

    pub(crate) fn id(&self) -> rustix::process::Pid {
        let id = i32::try_from(self.child.id()).expect("a process");
        rustix::process::Pid::from_raw(id).expect("a process")
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("it ends", || self.child.try_wait().expect("its status"))
    }

    /// Kills it (SIGKILL); its folder stays as it is.
    pub(crate) fn killed(mut self) -> Place {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        std::mem::replace(
            &mut self.place,
            Place(tempfile::tempdir().expect("a folder")),
        )
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// Memory that is its own, in octets.
    pub(crate) fn memory(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .expect("its memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("KiB");
        kib * 1024
    }

    /// Processor time used so far, in ticks of 10 ms.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("a name");
        let numbers: Vec<u64> = fields
            .split(' ')
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        numbers[11] + numbers[12]
    }

    /// Its threads.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.child.id()))
            .expect("its threads")
            .count()
    }

    /// Files it holds open that match.
    pub(crate) fn open_files(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .expect("its descriptors")
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .filter(|path| is_meant(&path.to_string_lossy()))
            .count()
    }
}

impl Drop for Hansom {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
}

/// A client that sends what it is told, and reads answers strictly.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    held: Vec<u8>,
}

impl Client {
    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        stream.set_write_timeout(Some(PATIENCE)).expect("an option");
        let held = Vec::new();
        Self { stream, held }
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).expect("it reads");
    }

    /// Sends although the server may have closed.
    pub(crate) fn try_send(&mut self, octets: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(octets.as_ref())
    }

    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        self.answer()
    }

    pub(crate) fn end_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }

    /// Breaks the connection off.
    pub(crate) fn reset(self) {
        let socket = Socket::from(self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("an option");
    }

    pub(crate) fn answer(&mut self) -> Response {
        self.answer_to(AnswerTo::Other)
    }

    pub(crate) fn answer_to(&mut self, answer_to: AnswerTo) -> Response {
        let mut at_end = false;
        loop {
            match response::parse(&self.held, answer_to, at_end).expect("a strict response") {
                Progress::Complete(response, taken) => {
                    self.held.drain(..taken);
                    return response;
                }
                Progress::Partial => {
                    let held = String::from_utf8_lossy(&self.held[..self.held.len().min(300)]);
                    assert!(!at_end, "the connection ended within an answer: {held:?}");
                }
            }
            at_end = self.read_some().expect("an answer") == 0;
        }
    }

    /// Waits for an answer; `false` if the connection ends first.
    pub(crate) fn try_answer(&mut self) -> bool {
        self.answer_if_any().is_some()
    }

    /// Waits for an answer; `None` if the connection ends first.
    pub(crate) fn answer_if_any(&mut self) -> Option<Response> {
        loop {
            if let Ok(Progress::Complete(response, taken)) =
                response::parse(&self.held, AnswerTo::Other, false)
            {
                self.held.drain(..taken);
                return Some(response);
            }
            if !self.read_some().is_ok_and(|count| count > 0) {
                return None;
            }
        }
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let mut octets = vec![0; 64 << 10];
        let count = self.stream.read(&mut octets)?;
        self.held.extend_from_slice(&octets[..count]);
        Ok(count)
    }

    /// Reads so many octets as they come, without parsing.
    pub(crate) fn octets(&mut self, count: usize) -> Vec<u8> {
        while self.held.len() < count {
            assert_ne!(
                self.read_some().expect("octets"),
                0,
                "the connection ended early"
            );
        }
        self.held.drain(..count).collect()
    }

    /// All that still comes, and how the connection ends then.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        let end = loop {
            match self.read_some() {
                Ok(0) => break End::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break End::Reset,
                Err(error) => panic!("the connection does not end: {error}"),
            }
        };
        (std::mem::take(&mut self.held), end)
    }

    /// Reads to the end, however that comes.
    pub(crate) fn try_rest(&mut self) {
        while self.read_some().is_ok_and(|count| count > 0) {}
    }

    /// Expects the end of the connection without another octet.
    pub(crate) fn closed(&mut self) {
        let (rest, end) = self.rest();
        assert_eq!(
            (String::from_utf8_lossy(&rest).as_ref(), end),
            ("", End::Closed)
        );
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Octets in which no part is like another.
pub(crate) fn varied(count: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}

/// Whether two contents are equal; without printing megabytes.
pub(crate) fn assert_same(left: &[u8], right: &[u8]) {
    assert_eq!(left.len(), right.len(), "lengths");
    assert!(left == right, "the octets differ");
}

pub(crate) const ECHO: &str = "\
[server]
workers = 1
[[site]]
root = \"site\"
[[site.route]]
path = \"/echo\"
handler = \"echo\"
[[site.route]]
path = \"/wire.json\"
handler = \"wire\"
";

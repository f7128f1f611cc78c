//! WebSocket through a gateway, between programs that others wrote: the `websockets` of Python and what Node.js has built in.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::{Hansom, Place};

/// Echoes whatever comes, and says its port.
const SERVER: &str = "\
import asyncio, websockets
async def echo(socket, *_):
    async for message in socket:
        await socket.send(message)
async def main():
    async with websockets.serve(echo, '127.0.0.1', 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
";

/// Sends messages of many lengths, some at once, and checks what comes back.
const CLIENT: &str = "\
import asyncio, os, ssl, sys, websockets
async def main(url):
    secured = ssl._create_unverified_context() if url.startswith('wss') else None
    async with websockets.connect(url, ssl=secured, max_size=None) as socket:
        for octets in (0, 1, 125, 126, 65535, 65536, 3000000):
            message = os.urandom(octets)
            await socket.send(message)
            assert await socket.recv() == message, octets
        texts = [f'text {number}' for number in range(100)]
        for text in texts:
            await socket.send(text)
        assert [await socket.recv() for _ in texts] == texts
        await (await socket.ping())
    print(socket.close_code)
asyncio.run(main(sys.argv[1]))
";

const NODE: &str = "\
const socket = new WebSocket(process.argv[1]);
const sent = ['a', 'b'.repeat(200), 'c'.repeat(100000)];
const received = [];
socket.onopen = () => sent.forEach((text) => socket.send(text));
socket.onerror = (event) => { console.log('failed', event.message); process.exit(1); };
socket.onmessage = (event) => {
  received.push(event.data);
  if (received.length == sent.length) socket.close(1000);
};
socket.onclose = (event) => {
  console.log(event.code, JSON.stringify(received) == JSON.stringify(sent));
  process.exit(0);
};
";

/// A server of WebSocket, until it is dropped.
struct Echo {
    child: Child,
    url: String,
}

impl Echo {
    fn start() -> Self {
        let mut child = Command::new(PYTHON)
            .args(["-c", SERVER])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 and python3-websockets are there");
        let out = child.stdout.take().expect("stdout is piped");
        let mut port = String::new();
        BufReader::new(out)
            .read_line(&mut port)
            .expect("it says its port");
        let url = format!("http://127.0.0.1:{}", port.trim());
        Self { child, url }
    }

    fn behind(&self, more: &[&str]) -> Hansom {
        let place = Place::new();
        let mut command = place.command();
        command
            .args(["gateway", "--listen", "0", "--to", &self.url])
            .args(more);
        place.start(command)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one that Debian's packages are for.
const PYTHON: &str = "/usr/bin/python3";

fn says(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .expect("the program is there");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_client_of_python_talks_to_its_server() {
    let echo = Echo::start();
    let hansom = echo.behind(&[]);
    let url = format!("ws://{}/chat?room=1", hansom.address);
    assert_eq!(says(PYTHON, &["-c", CLIENT, &url]), "1000");
    let records = hansom.log_records(1);
    assert_eq!(records[0]["status"], 101, "{records:?}");
    assert_eq!(records[0]["complete"], true, "{records:?}");
    assert!(
        records[0]["octets"].as_u64() > Some(3_000_000),
        "{records:?}"
    );
    assert!(
        records[0]["request_octets"].as_u64() > Some(3_000_000),
        "{records:?}"
    );
}

#[test]
fn a_client_of_python_talks_to_it_by_tls() {
    let echo = Echo::start();
    let hansom = echo.behind(&["--tls-self-signed"]);
    let url = format!("wss://{}/chat", hansom.address);
    assert_eq!(says(PYTHON, &["-c", CLIENT, &url]), "1000");
    let records = hansom.log_records(1);
    assert_eq!(records[0]["status"], 101, "{records:?}");
    assert_eq!(records[0]["complete"], true, "{records:?}");
}

#[test]
fn a_client_of_node_talks_to_it() {
    // Where it is too old for that, or not installed, it is not asked.
    let mut knows = Command::new("node");
    let knows = knows
        .args([
            "--experimental-websocket",
            "-e",
            "new WebSocket('ws://a').onerror = () => {}",
        ])
        .output();
    if !knows.is_ok_and(|output| output.status.success()) {
        return;
    }
    let echo = Echo::start();
    let hansom = echo.behind(&[]);
    let url = format!("ws://{}/", hansom.address);
    let said = says("node", &["--experimental-websocket", "-e", NODE, &url]);
    assert_eq!(said, "1000 true");
}

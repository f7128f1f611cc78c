//! A real user agent that talks WebSocket to a server behind a gateway, beside the page that the gateway serves itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use hansom_browser::{Browser, Server, Settings, wait_for};

/// Echoes whatever comes, and says its port.
const ECHO: &str = "\
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

const PAGE: &str = "\
<!doctype html><html lang=en><meta charset=utf-8><title>chat</title><script>
const sent = ['a', 'ä'.repeat(1000), 'c'.repeat(300000)], received = [];
const socket = new WebSocket('ws://' + location.host + '/chat');
socket.onopen = () => sent.forEach((text) => socket.send(text));
socket.onmessage = (event) => {
  received.push(event.data);
  if (received.length == sent.length) socket.close(1000, 'done');
};
socket.onclose = (event) => {
  window.told = event.code + ' ' + event.reason + ' ' + (JSON.stringify(received) == JSON.stringify(sent));
};
</script>";

struct Echo(Child);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn echo() -> (Echo, u16) {
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", ECHO])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 and python3-websockets are there");
    let out = child.stdout.take().expect("stdout is piped");
    let echo = Echo(child);
    let mut port = String::new();
    BufReader::new(out)
        .read_line(&mut port)
        .expect("it says its port");
    (echo, port.trim().parse().expect("a port"))
}

#[test]
fn a_page_talks_to_a_server_behind_the_gateway() {
    let (_echo, port) = echo();
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("site")).expect("a folder");
    fs::write(folder.path().join("site/index.html"), PAGE).expect("a page");
    let configuration = format!(
        "[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/chat\"\nhandler = \"gateway\"\n\
         to = [\"http://127.0.0.1:{port}\"]\nupgrade = [\"websocket\"]\n"
    );
    let server = Server::run(folder.path(), &configuration, &[]);
    let browser = Browser::start_with(Settings::default());
    browser.open(&server.at("/"));
    let told = wait_for("the end of the conversation", || {
        let told = browser.try_value("window.told")?;
        told.as_str()
            .map(str::to_owned)
            .ok_or_else(|| told.to_string())
    });
    assert_eq!(told, "1000 done true");
}

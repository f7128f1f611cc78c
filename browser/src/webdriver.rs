//! Just enough of a WebDriver client: JSON commands over HTTP/1.1, a connection each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Sends a command to the driver on a port of 127.0.0.1 and gives the `value` of its answer.
pub(crate) fn command(
    port: u16,
    method: &str,
    target: &str,
    parameters: Option<&Value>,
) -> Result<Value, String> {
    let content = parameters.map(Value::to_string).unwrap_or_default();
    let answer = exchange(port, method, target, &content)
        .map_err(|error| format!("{method} {target}: {error}"))?;
    // The driver may keep the connection open whatever is asked: the content is as long as Content-Length says.
    let content = content_of(&answer)
        .ok_or_else(|| format!("{method} {target}: the answer of the driver is cut short"))?;
    let mut answer: Value =
        serde_json::from_slice(content).map_err(|error| format!("{method} {target}: {error}"))?;
    let value = answer["value"].take();
    match value.get("error").and_then(Value::as_str) {
        Some(error) => Err(format!(
            "{method} {target}: {error}: {}",
            value["message"].as_str().unwrap_or_default()
        )),
        None => Ok(value),
    }
}

fn exchange(port: u16, method: &str, target: &str, content: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    stream.write_all(&[head.as_bytes(), content.as_bytes()].concat())?;
    let mut answer = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    while content_of(&answer).is_none() {
        match stream.read(&mut chunk)? {
            0 => break,
            length => answer.extend_from_slice(&chunk[..length]),
        }
    }
    Ok(answer)
}

/// The content, once all of it is there.
fn content_of(answer: &[u8]) -> Option<&[u8]> {
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..head_end]).to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))?
        .trim()
        .parse()
        .ok()?;
    answer.get(head_end..head_end.checked_add(length)?)
}

const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::content_of;

    #[test]
    fn content_is_given_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(content_of(answer), Some(&b"{}"[..]));
        assert!((0..answer.len()).all(|cut| content_of(&answer[..cut]).is_none()));
    }
}

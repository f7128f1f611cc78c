use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    (stream.try_into().unwrap(), client)
}

/// Advances until the flow has ended or failed, however often nothing can be done.
fn drive(
    flow: &mut Flow,
    source: &mut Stream,
    target: &mut Stream,
    buffer: &mut [u8],
) -> Result<(), FlowError> {
    loop {
        let ready = [const { Cell::new(true) }; 4];
        let mut from = End::new(source, &ready[0], &ready[1], false);
        let mut to = End::new(target, &ready[2], &ready[3], false);
        match flow.advance(&mut from, &mut to, buffer)? {
            Flowed::Ended => return Ok(()),
            Flowed::Enough => {}
            Flowed::Waiting => thread::yield_now(),
        }
    }
}

fn octets(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn all_that_was_sent_comes_and_the_end_behind_it() {
    for buffer_octets in [1 << 10, 64 << 10] {
        let (mut source, mut sender) = pair();
        let (mut target, mut recipient) = pair();
        let sent = octets(8 << 20);
        let sending = sent.clone();
        let sender = thread::spawn(move || sender.write_all(&sending).unwrap());
        let recipient = thread::spawn(move || {
            let mut received = Vec::new();
            recipient.read_to_end(&mut received).unwrap();
            received
        });
        let mut flow = Flow::with(b"early".to_vec());
        let mut buffer = vec![0; buffer_octets];
        drive(&mut flow, &mut source, &mut target, &mut buffer).unwrap();
        sender.join().unwrap();
        let received = recipient.join().unwrap();
        assert_eq!(flow.octets(), received.len() as u64);
        assert!(received.strip_prefix(b"early").unwrap() == sent);
    }
}

#[test]
fn a_recipient_that_takes_nothing_stops_the_sender() {
    let (mut source, mut sender) = pair();
    let (mut target, _recipient) = pair();
    sender.set_nonblocking(true).unwrap();
    let mut flow = Flow::default();
    let mut buffer = vec![0; 4096];
    let piece = octets(64 << 10);
    let ready = [const { Cell::new(true) }; 4];
    let mut refused = 0;
    // The system's queues on both sides fill up; what the flow holds beside them is one window.
    while refused < 100 {
        match sender.write(&piece) {
            Ok(_) => refused = 0,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refused += 1;
            }
        }
        ready.iter().for_each(|it| it.set(true));
        let mut from = End::new(&mut source, &ready[0], &ready[1], false);
        let mut to = End::new(&mut target, &ready[2], &ready[3], false);
        let flowed = flow.advance(&mut from, &mut to, &mut buffer).unwrap();
        assert_ne!(flowed, Flowed::Ended);
    }
    match &flow.held {
        Held::Nothing => {}
        Held::Memory { octets, .. } => assert!(octets.len() <= buffer.len()),
        Held::Pipe(pipe) => assert!(pipe.octets() <= 256 << 10),
    }
}

#[test]
fn a_flow_in_which_nothing_is_in_flight_holds_nothing() {
    let (mut source, mut sender) = pair();
    let (mut target, mut recipient) = pair();
    let mut flow = Flow::default();
    let mut buffer = vec![0; 16];
    sender.write_all(b"hello, hello, hello, hello").unwrap();
    let mut received = [0; 26];
    recipient.set_nonblocking(true).unwrap();
    let mut len = 0;
    while len < received.len() {
        let ready = [const { Cell::new(true) }; 4];
        let mut from = End::new(&mut source, &ready[0], &ready[1], false);
        let mut to = End::new(&mut target, &ready[2], &ready[3], false);
        flow.advance(&mut from, &mut to, &mut buffer).unwrap();
        len += recipient.read(&mut received[len..]).unwrap_or(0);
    }
    assert!(matches!(flow.held, Held::Nothing));
    assert_eq!(&received, b"hello, hello, hello, hello");
}

#[test]
fn it_is_told_which_end_has_failed() {
    let (mut source, sender) = pair();
    let (mut target, recipient) = pair();
    let mut buffer = vec![0; 4096];
    let sender: Stream = sender.try_into().unwrap();
    sender.reset();
    let failed = drive(&mut Flow::default(), &mut source, &mut target, &mut buffer);
    assert!(matches!(failed, Err(FlowError::Source(_))));

    let (mut source, mut sender) = pair();
    let recipient: Stream = recipient.try_into().unwrap();
    recipient.reset();
    sender.write_all(&octets(100)).unwrap();
    let failed = drive(&mut Flow::default(), &mut source, &mut target, &mut buffer);
    assert!(matches!(failed, Err(FlowError::Target(_))));
}

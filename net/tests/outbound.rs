//! Connections that a worker makes, with real sockets and threads.

mod common;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use common::on_worker;
use hansom_net::{Address, More, Outbound, Peer, Rest, Stream, blocking, run_alone, spawn};

/// The same future as a task of the runtime, which runs while the reactor sleeps.
fn as_task<T: Send + 'static, F: Future<Output = T> + 'static>(
    job: impl FnOnce() -> F + Send + 'static,
) -> T {
    on_worker(move || async move {
        let work = job();
        let (result, waiting) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None::<Waker>)));
        let (to, wakes) = (Rc::clone(&result), Rc::clone(&waiting));
        spawn(async move {
            to.set(Some(work.await));
            wakes.take().unwrap().wake();
        });
        poll_fn(|cx| {
            waiting.set(Some(cx.waker().clone()));
            result.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    })
}

/// A server that does this with its only connection, and its address.
fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Address, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().into();
    let serving = thread::spawn(move || serve(listener.accept().unwrap().0));
    (address, serving)
}

async fn receive(outbound: &mut Outbound, octets: &mut [u8]) -> std::io::Result<(usize, Rest)> {
    let received = poll_fn(|cx| outbound.poll_receive(cx, octets)).await?;
    Ok((received.octets, received.rest))
}

async fn transmit(outbound: &mut Outbound, octets: &[u8]) -> std::io::Result<usize> {
    poll_fn(|cx| outbound.poll_transmit(cx, octets, More::No)).await
}

async fn receive_all(outbound: &mut Outbound) -> std::io::Result<Vec<u8>> {
    let (mut all, mut octets) = (Vec::new(), [0; 1000]);
    loop {
        match receive(outbound, &mut octets).await? {
            (_, Rest::Ended) => return Ok(all),
            (count, _) => all.extend_from_slice(&octets[..count]),
        }
    }
}

async fn until_disturbed(outbound: &mut Outbound) {
    while outbound.is_quiet() {
        hansom_net::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// Says what it hears, backwards, after its end.
fn backwards(mut stream: impl Read + Write) {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all.reverse();
    stream.write_all(&all).unwrap();
}

async fn say_and_hear(address: Address) -> Vec<u8> {
    let mut outbound = Outbound::connect(&address, None).await.unwrap();
    let slices = [IoSlice::new(b"hel"), IoSlice::new(b"lo")];
    let sent = poll_fn(|cx| outbound.poll_transmit_vectored(cx, &slices, More::No)).await;
    assert_eq!(sent.unwrap(), 5);
    outbound.shutdown_transmit().unwrap();
    let all = receive_all(&mut outbound).await.unwrap();
    outbound.close();
    all
}

#[test]
fn octets_go_both_ways_over_tcp_and_each_half_ends_by_itself() {
    let (address, serving) = server(backwards);
    assert_eq!(on_worker(|| say_and_hear(address)), b"olleh");
    serving.join().unwrap();
}

#[test]
fn octets_go_both_ways_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = thread::spawn(move || backwards(listener.accept().unwrap().0));
    assert_eq!(on_worker(|| say_and_hear(Address::Unix(path))), b"olleh");
    serving.join().unwrap();
}

#[test]
fn a_task_of_the_runtime_may_hold_one_too() {
    let (address, serving) = server(backwards);
    assert_eq!(as_task(|| say_and_hear(address)), b"olleh");
    serving.join().unwrap();
}

#[test]
fn both_ends_have_their_addresses() {
    let (address, serving) = server(|stream| stream.peer_addr().unwrap());
    let asked = address.clone();
    let (local, peer) = on_worker(move || async move {
        let mut outbound = Outbound::connect(&asked, None).await.unwrap();
        receive_all(&mut outbound).await.unwrap();
        (outbound.local(), outbound.peer())
    });
    let Address::Inet(inet) = address else {
        panic!()
    };
    assert_eq!(local, Some(serving.join().unwrap()));
    assert_eq!(peer, Peer::from(inet));
}

/// Of what kind the error is with which connecting fails.
fn failure(address: Address) -> ErrorKind {
    on_worker(|| async move {
        let failed = Outbound::connect(&address, None).await;
        failed.map(drop).unwrap_err().kind()
    })
}

#[test]
fn who_does_not_listen_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(failure(address.into()), ErrorKind::ConnectionRefused);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    assert_eq!(failure(Address::Unix(path.clone())), ErrorKind::NotFound);
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(failure(Address::Unix(path)), ErrorKind::ConnectionRefused);
}

#[test]
fn a_network_that_is_not_reached_is_told() {
    let address: SocketAddr = "255.255.255.255:9".parse().unwrap();
    assert_eq!(failure(address.into()), ErrorKind::NetworkUnreachable);
}

#[test]
fn outside_a_worker_nothing_is_connected() {
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let failed = run_alone(async { Outbound::connect(&address.into(), None).await });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn an_end_right_behind_the_last_octets_is_seen() {
    let (address, serving) = server(|mut stream| stream.write_all(b"bye").unwrap());
    let all = on_worker(|| async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        let all = receive_all(&mut outbound).await.unwrap();
        assert!(!outbound.is_quiet());
        // Who asks again hears the same.
        let again = receive(&mut outbound, &mut [0]).await.unwrap();
        assert_eq!(again, (0, Rest::Ended));
        all
    });
    assert_eq!(all, b"bye");
    serving.join().unwrap();
}

#[test]
fn a_reset_is_an_error_of_whoever_waits() {
    let (address, serving) = server(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        Stream::try_from(stream).unwrap().reset();
    });
    let kind = on_worker(|| async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        transmit(&mut outbound, b"x").await.unwrap();
        receive(&mut outbound, &mut [0]).await.unwrap_err().kind()
    });
    assert_eq!(kind, ErrorKind::ConnectionReset);
    serving.join().unwrap();
}

#[test]
fn our_reset_is_seen_as_one() {
    let (address, serving) = server(|mut stream| stream.read(&mut [0]).unwrap_err().kind());
    on_worker(|| async move {
        Outbound::connect(&address, None).await.unwrap().reset();
    });
    assert_eq!(serving.join().unwrap(), ErrorKind::ConnectionReset);
}

#[test]
fn what_the_system_does_not_take_at_once_is_transmitted_later() {
    const OCTETS: usize = 24 << 20;
    let (start, may_start) = mpsc::channel();
    let (address, serving) = server(move |mut stream| {
        may_start.recv().unwrap();
        let mut sum = 0u64;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        for (i, octet) in all.iter().enumerate() {
            sum += u64::from(*octet == (i % 251) as u8);
        }
        sum
    });
    let parts = on_worker(move || async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        let all: Vec<u8> = (0..OCTETS).map(|i| (i % 251) as u8).collect();
        let (mut sent, mut parts) = (0, 0);
        while sent < OCTETS {
            sent += transmit(&mut outbound, &all[sent..]).await.unwrap();
            parts += 1;
            // It has taken part: the rest has to wait for the other end.
            let _ = start.send(());
        }
        parts
    });
    assert!(parts > 1);
    assert_eq!(serving.join().unwrap(), OCTETS as u64);
}

#[test]
fn waiting_to_receive_ends_when_it_is_late() {
    let late = |address: Address| async move {
        let mut outbound = Outbound::connect(&address, Some(60_000)).await.unwrap();
        outbound.limit_wait(Some(1));
        let kind = receive(&mut outbound, &mut [0]).await.unwrap_err().kind();
        // From here on without a bound: what comes is received.
        outbound.limit_wait(None);
        transmit(&mut outbound, b"x").await.unwrap();
        assert_eq!(receive_all(&mut outbound).await.unwrap(), b"at last");
        kind
    };
    let answer_once_asked = |mut stream: TcpStream| {
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(b"at last").unwrap();
    };
    let (address, serving) = server(answer_once_asked);
    assert_eq!(on_worker(move || late(address)), ErrorKind::TimedOut);
    serving.join().unwrap();
    let (address, serving) = server(answer_once_asked);
    assert_eq!(as_task(move || late(address)), ErrorKind::TimedOut);
    serving.join().unwrap();
}

#[test]
fn waiting_to_transmit_ends_when_it_is_late() {
    let (done, is_done) = mpsc::channel::<()>();
    let (address, serving) = server(move |_stream| is_done.recv());
    let kind = on_worker(|| async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        outbound.limit_wait(Some(1));
        let block = vec![0; 1 << 20];
        loop {
            if let Err(error) = transmit(&mut outbound, &block).await {
                return error.kind();
            }
        }
    });
    assert_eq!(kind, ErrorKind::TimedOut);
    drop(done);
    assert!(serving.join().unwrap().is_err());
}

#[test]
fn what_has_come_is_received_however_late_it_is() {
    let (sent, is_sent) = mpsc::channel();
    let (address, serving) = server(move |mut stream| {
        stream.write_all(b"x").unwrap();
        sent.send(()).unwrap();
        stream.read(&mut [0]).unwrap()
    });
    let (silent, still) = server(|mut stream| stream.read(&mut [0]).unwrap());
    on_worker(|| async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        let mut other = Outbound::connect(&silent, None).await.unwrap();
        blocking(move || is_sent.recv().unwrap()).await.unwrap();
        outbound.limit_wait(Some(0));
        // Its time is not over before the first one's.
        other.limit_wait(Some(0));
        let failed = receive(&mut other, &mut [0]).await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::TimedOut);
        let received = receive(&mut outbound, &mut [0; 2]).await.unwrap();
        assert_eq!(received, (1, Rest::Drained));
    });
    assert_eq!(serving.join().unwrap(), 0);
    assert_eq!(still.join().unwrap(), 0);
}

#[test]
fn connecting_ends_when_it_is_late() {
    // A queue of one: the system answers nobody else.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&loopback.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _first = TcpStream::connect(address).unwrap();
    let kind = on_worker(move || async move {
        let failed = Outbound::connect(&address.into(), Some(1)).await;
        failed.map(drop).unwrap_err().kind()
    });
    assert_eq!(kind, ErrorKind::TimedOut);
}

#[test]
fn a_full_queue_of_a_unix_socket_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    socket.listen(0).unwrap();
    let first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let all = on_worker(move || async move {
        let address = Address::Unix(path);
        let failed = Outbound::connect(&address, Some(1)).await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::TimedOut);
        let listener = socket.try_clone().unwrap();
        let serving = thread::spawn(move || {
            drop(listener.accept().unwrap());
            let (stream, _) = listener.accept().unwrap();
            (&stream).write_all(b"room").unwrap();
        });
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        let all = receive_all(&mut outbound).await.unwrap();
        serving.join().unwrap();
        all
    });
    assert_eq!(all, b"room");
    drop(first);
}

#[test]
fn an_idle_one_is_quiet_until_something_comes_or_the_peer_closes() {
    let (address, serving) = server(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(b"?").unwrap();
        stream.read(&mut [0]).unwrap()
    });
    on_worker(|| async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        assert!(outbound.is_quiet());
        transmit(&mut outbound, b"x").await.unwrap();
        until_disturbed(&mut outbound).await;
    });
    assert_eq!(serving.join().unwrap(), 0);
    let (address, serving) = server(drop);
    on_worker(|| async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        until_disturbed(&mut outbound).await;
    });
    serving.join().unwrap();
}

#[test]
fn octets_that_fill_the_buffer_exactly_leave_it_quiet() {
    let (address, serving) = server(|mut stream| {
        stream.write_all(b"full").unwrap();
        stream.read(&mut [0]).unwrap()
    });
    on_worker(|| async move {
        let mut outbound = Outbound::connect(&address, None).await.unwrap();
        let received = receive(&mut outbound, &mut [0; 4]).await.unwrap();
        assert_eq!(received, (4, Rest::More));
        assert!(outbound.is_quiet());
    });
    assert_eq!(serving.join().unwrap(), 0);
}

#[test]
fn places_of_connections_that_are_gone_are_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = listener.local_addr().unwrap().into();
    let serving = thread::spawn(move || {
        for stream in listener.incoming().take(200) {
            stream.unwrap().write_all(b"x").unwrap();
        }
    });
    on_worker(|| async move {
        for i in 0..200 {
            let mut outbound = Outbound::connect(&address, Some(60_000)).await.unwrap();
            if i % 2 == 0 {
                // The others go with their events on the way, and their timers set.
                assert_eq!(receive_all(&mut outbound).await.unwrap(), b"x");
            }
        }
    });
    serving.join().unwrap();
}

/// An address that answers nothing: a listener whose queue is full. It is so for as long as both are held.
fn silent() -> (Address, TcpListener, Vec<TcpStream>) {
    use std::time::Duration;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let loopback: SocketAddr = "127.0.0.2:0".parse().unwrap();
    socket.bind(&loopback.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let filled = std::iter::from_fn(|| connect().ok()).collect();
    (address.into(), listener, filled)
}

#[test]
fn the_first_address_that_answers_is_taken() {
    let (silent, _listener, _filled) = silent();
    let refused: Address = {
        let listener = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0"));
        listener.unwrap().local_addr().unwrap().into()
    };
    let (good, serving) = server(|mut stream| stream.write_all(b"good").unwrap());
    let heard = on_worker(move || async move {
        let all = [refused, silent, good];
        let mut outbound = Outbound::connect_first(&all, Some(20_000)).await?;
        receive_all(&mut outbound).await
    });
    assert_eq!(heard.unwrap(), b"good");
    serving.join().unwrap();
}

#[test]
fn all_addresses_together_are_bounded_and_tell_why_they_failed() {
    let (silent, _listener, _filled) = silent();
    let kinds = on_worker(move || async move {
        let several = [silent.clone(), silent];
        let late = Outbound::connect_first(&several, Some(100))
            .await
            .unwrap_err();
        let refused: Vec<Address> = (0..2)
            .map(|_| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                listener.local_addr().unwrap().into()
            })
            .collect();
        let refused = Outbound::connect_first(&refused, Some(20_000))
            .await
            .unwrap_err();
        let none = Outbound::connect_first(&[], None).await.unwrap_err();
        [late.kind(), refused.kind(), none.kind()]
    });
    let expected = [
        ErrorKind::TimedOut,
        ErrorKind::ConnectionRefused,
        ErrorKind::AddrNotAvailable,
    ];
    assert_eq!(kinds, expected);
}

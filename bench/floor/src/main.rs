//! The floor: a raw epoll server that does only the hot path of each job, as the measure of what is left
//! to physics. It has no log, conditionals, ranges, freshness, limits or timeouts, and trusts its peers.
//!
//! `floor PORT THREADS DIR UPSTREAM`: `/r` is a fixed answer, `/f/*` are files of DIR/f (up to 64 KiB head and
//! content in one send, larger ones by sendfile), `/p/*` is forwarded over a pool of persistent
//! connections, `/c/*` is forwarded once and kept.
//!
//! Environment: DEFER reads right after accept (2: TCP_DEFER_ACCEPT too), SNDBUF and NSL bound the unsent
//! queue (SO_SNDBUF, TCP_NOTSENT_LOWAT), SMALL and CHUNK move the borders, FAIR yields between chunks,
//! BODY and CC change the fixed answer.
mod common;
use common::*;
use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (port, n) = args();
    let dir = a[3].clone();
    let up: SocketAddrV4 = a[4].parse().unwrap();
    per_core(n, move |_| unsafe { W::new(&dir, up).run(port) });
}
struct File {
    fd: i32,
    len: usize,
    head: Vec<u8>,
    small: bool,
}
enum Kind {
    Free,
    Client,
    Up,
}
struct Conn {
    kind: Kind,
    inb: Vec<u8>,
    outb: Vec<u8>,
    file: i32,
    off: i64,
    left: usize,
    peer: i32,
    key: Option<Vec<u8>>,
    close: bool,
    want_out: bool,
}
struct W {
    ep: i32,
    conns: Vec<Conn>,
    files: HashMap<Vec<u8>, File>,
    cache: HashMap<Vec<u8>, Vec<u8>>,
    pool: Vec<i32>,
    up: libc::sockaddr_in,
    resp: Resp,
    rb: Vec<u8>,
    ob: Vec<u8>,
    date: Vec<u8>,
    sec: i64,
    chunk: usize,
    fair: bool,
    sndbuf: i32,
    defer: bool,
    lazy: bool,
}
const IN: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
impl W {
    unsafe fn new(dir: &str, up: SocketAddrV4) -> W {
        let mut files = HashMap::new();
        let thr: usize = std::env::var("SMALL")
            .ok()
            .and_then(|v| v.parse().ok())
            .unwrap_or(65536);
        for e in std::fs::read_dir(format!("{dir}/f")).unwrap() {
            let p = e.unwrap().path();
            let len = std::fs::metadata(&p).unwrap().len() as usize;
            let c = std::ffi::CString::new(p.to_str().unwrap()).unwrap();
            let fd = libc::open(c.as_ptr(), libc::O_RDONLY);
            let mut head = b"HTTP/1.1 200 OK\r\nDate: ".to_vec();
            head.extend_from_slice(&http_date(0));
            head.extend_from_slice(format!("\r\nLast-Modified: Mon, 23 Nov 2026 03:00:00 GMT\r\nETag: \"6a-{len:x}\"\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\nContent-Length: {len}\r\n\r\n").as_bytes());
            let small = len <= thr;
            if small {
                head.extend_from_slice(&std::fs::read(&p).unwrap())
            }
            files.insert(
                format!("/f/{}", p.file_name().unwrap().to_str().unwrap()).into_bytes(),
                File {
                    fd,
                    len,
                    head,
                    small,
                },
            );
        }
        let mut sa: libc::sockaddr_in = std::mem::zeroed();
        sa.sin_family = libc::AF_INET as u16;
        sa.sin_port = up.port().to_be();
        sa.sin_addr.s_addr = u32::from_ne_bytes(up.ip().octets());
        W {
            ep: libc::epoll_create1(0),
            conns: vec![],
            files,
            cache: HashMap::new(),
            pool: vec![],
            up: sa,
            resp: Resp::new(),
            rb: vec![0; 65536],
            ob: Vec::with_capacity(1 << 16),
            date: vec![0; 29],
            sec: 0,
            chunk: std::env::var("CHUNK")
                .ok()
                .and_then(|v| v.parse().ok())
                .unwrap_or(2 << 20),
            fair: std::env::var("FAIR").is_ok(),
            sndbuf: std::env::var("SNDBUF")
                .ok()
                .and_then(|v| v.parse().ok())
                .unwrap_or(0),
            defer: std::env::var("DEFER").is_ok(),
            lazy: false,
        }
    }
    unsafe fn add(&mut self, fd: i32, kind: Kind) {
        let one = 1i32;
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            &one as *const _ as _,
            4,
        );
        if let Ok(v) = std::env::var("NSL") {
            let v: i32 = v.parse().unwrap();
            libc::setsockopt(fd, libc::IPPROTO_TCP, 25, &v as *const _ as _, 4);
        }
        if self.sndbuf > 0 {
            libc::setsockopt(
                fd,
                libc::SOL_SOCKET,
                libc::SO_SNDBUF,
                &self.sndbuf as *const _ as _,
                4,
            );
        }
        while self.conns.len() <= fd as usize {
            self.conns.push(Conn {
                kind: Kind::Free,
                inb: vec![],
                outb: vec![],
                file: -1,
                off: 0,
                left: 0,
                peer: -1,
                key: None,
                close: false,
                want_out: false,
            })
        }
        let c = &mut self.conns[fd as usize];
        c.kind = kind;
        c.inb = vec![];
        c.outb = vec![];
        c.file = -1;
        c.left = 0;
        c.peer = -1;
        c.key = None;
        c.close = false;
        c.want_out = false;
        if self.lazy {
            return;
        }
        let mut ev = libc::epoll_event {
            events: IN,
            u64: fd as u64,
        };
        libc::epoll_ctl(self.ep, libc::EPOLL_CTL_ADD, fd, &mut ev);
    }
    unsafe fn out(&mut self, fd: i32, b: &[u8], flags: i32) {
        let c = &mut self.conns[fd as usize];
        if !c.outb.is_empty() {
            c.outb.extend_from_slice(b);
            return;
        }
        let w =
            libc::send(fd, b.as_ptr() as _, b.len(), libc::MSG_NOSIGNAL | flags).max(0) as usize;
        if w < b.len() {
            c.outb.extend_from_slice(&b[w..]);
            self.arm(fd)
        }
    }
    unsafe fn arm(&mut self, fd: i32) {
        let c = &mut self.conns[fd as usize];
        if c.want_out {
            return;
        }
        c.want_out = true;
        let mut ev = libc::epoll_event {
            events: IN | libc::EPOLLOUT as u32,
            u64: fd as u64,
        };
        libc::epoll_ctl(self.ep, libc::EPOLL_CTL_MOD, fd, &mut ev);
    }
    unsafe fn pump(&mut self, fd: i32) {
        let c = &mut self.conns[fd as usize];
        if !c.outb.is_empty() {
            let w = libc::send(fd, c.outb.as_ptr() as _, c.outb.len(), libc::MSG_NOSIGNAL);
            if w > 0 {
                c.outb.drain(..w as usize);
            }
            if !c.outb.is_empty() {
                self.arm(fd);
                return;
            }
        }
        while c.left > 0 {
            let w = libc::sendfile(fd, c.file, &mut c.off, c.left.min(self.chunk));
            if w <= 0 {
                self.arm(fd);
                return;
            }
            c.left -= w as usize;
            if self.fair && c.left > 0 {
                let mut ev = libc::epoll_event {
                    events: IN | libc::EPOLLOUT as u32,
                    u64: fd as u64,
                };
                libc::epoll_ctl(self.ep, libc::EPOLL_CTL_MOD, fd, &mut ev);
                return;
            }
        }
    }
    /// Whether all is sent on a connection that closes after its answer.
    fn is_finished(&self, fd: i32) -> bool {
        let c = &self.conns[fd as usize];
        c.close && c.peer < 0 && c.left == 0 && c.outb.is_empty()
    }
    unsafe fn drop_conn(&mut self, fd: i32) {
        let peer = self.conns[fd as usize].peer;
        self.conns[fd as usize].kind = Kind::Free;
        self.pool.retain(|x| *x != fd);
        libc::close(fd);
        if peer >= 0 {
            self.conns[peer as usize].peer = -1;
            self.drop_conn(peer)
        }
    }
    unsafe fn run(&mut self, port: u16) {
        let l = listen(port);
        let lfd = l.as_raw_fd();
        if let Ok("2") = std::env::var("DEFER").as_deref() {
            let v = 1i32;
            libc::setsockopt(
                lfd,
                libc::IPPROTO_TCP,
                libc::TCP_DEFER_ACCEPT,
                &v as *const _ as _,
                4,
            );
        }
        let mut ev = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: lfd as u64,
        };
        libc::epoll_ctl(self.ep, libc::EPOLL_CTL_ADD, lfd, &mut ev);
        let mut evs: Vec<libc::epoll_event> = vec![std::mem::zeroed(); 512];
        loop {
            let n = libc::epoll_wait(self.ep, evs.as_mut_ptr(), 512, -1);
            self.resp.tick();
            let mut ts: libc::timespec = std::mem::zeroed();
            libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut ts);
            if ts.tv_sec != self.sec {
                self.sec = ts.tv_sec;
                self.date = http_date(ts.tv_sec as u64).to_vec();
                for f in self.files.values_mut() {
                    f.head[23..52].copy_from_slice(&self.date)
                }
            }
            for i in 0..n.max(0) as usize {
                let e = evs[i];
                let fd = e.u64 as i32;
                if fd == lfd {
                    loop {
                        let c = libc::accept4(
                            lfd,
                            std::ptr::null_mut(),
                            std::ptr::null_mut(),
                            libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
                        );
                        if c < 0 {
                            break;
                        }
                        self.lazy = self.defer;
                        self.add(c, Kind::Client);
                        self.lazy = false;
                        if self.defer {
                            let mut rb = std::mem::take(&mut self.rb);
                            let k = libc::recv(c, rb.as_mut_ptr() as _, rb.len(), 0);
                            let mut gone = false;
                            if k > 0 {
                                match self.data(c, &rb[..k as usize]) {
                                    Some(u) => {
                                        if u < k as usize {
                                            self.conns[c as usize].inb = rb[u..k as usize].to_vec()
                                        }
                                        if self.is_finished(c) {
                                            self.drop_conn(c);
                                            gone = true
                                        }
                                    }
                                    None => {
                                        self.drop_conn(c);
                                        gone = true
                                    }
                                }
                            } else if k == 0 {
                                self.drop_conn(c);
                                gone = true
                            }
                            self.rb = rb;
                            if !gone {
                                let mut ev = libc::epoll_event {
                                    events: IN
                                        | if self.conns[c as usize].want_out {
                                            libc::EPOLLOUT as u32
                                        } else {
                                            0
                                        },
                                    u64: c as u64,
                                };
                                libc::epoll_ctl(self.ep, libc::EPOLL_CTL_ADD, c, &mut ev);
                            }
                        }
                    }
                    continue;
                }
                if matches!(self.conns[fd as usize].kind, Kind::Free) {
                    continue;
                }
                if e.events & libc::EPOLLOUT as u32 != 0 {
                    self.pump(fd);
                    if self.is_finished(fd) {
                        self.drop_conn(fd);
                        continue;
                    }
                }
                if e.events & !(libc::EPOLLOUT as u32) == 0 {
                    continue;
                }
                let mut rb = std::mem::take(&mut self.rb);
                loop {
                    let k = libc::recv(fd, rb.as_mut_ptr() as _, rb.len(), 0);
                    if k < 0 && *libc::__errno_location() == libc::EAGAIN {
                        break;
                    }
                    if k <= 0 {
                        self.drop_conn(fd);
                        break;
                    }
                    let k = k as usize;
                    let mut inb = std::mem::take(&mut self.conns[fd as usize].inb);
                    let ok = if inb.is_empty() {
                        let u = self.data(fd, &rb[..k]);
                        if let Some(u) = u {
                            if u < k {
                                inb = rb[u..k].to_vec()
                            }
                        }
                        u.is_some()
                    } else {
                        inb.extend_from_slice(&rb[..k]);
                        let u = self.data(fd, &inb);
                        if let Some(u) = u {
                            inb.drain(..u);
                        }
                        u.is_some()
                    };
                    if !ok {
                        self.drop_conn(fd);
                        break;
                    }
                    self.conns[fd as usize].inb = inb;
                    if self.is_finished(fd) {
                        self.drop_conn(fd);
                        break;
                    }
                    if k < rb.len() && e.events & libc::EPOLLRDHUP as u32 == 0 {
                        break;
                    }
                }
                self.rb = rb;
            }
        }
    }
    unsafe fn data(&mut self, fd: i32, buf: &[u8]) -> Option<usize> {
        if matches!(self.conns[fd as usize].kind, Kind::Up) {
            return self.from_up(fd, buf);
        }
        let mut off = 0;
        while off < buf.len() && self.conns[fd as usize].peer < 0 {
            let mut h = [const { std::mem::MaybeUninit::uninit() }; 64];
            let mut r = httparse::Request::new(&mut []);
            let n = match r.parse_with_uninit_headers(&buf[off..], &mut h) {
                Ok(httparse::Status::Complete(n)) => n,
                Ok(_) => break,
                Err(_) => return None,
            };
            off += n;
            for x in r.headers.iter() {
                if x.name.len() == 10
                    && x.name.eq_ignore_ascii_case("connection")
                    && x.value.eq_ignore_ascii_case(b"close")
                {
                    self.conns[fd as usize].close = true
                }
            }
            let path = r.path.unwrap();
            if path == "/r" {
                let b = std::mem::take(&mut self.resp.b);
                self.out(fd, &b, 0);
                self.resp.b = b;
            } else if path.starts_with("/f/") {
                let Some(f) = self.files.get(path.as_bytes()) else {
                    return None;
                };
                let (p, small, ffd, len) = (&f.head as *const Vec<u8>, f.small, f.fd, f.len);
                if small {
                    self.out(fd, &*p, 0)
                } else {
                    self.out(fd, &*p, libc::MSG_MORE);
                    let c = &mut self.conns[fd as usize];
                    c.file = ffd;
                    c.off = 0;
                    c.left = len;
                    self.pump(fd);
                }
            } else if path.starts_with("/c/") && self.cache.contains_key(path.as_bytes()) {
                let p = self.cache.get_mut(path.as_bytes()).unwrap();
                // Age is written in place: a fixed-width hole in the stored head
                let p = p as *const Vec<u8>;
                self.out(fd, &*p, 0);
            } else {
                let u = match self.pool.pop() {
                    Some(u) => u,
                    None => {
                        let u =
                            libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
                        if libc::connect(u, &self.up as *const _ as _, 16) < 0 {
                            return None;
                        }
                        libc::fcntl(u, libc::F_SETFL, libc::O_NONBLOCK);
                        self.add(u, Kind::Up);
                        u
                    }
                };
                self.conns[u as usize].peer = fd;
                self.conns[fd as usize].peer = u;
                self.conns[u as usize].key = if path.starts_with("/c/") {
                    Some(path.as_bytes().to_vec())
                } else {
                    None
                };
                let mut ob = std::mem::take(&mut self.ob);
                ob.clear();
                ob.extend_from_slice(r.method.unwrap().as_bytes());
                ob.push(b' ');
                ob.extend_from_slice(path.as_bytes());
                ob.extend_from_slice(b" HTTP/1.1\r\n");
                for x in r.headers.iter() {
                    if x.name.len() == 10 && x.name.eq_ignore_ascii_case("connection") {
                        continue;
                    }
                    ob.extend_from_slice(x.name.as_bytes());
                    ob.extend_from_slice(b": ");
                    ob.extend_from_slice(x.value);
                    ob.extend_from_slice(b"\r\n")
                }
                ob.extend_from_slice(b"Via: 1.1 lim\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n");
                self.out(u, &ob, 0);
                self.ob = ob;
            }
        }
        Some(off)
    }
    unsafe fn from_up(&mut self, fd: i32, buf: &[u8]) -> Option<usize> {
        let cl = self.conns[fd as usize].peer;
        if cl < 0 {
            return None;
        }
        if self.conns[fd as usize].left > 0 {
            let k = buf.len().min(self.conns[fd as usize].left);
            self.out(cl, &buf[..k], 0);
            self.conns[fd as usize].left -= k;
            if self.conns[fd as usize].left == 0 {
                self.done(fd, cl)
            }
            return Some(k);
        }
        let mut h = [const { std::mem::MaybeUninit::uninit() }; 64];
        let mut r = httparse::Response::new(&mut []);
        let n = match httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut r, buf, &mut h)
        {
            Ok(httparse::Status::Complete(n)) => n,
            Ok(_) => return Some(0),
            Err(_) => return None,
        };
        let mut len = 0usize;
        let mut ob = std::mem::take(&mut self.ob);
        ob.clear();
        ob.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        for x in r.headers.iter() {
            if x.name.len() == 10 && x.name.eq_ignore_ascii_case("connection") {
                continue;
            }
            if x.name.len() == 14 && x.name.eq_ignore_ascii_case("content-length") {
                len = std::str::from_utf8(x.value).ok()?.parse().ok()?
            }
            ob.extend_from_slice(x.name.as_bytes());
            ob.extend_from_slice(b": ");
            ob.extend_from_slice(x.value);
            ob.extend_from_slice(b"\r\n");
        }
        ob.extend_from_slice(b"Via: 1.1 lim\r\n\r\n");
        let k = len.min(buf.len() - n);
        ob.extend_from_slice(&buf[n..n + k]);
        if let Some(key) = self.conns[fd as usize].key.take() {
            if k == len {
                self.cache.insert(key, ob.clone());
            }
        }
        self.out(cl, &ob, 0);
        self.ob = ob;
        self.conns[fd as usize].left = len - k;
        if len == k {
            self.done(fd, cl)
        }
        Some(n + k)
    }
    unsafe fn done(&mut self, u: i32, cl: i32) {
        self.conns[u as usize].peer = -1;
        self.conns[cl as usize].peer = -1;
        self.pool.push(u);
        if self.conns[cl as usize].close {
            self.drop_conn(cl);
            return;
        }
        let inb = std::mem::take(&mut self.conns[cl as usize].inb);
        if !inb.is_empty() {
            match self.data(cl, &inb) {
                Some(k) => self.conns[cl as usize].inb = inb[k..].to_vec(),
                None => self.drop_conn(cl),
            }
        }
    }
}

//! Dates, the fixed answer, listeners and threads.

use std::time::{SystemTime, UNIX_EPOCH};
pub fn http_date(t: u64) -> [u8; 29] {
    let days = (t / 86400) as i64;
    let s = t % 86400;
    let z = days + 719468;
    let era = z.div_euclid(146097);
    let doe = z - era * 146097;
    let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    let y = yoe + era * 400 + if m <= 2 { 1 } else { 0 };
    let wd = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let mn = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ][m as usize - 1];
    let st = format!(
        "{wd}, {d:02} {mn} {y} {:02}:{:02}:{:02} GMT",
        s / 3600,
        s / 60 % 60,
        s % 60
    );
    let mut o = [0u8; 29];
    o.copy_from_slice(st.as_bytes());
    o
}
pub struct Resp {
    pub b: Vec<u8>,
    off: usize,
    t: i64,
}
impl Resp {
    pub fn new() -> Resp {
        let n: usize = std::env::var("BODY")
            .ok()
            .and_then(|v| v.parse().ok())
            .unwrap_or(13);
        let mut body = b"Hello, World!".to_vec();
        body.resize(n, b'x');
        let cc = std::env::var("CC")
            .map(|v| format!("Cache-Control: {v}\r\n"))
            .unwrap_or_default();
        let mut b = b"HTTP/1.1 200 OK\r\nDate: ".to_vec();
        let off = b.len();
        b.extend_from_slice(&http_date(0));
        b.extend_from_slice(
            format!("\r\nContent-Type: text/plain\r\n{cc}Content-Length: {n}\r\n\r\n").as_bytes(),
        );
        b.extend_from_slice(&body);
        let mut r = Resp { b, off, t: 0 };
        r.tick();
        r
    }
    #[inline]
    pub fn tick(&mut self) {
        let mut ts = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut ts) };
        if ts.tv_sec != self.t {
            self.t = ts.tv_sec;
            let t = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs();
            let d = http_date(t);
            self.b[self.off..self.off + 29].copy_from_slice(&d);
        }
    }
}
pub fn listen(port: u16) -> std::net::TcpListener {
    use socket2::*;
    let s = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    s.set_reuse_address(true).unwrap();
    s.set_reuse_port(true).unwrap();
    s.set_nonblocking(true).unwrap();
    s.bind(&std::net::SocketAddr::from(([0, 0, 0, 0], port)).into())
        .unwrap();
    s.listen(4096).unwrap();
    s.into()
}
pub fn args() -> (u16, usize) {
    let a: Vec<String> = std::env::args().collect();
    (
        a[1].parse().unwrap(),
        a.get(2).map(|v| v.parse().unwrap()).unwrap_or(2),
    )
}
pub fn per_core<F: Fn(usize) + Send + Sync + 'static>(n: usize, f: F) {
    let f = std::sync::Arc::new(f);
    let hs: Vec<_> = (0..n)
        .map(|i| {
            let f = f.clone();
            std::thread::spawn(move || {
                if n > 1 {
                    unsafe {
                        let mut c: libc::cpu_set_t = std::mem::zeroed();
                        libc::CPU_SET(i, &mut c);
                        libc::sched_setaffinity(0, std::mem::size_of_val(&c), &c);
                    }
                }
                f(i)
            })
        })
        .collect();
    for h in hs {
        h.join().unwrap()
    }
}

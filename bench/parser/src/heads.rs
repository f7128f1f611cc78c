//! The two heads that are usual in such comparisons, by their lengths and shapes.

/// What a browser sends with a long cookie: 703 octets, 9 field lines.
pub const BROWSER: &[u8] = b"\
GET /wp-content/uploads/2010/03/hello-kitty-with-a-black-pony.jpg HTTP/1.1\r\n\
Host: www.kitty.example\r\n\
User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 Example/0.9\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n\
Accept-Encoding: gzip,deflate\r\n\
Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n\
Keep-Alive: 115\r\n\
Connection: keep-alive\r\n\
Cookie: site_visits=2; site_visit_lasttime=xxxxxxxxxx; __a=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; __z=xxxxxxxxx.xxxxxxxxxx.x.x.source=(referral)|from=reader.cat.example|to=/reader/|by=referral|padding=xxxxxxxxxxxxxxxxxxxx\r\n\r\n";

/// What a hand or a script sends: 68 octets, 2 field lines.
pub const SHORT: &[u8] =
    b"GET / HTTP/1.0\r\nHost: example.com\r\nCookie: session=60; user_id=1\r\n\r\n";

const _: () = assert!(BROWSER.len() == 703 && SHORT.len() == 68);

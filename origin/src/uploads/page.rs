//! Uploading for people: a page by itself, and a part of a folder's listing.

use std::sync::Arc;

use engine::{Answer, Response};
use net::blocking;
use semantics::{Known, RequestHead, ResponseHead, Status};

use super::Uploads;
use super::name::Place;
use super::query;
use crate::encode::push_html;
use crate::files::{has_hidden_segment, not_found, shown_path};
use crate::listing;

/// Whether a GET asks for the page: that of a folder, with the query `upload`.
pub(super) fn is_asked_for(head: RequestHead<'_>, path: &[u8]) -> bool {
    path.ends_with(b"/") && query(head) == Some(b"upload")
}

impl Uploads {
    /// The page for a folder, if there is one.
    pub(super) fn page(&self, head: RequestHead<'_>, path: &[u8]) -> Answer {
        let Ok(Place::Folder { folder }) = Place::of(path) else {
            return not_found(head).into();
        };
        if has_hidden_segment(path) {
            return not_found(head).into();
        }
        let (store, folder) = (Arc::clone(&self.0.store), folder.to_vec());
        let title = shown_path(head, path);
        let request = head.to_owned();
        Answer::Later(Box::pin(async move {
            match blocking(move || store.folder(&folder).is_ok()).await {
                Ok(true) => response(&title),
                _ => not_found(request.head()),
            }
        }))
    }
}

fn response(path: &[u8]) -> Response {
    let title = String::from_utf8_lossy(path);
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Upload to ",
    );
    push_html(&mut out, &title);
    out.push_str("</title><style>");
    out.push_str(listing::STYLE);
    out.push_str("</style></head>\n<body><main><h1>Upload to ");
    push_html(&mut out, &title);
    out.push_str("</h1>\n");
    push_form(&mut out);
    out.push_str("<a href=\"./\">To the folder</a></main></body></html>\n");
    let head = ResponseHead::new(Status::OK)
        .with(Known::ContentType, "text/html; charset=utf-8")
        .with(Known::CacheControl, "no-store")
        .with(Known::ContentSecurityPolicy, POLICY);
    Response::with_octets(head, out)
}

/// The form, which needs no script, and the script that makes more of it.
pub(crate) fn push_form(out: &mut String) {
    out.push_str("<section id=\"upload\"><style>");
    out.push_str(STYLE);
    out.push_str(
        "</style><form method=\"post\" action=\"./\" enctype=\"multipart/form-data\">\
         <label>Drop files here, or <b>choose them</b>\
         <input type=\"file\" name=\"file\" multiple></label>\
         <button>Upload</button></form><ul aria-live=\"polite\"></ul></section>\n<script>",
    );
    out.push_str(SCRIPT);
    out.push_str("</script>\n");
}

/// What the page may load and do: its own two styles and script, known by their digests, and requests to its own origin. So
/// nothing in the name of a file could be made to run, and no other page can show this one in a frame.
pub(crate) const POLICY: &str = "default-src 'none'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; script-src 'sha256-CQ4jDGCLfylIRzFOpYIqMHHu+EEeCpM2Y8EkWiHsUeE='; \
    style-src 'sha256-AZQwVZmxzclUuWL0wq0gBb5KMyYYDUG/mBYBOB++45k=' 'sha256-Zia0nSEE1BZNd/q2EqGdTcg1QUqcDd1HRZXbUe9LZ68='";

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::octets;

    #[test]
    fn the_policy_has_the_digests_of_what_the_page_has() {
        for text in [SCRIPT, STYLE, listing::STYLE] {
            let digest = format!(
                "'sha256-{}'",
                digest::base64(&digest::sha256(text.as_bytes()))
            );
            assert!(POLICY.contains(&digest), "{digest} is not in the policy");
        }
    }

    #[test]
    fn the_path_is_text_on_the_page() {
        let page = response(b"/<script>alert(1)</script>\"/");
        let html = String::from_utf8(octets(&page.content)).unwrap();
        assert!(!html.contains("<script>alert"));
        assert!(html.contains("/&lt;script&gt;alert(1)&lt;/script&gt;&quot;/"));
    }

    #[test]
    fn the_script_has_nothing_that_would_end_it() {
        for text in [SCRIPT, STYLE] {
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
    }

    /// FIPS 180-4, for the one test above.
    mod digest {
        pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
            let primes: Vec<u32> = (2..312)
                .filter(|n| (2..*n).all(|d| n % d != 0))
                .take(64)
                .collect();
            let fraction = |root: f64| ((root - root.floor()) * 4_294_967_296.0) as u32;
            let rounds: Vec<u32> = primes
                .iter()
                .map(|&p| fraction(f64::from(p).cbrt()))
                .collect();
            let mut state: Vec<u32> = primes[..8]
                .iter()
                .map(|&p| fraction(f64::from(p).sqrt()))
                .collect();
            let mut message = octets.to_vec();
            message.push(0x80);
            while message.len() % 64 != 56 {
                message.push(0);
            }
            message.extend_from_slice(&(octets.len() as u64 * 8).to_be_bytes());
            for block in message.chunks(64) {
                let mut w: Vec<u32> = block
                    .chunks(4)
                    .map(|b| u32::from_be_bytes(b.try_into().unwrap()))
                    .collect();
                for i in 16..64 {
                    let (a, b) = (w[i - 15], w[i - 2]);
                    let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
                    let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
                    w.push(
                        w[i - 16]
                            .wrapping_add(s0)
                            .wrapping_add(w[i - 7])
                            .wrapping_add(s1),
                    );
                }
                let mut v = state.clone();
                for i in 0..64 {
                    let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
                    let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
                    let t1 = v[7]
                        .wrapping_add(s1)
                        .wrapping_add(choice)
                        .wrapping_add(rounds[i])
                        .wrapping_add(w[i]);
                    let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
                    let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
                    v.rotate_right(1);
                    v[4] = v[4].wrapping_add(t1);
                    v[0] = t1.wrapping_add(s0.wrapping_add(majority));
                }
                for (to, from) in state.iter_mut().zip(v) {
                    *to = to.wrapping_add(from);
                }
            }
            let octets: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
            octets.try_into().unwrap()
        }

        pub(super) fn base64(octets: &[u8]) -> String {
            const ALPHABET: &[u8] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let mut out = String::new();
            for three in octets.chunks(3) {
                let mut word = [0; 4];
                word[1..=three.len()].copy_from_slice(three);
                let word = u32::from_be_bytes(word);
                for i in 0..4 {
                    let digit = (word >> (18 - 6 * i)) & 63;
                    out.push(match i <= three.len() {
                        true => char::from(ALPHABET[digit as usize]),
                        false => '=',
                    });
                }
            }
            out
        }
    }
}

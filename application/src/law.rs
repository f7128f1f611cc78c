//! What holds for any octets that an application sends, and for the variables of any request.

use http1::{Policy, Server};
use semantics::Event;

use crate::records::{Records, Said};
use crate::{AnswerScan, Asked, Script, Variables};

/// What was heard of octets: output, how much was said else, and whether it ended well.
#[derive(Debug, PartialEq)]
struct Heard {
    output: Vec<u8>,
    errors: usize,
    end: Result<bool, crate::RecordError>,
}

/// Reads any octets as records of FastCGI and what they hold as an answer: cut anywhere they say the same, and what is taken for a head
/// has nothing of the connection.
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law_of_answers(octets: &[u8]) {
    let whole = heard([octets].into_iter());
    let seed = octets.iter().fold(7_usize, |seed, &octet| {
        seed.wrapping_mul(31).wrapping_add(usize::from(octet))
    });
    let size = 1 + seed % 17;
    assert_eq!(heard(octets.chunks(size)), whole, "in pieces of {size}");
    assert!(whole.output.len() <= octets.len());
    // Also as SCGI and CGI have it, where the answer is as it is.
    for answer in [&whole.output[..], octets] {
        let at_once = answered([answer].into_iter());
        assert_eq!(answered(answer.chunks(size)), at_once);
    }
}

fn heard<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Heard {
    let mut records = Records::default();
    let mut heard = Heard {
        output: Vec::new(),
        errors: 0,
        end: Ok(false),
    };
    for piece in pieces {
        let mut at = 0;
        loop {
            match records.next(piece, &mut at) {
                Ok(None) => break,
                Ok(Some(Said::Output(range))) => {
                    heard.output.extend(piece.get(range).unwrap_or_default());
                }
                Ok(Some(Said::Error(range))) => heard.errors += range.len(),
                Ok(Some(Said::End(_))) => heard.end = Ok(true),
                Err(error) => {
                    heard.end = Err(error);
                    return heard;
                }
            }
        }
        assert_eq!(at, piece.len());
    }
    heard
}

/// The lines of the head and where it ends, or that it is none.
fn answered<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<(String, usize)> {
    let (mut scan, mut before) = (AnswerScan::default(), 0);
    for piece in pieces {
        match scan.receive(piece) {
            Err(_) => return None,
            Ok(None) => before += piece.len(),
            Ok(Some(taken)) => {
                let answer = scan.finish().ok()?;
                assert!(!answer.head.status().is_interim());
                for (name, value) in answer.head.section().iter() {
                    for gone in [
                        "status",
                        "connection",
                        "transfer-encoding",
                        "content-length",
                    ] {
                        assert!(!name.eq_ignore_ascii_case(gone.as_bytes()));
                    }
                    assert!(!value.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)));
                }
                return Some((format!("{:?}", answer.head), before + taken));
            }
        }
    }
    None
}

/// Reads any octets as a request: no variable of it has a name that it did not have.
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law_of_variables(octets: &[u8]) {
    let (policy, mut scratch) = (Policy::strict(), http1::Scratch::default());
    let (mut machine, mut input) = (Server::new(), octets);
    let event = machine.poll_event(&policy, &mut scratch, &mut input);
    let Some(Event::Head { head, .. }) = event else {
        return;
    };
    let asked = Asked {
        head,
        content_octets: Some(3),
        query: Some(b"q"),
        host: None,
        client: (None, None),
        is_secured: false,
        is_told: false,
        user: None,
        script: &Script::default(),
    };
    let variables = Variables::new(&asked, &[]);
    let mut names: Vec<&[u8]> = variables.iter().map(|(name, _)| name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands twice");
    for (name, value) in variables.iter() {
        assert!(!value.contains(&0));
        let is_name =
            |octet: &u8| octet.is_ascii_uppercase() || octet.is_ascii_digit() || *octet == b'_';
        assert!(name.iter().all(is_name));
        for gone in [
            "HTTP_PROXY",
            "HTTP_CONNECTION",
            "HTTP_X_FORWARDED_FOR",
            "HTTP_CONTENT_LENGTH",
        ] {
            assert_ne!(name, gone.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Runs a law over the seeds of a fuzz target, as they are, cut and damaged.
    fn seeds(target: &str, law: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../corpus/fuzz")
            .join(target);
        let mut count = 0_usize;
        for entry in std::fs::read_dir(folder).unwrap() {
            let seed = std::fs::read(entry.unwrap().path()).unwrap();
            count += 1;
            law(&seed);
            for at in 0..seed.len() {
                law(&seed[..at]);
                for octet in [0, 1, 6, b'\n', b':', b' ', 0xff] {
                    let mut damaged = seed.clone();
                    damaged[at] = octet;
                    law(&damaged);
                }
            }
        }
        assert!(count > 3);
    }

    #[test]
    fn any_octets_of_an_application_say_the_same_however_they_are_cut() {
        seeds("application", law_of_answers);
    }

    #[test]
    fn no_request_has_a_variable_under_another_name() {
        seeds("intermediary", law_of_variables);
    }
}

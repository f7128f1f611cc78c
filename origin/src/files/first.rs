//! The first of several paths that leads to something.

use std::sync::Arc;

use engine::{Answer, Exchange, Response};
use net::{Now, OpenError, Wait, blocking};
use semantics::{Method, NormalPath, RequestHead, Status};

use super::{Files, Found, has_hidden_segment, internal};
use crate::errors::error_response;
use crate::variants::Look;

/// Paths in the order in which they are tried.
#[derive(Clone, Debug)]
struct Tried {
    /// What the request asks for; a folder by this name is redirected to its name with a slash.
    asked: Box<[u8]>,
    paths: Vec<Box<[u8]>>,
    /// The answer when none of them leads to anything.
    otherwise: Status,
}

/// What a path that was tried leads to.
enum Trial {
    Found(Found, Box<[u8]>),
    Nothing,
    Failed(Box<[u8]>, OpenError),
}

impl Files {
    /// Answers with the first of `paths` that is a file, a folder with an index file, or a folder that is listed. When there
    /// is none the answer is an error of status `otherwise`. `asked` is what the request's own path is called here.
    ///
    /// Methods other than GET and HEAD are answered as by [`Files::answer`].
    pub fn answer_first(
        &self,
        exchange: &mut Exchange<'_>,
        asked: &NormalPath<'_>,
        paths: &[NormalPath<'_>],
        otherwise: Status,
    ) -> Answer {
        let head = exchange.head;
        if !matches!(head.method(), Method::Get | Method::Head) {
            return self.answer_fully(exchange, asked);
        }
        let tried = Tried {
            asked: asked.octets().into(),
            paths: paths.iter().map(|path| path.octets().into()).collect(),
            otherwise,
        };
        let now = exchange.now;
        for at in 0..tried.paths.len() {
            match self.look_at(&tried, at, now) {
                Look::Nothing => {}
                Look::MustWait => return self.try_later(head, tried, at, now),
                Look::Variants(variants) => {
                    let path = tried.paths.get(at).map_or(&b""[..], |path| path);
                    return self.select_of(&variants, head, path, now);
                }
            }
            match self.try_now(&tried, at, now) {
                Ok(Trial::Nothing) => {}
                Ok(Trial::Found(found, path)) => return self.conclude(found, head, &path, now),
                Ok(Trial::Failed(path, error)) => {
                    return self.0.failed(head, &path, &error).into();
                }
                Err(MustWait) => return self.try_later(head, tried, at, now),
            }
        }
        none_found(head, otherwise).into()
    }

    /// Whether what stands at a path has variants to choose from.
    fn look_at(&self, tried: &Tried, at: usize, now: Now) -> Look {
        match tried.paths.get(at) {
            Some(path) if !has_hidden_segment(path) => self.0.look(path, now),
            _ => Look::Nothing,
        }
    }

    fn try_now(&self, tried: &Tried, at: usize, now: Now) -> Result<Trial, MustWait> {
        let Some(path) = tried.paths.get(at) else {
            return Ok(Trial::Nothing);
        };
        if has_hidden_segment(path) {
            return Ok(Trial::Nothing);
        }
        let mut path = path.clone();
        let mut outcome = self.0.find(&path, now);
        if matches!(outcome, Ok(Found::NeedsSlash)) && *path != *tried.asked {
            path = [&path, &b"/"[..]].concat().into();
            outcome = self.0.find(&path, now);
        }
        match outcome {
            Err(OpenError::WouldBlock) => Err(MustWait),
            Err(OpenError::TooManyOpen) if self.0.cache.files().1 > 0 => {
                self.0.cache.close_files();
                Err(MustWait)
            }
            outcome => Ok(self.judge(outcome, path)),
        }
    }

    fn judge(&self, outcome: Result<Found, OpenError>, path: Box<[u8]>) -> Trial {
        match outcome {
            Ok(Found::Folder) if !self.0.browse => Trial::Nothing,
            Ok(found) => Trial::Found(found, path),
            Err(OpenError::NotFound | OpenError::OutsideRoot | OpenError::NotAFile) => {
                Trial::Nothing
            }
            Err(error) => Trial::Failed(path, error),
        }
    }

    /// The same from a path on, on a thread that may wait.
    fn try_later(&self, head: RequestHead<'_>, tried: Tried, from: usize, now: Now) -> Answer {
        let files = self.clone();
        let request = head.to_owned();
        Answer::Later(Box::pin(async move {
            for at in from..tried.paths.len() {
                if !matches!(files.look_at(&tried, at, now), Look::Nothing)
                    && let Some(path) = tried.paths.get(at)
                    && let Some(variants) = files.0.look_later(path, now).await
                {
                    return files.0.select_later(&variants, &request, path, now).await;
                }
                match files.try_waiting(&tried, at, now).await {
                    Some(Trial::Nothing) => {}
                    Some(Trial::Found(found, path)) => {
                        return files.conclude_later(found, &request, &path, now).await;
                    }
                    Some(Trial::Failed(path, error)) => {
                        return files.0.failed(request.head(), &path, &error);
                    }
                    None => return internal(request.head()),
                }
            }
            none_found(request.head(), tried.otherwise)
        }))
    }

    /// `None` when the thread that waited failed.
    async fn try_waiting(&self, tried: &Tried, at: usize, now: Now) -> Option<Trial> {
        let mut path = tried.paths.get(at)?.clone();
        if has_hidden_segment(&path) {
            return Some(Trial::Nothing);
        }
        let mut outcome = self.load_waiting(path.clone(), now).await?;
        if matches!(outcome, Ok(Found::NeedsSlash)) && *path != *tried.asked {
            path = [&path, &b"/"[..]].concat().into();
            outcome = self.load_waiting(path.clone(), now).await?;
        }
        Some(self.judge(outcome, path))
    }

    async fn load_waiting(&self, path: Box<[u8]>, now: Now) -> Option<Result<Found, OpenError>> {
        let place = Arc::clone(&self.0.place);
        let asked = path.clone();
        let located = blocking(move || place.load(&asked, Wait::MayBlock)).await;
        Some(
            located
                .ok()?
                .map(|located| self.0.take_in(located, &path, now)),
        )
    }
}

/// Only a thread that may wait can tell.
struct MustWait;

fn none_found(head: RequestHead<'_>, otherwise: Status) -> Response {
    let because = "None of the files that could answer for this path is there";
    error_response(otherwise, because, rule(otherwise), Some(head))
}

/// Where RFC 9110 describes the status.
fn rule(status: Status) -> &'static str {
    match status {
        Status::NOT_FOUND => "RFC 9110 §15.5.5",
        Status::GONE => "RFC 9110 §15.5.11",
        Status::FORBIDDEN => "RFC 9110 §15.5.4",
        status if status.code() < 500 => "RFC 9110 §15.5",
        _ => "RFC 9110 §15.6",
    }
}

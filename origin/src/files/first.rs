//! The first of several paths that leads to something.

use std::sync::Arc;

use engine::{Answer, Exchange, Response};
use net::{Now, OpenError, Wait, blocking_while_awaited};
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
                    return files.select_of_later(&variants, &request, path, now).await;
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
        let located = blocking_while_awaited(move || place.load(&asked, Wait::MayBlock)).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Cache, CacheLimits};
    use crate::testing::{octets, response_of, with_exchange_at};
    use crate::{FilesConfig, Page};
    use std::fs;
    use std::rc::Rc;
    use tempfile::TempDir;

    fn files(browse: bool) -> (TempDir, Files) {
        let folder = TempDir::new().unwrap();
        for (name, content) in [
            ("a", "a"),
            (".b", "b"),
            ("d/index.html", "d"),
            ("e/x", "x"),
            ("index.html", "all"),
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let config = FilesConfig {
            root: folder.path().to_owned(),
            index: vec!["index.html".to_owned()],
            browse,
            ..FilesConfig::default()
        };
        let cache = Rc::new(Cache::new(CacheLimits::default()));
        (folder, Files::new(config, cache).unwrap())
    }

    /// The answer at once, and that of a thread that may wait: status and content.
    fn both(files: &Files, asked: &str, paths: &[&str]) -> (u16, String) {
        let request = format!("GET {asked} HTTP/1.1\r\nHost: a\r\n\r\n");
        let normal = |path: &str| NormalPath::of(path.as_bytes()).unwrap().into_owned();
        let normals: Vec<_> = paths.iter().map(|path| normal(path)).collect();
        let run = |is_later: bool| {
            let answer = with_exchange_at(request.as_bytes(), Now::read(), None, |exchange| {
                if !is_later {
                    return files.answer_first(exchange, &normal(asked), &normals, Status::GONE);
                }
                let tried = Tried {
                    asked: normal(asked).octets().into(),
                    paths: normals.iter().map(|path| path.octets().into()).collect(),
                    otherwise: Status::GONE,
                };
                files.try_later(exchange.head, tried, 0, exchange.now)
            });
            let response = net::run_alone(response_of(answer));
            let content = String::from_utf8(octets(&response.content)).unwrap();
            (response.head.status().code(), content)
        };
        let now = run(false);
        assert_eq!(run(true), now, "{asked} {paths:?}");
        now
    }

    #[test]
    fn the_first_that_is_there_answers_at_once_and_later() {
        let (_folder, files) = files(false);
        // table
        for (asked, paths, status, content) in [
            ("/a", &["/a", "/index.html"][..], 200, "a"),
            ("/x", &["/x", "/index.html"], 200, "all"),
            ("/x", &["/x", "/y", "/a"], 200, "a"),
            ("/.b", &["/.b", "/a"], 200, "a"),
            ("/a/", &["/a/", "/index.html"], 200, "all"),
            ("/x", &["/d"], 200, "d"),
            ("/x", &["/d/"], 200, "d"),
            ("/e/", &["/e/", "/a"], 200, "a"),
            ("/x", &["/e", "/a"], 200, "a"),
            ("/x", &[], 410, ""),
            ("/x", &["/x", "/.b", "/e/"], 410, ""),
        ] {
            let got = both(&files, asked, paths);
            assert_eq!(got.0, status, "{asked} {paths:?}");
            if status == 200 {
                assert_eq!(got.1, content, "{asked} {paths:?}");
            }
        }
    }

    #[test]
    fn a_folder_by_its_own_name_is_redirected_to_its_name_with_a_slash() {
        let (_folder, files) = files(false);
        assert_eq!(both(&files, "/d", &["/d", "/index.html"]).0, 301);
    }

    #[test]
    fn a_folder_that_is_listed_is_there() {
        let (_folder, files) = files(true);
        let (status, content) = both(&files, "/e/", &["/e/", "/a"]);
        assert!(status == 200 && content != "a", "{content}");
    }

    #[test]
    fn a_page_is_a_file_and_nothing_else() {
        let (_folder, files) = files(true);
        let now = Now::read();
        let content = |page: Option<Page>| page.map(|page| octets(&page.content));
        for (path, expected) in [
            ("/a", Some(b"a".to_vec())),
            ("/d/", Some(b"d".to_vec())),
            ("/e/", None),
            ("/e", None),
            ("/.b", None),
            ("/none", None),
        ] {
            let path = path.as_bytes();
            if let Some(page) = files.page_now(path, now) {
                assert_eq!(content(page), expected);
            }
            let page = net::run_alone(async { files.page(path, now).await });
            assert_eq!(content(page), expected);
        }
    }
}

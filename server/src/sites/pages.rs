//! A site's own pages for errors.

use std::collections::BTreeMap;
use std::rc::Rc;

use engine::Response;
use net::Now;
use origin::{Cache, Files, FilesConfig, FilesError, Page};
use semantics::fields::accept::Accept;
use semantics::{Known, RequestHead, Status};

/// Files that are shown for errors, by status.
#[derive(Debug)]
pub(crate) struct Pages {
    files: Files,
    /// The keys 4 and 5 are for all of their class that are not named.
    paths: BTreeMap<u16, Box<[u8]>>,
}

impl Pages {
    /// The pages below a root.
    pub(crate) fn new(
        root: std::path::PathBuf,
        pages: &BTreeMap<u16, String>,
        cache: &Rc<Cache>,
    ) -> Result<Self, FilesError> {
        let config = FilesConfig {
            root,
            ..FilesConfig::default()
        };
        let rooted = |path: &str| format!("/{}", path.trim_start_matches('/'));
        Ok(Self {
            files: Files::new(config, Rc::clone(cache))?,
            paths: pages
                .iter()
                .map(|(&status, path)| (status, rooted(path).into_bytes().into()))
                .collect(),
        })
    }

    /// Whether an error of this status has a page.
    pub(crate) fn has(&self, status: Status) -> bool {
        status.is_error() && self.path(status).is_some()
    }

    fn path(&self, status: Status) -> Option<&[u8]> {
        let code = status.code();
        let path = self
            .paths
            .get(&code)
            .or_else(|| self.paths.get(&(code / 100)));
        path.map(|path| &**path)
    }

    /// Gives an answer its page. `false` where only a thread that may wait can tell what that is.
    pub(crate) fn dress_now(
        &self,
        response: &mut Response,
        head: RequestHead<'_>,
        now: Now,
    ) -> bool {
        let Some(path) = self.path(response.head.status()) else {
            return true;
        };
        match self.files.page_now(path, now) {
            None => false,
            Some(page) => {
                dress(response, page, head);
                true
            }
        }
    }

    /// Gives an answer its page.
    pub(crate) async fn dress(&self, response: &mut Response, head: RequestHead<'_>, now: Now) {
        if let Some(path) = self.path(response.head.status()) {
            let page = self.files.page(path, now).await;
            dress(response, page, head);
        }
    }
}

/// The status and the fields of an error with the content of a page. Where there is no page, or a program asks that would
/// rather have JSON or text, it stays as it is.
fn dress(response: &mut Response, page: Option<Page>, head: RequestHead<'_>) {
    if let Some(page) = page.filter(|page| is_wanted(&page.media_type, head)) {
        response.head.set(Known::ContentType, &page.media_type);
        response.content = page.content;
    }
}

/// RFC 9110 §12.5.1. Where nothing is preferred the page is.
fn is_wanted(media_type: &[u8], head: RequestHead<'_>) -> bool {
    let media_type = String::from_utf8_lossy(media_type);
    let accept = Accept::new(head.all(Known::Accept));
    matches!(
        accept.best_of(&[&media_type, "application/json", "text/plain"]),
        None | Some(0)
    )
}

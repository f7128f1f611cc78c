//! Files as content of other answers than their own, such as pages for errors.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Content, FilePart};
use net::{Now, OpenError, Wait, blocking_while_awaited};
use semantics::Known;

use super::{Files, Found, has_hidden_segment};
use crate::cache::Entry;
use crate::representation::Held;

/// What a file holds, without what is told of it when it answers for itself.
#[derive(Debug)]
pub struct Page {
    /// The Content-Type field's value.
    pub media_type: Bytes,
    /// The whole file.
    pub content: Content,
}

impl Files {
    /// A file's page, if it can be had without waiting: `Some(None)` when there is no such file, `None` when only a thread
    /// that may wait can tell.
    pub fn page_now(&self, path: &[u8], now: Now) -> Option<Option<Page>> {
        if has_hidden_segment(path) {
            return Some(None);
        }
        match self.0.find(path, now) {
            Err(OpenError::WouldBlock) => None,
            Ok(Found::Entry(entry)) => Some(Some(page(&entry))),
            _ => Some(None),
        }
    }

    /// A file's page; `None` when there is no such file, or it cannot be read.
    pub async fn page(&self, path: &[u8], now: Now) -> Option<Page> {
        if let Some(page) = self.page_now(path, now) {
            return page;
        }
        let place = Arc::clone(&self.0.place);
        let asked: Box<[u8]> = path.into();
        let located = blocking_while_awaited(move || place.load(&asked, Wait::MayBlock)).await;
        match self.0.take_in(located.ok()?.ok()?, path, now) {
            Found::Entry(entry) => Some(page(&entry)),
            _ => None,
        }
    }
}

fn page(entry: &Entry) -> Page {
    let representation = &entry.representation;
    let head = representation.rendition.head().section();
    let octets = representation.meta.octets;
    let content = match &representation.held {
        _ if octets == 0 => Content::Empty,
        Held::Whole(content) => Content::Octets(content.clone()),
        Held::Open(file) => Content::File(FilePart {
            file: std::rc::Rc::clone(file),
            offset: 0,
            octets,
        }),
    };
    Page {
        media_type: Bytes::copy_from_slice(head.first(Known::ContentType).unwrap_or_default()),
        content,
    }
}

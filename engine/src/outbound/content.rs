//! The content of a server's answer as content of ours.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use semantics::{ContentLength, OwnedSection, Section};

use super::{Line, OutboundError};
use crate::{Content, Interrupted, Source, Streamed};

impl Line {
    /// The content of the answer, for a response of ours. `done` gets the line when the answer is complete, which may be at once, or
    /// why it will not be; it is dropped if nobody wants the content any more. Whether the line may be used again it has to ask.
    ///
    /// Content that came with its head goes as it is; other content is read as the client takes it. Its length is told as the server told it.
    pub fn into_content(
        mut self: Box<Self>,
        done: impl FnOnce(Result<Box<Self>, OutboundError>) + 'static,
    ) -> Content {
        if self.answer.is_to_head && self.answer.end.is_some() {
            let octets = self.answer.declared_octets;
            done(Ok(self));
            let source = Box::new(Nothing);
            return Content::Stream(Streamed { octets, source });
        }
        if self.answer.trailers.is_empty()
            && let Some(octets) = self.take_whole()
        {
            done(Ok(self));
            return match octets.is_empty() {
                true => Content::Empty,
                false => Content::Octets(octets),
            };
        }
        let octets = match self.answer.length {
            ContentLength::None => Some(0),
            ContentLength::Exactly(octets) => Some(octets),
            ContentLength::Unknown => None,
        };
        let source = Box::new(LineContent {
            line: Some((self, done)),
            trailers: OwnedSection::default(),
        });
        Content::Stream(Streamed { octets, source })
    }
}

/// Content that is not sent, since the request is HEAD.
struct Nothing;

impl Source for Nothing {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        Poll::Ready(None)
    }
}

/// Content as it comes from a line.
struct LineContent<D> {
    /// The line and who gets it, until it has ended.
    line: Option<(Box<Line>, D)>,
    trailers: OwnedSection,
}

impl<D: FnOnce(Result<Box<Line>, OutboundError>)> Source for LineContent<D> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        let Some((line, _)) = &mut self.line else {
            return Poll::Ready(None);
        };
        match ready!(line.poll_content(cx)) {
            Some(Ok(octets)) => return Poll::Ready(Some(Ok(octets))),
            Some(Err(error)) => {
                if let Some((line, done)) = self.line.take() {
                    // Whoever is told may make another connection in its place.
                    drop(line);
                    done(Err(error));
                }
                return Poll::Ready(Some(Err(Interrupted)));
            }
            None => {}
        }
        let Some((mut line, done)) = self.line.take() else {
            return Poll::Ready(None);
        };
        if line.end().is_none() {
            // It failed, which was told before.
            return Poll::Ready(Some(Err(Interrupted)));
        }
        self.trailers = std::mem::take(&mut line.answer.trailers);
        done(Ok(line));
        Poll::Ready(None)
    }

    fn trailers(&self) -> Option<Section<'_>> {
        (!self.trailers.is_empty()).then(|| self.trailers.section())
    }
}

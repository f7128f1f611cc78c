//! DELETE: the name stands for nothing any more (RFC 9110 §9.3.5).

use std::sync::Arc;

use engine::{Answer, Exchange, Response};
use net::blocking;
use semantics::Status;

use super::Uploads;
use super::conditions::Conditions;
use super::name::Place;

impl Uploads {
    pub(super) fn delete(&self, exchange: &Exchange<'_>, place: Place<'_>) -> Answer {
        let uploads = self.clone();
        let request = exchange.head.to_owned();
        let work = {
            let store = Arc::clone(&uploads.0.store);
            let conditions = Conditions::of(request.head());
            let (is_folder, path) = match place {
                Place::Folder { folder } => (true, folder.to_vec()),
                Place::File { folder: b"", name } => (false, name.to_vec()),
                Place::File { folder, name } => (false, [folder, b"/", name].concat()),
            };
            move || {
                let place = match is_folder {
                    true => Place::Folder { folder: &path },
                    false => Place::file(&path),
                };
                store.delete(place, &conditions)
            }
        };
        Answer::Later(Box::pin(async move {
            match blocking(work).await {
                Ok(Ok(())) => Response::new(Status::NO_CONTENT),
                Ok(Err(denial)) => denial.response(request.head()),
                Err(error) => super::Denial::from(error).response(request.head()),
            }
        }))
    }
}

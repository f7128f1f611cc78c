//! Echo.
use engine::{Answer, Exchange, Response};
use semantics::{NormalPath, Status};
/// Stub.
pub fn answer(_: &mut Exchange<'_>, _: &NormalPath<'_>) -> Answer { Response::new(Status::NOT_FOUND).into() }

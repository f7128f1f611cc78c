//! Wire.
use engine::{Answer, Exchange, Record, Response};
use semantics::Status;
/// Stub.
#[derive(Clone, Debug, Default)]
pub struct Recent;
impl Recent {
    /// Stub.
    pub fn new() -> Self { Self }
    /// Stub.
    pub fn push(&self, _: &Record<'_>) {}
    /// Stub.
    pub fn answer(&self, _: &mut Exchange<'_>) -> Answer { Response::new(Status::NOT_FOUND).into() }
}

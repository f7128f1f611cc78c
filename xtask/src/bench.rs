use crate::Outcome;
pub(crate) fn bench(_: &[String]) -> Outcome {
    Ok(())
}
pub(crate) fn attack(_: &[String]) -> Outcome {
    Ok(())
}
pub(crate) fn icount(_: &[String]) -> Outcome {
    Ok(())
}

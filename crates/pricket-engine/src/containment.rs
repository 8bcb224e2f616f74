//! A panic in a request's work ends that request and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::EngineError;

/// Runs `work` and makes an error of a panic.
///
/// Asserting unwind safety is sound for what the engine puts in here, because nothing half done is
/// looked at afterwards: the request's own sequence is dropped, the sampler's scratch is reset, and
/// a forward pass rewrites its scratch from the start and counts tokens as remembered only when it
/// is complete.
pub(crate) fn contained<T, E: Into<EngineError>>(
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(Into::into),
        Err(panic) => {
            let message = if let Some(text) = panic.downcast_ref::<&str>() {
                (*text).to_owned()
            } else if let Some(text) = panic.downcast_ref::<String>() {
                text.clone()
            } else {
                "it gave no message".to_owned()
            };
            tracing::error!(%message, "a request's work panicked");
            Err(EngineError::Panicked { message })
        }
    }
}

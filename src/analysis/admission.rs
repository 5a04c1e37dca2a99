//! A place among the analyses in progress.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::inference::Lease;

/// A place among the analyses in progress; given back when dropped.
///
/// The thread that attends the decode worker holds a second handle on the same place, so that a
/// caller who leaves does not make room for another while the worker is still at work. Until it is
/// given back the models that were loaded when it was handed out stay loaded.
#[derive(Debug)]
#[must_use = "dropping an admission gives the place back"]
pub struct Admission {
    permit: Arc<OwnedSemaphorePermit>,
    pub(super) models: Arc<Lease>,
}

impl Admission {
    pub(super) fn new(permit: OwnedSemaphorePermit, models: Lease) -> Self {
        Self {
            permit: Arc::new(permit),
            models: Arc::new(models),
        }
    }

    /// A second handle on the same place.
    pub(super) fn share(&self) -> Self {
        Self {
            permit: Arc::clone(&self.permit),
            models: Arc::clone(&self.models),
        }
    }
}

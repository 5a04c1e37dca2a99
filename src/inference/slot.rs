//! The place for the service's models: they are in it, or it is empty.
//!
//! Whoever wants clips scored takes a [`Lease`] first and gives it back by dropping it. Loading
//! and unloading wait until every lease is back, and from the moment they wait no new one is given,
//! so that an analysis that has begun finishes with the models it began with and a newcomer is
//! told at once. A load or an unload that has begun ends even when nobody waits for it any more.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{Bundle, Facts, InferenceError, InferenceSettings, ModelWorker, Scorer};

/// The models in use, or none. Cheap to clone; the models end with the last clone and lease.
#[derive(Clone)]
pub struct ModelSlot {
    settings: Arc<InferenceSettings>,
    occupant: Arc<RwLock<Option<Occupant>>>,
    latest: Arc<Mutex<Arc<Facts>>>,
}

/// Models at work. The worker joins its thread when it is dropped.
struct Occupant {
    scorer: Scorer,
    _worker: ModelWorker,
}

/// The right to have clips scored by the models that are loaded now; they stay until it is dropped.
#[must_use = "dropping a lease lets the models go"]
pub struct Lease(OwnedRwLockReadGuard<Option<Occupant>, Occupant>);

impl Deref for Lease {
    type Target = Scorer;

    fn deref(&self) -> &Scorer {
        &self.0.scorer
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({})", self.bundle())
    }
}

/// What [`ModelSlot::load`] or [`ModelSlot::unload`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was otherwise before.
    Made,
    /// It was so already.
    AlreadySo,
}

impl ModelSlot {
    /// Loads the models that `settings` name. Blocks until they are ready.
    ///
    /// # Errors
    /// As [`ModelWorker::start`].
    pub fn start(settings: InferenceSettings) -> Result<Self, InferenceError> {
        let occupant = Occupant::load(&settings)?;
        Ok(Self {
            latest: Arc::new(Mutex::new(occupant.scorer.facts())),
            occupant: Arc::new(RwLock::new(Some(occupant))),
            settings: Arc::new(settings),
        })
    }

    /// The models, for as long as the caller keeps the lease.
    ///
    /// # Errors
    /// [`InferenceError::NotLoaded`] when there are none, or they are just being changed.
    pub fn lease(&self) -> Result<Lease, InferenceError> {
        let guard = Arc::clone(&self.occupant).try_read_owned();
        let guard = guard.map_err(|_| InferenceError::NotLoaded)?;
        let occupant = OwnedRwLockReadGuard::try_map(guard, Option::as_ref);
        occupant.map(Lease).map_err(|_| InferenceError::NotLoaded)
    }

    /// Whether models are loaded and answer.
    pub fn is_ready(&self) -> bool {
        self.lease().is_ok_and(|models| models.is_ready())
    }

    /// What is known about the models that are loaded or were loaded last.
    pub fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.latest())
    }

    /// The folder that models are loaded from.
    pub fn models_dir(&self) -> &Path {
        &self.settings.models_dir
    }

    /// Lets go of the models once every lease is back, waiting for `patience` at most. Their memory
    /// is free when this returns.
    ///
    /// # Errors
    /// [`InferenceError::InUse`] when leases are still out then; the models stay.
    pub async fn unload(&self, patience: Duration) -> Result<Change, InferenceError> {
        let mut place = self.once_free(patience).await?;
        let Some(occupant) = place.take() else {
            return Ok(Change::AlreadySo);
        };
        blocking(move || {
            drop(occupant);
            drop(place);
        })
        .await?;
        Ok(Change::Made)
    }

    /// Loads the models from the models directory as it is now, unless some are loaded.
    ///
    /// # Errors
    /// As [`ModelWorker::start`]; the place stays empty. [`InferenceError::OtherDetector`] when the
    /// bundle now names another face detector than the one that runs, and
    /// [`InferenceError::InUse`] as [`Self::unload`].
    pub async fn load(&self, patience: Duration) -> Result<Change, InferenceError> {
        if self.lease().is_ok() {
            return Ok(Change::AlreadySo);
        }
        let mut place = self.once_free(patience).await?;
        if place.is_some() {
            return Ok(Change::AlreadySo);
        }
        let slot = self.clone();
        blocking(move || {
            let occupant = slot.reload()?;
            *slot.latest() = occupant.scorer.facts();
            *place = Some(occupant);
            Ok(Change::Made)
        })
        .await?
    }

    fn reload(&self) -> Result<Occupant, InferenceError> {
        let bundle = Bundle::read(&self.settings.models_dir)?;
        if bundle.detector_folder() != self.facts().detector_folder {
            return Err(InferenceError::OtherDetector);
        }
        Occupant::load(&self.settings)
    }

    async fn once_free(
        &self,
        patience: Duration,
    ) -> Result<OwnedRwLockWriteGuard<Option<Occupant>>, InferenceError> {
        let waiting = Arc::clone(&self.occupant).write_owned();
        let place = tokio::time::timeout(patience, waiting).await;
        place.map_err(|_| InferenceError::InUse)
    }

    /// No code panics while it holds the lock, so a poisoned value is still sound.
    fn latest(&self) -> std::sync::MutexGuard<'_, Arc<Facts>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Occupant {
    fn load(settings: &InferenceSettings) -> Result<Self, InferenceError> {
        let (worker, scorer) = ModelWorker::start(settings.clone())?;
        Ok(Self {
            scorer,
            _worker: worker,
        })
    }
}

/// Work that joins threads or reads large files must not hold up the server's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, InferenceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| InferenceError::Closed)
}

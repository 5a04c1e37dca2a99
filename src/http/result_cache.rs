//! Files analysed lately, so that the same bytes are not analysed twice.
//!
//! The cache holds names of stored analyses, by the SHA-256 of the file, whose it is and what else
//! the client asked for. An entry counts only while its record is there, belongs to the sender and
//! has its pictures; otherwise the file is analysed anew. Models that are loaded again are others:
//! their calibration and thresholds may have changed. A client that sends `Cache-Control: no-cache`
//! is never answered from here.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use hashlink::LruCache;

use super::error::HttpError;
use super::wish::Wish;
use crate::domain::AnalysisId;
use crate::integrity::Sha256Digest;
use crate::media::Steps;
use crate::store::{ArtifactStore, KeyId, Pictures, Reader, RecordStore, Stored};

/// What must be the same for an answer to be the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    sha256: String,
    owner: Option<KeyId>,
    threshold_bits: Option<u32>,
    model_type: Option<String>,
    steps: Option<Steps>,
    stream: Option<u32>,
    check_stability: bool,
    loading: u64,
}

/// The names of the analyses used last; those not used for longest leave first.
#[derive(Debug)]
pub(super) struct ResultCache {
    /// `None` when it is switched off.
    entries: Option<Mutex<LruCache<Key, AnalysisId>>>,
}

impl ResultCache {
    /// A cache of so many entries; of none, it never finds anything.
    pub(super) fn new(max_entries: usize) -> Self {
        let entries = NonZeroUsize::new(max_entries);
        Self {
            entries: entries.map(|max| Mutex::new(LruCache::new(max.get()))),
        }
    }

    /// The stored analysis of these bytes for this wish by the models of `loading`
    /// ([`Facts::loading`](crate::inference::Facts)).
    ///
    /// # Errors
    /// [`HttpError::Store`] when the database fails.
    pub(super) async fn find(
        &self,
        stores: (&RecordStore, &ArtifactStore),
        sha256: &Sha256Digest,
        wish: &Wish,
        loading: u64,
    ) -> Result<Option<Stored>, HttpError> {
        if wish.anew {
            return Ok(None);
        }
        let key = Key::new(sha256, wish, loading);
        let found = match self.named(&key) {
            Some(id) => usable(stores, id, key.owner).await?,
            None => None,
        };
        let outcome = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!("framewitness_result_cache_total", "outcome" => outcome).increment(1);
        Ok(found)
    }

    /// Remembers a stored analysis by the models of `loading`, unless there are no pictures of it.
    pub(super) fn remember(
        &self,
        sha256: &Sha256Digest,
        wish: &Wish,
        loading: u64,
        stored: &Stored,
    ) {
        if stored.pictures != Pictures::Stored {
            return;
        }
        if let Some(entries) = &self.entries {
            let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
            entries.insert(Key::new(sha256, wish, loading), stored.id());
        }
    }

    fn named(&self, key: &Key) -> Option<AnalysisId> {
        let entries = self.entries.as_ref()?;
        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).copied()
    }
}

impl Key {
    fn new(sha256: &Sha256Digest, wish: &Wish, loading: u64) -> Self {
        let submission = &wish.submission;
        Self {
            sha256: sha256.to_hex(),
            owner: submission.owner,
            threshold_bits: submission.threshold.map(|p| p.get().to_bits()),
            model_type: submission.model_type.clone(),
            steps: wish.steps,
            stream: wish.stream,
            check_stability: wish.check_stability,
            loading,
        }
    }
}

/// The analysis, when it may still stand for another of the same bytes.
async fn usable(
    (records, artifacts): (&RecordStore, &ArtifactStore),
    id: AnalysisId,
    owner: Option<KeyId>,
) -> Result<Option<Stored>, HttpError> {
    let reader = owner.map_or(Reader::Unrestricted, Reader::Key);
    let stored = records.get(id, reader).await?;
    let stored = stored.filter(|stored| stored.submission.owner == owner);
    // Pictures that cannot be looked for are as good as gone: a new analysis brings its own.
    let has_pictures = match &stored {
        Some(_) => (artifacts.list(id).await).is_ok_and(|names| !names.is_empty()),
        None => false,
    };
    Ok(stored.filter(|_| has_pictures))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::Probability;

    fn remember(cache: &ResultCache, bytes: &[u8], wish: &Wish, id: u128) {
        let key = Key::new(&Sha256Digest::of(bytes), wish, 0);
        let entries = cache.entries.as_ref().unwrap();
        let id = AnalysisId::new(Uuid::from_u128(id));
        entries.lock().unwrap().insert(key, id);
    }

    fn found(cache: &ResultCache, bytes: &[u8], wish: &Wish) -> bool {
        let key = Key::new(&Sha256Digest::of(bytes), wish, 0);
        cache.named(&key).is_some()
    }

    #[test]
    fn an_entry_is_found_by_the_same_bytes_sender_and_settings_only() {
        let cache = ResultCache::new(8);
        let wish = Wish::default();
        remember(&cache, b"a", &wish, 1);
        assert!(found(&cache, b"a", &wish));
        assert!(!found(&cache, b"b", &wish));
        let mut other = Wish::default();
        other.submission.owner = Some(KeyId::new(7));
        assert!(!found(&cache, b"a", &other));
        let mut other = Wish::default();
        other.submission.threshold = Some(Probability::new(0.7).unwrap());
        assert!(!found(&cache, b"a", &other));
    }

    #[test]
    fn the_entry_not_used_for_longest_leaves_first() {
        let cache = ResultCache::new(2);
        let wish = Wish::default();
        remember(&cache, b"a", &wish, 1);
        remember(&cache, b"b", &wish, 2);
        assert!(found(&cache, b"a", &wish));
        remember(&cache, b"c", &wish, 3);
        assert!(found(&cache, b"a", &wish));
        assert!(!found(&cache, b"b", &wish));
    }

    #[test]
    fn models_that_were_loaded_again_are_others_whatever_their_names() {
        let cache = ResultCache::new(2);
        let key = |loading| Key::new(&Sha256Digest::of(b"a"), &Wish::default(), loading);
        let entries = cache.entries.as_ref().unwrap();
        let id = AnalysisId::new(Uuid::from_u128(1));
        entries.lock().unwrap().insert(key(0), id);
        assert_eq!(cache.named(&key(0)), Some(id));
        assert_eq!(cache.named(&key(1)), None);
    }
}

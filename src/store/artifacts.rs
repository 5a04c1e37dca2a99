//! The artifact store as its callers see it, whatever it rests on.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::domain::AnalysisId;

use super::artifact_name::ArtifactName;
use super::blocking::on_disk_thread;
use super::disk::DiskArtifacts;
use super::error::StoreError;
use super::retention::{RetentionPolicy, SweepReport};

/// Frames and crops of analyses. Clones share one store.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    backend: Backend,
    policy: RetentionPolicy,
}

#[derive(Debug, Clone)]
enum Backend {
    Disk(Arc<DiskArtifacts>),
}

impl ArtifactStore {
    /// Opens or creates (mode 0700) the folder `root` and clears what interrupted writes of dead
    /// processes left there.
    ///
    /// # Errors
    /// [`StoreError::Io`] naming the folder.
    pub async fn open(root: &Path, policy: RetentionPolicy) -> Result<Self, StoreError> {
        let root = root.to_path_buf();
        let disk = on_disk_thread(move || DiskArtifacts::open(&root)).await?;
        Ok(Self {
            backend: Backend::Disk(Arc::new(disk)),
            policy,
        })
    }

    /// Stores all of `artifacts` or, on any error, none. Names must differ from each other.
    ///
    /// # Errors
    /// [`StoreError::DuplicateArtifacts`] when the analysis has artifacts;
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn put_all(
        &self,
        id: AnalysisId,
        artifacts: Vec<(ArtifactName, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let Backend::Disk(disk) = self.backend.clone();
        on_disk_thread(move || disk.put_all(id, &artifacts)).await
    }

    /// The bytes of one artifact; `None` when it was never stored or has been swept.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn read(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Backend::Disk(disk) = self.backend.clone();
        let name = name.clone();
        on_disk_thread(move || disk.read(id, &name)).await
    }

    /// Names of the artifacts of one analysis in order; empty when there are none.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn list(&self, id: AnalysisId) -> Result<Vec<ArtifactName>, StoreError> {
        let Backend::Disk(disk) = self.backend.clone();
        on_disk_thread(move || disk.list(id)).await
    }

    /// Removes the artifacts of one analysis at once; `false` when there were none.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn remove(&self, id: AnalysisId) -> Result<bool, StoreError> {
        let Backend::Disk(disk) = self.backend.clone();
        on_disk_thread(move || disk.remove(id)).await
    }

    /// Removes what the retention policy no longer allows as of `now`, and what interrupted
    /// writes of dead processes left.
    ///
    /// # Errors
    /// [`StoreError::Io`]; what was removed before the error stays removed.
    pub async fn sweep(&self, now: SystemTime) -> Result<SweepReport, StoreError> {
        let Backend::Disk(disk) = self.backend.clone();
        let policy = self.policy;
        on_disk_thread(move || disk.sweep(&policy, now)).await
    }

    /// Bytes of all stored artifacts. Reads every folder: for gauges and reports.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn usage_bytes(&self) -> Result<u64, StoreError> {
        let Backend::Disk(disk) = self.backend.clone();
        on_disk_thread(move || disk.usage_bytes()).await
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    const KEEP_ALL: RetentionPolicy = RetentionPolicy {
        max_age: Duration::from_secs(3600),
        max_total_bytes: u64::MAX,
    };

    fn id(number: u128) -> AnalysisId {
        AnalysisId::new(Uuid::from_u128(number))
    }

    fn frames(count: usize, bytes_each: usize) -> Vec<(ArtifactName, Vec<u8>)> {
        (0..count)
            .map(|index| (ArtifactName::frame(index), vec![index as u8; bytes_each]))
            .collect()
    }

    fn entries(folder: &Path) -> Vec<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths
    }

    fn unfinished(root: &Path) -> usize {
        let sessions = entries(&root.join(".incoming"));
        sessions.iter().map(|session| entries(session).len()).sum()
    }

    #[tokio::test]
    async fn artifacts_read_back_and_are_found_under_their_stated_path() {
        let root = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap();
        store.put_all(id(1), frames(3, 10)).await.unwrap();
        let name = ArtifactName::frame(2);
        assert_eq!(store.read(id(1), &name).await.unwrap(), Some(vec![2; 10]));
        assert!(
            root.path()
                .join(id(1).to_string())
                .join("frame-002.jpg")
                .is_file()
        );
        assert_eq!(store.list(id(1)).await.unwrap().len(), 3);
        assert_eq!(store.usage_bytes().await.unwrap(), 30);
        assert_eq!(unfinished(root.path()), 0);
        assert_eq!(
            store.read(id(1), &ArtifactName::frame(3)).await.unwrap(),
            None
        );
        assert_eq!(store.read(id(2), &name).await.unwrap(), None);
        assert!(store.list(id(2)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_write_that_fails_midway_stores_nothing() {
        let root = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap();
        let mut twice = frames(2, 10);
        twice.push(twice[0].clone());
        let error = store.put_all(id(1), twice).await.unwrap_err();
        assert_eq!(error.code(), "storage-failed");
        assert!(store.list(id(1)).await.unwrap().is_empty());
        assert!(!root.path().join(id(1).to_string()).exists());
        assert_eq!(unfinished(root.path()), 0);
    }

    #[tokio::test]
    async fn a_second_write_for_the_same_analysis_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap();
        store.put_all(id(1), frames(1, 10)).await.unwrap();
        let error = store.put_all(id(1), frames(5, 99)).await.unwrap_err();
        assert_eq!(error.code(), "duplicate-artifacts");
        assert_eq!(store.usage_bytes().await.unwrap(), 10);
        assert_eq!(unfinished(root.path()), 0);
    }

    #[tokio::test]
    async fn opening_clears_interrupted_writes_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap();
        store.put_all(id(1), frames(2, 10)).await.unwrap();
        drop(store);
        let interrupted = root.path().join(".incoming/session-0123/.tmpabc");
        fs::create_dir_all(&interrupted).unwrap();
        fs::write(interrupted.join("frame-000.jpg"), b"half").unwrap();
        let stranger = root.path().join("lost+found");
        fs::create_dir(&stranger).unwrap();

        let store = ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap();

        assert!(!interrupted.exists());
        assert!(stranger.exists());
        assert_eq!(store.list(id(1)).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_sweep_takes_the_old_then_the_oldest_and_reports_both() {
        let root = tempfile::tempdir().unwrap();
        let policy = RetentionPolicy {
            max_age: Duration::from_secs(1000),
            max_total_bytes: 25,
        };
        let store = ArtifactStore::open(root.path(), policy).await.unwrap();
        let now = SystemTime::now();
        for (number, age_s) in [(1, 2000), (2, 500), (3, 100), (4, 10)] {
            store.put_all(id(number), frames(1, 10)).await.unwrap();
            File::open(root.path().join(id(number).to_string()))
                .unwrap()
                .set_modified(now - Duration::from_secs(age_s))
                .unwrap();
        }
        let report = store.sweep(now).await.unwrap();
        let expected = SweepReport {
            removed_for_age: 1,
            removed_for_size: 1,
            freed_bytes: 20,
            kept: 2,
            kept_bytes: 20,
            cleared_leftovers: 0,
        };
        assert_eq!(report, expected);
        assert!(store.list(id(2)).await.unwrap().is_empty());
        assert_eq!(store.list(id(3)).await.unwrap().len(), 1);
        assert_eq!(store.usage_bytes().await.unwrap(), 20);
        assert_eq!(store.sweep(now).await.unwrap().freed_bytes, 0);
        assert_eq!(unfinished(root.path()), 0);
    }

    #[tokio::test]
    async fn a_sweep_never_takes_the_unfinished_write_of_a_living_process() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (
            ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap(),
            ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap(),
        );
        let writer = tokio::spawn(async move {
            for number in 0..20 {
                first.put_all(id(number), frames(5, 100)).await.unwrap();
            }
        });
        while !writer.is_finished() {
            let report = second.sweep(SystemTime::now()).await.unwrap();
            assert_eq!(report.cleared_leftovers, 0);
        }
        writer.await.unwrap();
        assert_eq!(second.usage_bytes().await.unwrap(), 20 * 500);
    }

    #[tokio::test]
    async fn removing_takes_all_artifacts_of_one_analysis_only() {
        let root = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(root.path(), KEEP_ALL).await.unwrap();
        store.put_all(id(1), frames(3, 10)).await.unwrap();
        store.put_all(id(2), frames(3, 10)).await.unwrap();
        assert!(store.remove(id(1)).await.unwrap());
        assert!(!store.remove(id(1)).await.unwrap());
        assert_eq!(store.usage_bytes().await.unwrap(), 30);
        assert_eq!(unfinished(root.path()), 0);
    }
}

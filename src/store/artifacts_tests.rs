use std::fs::{self, File};

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

//! Resumable uploads that are not whole yet.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use time::OffsetDateTime;
use uuid::Uuid;

use super::bench::Bench;
use crate::store::floor::tests::small_disk;
use crate::store::{
    ArtifactName, Begun, DiskFloor, HeldPartial, Hold, JobId, JobPayload, NewJob, PartialLimits,
    PartialRecord, PartialUploads, Submission,
};

const LIMITS: PartialLimits = PartialLimits {
    max: 3,
    max_per_sender: 2,
    keep: Duration::from_secs(100),
};

fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000 + second).unwrap()
}

fn name(number: u128) -> JobId {
    JobId::new(Uuid::from_u128(number))
}

fn record(sender: &str) -> PartialRecord {
    PartialRecord {
        length_bytes: 10,
        filename: "clip.mp4".into(),
        metadata: Some("filename Y2xpcC5tcDQ=".into()),
        stream: Some(1),
        check_stability: true,
        submission: Submission::default(),
        sender: sender.into(),
        expires_at: at(100),
    }
}

async fn open(root: &Path) -> PartialUploads {
    let floor = DiskFloor::of(0);
    PartialUploads::open(root, floor, LIMITS).await.unwrap()
}

/// A folder with one upload of ten bytes, of which none has come.
async fn begun() -> (TempDir, PartialUploads) {
    let root = tempfile::tempdir().unwrap();
    let partials = open(root.path()).await;
    let began = partials.begin(name(1), record("a"), at(0)).await.unwrap();
    assert_eq!(began, Begun::Yes);
    (root, partials)
}

/// Waits a moment where need be: a process that another test just starts has every lock until it is itself.
async fn held(partials: &PartialUploads) -> HeldPartial {
    match partials.take_over(name(1)).await.unwrap() {
        Hold::Held(held) => *held,
        Hold::Busy | Hold::Gone => panic!("it cannot be held"),
    }
}

fn entries(root: &Path) -> usize {
    fs::read_dir(root).unwrap().count()
}

#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off_in_this_process_and_in_the_next() {
    let (root, partials) = begun().await;
    let mut first = held(&partials).await;
    first.write(b"0123").await.unwrap();
    // As it goes when a client leaves: nobody flushes.
    drop(first);
    let mut again = match partials.take_over(name(1)).await.unwrap() {
        Hold::Held(held) => *held,
        Hold::Busy | Hold::Gone => panic!("it cannot be held"),
    };
    assert_eq!((again.offset(), again.was_whole()), (4, false));
    again.write(b"45").await.unwrap();
    again.sync().await.unwrap();
    drop((again, partials));
    let partials = open(root.path()).await;
    assert_eq!(partials.find(name(1)).await.unwrap(), Some(record("a")));
    let last = held(&partials).await;
    assert_eq!(last.offset(), 6);
    assert_eq!(fs::read(last.path()).unwrap(), b"012345");
}

#[tokio::test]
async fn the_last_byte_does_not_count_until_the_upload_is_gone() {
    let (root, partials) = begun().await;
    let mut whole = held(&partials).await;
    whole.write(b"0123456789").await.unwrap();
    whole.sync().await.unwrap();
    assert!(whole.is_whole() && !whole.was_whole());
    drop(whole);
    let again = held(&partials).await;
    assert_eq!((again.offset(), again.was_whole()), (9, true));
    again.remove().await.unwrap();
    assert!(matches!(partials.hold(name(1)).await.unwrap(), Hold::Gone));
    assert_eq!(partials.find(name(1)).await.unwrap(), None);
    assert_eq!(entries(root.path()), 0);
}

#[tokio::test]
async fn one_at_a_time_writes_and_leaves_for_who_takes_over() {
    let (_root, partials) = begun().await;
    let mut first = held(&partials).await;
    assert!(matches!(partials.hold(name(1)).await.unwrap(), Hold::Busy));
    let writing = tokio::spawn(async move {
        first.write(b"01").await.unwrap();
        first.asked_to_leave().await;
        first.sync().await.unwrap();
    });
    let Hold::Held(second) = partials.take_over(name(1)).await.unwrap() else {
        panic!("nobody left");
    };
    writing.await.unwrap();
    assert_eq!(second.offset(), 2);
}

#[tokio::test]
async fn what_was_never_checked_is_cut_off() {
    let (_root, partials) = begun().await;
    let mut first = held(&partials).await;
    first.write(b"012").await.unwrap();
    first.doubt_what_follows().await.unwrap();
    first.write(b"xyz").await.unwrap();
    first.sync().await.unwrap();
    drop(first);
    let mut second = held(&partials).await;
    assert_eq!(second.offset(), 3);
    second.doubt_what_follows().await.unwrap();
    second.write(b"345").await.unwrap();
    second.sync().await.unwrap();
    second.believe().await.unwrap();
    drop(second);
    assert_eq!(held(&partials).await.offset(), 6);
}

#[tokio::test]
async fn unfinished_uploads_are_counted_by_sender_and_in_all_until_they_are_too_old() {
    let (_root, partials) = begun().await;
    let begin = async |number, sender: &str, second| {
        let begun = partials.begin(name(number), record(sender), at(second));
        begun.await.unwrap()
    };
    assert_eq!(begin(2, "a", 0).await, Begun::Yes);
    assert_eq!(begin(3, "a", 99).await, Begun::FullForSender);
    assert_eq!(begin(3, "b", 99).await, Begun::Yes);
    assert_eq!(begin(4, "c", 99).await, Begun::Full);
    assert_eq!(begin(4, "a", 100).await, Begun::Yes);
}

#[tokio::test]
async fn a_file_that_the_disk_has_no_room_for_does_not_begin() {
    let root = tempfile::tempdir().unwrap();
    let disk = small_disk(16 << 20);
    let partials = PartialUploads::open(root.path(), disk, LIMITS)
        .await
        .unwrap();
    let large = PartialRecord {
        length_bytes: 17 << 20,
        ..record("a")
    };
    let refused = partials.begin(name(1), large, at(0)).await.unwrap_err();
    assert_eq!(refused.code(), "storage-full");
    assert_eq!(entries(root.path()), 0);
}

#[tokio::test]
async fn a_sweep_removes_what_is_too_old_what_became_a_job_and_what_is_broken() {
    let bench = Bench::sqlite().await;
    let jobs = bench.records.jobs();
    let (root, partials) = begun().await;
    let mut whole = held(&partials).await;
    whole.write(b"0123456789").await.unwrap();
    whole.sync().await.unwrap();
    drop(whole);
    fs::create_dir(root.path().join(".staged-1")).unwrap();
    fs::create_dir(root.path().join(name(7).to_string())).unwrap();
    let stranger = root.path().join("notes");
    fs::create_dir(&stranger).unwrap();
    assert_eq!(partials.sweep(&jobs, at(99)).await.unwrap(), 2);
    assert_eq!(held(&partials).await.offset(), 9);

    let job = NewJob {
        id: name(1),
        payload: JobPayload {
            upload: ArtifactName::kept_video(None),
            sha256: "ab".repeat(32),
            size_bytes: 10,
            filename: "clip.mp4".into(),
            stream: None,
            check_stability: false,
            submission: Submission::default(),
        },
        idempotency: None,
    };
    jobs.enqueue(&job, 100, at(0)).await.unwrap();
    let mut whole = held(&partials).await;
    whole.write(b"9").await.unwrap();
    whole.sync().await.unwrap();
    assert_eq!(
        partials.sweep(&jobs, at(99)).await.unwrap(),
        0,
        "it is held"
    );
    drop(whole);
    assert_eq!(partials.sweep(&jobs, at(99)).await.unwrap(), 1);

    partials.begin(name(2), record("a"), at(0)).await.unwrap();
    assert_eq!(partials.sweep(&jobs, at(99)).await.unwrap(), 0);
    assert_eq!(partials.sweep(&jobs, at(100)).await.unwrap(), 1);
    assert_eq!(entries(root.path()), 1);
    assert!(stranger.exists());
}

//! The uploads of jobs, on disk and in a bucket.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use object_store::aws::AmazonS3Builder;
use tempfile::TempDir;
use time::OffsetDateTime;
use uuid::Uuid;

use super::bench::Bench;
use super::object_server::{ACCESS_KEY, BUCKET, S3, SECRET_KEY};
use crate::store::s3::S3Artifacts;
use crate::store::{
    ArtifactName, ArtifactPlace, DiskFloor, JobId, JobPayload, JobStore, JobUploads, NewJob,
    Reader, Submission, Upload, UploadDir, WholeFile,
};

struct Place {
    folder: TempDir,
    bucket: Option<S3>,
}

impl Place {
    fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            bucket: None,
        }
    }

    fn in_bucket() -> Self {
        Self {
            bucket: Some(S3::start()),
            ..Self::on_disk()
        }
    }

    async fn open(&self) -> JobUploads {
        let place = ArtifactPlace {
            url: String::new(),
            folder: self.folder.path().join("artifacts"),
            spool: self.folder.path().join("spool"),
            spool_max_bytes: 0,
        };
        let Some(server) = &self.bucket else {
            return JobUploads::open(&place).await.unwrap();
        };
        let builder = AmazonS3Builder::new()
            .with_endpoint(server.endpoint())
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY);
        let bucket = S3Artifacts::new(&format!("s3://{BUCKET}/pictures/jobs"), builder).unwrap();
        JobUploads::in_bucket(bucket, &place.spool).await.unwrap()
    }

    /// Files of uploads.
    fn files(&self) -> Vec<PathBuf> {
        match &self.bucket {
            Some(server) => server.objects(),
            None => files_below(&self.folder.path().join("artifacts")),
        }
    }

    /// What a process that died left: a note under a name that nobody holds.
    fn leave_note(&self, job: JobId) {
        let root = match self.bucket {
            Some(_) => "spool/jobs",
            None => "artifacts/jobs",
        };
        let dead = self.folder.path().join(root).join(".keeping/session-dead");
        fs::create_dir_all(&dead).unwrap();
        fs::write(dead.join(job.to_string()), b"").unwrap();
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

fn name(number: u128) -> JobId {
    JobId::new(Uuid::from_u128(number))
}

fn file() -> ArtifactName {
    ArtifactName::kept_video(None)
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_763_712_000).unwrap()
}

async fn upload_dir(place: &Place) -> UploadDir {
    let root = place.folder.path().join("uploads");
    UploadDir::open(&root, DiskFloor::of(0)).await.unwrap()
}

async fn upload_of(uploads: &UploadDir, bytes: &[u8]) -> Upload {
    let mut writer = uploads.create().await.unwrap();
    writer.write(bytes).await.unwrap();
    writer.finish().await.unwrap()
}

async fn enqueue(jobs: &JobStore, number: u128) {
    let payload = JobPayload {
        upload: file(),
        sha256: "ab".repeat(32),
        size_bytes: 1,
        filename: "a.mp4".into(),
        stream: None,
        check_stability: false,
        submission: Submission::default(),
    };
    let job = NewJob {
        id: name(number),
        payload,
        idempotency: None,
    };
    jobs.enqueue(&job, 100, now()).await.unwrap();
}

fn whole(upload: &Upload) -> WholeFile<'_> {
    WholeFile::sealed(upload.file(), upload.path())
}

/// More than two pieces.
fn film() -> Vec<u8> {
    (0..20_000_000_u32).map(|n| (n >> 3) as u8).collect()
}

async fn comes_back_whole_until_it_is_removed(place: Place) {
    let (uploads, dir) = (place.open().await, upload_dir(&place).await);
    let film = film();
    let sent = upload_of(&dir, &film).await;
    let placed = uploads.put(name(1), &file(), whole(&sent)).await.unwrap();
    placed.is_enqueued().await;
    let copy = uploads
        .fetch(name(1), &file(), &dir)
        .await
        .unwrap()
        .unwrap();
    let mut read = Vec::new();
    copy.file().read_to_end(&mut read).unwrap();
    assert!(read == film);
    assert!(
        uploads
            .fetch(name(2), &file(), &dir)
            .await
            .unwrap()
            .is_none()
    );
    assert!(uploads.remove(name(1)).await.unwrap());
    assert!(!uploads.remove(name(1)).await.unwrap());
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn an_upload_comes_back_whole_until_it_is_removed_on_disk() {
    comes_back_whole_until_it_is_removed(Place::on_disk()).await;
}

#[tokio::test]
async fn an_upload_comes_back_whole_until_it_is_removed_in_a_bucket() {
    comes_back_whole_until_it_is_removed(Place::in_bucket()).await;
}

async fn a_dead_process_leaves_no_upload_without_a_job(place: Place) {
    let bench = Bench::sqlite().await;
    let jobs = bench.records.jobs();
    let (uploads, dir) = (place.open().await, upload_dir(&place).await);
    enqueue(&jobs, 1).await;
    for number in [1, 2] {
        let sent = upload_of(&dir, b"film").await;
        let placed = uploads
            .put(name(number), &file(), whole(&sent))
            .await
            .unwrap();
        placed.is_enqueued().await;
        place.leave_note(name(number));
    }
    assert_eq!(place.open().await.settle(&jobs).await.unwrap(), 1);
    let kept = uploads.fetch(name(1), &file(), &dir).await.unwrap();
    assert!(kept.is_some(), "the job is there, and needs it");
    assert_eq!(place.files().len(), 1, "{:?}", place.files());
}

#[tokio::test]
async fn a_dead_process_leaves_no_upload_without_a_job_on_disk() {
    a_dead_process_leaves_no_upload_without_a_job(Place::on_disk()).await;
}

#[tokio::test]
async fn a_dead_process_leaves_no_upload_without_a_job_in_a_bucket() {
    a_dead_process_leaves_no_upload_without_a_job(Place::in_bucket()).await;
}

async fn a_sweep_removes_what_no_job_needs(place: Place) {
    let bench = Bench::sqlite().await;
    let jobs = bench.records.jobs();
    let (uploads, dir) = (place.open().await, upload_dir(&place).await);
    for number in 1..=3 {
        let sent = upload_of(&dir, b"film").await;
        let placed = uploads
            .put(name(number), &file(), whole(&sent))
            .await
            .unwrap();
        placed.is_enqueued().await;
    }
    enqueue(&jobs, 1).await;
    enqueue(&jobs, 2).await;
    jobs.cancel(name(2), Reader::Unrestricted, now())
        .await
        .unwrap();
    // The third is perhaps just being enqueued.
    let now = SystemTime::now();
    assert_eq!(uploads.sweep(&jobs, now).await.unwrap(), 1);
    assert_eq!(place.files().len(), 2);
    let later = now + Duration::from_secs(3 * 3600);
    assert_eq!(uploads.sweep(&jobs, later).await.unwrap(), 1);
    let left = uploads.fetch(name(1), &file(), &dir).await.unwrap();
    assert!(left.is_some());
}

#[tokio::test]
async fn a_sweep_removes_what_no_job_needs_on_disk() {
    a_sweep_removes_what_no_job_needs(Place::on_disk()).await;
}

#[tokio::test]
async fn a_sweep_removes_what_no_job_needs_in_a_bucket() {
    a_sweep_removes_what_no_job_needs(Place::in_bucket()).await;
}

#[tokio::test]
async fn an_upload_without_a_job_to_come_is_taken_back() {
    let place = Place::on_disk();
    let (uploads, dir) = (place.open().await, upload_dir(&place).await);
    let sent = upload_of(&dir, b"film").await;
    let placed = uploads.put(name(1), &file(), whole(&sent)).await.unwrap();
    placed.take_back(&uploads).await;
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

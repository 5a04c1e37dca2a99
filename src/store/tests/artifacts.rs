//! What every store of artifacts does, on disk and in a bucket, and what a bucket does beside.

use std::time::{Duration, SystemTime};

use object_store::aws::AmazonS3Builder;
use tempfile::TempDir;
use uuid::Uuid;

use super::object_server::{ACCESS_KEY, BUCKET, S3, SECRET_KEY};
use crate::domain::AnalysisId;
use crate::store::s3::S3Artifacts;
use crate::store::{
    ArtifactName, ArtifactPlace, ArtifactStore, Pictures, RetentionPolicy, StoreError,
};

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

/// A store and what it rests on.
struct Bench {
    folder: TempDir,
    server: S3,
    spool_max_bytes: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: S3::start(),
            spool_max_bytes: 1_000,
        }
    }

    async fn on_disk(&self, policy: RetentionPolicy) -> ArtifactStore {
        let place = self.place("");
        ArtifactStore::open_place(&place, policy).await.unwrap()
    }

    async fn in_bucket(&self, policy: RetentionPolicy) -> ArtifactStore {
        let url = format!("s3://{BUCKET}/some/prefix");
        self.opened(&url, SECRET_KEY, policy).await.unwrap()
    }

    async fn opened(
        &self,
        url: &str,
        secret: &str,
        policy: RetentionPolicy,
    ) -> Result<ArtifactStore, StoreError> {
        let bucket = S3Artifacts::new(url, self.builder(secret))?;
        ArtifactStore::open_bucket(bucket, &self.place(url), policy).await
    }

    fn builder(&self, secret: &str) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(self.server.endpoint())
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(secret)
    }

    fn place(&self, url: &str) -> ArtifactPlace {
        ArtifactPlace {
            url: url.into(),
            folder: self.folder.path().join("artifacts"),
            spool: self.folder.path().join("spool"),
            spool_max_bytes: self.spool_max_bytes,
        }
    }
}

async fn on_both(policy: RetentionPolicy) -> (Bench, [ArtifactStore; 2]) {
    let bench = Bench::new();
    let stores = [bench.on_disk(policy).await, bench.in_bucket(policy).await];
    (bench, stores)
}

#[tokio::test]
async fn artifacts_read_back_wherever_they_are() {
    let (_bench, stores) = on_both(KEEP_ALL).await;
    for store in stores {
        let stored = store.put_all(id(1), frames(12, 10)).await.unwrap();
        assert_eq!(stored, Pictures::Stored);
        let name = ArtifactName::frame(2);
        assert_eq!(store.read(id(1), &name).await.unwrap(), Some(vec![2; 10]));
        let names: Vec<_> = frames(12, 0).into_iter().map(|(name, _)| name).collect();
        assert_eq!(store.list(id(1)).await.unwrap(), names);
        assert_eq!(store.usage_bytes().await.unwrap(), 120);
        let absent = ArtifactName::frame(99);
        assert_eq!(store.read(id(1), &absent).await.unwrap(), None);
        assert_eq!(store.read(id(2), &name).await.unwrap(), None);
        assert_eq!(store.list(id(2)).await.unwrap(), []);
    }
}

#[tokio::test]
async fn removing_takes_all_artifacts_of_one_analysis_only() {
    let (_bench, stores) = on_both(KEEP_ALL).await;
    for store in stores {
        store.put_all(id(1), frames(3, 10)).await.unwrap();
        store.put_all(id(2), frames(3, 10)).await.unwrap();
        assert!(store.remove(id(1)).await.unwrap());
        assert!(!store.remove(id(1)).await.unwrap());
        assert_eq!(store.list(id(1)).await.unwrap(), []);
        assert_eq!(store.usage_bytes().await.unwrap(), 30);
    }
}

#[tokio::test]
async fn a_sweep_takes_the_oldest_until_the_rest_fits_and_in_time_everything() {
    let policy = RetentionPolicy {
        max_age: Duration::from_secs(1000),
        max_total_bytes: 25,
    };
    let (_bench, stores) = on_both(policy).await;
    for store in stores {
        for number in 1..=3 {
            store.put_all(id(number), frames(1, 10)).await.unwrap();
            // Object times are whole seconds in S3's listings; equal ones go by name.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let now = SystemTime::now();
        let report = store.sweep(now).await.unwrap();
        assert_eq!((report.removed_for_size, report.kept_bytes), (1, 20));
        assert_eq!(store.list(id(1)).await.unwrap(), []);
        assert_eq!(store.list(id(3)).await.unwrap().len(), 1);
        let later = now + Duration::from_secs(2000);
        let report = store.sweep(later).await.unwrap();
        assert_eq!((report.removed_for_age, report.kept), (2, 0));
        assert_eq!(store.usage_bytes().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn objects_lie_under_the_prefix_by_analysis_and_strangers_are_left_alone() {
    let bench = Bench::new();
    let everything_goes = RetentionPolicy {
        max_age: Duration::ZERO,
        max_total_bytes: 0,
    };
    let store = bench.in_bucket(everything_goes).await;
    store.put_all(id(1), frames(1, 10)).await.unwrap();
    let path = format!("some/prefix/{}/frame-000.jpg", id(1));
    assert_eq!(bench.server.objects(), [std::path::PathBuf::from(path)]);
    let whole_bucket = format!("s3://{BUCKET}");
    let elsewhere = bench.opened(&whole_bucket, SECRET_KEY, everything_goes);
    let elsewhere = elsewhere.await.unwrap();
    let later = SystemTime::now() + Duration::from_secs(10);
    assert_eq!(elsewhere.sweep(later).await.unwrap().removed_for_age, 0);
    assert_eq!(bench.server.objects().len(), 1);
    assert_eq!(store.sweep(later).await.unwrap().removed_for_age, 1);
    assert_eq!(bench.server.objects().len(), 0);
}

#[tokio::test]
async fn a_link_shows_the_picture_without_our_keys_and_only_the_picture_it_names() {
    let bench = Bench::new();
    let store = bench.in_bucket(KEEP_ALL).await;
    store.put_all(id(1), frames(2, 10)).await.unwrap();
    let name = ArtifactName::frame(1);
    let link = store.link(id(1), &name, Duration::from_secs(60)).await;
    let link = link.unwrap().unwrap();
    assert!(!link.contains(SECRET_KEY), "{link}");
    let response = reqwest::get(&link).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    assert_eq!(response.bytes().await.unwrap(), vec![1; 10]);
    let another = reqwest::get(link.replace("frame-001", "frame-000")).await;
    assert_eq!(another.unwrap().status(), 403);
    let unsigned = reqwest::get(link.split('?').next().unwrap()).await;
    assert_eq!(unsigned.unwrap().status(), 403);
    let on_disk = bench.on_disk(KEEP_ALL).await;
    let none = on_disk.link(id(1), &name, Duration::from_secs(60)).await;
    assert_eq!(none.unwrap(), None);
}

#[tokio::test]
async fn pictures_wait_here_while_the_bucket_is_away_and_follow_when_it_is_back() {
    let mut bench = Bench::new();
    let store = bench.in_bucket(KEEP_ALL).await;
    bench.server.stop();
    let name = ArtifactName::frame(1);
    let waiting = store.put_all(id(1), frames(3, 10)).await.unwrap();
    assert_eq!(waiting, Pictures::Delayed);
    assert_eq!(store.read(id(1), &name).await.unwrap(), Some(vec![1; 10]));
    let minute = Duration::from_secs(60);
    assert_eq!(store.link(id(1), &name, minute).await.unwrap(), None);
    let error = store.send_spooled().await.unwrap_err();
    assert_eq!(error.code(), "artifacts-away");
    assert_eq!(store.read(id(1), &name).await.unwrap(), Some(vec![1; 10]));
    let error = store.read(id(2), &name).await.unwrap_err();
    assert_eq!(error.code(), "artifacts-away");

    bench.server.start_again();
    assert_eq!(store.send_spooled().await.unwrap(), 1);
    assert_eq!(bench.server.objects().len(), 3);
    assert_eq!(store.read(id(1), &name).await.unwrap(), Some(vec![1; 10]));
    assert!(store.link(id(1), &name, minute).await.unwrap().is_some());
    assert_eq!(store.send_spooled().await.unwrap(), 0);
}

#[tokio::test]
async fn a_service_that_starts_while_the_bucket_is_away_uses_it_when_it_is_back() {
    let mut bench = Bench::new();
    bench.server.stop();
    let store = bench.in_bucket(KEEP_ALL).await;
    bench.server.start_again();
    let stored = store.put_all(id(1), frames(1, 10)).await.unwrap();
    assert_eq!(stored, Pictures::Stored);
}

#[tokio::test]
async fn what_no_longer_fits_into_the_spool_is_lost_and_said_so() {
    let mut bench = Bench::new();
    bench.spool_max_bytes = 100;
    let store = bench.in_bucket(KEEP_ALL).await;
    bench.server.stop();
    let first = store.put_all(id(1), frames(8, 10)).await.unwrap();
    let second = store.put_all(id(2), frames(3, 10)).await.unwrap();
    assert_eq!((first, second), (Pictures::Delayed, Pictures::Lost));
    bench.server.start_again();
    assert_eq!(store.send_spooled().await.unwrap(), 1);
    assert_eq!(store.list(id(2)).await.unwrap(), []);
    let third = store.put_all(id(3), frames(30, 10)).await.unwrap();
    assert_eq!(third, Pictures::Stored);
}

#[tokio::test]
async fn a_bucket_that_refuses_or_is_not_there_is_said_at_the_start() {
    let bench = Bench::new();
    let url = format!("s3://{BUCKET}");
    for (url, secret) in [(url.as_str(), "wrong"), ("s3://not-there", SECRET_KEY)] {
        let error = bench.opened(url, secret, KEEP_ALL).await.unwrap_err();
        assert_eq!(error.code(), "artifacts-refused", "{url}: {error:?}");
        assert!(error.to_string().contains(url), "{error}");
        assert!(!format!("{error} {error:?}").contains(SECRET_KEY));
    }
}

#[tokio::test]
async fn a_url_that_names_no_place_is_refused() {
    let bench = Bench::new();
    for url in [
        "s3://",
        "s3:///x",
        "ftp://x",
        "file://relative",
        "/plain/path",
    ] {
        let opened = ArtifactStore::open_place(&bench.place(url), KEEP_ALL).await;
        let error = opened.unwrap_err();
        assert_eq!(error.code(), "artifacts-url-unusable", "{url}: {error}");
    }
}

#[tokio::test]
async fn endpoints_are_taken_in_path_style_and_virtual_hosted() {
    let bench = Bench::new();
    let minute = Duration::from_secs(60);
    for (endpoint, virtual_hosted, expected) in [
        ("http://minio:9000", false, "http://minio:9000/b/p/"),
        ("http://minio:9000/", false, "http://minio:9000/b/p/"),
        ("https://s3.example", true, "https://b.s3.example/p/"),
        ("https://b.s3.example", true, "https://b.s3.example/p/"),
    ] {
        let builder = bench
            .builder(SECRET_KEY)
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(virtual_hosted);
        let bucket = S3Artifacts::new("s3://b/p", builder).unwrap();
        let link = bucket.link(id(1), &ArtifactName::frame(0), minute).await;
        let link = link.unwrap();
        assert!(link.starts_with(expected), "{link}");
    }
    let keyless = AmazonS3Builder::new().with_endpoint("http://minio:9000");
    let error = S3Artifacts::new("s3://b/p", keyless).unwrap_err();
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
}

use proptest::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::{
    DeviceTags, FaceBox, FaceObservation, Familiarity, FrameRate, FrameResult, MediaInfo,
    ModelRole, ModelScore, PictureInfo, Probability, Reason, Rotation, SampleNote, TrackResult,
    Verdict, VerdictLabel,
};

use super::*;

fn media() -> MediaInfo {
    MediaInfo {
        kind: MediaKind::Video,
        container: "QuickTime / MOV".into(),
        size_bytes: 1_234_567,
        duration_s: Some(10.01),
        bit_rate_bps: Some(986_000),
        creation_time: None,
        device: DeviceTags::default(),
        picture: PictureInfo {
            codec: "h264".into(),
            width_px: 1280,
            height_px: 720,
            rotation: Rotation::Quarter,
            frame_rate: FrameRate::new(30000, 1001),
            frame_count: Some(300),
            pixel_format: Some("yuv420p".into()),
        },
        has_audio: true,
    }
}

fn face(probability: f32) -> FaceObservation {
    let probability = Probability::new(probability).ok();
    FaceObservation {
        track_id: 0,
        bounds: FaceBox {
            x: -1.5,
            y: 20.25,
            width: 100.1,
            height: 120.3,
        },
        detection_score: 0.97,
        sharpness: 123.4,
        sequence_probability: probability,
        frame_probability: probability,
        probability_fake: probability,
        crop_artifact: "crop-000-0.jpg".into(),
    }
}

fn analysis(number: u128) -> Analysis {
    let probability_fake = Probability::new(0.87).ok();
    Analysis {
        id: AnalysisId::new(Uuid::from_u128(number)),
        filename: "holiday – \"clip\".mp4".into(),
        sha256: "ab".repeat(32),
        analyzed_at: OffsetDateTime::from_unix_timestamp_nanos(1_763_712_000_123_456_789).unwrap(),
        processing_time_s: 1.234_567_890_123,
        media: media(),
        verdict: Verdict {
            label: VerdictLabel::Fake,
            probability_fake,
            reasons: vec![Reason::AboveFakeThreshold {
                fake_at_or_above: Probability::new(0.65).unwrap(),
            }],
        },
        models: vec![ModelScore {
            name: "sequence-s".into(),
            version: "1".into(),
            role: ModelRole::Sequence,
            sha256: "cd".repeat(32),
            probability_fake,
        }],
        tracks: vec![TrackResult {
            id: 0,
            frames: 30,
            scored_frames: 29,
            first_time_s: Some(0.0),
            last_time_s: Some(9.676_333),
            sequence_probability: probability_fake,
            frame_probability: probability_fake,
            probability_fake,
            familiarity: Some(Familiarity {
                distance: 0.987_654_3,
                limit: 1.5,
            }),
        }],
        frames: vec![FrameResult {
            frame_index: 10,
            time_s: Some(0.333_666_666_666_7),
            frame_artifact: "frame-000.jpg".into(),
            faces: vec![face(0.9)],
        }],
        notes: vec![SampleNote::FewFrames { available: 12 }],
    }
}

struct Opened {
    records: SqliteRecords,
    folder: tempfile::TempDir,
}

impl Opened {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let records = SqliteRecords::open(&folder.path().join("records.sqlite3"))
            .await
            .unwrap();
        Self { records, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("records.sqlite3")
    }

    /// Changes the stored rows behind the store's back.
    async fn tamper(&self, statement: &'static str) {
        sqlx::query(statement)
            .execute(&self.records.writer)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_analysis_reads_back_exactly_also_after_a_restart() {
    let opened = Opened::new().await;
    opened.records.insert(&analysis(1)).await.unwrap();
    let read = opened.records.get(analysis(1).id).await.unwrap();
    assert_eq!(read, Some(analysis(1)));
    opened.records.close().await;
    let reopened = SqliteRecords::open(&opened.path()).await.unwrap();
    assert_eq!(
        reopened.get(analysis(1).id).await.unwrap(),
        Some(analysis(1))
    );
    assert_eq!(reopened.get(analysis(2).id).await.unwrap(), None);
}

#[tokio::test]
async fn commits_are_durable_and_logged_ahead() {
    let opened = Opened::new().await;
    let pragma = |statement: &'static str| sqlx::query_scalar(statement);
    let writer = &opened.records.writer;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(writer)
        .await
        .unwrap();
    let synchronous: i64 = pragma("PRAGMA synchronous")
        .fetch_one(writer)
        .await
        .unwrap();
    let foreign_keys: i64 = pragma("PRAGMA foreign_keys")
        .fetch_one(writer)
        .await
        .unwrap();
    let busy_timeout_ms: i64 = pragma("PRAGMA busy_timeout")
        .fetch_one(writer)
        .await
        .unwrap();
    assert_eq!((journal.as_str(), synchronous), ("wal", 2));
    assert_eq!((foreign_keys, busy_timeout_ms), (1, 5_000));
}

#[tokio::test]
async fn pages_follow_each_other_from_the_newest_without_gap_or_repeat() {
    let opened = Opened::new().await;
    // Inserted out of order: the order of names counts, not that of arrival.
    for number in [5, 1, 4, 2, 3, 7, 6] {
        opened.records.insert(&analysis(number)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = opened.records.recent(3, cursor).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Some(last.id);
        seen.extend(page.iter().map(|analysis| analysis.id));
    }
    let expected: Vec<_> = (1..=7).rev().map(|number| analysis(number).id).collect();
    assert_eq!(seen, expected);
    assert_eq!(opened.records.count().await.unwrap(), 7);
}

#[tokio::test]
async fn recording_twice_is_refused_and_keeps_the_first() {
    let opened = Opened::new().await;
    opened.records.insert(&analysis(1)).await.unwrap();
    let mut second = analysis(1);
    second.filename = "other.mp4".into();
    let error = opened.records.insert(&second).await.unwrap_err();
    assert_eq!(error.code(), "duplicate-record");
    let kept = opened.records.get(second.id).await.unwrap().unwrap();
    assert_eq!(kept.filename, analysis(1).filename);
}

#[tokio::test]
async fn an_analysis_that_would_not_read_back_is_refused() {
    let opened = Opened::new().await;
    let mut broken = analysis(1);
    broken.frames[0].faces[0].sharpness = f32::NAN;
    let error = opened.records.insert(&broken).await.unwrap_err();
    assert_eq!(error.code(), "unstorable-record");
    assert!(
        error.to_string().contains(&broken.id.to_string()),
        "{error}"
    );
    assert_eq!(opened.records.count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_record_that_does_not_read_back_is_an_error_that_names_it() {
    for damage in [
        "UPDATE analyses SET document = '{\"id\":'",
        "UPDATE analyses SET document = '{}'",
        "UPDATE analyses SET schema_version = 99",
        "UPDATE analyses SET id = '00000000-0000-0000-0000-0000000000ff'",
    ] {
        let opened = Opened::new().await;
        opened.records.insert(&analysis(1)).await.unwrap();
        opened.tamper(damage).await;
        let error = opened.records.recent(10, None).await.unwrap_err();
        assert_eq!(error.code(), "unreadable-record", "{damage}");
        assert!(error.to_string().contains("00000000-0000-"), "{error}");
    }
}

#[tokio::test]
async fn the_searched_columns_repeat_the_document() {
    let opened = Opened::new().await;
    opened.records.insert(&analysis(1)).await.unwrap();
    let row = sqlx::query("SELECT * FROM analyses")
        .fetch_one(&opened.records.readers)
        .await
        .unwrap();
    assert_eq!(row.get::<i64, _>("analyzed_at_us"), 1_763_712_000_123_456);
    assert_eq!(row.get::<String, _>("kind"), "video");
    assert_eq!(row.get::<String, _>("verdict"), "FAKE");
    assert_eq!(row.get::<f64, _>("probability_fake") as f32, 0.87);
    assert_eq!(row.get::<String, _>("sha256"), analysis(1).sha256);
    assert_eq!(row.get::<String, _>("filename"), analysis(1).filename);
}

#[tokio::test]
async fn a_page_is_read_through_the_index_of_names() {
    let opened = Opened::new().await;
    let plan: Vec<SqliteRow> = sqlx::query(
        "EXPLAIN QUERY PLAN SELECT id, schema_version, document FROM analyses \
         WHERE id < 'x' ORDER BY id DESC LIMIT 10",
    )
    .fetch_all(&opened.records.readers)
    .await
    .unwrap();
    let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    assert_eq!(steps.len(), 1, "a sort would be a second step: {steps:?}");
    assert!(
        steps[0].starts_with("SEARCH analyses USING INDEX"),
        "{steps:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite3");
    let content = b"this was never a database, whatever its name says".repeat(100);
    std::fs::write(&path, &content).unwrap();
    let error = SqliteRecords::open(&path).await.unwrap_err();
    assert_eq!(error.code(), "database-not-opened");
    assert!(error.to_string().contains("records.sqlite3"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), content);
}

#[tokio::test]
async fn health_notices_a_database_that_is_gone() {
    let opened = Opened::new().await;
    opened.records.health().await.unwrap();
    opened.tamper("DROP TABLE analyses").await;
    assert_eq!(
        opened.records.health().await.unwrap_err().code(),
        "database-failed"
    );
}

#[tokio::test]
async fn a_lock_that_another_process_keeps_is_reported_as_busy() {
    let opened = Opened::new().await;
    let other = SqliteRecords::open(&opened.path()).await.unwrap();
    let mut connection = other.writer.acquire().await.unwrap();
    let held = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(
        opened
            .records
            .insert(&analysis(1))
            .await
            .unwrap_err()
            .code(),
        "database-busy"
    );
    // Readers are not held up.
    assert_eq!(opened.records.count().await.unwrap(), 0);
    held.rollback().await.unwrap();
    opened.records.insert(&analysis(1)).await.unwrap();
}

#[tokio::test]
async fn many_writers_and_readers_at_once_all_get_through() {
    let opened = Opened::new().await;
    // A second handle stands for a second process, the command line beside the server.
    let other = SqliteRecords::open(&opened.path()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..60 {
        let records = if number % 2 == 0 {
            &opened.records
        } else {
            &other
        }
        .clone();
        tasks.spawn(async move {
            records.insert(&analysis(number)).await.unwrap();
            assert!(records.get(analysis(number).id).await.unwrap().is_some());
            records.recent(5, None).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(opened.records.count().await.unwrap(), 60);
}

proptest! {
    /// Times and seconds are 64-bit numbers; scores and sizes are 32-bit ones.
    #[test]
    fn every_finite_number_survives_the_document(
        seconds in proptest::num::f64::NORMAL | proptest::num::f64::ZERO,
        measure in proptest::num::f32::NORMAL | proptest::num::f32::ZERO,
        probability in 0.0f32..=1.0,
        filename in any::<String>(),
    ) {
        let mut original = analysis(1);
        original.filename = filename;
        original.processing_time_s = seconds;
        original.frames[0].time_s = Some(seconds);
        original.frames[0].faces = vec![face(probability)];
        original.frames[0].faces[0].sharpness = measure;
        let document = to_document(&original).unwrap();
        let read: Analysis = serde_json::from_str(&document).unwrap();
        prop_assert_eq!(read, original);
    }
}

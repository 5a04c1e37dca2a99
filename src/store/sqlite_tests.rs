//! What holds for SQLite alone; what holds for every database is in `store/tests`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;
use crate::store::database::Database;
use crate::store::document::insert_statement;
use crate::store::history::{page_statement, statistics_statement};
use crate::store::tests::fixture::analysis;
use crate::store::{HistoryFilter, KeyId, PagePosition, Reader, RecordStore, Submission};

struct Opened {
    sqlite: Sqlite,
    folder: tempfile::TempDir,
}

impl Opened {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite3");
        let sqlite = Sqlite::open(&path).await.unwrap();
        Self { sqlite, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("records.sqlite3")
    }

    fn records(&self) -> RecordStore {
        RecordStore {
            database: Database::Sqlite(self.sqlite.clone()),
        }
    }

    /// The steps of a statement's plan.
    async fn plan(&self, statement: Statement) -> Vec<String> {
        self.records().database.plan(statement).await.unwrap()
    }
}

#[tokio::test]
async fn records_are_for_their_owner_alone_also_in_a_folder_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("records.sqlite3");
    let opened = Sqlite::open(&path).await.unwrap();
    for file in ["records.sqlite3", "records.sqlite3-wal"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
    opened.close().await;
}

#[tokio::test]
async fn commits_are_durable_and_logged_ahead() {
    let opened = Opened::new().await;
    let pragma = |statement: &'static str| sqlx::query_scalar(statement);
    let writer = &opened.sqlite.writer;
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
async fn every_page_is_read_in_its_order_through_an_index() {
    let opened = Opened::new().await;
    let key = Reader::Key(KeyId::new(1));
    let all = HistoryFilter::all(Reader::Unrestricted);
    let label = Some(crate::domain::VerdictLabel::Fake);
    let kind = Some(crate::domain::MediaKind::Video);
    let cursor = Some((1, analysis(1).id));
    for (filter, after, index) in [
        (all.clone(), None, "analyses_by_time"),
        (all.clone(), cursor, "analyses_by_time"),
        (
            HistoryFilter {
                label,
                ..all.clone()
            },
            cursor,
            "analyses_by_verdict",
        ),
        (
            HistoryFilter {
                kind,
                ..all.clone()
            },
            cursor,
            "analyses_by_kind",
        ),
        (HistoryFilter::all(key), cursor, "analyses_by_owner"),
    ] {
        let plan = opened.plan(page_statement(&filter, after, (10, 0))).await;
        assert_eq!(plan.len(), 1, "a sort would be a second step: {plan:?}");
        assert!(plan[0].contains(index), "{plan:?}");
    }
}

#[tokio::test]
async fn statistics_read_no_record_unless_the_time_ends_within_a_day() {
    let opened = Opened::new().await;
    let mut filter = HistoryFilter::all(Reader::Unrestricted);
    let plan = opened.plan(statistics_statement(&filter)).await.join("\n");
    assert!(!plan.contains("analyses"), "{plan}");
    filter.since = Some(analysis(1).analyzed_at);
    let plan = opened.plan(statistics_statement(&filter)).await.join("\n");
    assert!(plan.contains("SEARCH analyses USING INDEX"), "{plan}");
    assert!(!plan.contains("SCAN analyses"), "{plan}");
}

#[tokio::test]
async fn records_of_the_first_version_are_numbered_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite3");
    let old = connect(&path, 1, false).await.unwrap();
    let first = sqlx::migrate!("migrations/sqlite");
    let first = first.iter().next().unwrap().sql.clone();
    sqlx::raw_sql(first).execute(&old).await.unwrap();
    for number in [3, 1, 2] {
        let original = analysis(number);
        let document = serde_json::to_string(&original).unwrap();
        sqlx::query(
            "INSERT INTO analyses VALUES (?, 86400000001, 'video', 'FAKE', 0.87, ?, 'a.mp4', 1, ?)",
        )
        .bind(original.id.to_string())
        .bind(&original.sha256)
        .bind(document)
        .execute(&old)
        .await
        .unwrap();
    }
    sqlx::raw_sql(include_str!("../../migrations/sqlite/0002_history.sql"))
        .execute(&old)
        .await
        .unwrap();
    let records = RecordStore {
        database: Database::Sqlite(Sqlite {
            writer: old.clone(),
            readers: old,
        }),
    };
    for number in 1..=3 {
        let stored = records.get_by_number(number, Reader::Unrestricted).await;
        let stored = stored.unwrap().unwrap();
        assert_eq!(stored.analysis, analysis(number.into()));
        assert_eq!(stored.submission, Submission::default());
    }
    let all = HistoryFilter::all(Reader::Unrestricted);
    let sums = records.statistics(&all).await.unwrap();
    assert_eq!((sums.total, sums.fake, sums.over_threshold), (3, 3, 3));
    assert!((sums.mean_processing_time_s.unwrap() - 1.234_567_890_123).abs() < 1e-9);
    let next = records.insert(&analysis(9), &Submission::default()).await;
    assert_eq!(next.unwrap(), 4);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite3");
    let content = b"this was never a database, whatever its name says".repeat(100);
    std::fs::write(&path, &content).unwrap();
    let error = Sqlite::open(&path).await.unwrap_err();
    assert_eq!(error.code(), "database-not-opened");
    assert!(error.to_string().contains("records.sqlite3"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), content);
}

#[tokio::test]
async fn a_lock_that_another_process_keeps_is_reported_as_busy() {
    let opened = Opened::new().await;
    let records = opened.records();
    let other = Sqlite::open(&opened.path()).await.unwrap();
    let mut connection = other.writer.acquire().await.unwrap();
    let held = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let submission = Submission::default();
    let error = records.insert(&analysis(1), &submission).await.unwrap_err();
    assert_eq!(error.code(), "database-busy");
    // Readers are not held up.
    let all = HistoryFilter::all(Reader::Unrestricted);
    let page = records.page(&all, PagePosition::Newest, 1).await.unwrap();
    assert_eq!(page, []);
    held.rollback().await.unwrap();
    records.insert(&analysis(1), &submission).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_reported_as_such_and_leaves_no_part_of_a_record() {
    let opened = Opened::new().await;
    let records = opened.records();
    // The database may not grow beyond what it has, as on a disk without room.
    let no_more = sqlx::query("PRAGMA max_page_count = 1");
    no_more.execute(&opened.sqlite.writer).await.unwrap();
    let submission = Submission::default();
    let mut kept = 0_u64;
    let error = loop {
        match records
            .insert(&analysis(u128::from(kept) + 1), &submission)
            .await
        {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "storage-full", "{error:?}");
    let all = HistoryFilter::all(Reader::Unrestricted);
    assert_eq!(records.statistics(&all).await.unwrap().total, kept);
    let room = sqlx::query("PRAGMA max_page_count = 100000");
    room.execute(&opened.sqlite.writer).await.unwrap();
    let next = records
        .insert(&analysis(u128::from(kept) + 1), &submission)
        .await;
    next.unwrap();
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_stands_in_the_way_of_no_other() {
    let opened = Opened::new().await;
    let insert = || insert_statement(&analysis(1), &Submission::default()).unwrap();
    // As it does on a full disk.
    let ended = vec![Statement::new("ROLLBACK")];
    let turn = opened.sqlite.write_in_turn::<Number>(ended, insert());
    assert!(turn.await.is_err());
    opened.sqlite.health().await.unwrap();
    let turn = opened.sqlite.write_in_turn::<Number>(vec![], insert());
    assert!(turn.await.unwrap().is_some());
}

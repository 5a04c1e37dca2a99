//! Records in one SQLite file.
//!
//! SQLite has one writer at a time, so one connection writes and waits its turn in a fair queue
//! instead of in `busy_timeout`; a few read-only connections read beside it, which the write-ahead
//! log allows. `synchronous=FULL` makes a commit outlive a power cut (under `NORMAL` the last ones
//! may be lost).

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Connection, Row};

use crate::domain::{Analysis, AnalysisId, MediaKind};

use super::error::StoreError;
use super::records::DOCUMENT_SCHEMA_VERSION;
use super::session::create_private_dir;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// SQLite's primary result code of a lock held by another process; the extended codes share its
/// low byte (<https://www.sqlite.org/rescode.html>).
const SQLITE_BUSY: u32 = 5;

/// Cloning shares the connections.
#[derive(Debug, Clone)]
pub(super) struct SqliteRecords {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteRecords {
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            create_private_dir(folder)?;
        }
        let writer = connect(path, 1, false).await?;
        migrate(&writer, path).await?;
        let readers = connect(path, READERS, true).await?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn insert(&self, analysis: &Analysis) -> Result<(), StoreError> {
        let document = to_document(analysis)?;
        let outcome = sqlx::query(
            "INSERT INTO analyses (id, analyzed_at_us, kind, verdict, probability_fake, sha256, \
             filename, schema_version, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(analysis.id.to_string())
        .bind(unix_microseconds(analysis))
        .bind(match analysis.media.kind {
            MediaKind::Video => "video",
            MediaKind::Image => "image",
        })
        .bind(analysis.verdict.label.as_str())
        .bind(
            analysis
                .verdict
                .probability_fake
                .map(|p| f64::from(p.get())),
        )
        .bind(&analysis.sha256)
        .bind(&analysis.filename)
        .bind(DOCUMENT_SCHEMA_VERSION)
        .bind(document)
        .execute(&self.writer)
        .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(refused)) if refused.is_unique_violation() => {
                Err(StoreError::DuplicateRecord { id: analysis.id })
            }
            Err(sqlx::Error::Database(refused)) if refused.is_check_violation() => {
                Err(StoreError::UnstorableRecord {
                    id: analysis.id,
                    reason: refused.to_string(),
                })
            }
            Err(other) => Err(from_sqlx(other)),
        }
    }

    pub(super) async fn get(&self, id: AnalysisId) -> Result<Option<Analysis>, StoreError> {
        sqlx::query("SELECT id, schema_version, document FROM analyses WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .map_err(from_sqlx)?
            .map(|row| from_row(&row))
            .transpose()
    }

    pub(super) async fn recent(
        &self,
        limit: u32,
        before: Option<AnalysisId>,
    ) -> Result<Vec<Analysis>, StoreError> {
        let page = match before {
            Some(before) => sqlx::query(
                "SELECT id, schema_version, document FROM analyses WHERE id < ? \
                 ORDER BY id DESC LIMIT ?",
            )
            .bind(before.to_string()),
            None => sqlx::query(
                "SELECT id, schema_version, document FROM analyses ORDER BY id DESC LIMIT ?",
            ),
        };
        let rows = page
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(from_sqlx)?;
        rows.iter().map(from_row).collect()
    }

    pub(super) async fn count(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM analyses")
            .fetch_one(&self.readers)
            .await
            .map_err(from_sqlx)?;
        Ok(count.unsigned_abs())
    }

    /// Reads a row and takes the write lock for a moment.
    pub(super) async fn health(&self) -> Result<(), StoreError> {
        let probe = async {
            sqlx::query("SELECT id FROM analyses LIMIT 1")
                .fetch_optional(&self.readers)
                .await?;
            let mut writer = self.writer.acquire().await?;
            let turn = writer.begin_with("BEGIN IMMEDIATE").await?;
            turn.rollback().await
        };
        probe.await.map_err(from_sqlx)
    }

    pub(super) async fn close(&self) {
        // The writer last: the last connection of a database folds its log in, and a read-only
        // one could not.
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn connect(path: &Path, connections: u32, read_only: bool) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(!read_only)
        .read_only(read_only)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true);
    let options = if read_only {
        options
    } else {
        options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
    };
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(BUSY_TIMEOUT * 2)
        .connect_with(options)
        .await
        .map_err(|source| StoreError::OpenDatabase {
            path: path.to_path_buf(),
            source,
        })
}

async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    sqlx::migrate!("migrations/sqlite")
        .run(writer)
        .await
        .map_err(|source| StoreError::Migrate {
            path: PathBuf::from(path),
            source,
        })
}

/// The JSON document, proven to read back: JSON has no word for NaN, and a record nobody can read
/// is noticed now rather than in a year.
fn to_document(analysis: &Analysis) -> Result<String, StoreError> {
    let unstorable = |error: serde_json::Error| StoreError::UnstorableRecord {
        id: analysis.id,
        reason: error.to_string(),
    };
    let document = serde_json::to_string(analysis).map_err(unstorable)?;
    serde_json::from_str::<Analysis>(&document).map_err(unstorable)?;
    Ok(document)
}

fn from_row(row: &SqliteRow) -> Result<Analysis, StoreError> {
    let id: String = row.try_get("id").map_err(from_sqlx)?;
    let schema_version: i64 = row.try_get("schema_version").map_err(from_sqlx)?;
    let document: String = row.try_get("document").map_err(from_sqlx)?;
    let unreadable = |reason: String| StoreError::UnreadableRecord {
        id: id.clone(),
        reason,
    };
    if schema_version != DOCUMENT_SCHEMA_VERSION {
        return Err(unreadable(format!(
            "it has schema version {schema_version}, this program reads {DOCUMENT_SCHEMA_VERSION}"
        )));
    }
    let analysis: Analysis =
        serde_json::from_str(&document).map_err(|error| unreadable(error.to_string()))?;
    if analysis.id.to_string() != id {
        return Err(unreadable(format!("its document is of {}", analysis.id)));
    }
    Ok(analysis)
}

fn unix_microseconds(analysis: &Analysis) -> i64 {
    // `time` ends in the year 9999, far inside 64 bits of microseconds.
    (analysis.analyzed_at.unix_timestamp_nanos() / 1_000) as i64
}

fn from_sqlx(error: sqlx::Error) -> StoreError {
    let is_busy = error
        .as_database_error()
        .and_then(|refused| refused.code()?.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == SQLITE_BUSY);
    if is_busy || matches!(error, sqlx::Error::PoolTimedOut) {
        StoreError::DatabaseBusy
    } else {
        StoreError::Database(error)
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;

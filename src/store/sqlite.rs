//! Records in one SQLite file.
//!
//! SQLite has one writer at a time, so one connection writes and waits its turn in a fair queue
//! instead of in `busy_timeout`; a few read-only connections read beside it, which the write-ahead
//! log allows. `synchronous=FULL` makes a commit outlive a power cut (under `NORMAL` the last ones
//! may be lost).

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::query::QueryAs;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection, Sqlite as Server};

use super::error::StoreError;
use super::row::{Number, Row};
use super::session::create_private_dir;
use super::statement::{Statement, Value};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// SQLite's primary result code of a lock held by another process; the extended codes share its
/// low byte (<https://www.sqlite.org/rescode.html>).
const SQLITE_BUSY: u32 = 5;

/// That of a full disk.
const SQLITE_FULL: u32 = 13;

/// Cloning shares the connections.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

impl Sqlite {
    /// Opens or creates the file at `path` (mode 0600); its folder is made (0700) where needed.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            create_private_dir(folder)?;
        }
        create_private_file(path);
        let writer = connect(path, 1, false).await?;
        migrate(&writer, path).await?;
        let readers = connect(path, READERS, true).await?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn read<T: Row>(&self, statement: Statement) -> Result<Vec<T>, StoreError> {
        rows(&self.readers, statement).await
    }

    pub(super) async fn write<T: Row>(&self, statement: Statement) -> Result<Vec<T>, StoreError> {
        rows(&self.writer, statement).await
    }

    /// A transaction that would begin with reading could not become a writer beside another: it is one
    /// from its beginning.
    pub(super) async fn write_in_turn<T: Row>(
        &self,
        guards: Vec<Statement>,
        last: Statement,
    ) -> Result<Option<Vec<T>>, StoreError> {
        let mut writer = self.writer.acquire().await.map_err(from_sqlx)?;
        let written = turn(&mut writer, guards, last).await;
        replace_where_failed(writer, &written);
        written.map_err(from_sqlx)
    }

    /// Reads a row and takes the write lock for a moment.
    pub(super) async fn health(&self) -> Result<(), StoreError> {
        let probe = async {
            sqlx::query("SELECT id FROM analyses LIMIT 1")
                .fetch_optional(&self.readers)
                .await?;
            let mut writer = self.writer.acquire().await?;
            let probed = async { writer.begin_with("BEGIN IMMEDIATE").await?.rollback().await };
            let probed = probed.await;
            replace_where_failed(writer, &probed);
            probed
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

/// On a full disk SQLite ends a transaction by itself; sqlx 0.9 then takes it for open for ever, and refuses
/// every other on that connection.
fn replace_where_failed<T>(mut writer: PoolConnection<Server>, done: &Result<T, sqlx::Error>) {
    if done.is_err() {
        writer.close_on_drop();
    }
}

async fn turn<T: Row>(
    writer: &mut SqliteConnection,
    guards: Vec<Statement>,
    last: Statement,
) -> Result<Option<Vec<T>>, sqlx::Error> {
    let mut turn = writer.begin_with("BEGIN IMMEDIATE").await?;
    for guard in guards {
        let changed = query_of::<Number>(guard).fetch_all(&mut *turn).await?;
        if changed.is_empty() {
            turn.rollback().await?;
            return Ok(None);
        }
    }
    let rows = query_of(last).fetch_all(&mut *turn).await?;
    turn.commit().await?;
    Ok(Some(rows))
}

/// Creates a database of no bytes that only its owner may read; SQLite gives its log the same mode.
/// One that exists keeps its own. What stands in the way also stands in SQLite's, which says it.
fn create_private_file(path: &Path) {
    let mut options = OpenOptions::new();
    let _ = options.append(true).create(true).mode(0o600).open(path);
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
            place: path.display().to_string(),
            source,
        })
}

async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    sqlx::migrate!("migrations/sqlite")
        .run(writer)
        .await
        .map_err(|source| StoreError::Migrate {
            place: path.display().to_string(),
            source,
        })
}

async fn rows<T: Row>(pool: &SqlitePool, statement: Statement) -> Result<Vec<T>, StoreError> {
    let rows = query_of(statement).fetch_all(pool).await;
    rows.map_err(from_sqlx)
}

fn query_of<'q, T: Row>(statement: Statement) -> QueryAs<'q, Server, T, SqliteArguments> {
    let mut query = sqlx::query_as(AssertSqlSafe(statement.sql));
    for value in statement.values {
        query = match value {
            Value::Integer(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
        };
    }
    query
}

fn from_sqlx(error: sqlx::Error) -> StoreError {
    let refused = error.as_database_error();
    let code = refused.and_then(|refused| refused.code()?.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(SQLITE_BUSY) => StoreError::DatabaseBusy,
        Some(SQLITE_FULL) => StoreError::DatabaseFull,
        _ if matches!(error, sqlx::Error::PoolTimedOut) => StoreError::DatabaseBusy,
        _ => StoreError::Database(error),
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;

//! What was asked, when, by whom, and how it went; never what it contained.

use time::OffsetDateTime;

use super::database::Database;
use super::error::StoreError;
use super::history::unix_microseconds;
use super::reader::KeyId;
use super::row::Number;
use super::statement::{Statement, Value};

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEntry {
    /// When it was answered.
    pub at: OffsetDateTime,
    /// Its method.
    pub method: &'static str,
    /// Pattern of its route; `unmatched` for paths that belong to none.
    pub route: String,
    /// Status of the answer.
    pub status: u16,
    /// From the head of the request to its answer.
    pub latency: std::time::Duration,
    /// The key it was sent with.
    pub key: Option<KeyId>,
    /// The client's address.
    pub address: Option<String>,
}

/// The log. Clones share one store.
#[derive(Debug, Clone)]
pub struct RequestLog {
    pub(super) database: Database,
}

/// Values of one entry; SQLite takes 32,766 in a statement, PostgreSQL 65,535.
const COLUMNS: usize = 7;
/// Most entries that one statement writes.
pub const MAX_ENTRIES: usize = 30_000 / COLUMNS;

impl RequestLog {
    /// Appends `entries`, [`MAX_ENTRIES`] at most, all or none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn append(&self, entries: &[RequestEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut statement = Statement::new(
            "INSERT INTO request_log (at_us, method, route, status, latency_us, key, address) \
             VALUES ",
        );
        for (position, entry) in entries.iter().enumerate() {
            statement.push(if position == 0 { "(" } else { "), (" });
            statement.values([
                Value::from(unix_microseconds(entry.at)),
                entry.method.into(),
                entry.route.as_str().into(),
                i64::from(entry.status).into(),
                i64::try_from(entry.latency.as_micros())
                    .unwrap_or(i64::MAX)
                    .into(),
                entry.key.map(KeyId::get).into(),
                entry.address.clone().into(),
            ]);
        }
        statement.push(")");
        self.database.write::<Number>(statement).await.map(drop)
    }

    /// Removes what was answered before `limit`; answers how many entries that were.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn remove_before(&self, limit: OffsetDateTime) -> Result<u64, StoreError> {
        let limit = unix_microseconds(limit);
        let mut statement =
            Statement::new("SELECT count(*) AS number FROM request_log WHERE at_us < ");
        statement.value(limit);
        let rows = self.database.read::<Number>(statement).await?;
        let mut statement = Statement::new("DELETE FROM request_log WHERE at_us < ");
        statement.value(limit);
        self.database.write::<Number>(statement).await?;
        Ok(rows.first().map_or(0, |row| row.number.unsigned_abs()))
    }
}

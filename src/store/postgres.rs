//! Records in a PostgreSQL database.
//!
//! A pool holds the connections. One that the server dropped is noticed when it is next taken and
//! replaced, so a database that was away needs no restart of ours; while it is away, callers are
//! told so ([`StoreError::DatabaseAway`]).

use std::str::FromStr;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use super::error::StoreError;
use super::row::{Number, Row};
use super::statement::{Statement, Value};

/// How long a caller waits for a connection: a restart of the server goes unnoticed.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 12;

/// Cloning shares the connections.
#[derive(Debug, Clone)]
pub(super) struct Postgres {
    pub(super) pool: PgPool,
}

impl Postgres {
    /// Connects and brings the tables up to date. Several processes may start at once: one of them
    /// migrates, under the database's own lock.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::DatabaseUrl)?;
        let options = options.application_name("framewitness");
        let place = place(&options);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::OpenDatabase {
                place: place.clone(),
                source,
            })?;
        sqlx::migrate!("migrations/postgres")
            .run(&pool)
            .await
            .map_err(|source| StoreError::Migrate { place, source })?;
        Ok(Self { pool })
    }

    /// Rows of one statement, which is a transaction of its own.
    pub(super) async fn rows<T: Row>(&self, statement: Statement) -> Result<Vec<T>, StoreError> {
        let mut query = sqlx::query_as(AssertSqlSafe(statement.sql));
        for value in statement.values {
            query = match value {
                Value::Integer(value) => query.bind(value),
                Value::Real(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
            };
        }
        query.fetch_all(&self.pool).await.map_err(from_sqlx)
    }

    /// Reads a row, and asks whether this server takes writes: a standby does not.
    pub(super) async fn health(&self) -> Result<(), StoreError> {
        let probe = Statement::new(
            "SELECT CAST(CAST(pg_is_in_recovery() AS INTEGER) AS BIGINT) AS number, \
             (SELECT count(*) FROM (SELECT 1 FROM analyses LIMIT 1) AS one)",
        );
        let rows = self.rows::<Number>(probe).await?;
        match rows.first() {
            Some(row) if row.number == 0 => Ok(()),
            Some(_) | None => Err(StoreError::DatabaseAway),
        }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Where a database is, without who asks for it.
fn place(options: &PgConnectOptions) -> String {
    let socket = options.get_socket().map(|path| path.display().to_string());
    let host = socket.unwrap_or_else(|| options.get_host().to_owned());
    let database = options.get_database().unwrap_or_default();
    format!("postgres://{host}:{}/{database}", options.get_port())
}

/// What the server says where its disk is full.
const DISK_FULL: &str = "53100";

/// Class 08 is the connection's, 57P01 to 57P03 a server that ends or starts, 53300 one that is
/// full (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_away(error: &sqlx::Error) -> bool {
    code_of(error).is_some_and(|code| {
        code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P03" | "53300")
    }) || matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed
    )
}

fn code_of(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    error.as_database_error()?.code()
}

fn from_sqlx(error: sqlx::Error) -> StoreError {
    if is_away(&error) {
        tracing::warn!(%error, "the record database does not answer");
        StoreError::DatabaseAway
    } else if code_of(&error).is_some_and(|code| code == DISK_FULL) {
        StoreError::DatabaseFull
    } else {
        StoreError::Database(error)
    }
}

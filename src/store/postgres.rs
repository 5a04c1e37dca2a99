//! Records in a PostgreSQL database.
//!
//! A pool holds the connections. One that the server dropped is noticed when it is next taken and
//! replaced, so a database that was away needs no restart of ours; while it is away, callers are
//! told so ([`StoreError::DatabaseAway`]).
//!
//! Between us and the server may stand a pooler such as pgbouncer, which hands every transaction to
//! another of its connections. Whatever belongs to a session is then nobody's: named statements meet
//! those of others, an unnamed one is gone before it runs, a lock stays behind. So the way is tried
//! when it is opened ([`keeps_sessions`]), and where sessions do not last, each statement is prepared
//! anew within a transaction of its own ([`Sessions::Shared`]), which costs three more round trips.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres as Server, Row as _};

use super::error::StoreError;
use super::row::{Number, Row};
use super::statement::{Statement, Value};

/// How long a caller waits for a connection: a restart of the server goes unnoticed.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 12;

/// A parameter of our own that only a server of one's own keeps for the session.
const PROBE: (&str, &str) = ("framewitness.session", "kept");
/// Chosen at random: the lock of those who migrate through a pooler.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(7063195042881204)";

/// Whose the server's sessions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sessions {
    /// Each connection has its own.
    Own,
    /// A pooler gives them out for a transaction at a time.
    Shared,
}

/// Cloning shares the connections.
#[derive(Debug, Clone)]
pub(super) struct Postgres {
    pub(super) pool: PgPool,
    sessions: Sessions,
}

impl Postgres {
    /// Connects and brings the tables up to date. Several processes may start at once: one of them
    /// migrates, under the database's own lock.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = connect_options(url)?;
        let place = place(&options);
        let not_opened = |source| StoreError::OpenDatabase {
            place: place.clone(),
            source,
        };
        let (sessions, options) = if keeps_sessions(&options).await.map_err(not_opened)? {
            (Sessions::Own, options)
        } else {
            tracing::info!("a pooler stands before the record database: no session is relied on");
            (Sessions::Shared, options.statement_cache_capacity(0))
        };
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(not_opened)?;
        let opened = Self { pool, sessions };
        let migrated = opened.migrate().await;
        migrated.map_err(|source| StoreError::Migrate { place, source })?;
        Ok(opened)
    }

    async fn migrate(&self) -> Result<(), MigrateError> {
        let mut migrator = sqlx::migrate!("migrations/postgres");
        if self.sessions == Sessions::Own {
            return migrator.run(&self.pool).await;
        }
        // One transaction is one connection of the server. Names on it may be anybody's.
        let mut transaction = self.pool.begin().await?;
        for preparation in ["DEALLOCATE ALL", MIGRATION_LOCK] {
            sqlx::raw_sql(preparation)
                .execute(&mut *transaction)
                .await?;
        }
        migrator.set_locking(false);
        migrator.run_direct(None, &mut *transaction, false).await?;
        sqlx::raw_sql("DEALLOCATE ALL")
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Rows of one statement, which is a transaction of its own.
    pub(super) async fn rows<T: Row>(&self, statement: Statement) -> Result<Vec<T>, StoreError> {
        let query = query_of(statement);
        let rows = match self.sessions {
            Sessions::Own => query.fetch_all(&self.pool).await,
            Sessions::Shared => in_a_transaction(&self.pool, query).await,
        };
        rows.map_err(from_sqlx)
    }

    /// Rows of the last of several statements, which are one transaction; `None`, and nothing is
    /// changed, where one before answers no row.
    pub(super) async fn write_in_turn<T: Row>(
        &self,
        guards: Vec<Statement>,
        last: Statement,
    ) -> Result<Option<Vec<T>>, StoreError> {
        let keeps_names = self.sessions == Sessions::Own;
        let turn = async {
            let mut turn = self.pool.begin().await?;
            for guard in guards {
                let guard = query_of::<Number>(guard).persistent(keeps_names);
                if guard.fetch_all(&mut *turn).await?.is_empty() {
                    turn.rollback().await?;
                    return Ok(None);
                }
            }
            let last = query_of(last).persistent(keeps_names);
            let rows = last.fetch_all(&mut *turn).await?;
            turn.commit().await?;
            Ok(Some(rows))
        };
        turn.await.map_err(from_sqlx)
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

fn query_of<'q, T: Row>(statement: Statement) -> QueryAs<'q, Server, T, PgArguments> {
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

async fn in_a_transaction<T: Row>(
    pool: &PgPool,
    query: QueryAs<'_, Server, T, PgArguments>,
) -> sqlx::Result<Vec<T>> {
    let mut transaction = pool.begin().await?;
    let rows = query.persistent(false).fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Reads the URL. Numbers arrive in binary, so nobody has to be asked to print them in full: poolers
/// refuse to be.
fn connect_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    // A password with a bare `/`, `?` or `#` ends the name of the server early, and what follows would
    // be taken for a database and shown as one.
    let (_, rest) = url.split_once("://").ok_or(StoreError::DatabaseUrl)?;
    let (_, path) = rest
        .find(['/', '?', '#'])
        .map_or((rest, ""), |at| rest.split_at(at));
    if path.contains('@') {
        return Err(StoreError::DatabaseUrl);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::DatabaseUrl)?;
    Ok(options
        .application_name("framewitness")
        .extra_float_digits(None))
}

/// Whether what is set when a connection opens is still set when it is used.
async fn keeps_sessions(options: &PgConnectOptions) -> sqlx::Result<bool> {
    let (name, value) = PROBE;
    let marked = options.clone().options([PROBE]);
    let opened = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&marked)).await;
    let mut connection = match opened.map_err(|_| sqlx::Error::PoolTimedOut)? {
        Ok(connection) => connection,
        Err(error) if refuses_parameters(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    let question = format!("SELECT coalesce(current_setting('{name}', true), '')");
    let kept = sqlx::raw_sql(AssertSqlSafe(question))
        .fetch_one(&mut connection)
        .await?;
    let kept: String = kept.try_get(0)?;
    connection.close().await?;
    Ok(kept == value)
}

/// pgbouncer's refusal of what it does not pass on; it bears the code of any broken protocol.
fn refuses_parameters(error: &sqlx::Error) -> bool {
    let message = error.as_database_error().map(|error| error.message());
    message.is_some_and(|message| message.contains("unsupported startup parameter"))
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

/// Whether the answer belongs to another question: a statement's name that is nobody's or another's
/// (26000, 42P05), or columns that were not asked for. Nobody is to be judged by it, least of all by
/// keys that it does or does not hold.
fn is_nonsense(error: &sqlx::Error) -> bool {
    code_of(error).is_some_and(|code| matches!(&*code, "26000" | "42P05"))
        || matches!(
            error,
            sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::ColumnIndexOutOfBounds { .. }
                | sqlx::Error::ColumnDecode { .. }
        )
}

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
    if is_away(&error) || is_nonsense(&error) {
        tracing::warn!(%error, "the record database does not answer, or not what it was asked");
        StoreError::DatabaseAway
    } else if code_of(&error).is_some_and(|code| code == DISK_FULL) {
        StoreError::DatabaseFull
    } else {
        StoreError::Database(error)
    }
}

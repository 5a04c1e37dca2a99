//! A database of its own for each test.

use super::server::{self, Postgres};
use crate::store::RecordStore;
use crate::store::database::Database;

/// An open store and what it rests on; all of it goes with the bench.
pub(super) struct Bench {
    pub(super) records: RecordStore,
    pub(super) url: String,
    /// Where it is the test's own.
    pub(super) server: Option<Postgres>,
    _folder: Option<tempfile::TempDir>,
}

impl Bench {
    pub(super) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("records.db").display());
        Self {
            records: RecordStore::open(&url).await.unwrap(),
            url,
            server: None,
            _folder: Some(folder),
        }
    }

    pub(super) async fn postgres() -> Self {
        let url = server::database();
        Self {
            records: RecordStore::open(&url).await.unwrap(),
            url,
            server: None,
            _folder: None,
        }
    }

    /// Behind a pooler whose connections all share.
    pub(super) async fn pooled() -> Self {
        let url = server::pooled_database();
        Self {
            records: RecordStore::open(&url).await.unwrap(),
            url,
            server: None,
            _folder: None,
        }
    }

    /// On a server of its own, which can be stopped.
    pub(super) async fn postgres_alone() -> Self {
        let server = Postgres::start();
        let url = server.url();
        Self {
            records: RecordStore::open(&url).await.unwrap(),
            url,
            server: Some(server),
            _folder: None,
        }
    }

    /// A further store on the same database, as of a second process.
    pub(super) async fn another(&self) -> RecordStore {
        RecordStore::open(&self.url).await.unwrap()
    }

    /// Changes the stored rows behind the store's back.
    pub(super) async fn tamper(&self, statement: &'static str) {
        let statement = sqlx::raw_sql(statement);
        match &self.records.database {
            Database::Sqlite(sqlite) => drop(statement.execute(&sqlite.writer).await.unwrap()),
            Database::Postgres(postgres) => drop(statement.execute(&postgres.pool).await.unwrap()),
        }
    }
}

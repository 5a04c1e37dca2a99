//! A database of its own for each test.

use crate::store::RecordStore;
use crate::store::database::Database;

/// An open store and what it rests on; all of it goes with the bench.
pub(super) struct Bench {
    pub(super) records: RecordStore,
    url: String,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("records.db").display());
        Self {
            records: RecordStore::open(&url).await.unwrap(),
            url,
            _folder: folder,
        }
    }

    /// A further store on the same database, as of a second process.
    pub(super) async fn another(&self) -> RecordStore {
        RecordStore::open(&self.url).await.unwrap()
    }

    /// Changes the stored rows behind the store's back.
    pub(super) async fn tamper(&self, statement: &'static str) {
        match &self.records.database {
            Database::Sqlite(sqlite) => {
                sqlx::query(statement)
                    .execute(&sqlite.writer)
                    .await
                    .unwrap();
            }
        }
    }
}

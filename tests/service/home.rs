//! What a server of a test keeps its data in: a directory of its own, and where asked for a real
//! PostgreSQL and a real S3 server of its own.

use std::path::PathBuf;

use tempfile::TempDir;

#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/s3.rs"]
mod s3;

pub(crate) use postgres::{PASSWORD, Postgres};
pub(crate) use s3::{S3, SECRET_KEY};

/// Chooses the stores of every test that does not choose itself: `postgres-s3`, or nothing for
/// SQLite and disk.
pub(crate) const BACKEND_VARIABLE: &str = "FRAMEWITNESS_TEST_BACKEND";

/// On what records and pictures rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    SqliteAndDisk,
    PostgresAndS3,
}

/// Everything a server leaves when it ends. Gone when dropped.
pub(crate) struct Home {
    pub(crate) directory: TempDir,
    pub(crate) remote: Option<Remote>,
}

pub(crate) struct Remote {
    pub(crate) postgres: Postgres,
    pub(crate) s3: S3,
}

impl Home {
    /// An empty home, as the environment chooses it.
    pub(crate) fn new() -> Self {
        match std::env::var(BACKEND_VARIABLE).as_deref() {
            Err(_) | Ok("" | "sqlite-disk") => Self::on(Backend::SqliteAndDisk),
            Ok("postgres-s3") => Self::on(Backend::PostgresAndS3),
            Ok(other) => panic!("{BACKEND_VARIABLE}: sqlite-disk or postgres-s3, not {other}"),
        }
    }

    pub(crate) fn on(backend: Backend) -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            remote: (backend == Backend::PostgresAndS3).then(|| Remote {
                postgres: Postgres::start(),
                s3: S3::start(),
            }),
        }
    }

    /// Variables that tell the program where its stores are.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(Remote { postgres, s3 }) = &self.remote else {
            return Vec::new();
        };
        vec![
            ("FRAMEWITNESS_DATABASE_URL", postgres.url()),
            (
                "FRAMEWITNESS_ARTIFACTS_URL",
                format!("s3://{}/pictures", s3::BUCKET),
            ),
            ("AWS_ENDPOINT", s3.endpoint()),
            ("AWS_ACCESS_KEY_ID", s3::ACCESS_KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into()),
        ]
    }

    /// Files of uploads that are under way.
    pub(crate) fn uploads(&self) -> Vec<PathBuf> {
        let mut files = files_below(&self.directory.path().join("data/uploads"));
        files.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
        files
    }

    /// Files of stored pictures, wherever they are.
    pub(crate) fn pictures(&self) -> Vec<PathBuf> {
        match &self.remote {
            Some(remote) => remote.s3.objects(),
            None => files_below(&self.directory.path().join("data/artifacts")),
        }
    }
}

impl From<TempDir> for Home {
    fn from(directory: TempDir) -> Self {
        Self {
            directory,
            remote: None,
        }
    }
}

fn files_below(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

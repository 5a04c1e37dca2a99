//! What a server of a test keeps its data in: a directory of its own, and where asked for a real
//! PostgreSQL and a real S3 server of its own.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use framewitness::integrity::Keyring;
use tempfile::TempDir;

#[path = "../support/kept.rs"]
mod kept;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/s3.rs"]
mod s3;

pub(crate) use kept::Kept;
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
    /// Whether its servers score by the sequence model alone.
    is_quick: bool,
}

pub(crate) struct Remote {
    database_url: String,
    /// The database's server, where it is the test's own.
    postgres: Option<Postgres>,
    pub(crate) s3: S3,
}

impl Remote {
    /// The server of a test that began with [`Home::with_its_own_postgres`].
    pub(crate) fn postgres(&mut self) -> &mut Postgres {
        let own = self.postgres.as_mut();
        own.expect("the other tests' server is not this one's to stop")
    }
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
            directory: folder_with_a_key(),
            remote: (backend == Backend::PostgresAndS3).then(|| Remote {
                database_url: postgres::database(),
                postgres: None,
                s3: S3::start(),
            }),
            is_quick: false,
        }
    }

    /// For tests that start many servers and ask nothing of verdicts: without the frame model they are ready in less
    /// than half of the time, and an analysis takes half.
    pub(crate) fn quick(self) -> Self {
        Self {
            is_quick: true,
            ..self
        }
    }

    /// SQLite and disk, as before the very first start: the service makes its key.
    pub(crate) fn untouched() -> Self {
        tempfile::tempdir().expect("a temporary directory").into()
    }

    /// PostgreSQL and S3, both the test's own to stop.
    pub(crate) fn with_its_own_postgres() -> Self {
        let postgres = Postgres::start();
        Self {
            directory: folder_with_a_key(),
            remote: Some(Remote {
                database_url: postgres.url(),
                postgres: Some(postgres),
                s3: S3::start(),
            }),
            is_quick: false,
        }
    }

    /// Variables that tell the program where its stores are, and its models where they are not the shipped ones.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = Vec::new();
        if self.is_quick {
            variables.push(("FRAMEWITNESS_MODELS_DIR", sequence_model_alone().to_owned()));
        }
        let Some(Remote {
            database_url, s3, ..
        }) = &self.remote
        else {
            return variables;
        };
        variables.extend([
            ("FRAMEWITNESS_DATABASE_URL", database_url.clone()),
            (
                "FRAMEWITNESS_ARTIFACTS_URL",
                format!("s3://{}/pictures", s3::BUCKET),
            ),
            ("AWS_ENDPOINT", s3.endpoint()),
            ("AWS_ACCESS_KEY_ID", s3::ACCESS_KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into()),
        ]);
        variables
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
            is_quick: false,
        }
    }
}

/// A bundle of the shipped sequence model alone, in the build folder. Its thresholds are no matter.
fn sequence_model_alone() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sequence-alone");
        std::fs::create_dir_all(&folder).expect("a folder in the build folder");
        for model in ["face-detector-s", "sequence-s"] {
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("models")
                .join(model);
            let link = folder.join(model);
            // Left by another run, perhaps of another clone.
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(shipped, link).expect("a link");
        }
        std::fs::write(folder.join("bundle.toml"), SEQUENCE_ALONE).expect("a bundle");
        folder.to_str().expect("UTF-8").to_owned()
    })
}

const SEQUENCE_ALONE: &str = r#"
schema = 1
name = "sequence-alone"
version = "1"
detector = "face-detector-s"
sequence = "sequence-s"
fusion = { bias = 0.0, sequence_weight = 1.0, frame_weight = 0.0 }
thresholds = { real_at_or_below = 0.2, fake_at_or_above = 0.8 }
"#;

/// A home whose service has started before: its signing key is there, which takes seconds to make.
/// All homes have the same, kept from run to run in the build folder.
fn folder_with_a_key() -> TempDir {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signing-key");
        Keyring::open_or_create(&folder).expect("a key");
        folder
    });
    let directory = tempfile::tempdir().expect("a temporary directory");
    let keys = directory.path().join("data/keys");
    let mut private = std::fs::DirBuilder::new();
    let created = private.recursive(true).mode(0o700).create(&keys);
    created.expect("a folder for the key");
    for file in ["private.pem", "public.pem"] {
        std::fs::copy(made.join(file), keys.join(file)).expect("a copy of the key");
    }
    directory
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
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

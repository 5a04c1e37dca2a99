//! Going on with a batch: what lies under `--out` from before is not analysed again.
//!
//! A record counts for a file of the same bytes, by the same models and under the same settings. A folder under `--out` is there whole or not at all, so that an interrupted batch
//! leaves nothing half done.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use framewitness::domain::{Analysis, Conditions};
use serde::Deserialize;

/// Name of the record in the folder of an analysis.
pub(super) const RECORD: &str = "analysis.json";

/// The part of a record that says what it counts for.
#[derive(Deserialize)]
struct Head {
    sha256: String,
    models: Vec<ModelHead>,
    conditions: Option<Conditions>,
}

#[derive(Deserialize)]
struct ModelHead {
    sha256: String,
}

/// Records from before, by the SHA-256 of their file.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    records: HashMap<String, PathBuf>,
}

impl Earlier {
    /// Those under `out` that `models` (the digests of their weights, the detector's first) made under
    /// the conditions that are `asked` for. What is no record of ours is passed over.
    ///
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub(super) fn read(out: &Path, models: &[String], asked: &Conditions) -> io::Result<Self> {
        let folders = match fs::read_dir(out) {
            Ok(folders) => folders,
            Err(none) if none.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut earlier = Self::default();
        for folder in folders {
            let path = folder?.path().join(RECORD);
            let Some(head) = read_head(&path) else {
                continue;
            };
            let by_these = (head.models.iter().map(|model| &model.sha256)).eq(models);
            let alike = (head.conditions.as_ref()).is_some_and(|then| {
                then.stream == asked.stream && then.differences(asked).is_empty()
            });
            if by_these && alike {
                earlier.records.insert(head.sha256, path);
            }
        }
        Ok(earlier)
    }

    /// The record of a file of these bytes.
    pub(super) fn of(&self, sha256: &str) -> Option<Analysis> {
        let bytes = fs::read(self.records.get(sha256)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

fn read_head(path: &Path) -> Option<Head> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

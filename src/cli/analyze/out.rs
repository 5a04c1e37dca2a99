//! The folder of an analysis under `--out`: everything to hand on, and what checks it.
//!
//! | file | holds |
//! |---|---|
//! | `report.html`, `report.pdf` | the report, with the signed statement in it |
//! | `analysis.json`, `frames.csv` | the record, and the scores of every face in every frame |
//! | `statement.jws` | the signed statement |
//! | `public.pem`, `jwks.json` | the public keys that it is checked with |
//! | `frame-*.jpg`, `crop-*.jpg` | the pictures |
//! | `annotated.mp4` | of a video: the pictures as a film, with faces and scores drawn in |
//!
//! It is written under a hidden name and then given its own: it is there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use framewitness::analysis::{self, Outcome};
use framewitness::domain::{Analysis, Measured};
use framewitness::integrity::{Keyring, VerdictStatement};
use framewitness::report::{self, ATTACHMENT, Links, Material, Place, SignedStatement};
use time::OffsetDateTime;

use super::earlier::RECORD;

const TABLE: &str = "frames.csv";
const PUBLIC_KEYS: &str = "jwks.json";
const PUBLIC_KEY_PEM: &str = "public.pem";

/// Where the folders come, and who signs.
pub(super) struct Out {
    folder: PathBuf,
    keyring: Keyring,
}

impl Out {
    /// Under `folder`, which appears with the first of them; statements are signed with `keyring`.
    pub(super) fn new(folder: &Path, keyring: Keyring) -> Self {
        Self {
            folder: folder.to_path_buf(),
            keyring,
        }
    }

    /// Writes everything about an analysis; `measured` is what is known of its models' errors.
    pub(super) fn write(
        &self,
        outcome: &Outcome,
        measured: &[Measured],
    ) -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(&self.folder)?;
        let folder = tempfile::Builder::new()
            .prefix(".partial-")
            .tempdir_in(&self.folder)?;
        let at = |name: &str| folder.path().join(name);
        let analysis = &outcome.analysis;
        fs::write(at(RECORD), serde_json::to_vec_pretty(analysis)?)?;
        analysis::write_csv(analysis, File::create(at(TABLE))?)?;
        for artifact in &outcome.artifacts {
            fs::write(at(&artifact.name), &artifact.bytes)?;
        }
        self.write_report(outcome, measured, folder.path())?;
        write_film(outcome, folder.path())?;
        fs::rename(folder.path(), self.folder.join(folder_name(analysis)))?;
        // It has moved: nothing is left for the temporary folder to remove.
        let _ = folder.keep();
        Ok(())
    }

    fn write_report(
        &self,
        outcome: &Outcome,
        measured: &[Measured],
        folder: &Path,
    ) -> Result<(), Box<dyn Error>> {
        let statement = self.signed(&outcome.analysis)?;
        let pictures = pictures(outcome, &report::wanted_pictures(&outcome.analysis));
        let material = Material {
            analysis: &outcome.analysis,
            pictures: &pictures,
            measured,
            statement: &statement,
            links: &beside_it(),
        };
        fs::write(folder.join("report.html"), report::html(&material))?;
        fs::write(folder.join("report.pdf"), report::pdf(&material)?)?;
        fs::write(folder.join(ATTACHMENT), &statement.token)?;
        fs::write(folder.join(PUBLIC_KEY_PEM), self.keyring.public_key_pem())?;
        let keys = serde_json::to_vec_pretty(&self.keyring.jwks())?;
        fs::write(folder.join(PUBLIC_KEYS), keys)?;
        Ok(())
    }

    fn signed(&self, analysis: &Analysis) -> Result<SignedStatement, Box<dyn Error>> {
        let statement = VerdictStatement::of(analysis, OffsetDateTime::now_utc())?;
        Ok(SignedStatement {
            token: self.keyring.sign_verdict(&statement)?,
            key_id: self.keyring.key_id().to_owned(),
        })
    }
}

fn write_film(outcome: &Outcome, folder: &Path) -> Result<(), Box<dyn Error>> {
    let pictures = pictures(outcome, &analysis::film_pictures(&outcome.analysis));
    if let Some(film) = analysis::annotated_film(&outcome.analysis, &pictures)? {
        fs::write(folder.join("annotated.mp4"), film)?;
    }
    Ok(())
}

fn pictures(outcome: &Outcome, wanted: &BTreeSet<String>) -> BTreeMap<String, Vec<u8>> {
    (outcome.artifacts.iter())
        .filter(|artifact| wanted.contains(&artifact.name))
        .map(|artifact| (artifact.name.clone(), artifact.bytes.clone()))
        .collect()
}

fn beside_it() -> Links {
    Links {
        place: Place::Folder,
        json: RECORD.into(),
        csv: TABLE.into(),
        statement: ATTACHMENT.into(),
        public_keys: PUBLIC_KEYS.into(),
        public_key_pem: PUBLIC_KEY_PEM.into(),
    }
}

/// The file's name and the analysis' own, so that two files of one name do not meet.
fn folder_name(analysis: &Analysis) -> String {
    let stem = Path::new(&analysis.filename)
        .file_stem()
        .unwrap_or_default();
    format!("{}-{}", stem.to_string_lossy(), analysis.id)
}

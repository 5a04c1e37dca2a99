//! Every attack we know of, sent to one running service: each gets a documented status in time, and
//! afterwards the service is as it was. `scripts/hostile.sh` runs this and shows the table.
//!
//! | file | holds |
//! |---|---|
//! | `disguises` | texts, playlists, polyglots and names |
//! | `boxes` | MP4 and Matroska put together byte by byte |
//! | `pictures` | still images that lie or grow |
//! | `films` | what the ffmpeg program makes: lengths, sizes, rates, times, damage |
//! | `trial` | sending them, watching memory, the table |

mod boxes;
mod disguises;
mod films;
mod pictures;
mod trial;

use std::path::{Path, PathBuf};

use trial::Trial;

use crate::extent;

/// Bit-flipped copies of each kind of file, in every run and in the long one; more by `ATTACK_FLIPS`. (Variables that begin like the
/// settings would be refused by the service as settings it does not know.)
const FLIPS: (u32, u32) = (1, 4);

/// One hostile file.
pub(super) struct Attack {
    /// What it is, for the table.
    label: String,
    /// The name it is sent under.
    filename: String,
    bytes: Vec<u8>,
    expected: Expected,
}

/// What a service may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// This status with this code.
    Refused(u16, &'static str),
    /// 422, whatever the code.
    Unusable,
    /// A verdict, whatever it is.
    Verdict,
    /// A verdict, or that a picture without a face is none.
    Read,
    /// A verdict or a refusal of the file; never a failure of the service.
    Documented,
}

impl Attack {
    fn new(label: &str, bytes: impl Into<Vec<u8>>, expected: Expected) -> Self {
        Self {
            label: label.to_owned(),
            filename: "clip.mp4".to_owned(),
            bytes: bytes.into(),
            expected,
        }
    }

    fn named(mut self, filename: &str) -> Self {
        filename.clone_into(&mut self.filename);
        self
    }
}

fn flips() -> u32 {
    let told = std::env::var("ATTACK_FLIPS").ok();
    told.map_or(extent::of(FLIPS.0, FLIPS.1), |n| {
        n.parse().expect("ATTACK_FLIPS is a number")
    })
}

#[tokio::test]
async fn every_attack_gets_its_documented_status_and_leaves_nothing_behind() {
    let studio = films::Studio::new();
    let mut trial = Trial::begin().await;
    for attack in disguises::all().into_iter().chain(boxes::all()) {
        trial.send(attack).await;
    }
    for attack in pictures::all(&studio, flips()) {
        trial.send(attack).await;
    }
    for make in films::MAKERS {
        for attack in make(&studio) {
            trial.send(attack).await;
        }
    }
    for clip in films::one_of_each_kind(&studio) {
        for attack in films::damaged(&clip, flips()) {
            trial.send(attack).await;
        }
    }
    trial.end().await;
}

#[tokio::test]
#[ignore = "needs a folder of odd videos, named by ATTACK_CORPUS_DIR"]
async fn every_file_of_a_folder_gets_a_documented_status_and_leaves_nothing_behind() {
    let folder = std::env::var_os("ATTACK_CORPUS_DIR")
        .expect("set ATTACK_CORPUS_DIR to a folder of odd videos");
    let mut trial = Trial::begin().await;
    for path in files_under(Path::new(&folder)) {
        let label = path
            .strip_prefix(&folder)
            .unwrap_or(&path)
            .display()
            .to_string();
        let bytes = std::fs::read(&path).expect("a readable file");
        trial
            .send(Attack::new(&label, bytes, Expected::Documented))
            .await;
    }
    trial.end().await;
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = crate::held_upload::files_below(folder);
    files.sort();
    files
}

//! The fuzz targets: one function each, which takes any bytes and panics when something that must
//! hold does not.
//!
//! `fuzz/` calls them from libFuzzer (`scripts/fuzz.sh`); the tests below replay the saved inputs of
//! `fuzz/corpus` on every run of the test suite. An input that once found a fault stays there.
//! Nothing of this is in the program: it is compiled for tests and by cargo-fuzz alone.
//!
//! | target | takes | must hold |
//! |---|---|---|
//! | [`multipart`] | a request body | a file on disk is what was sent and hashed; nothing is left behind |
//! | [`video`] | a file | facts and frames within the limits, as the parent of a worker wants them |
//! | [`image`] | a still image | probe and picture agree, and keep the limits |
//! | [`protocol`] | what a worker writes | what the parent accepts lies within the region |
//! | [`checkpoint`] | a weights file, or the pickle in one | no tensor larger than the file, all readable |
//! | [`signature`] | `signature_base64` | one spelling of one number is valid, nothing else |
//! | [`statement`] | a JWS | the one token that was signed is accepted, nothing else |

pub use crate::analysis::fuzzing::protocol;
pub use crate::http::fuzzing::multipart;
pub use crate::inference::fuzzing::checkpoint;
pub use crate::integrity::fuzzing::{signature, statement};
pub use crate::media::fuzzing::{image, video};

/// A target: its name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("checkpoint", checkpoint),
    ("image", image),
    ("multipart", multipart),
    ("protocol", protocol),
    ("signature", signature),
    ("statement", statement),
    ("video", video),
];

#[cfg(test)]
mod seeds;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::{Path, PathBuf};

    use super::*;

    pub(super) fn fuzz_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
    }

    /// Runs every saved input of a target.
    fn replay(name: &str) {
        let (_, run) = TARGETS.iter().find(|(own, _)| *own == name).unwrap();
        let corpus = fuzz_folder().join("corpus").join(name);
        let inputs: Vec<PathBuf> = fs::read_dir(&corpus)
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        assert!(
            !inputs.is_empty(),
            "{} holds no inputs: take them from the repository (git checkout -- fuzz/corpus), or \
             write the first ones with scripts/fuzz.sh --seeds",
            corpus.display()
        );
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            assert!(
                catch_unwind(|| run(&bytes)).is_ok(),
                "the target {name} fails on {}",
                input.display()
            );
        }
    }

    #[test]
    fn saved_multipart_bodies_keep_what_must_hold() {
        replay("multipart");
    }

    #[test]
    fn saved_videos_keep_what_must_hold() {
        replay("video");
    }

    #[test]
    fn saved_images_keep_what_must_hold() {
        replay("image");
    }

    #[test]
    fn saved_words_of_workers_keep_what_must_hold() {
        replay("protocol");
    }

    #[test]
    fn saved_checkpoints_keep_what_must_hold() {
        replay("checkpoint");
    }

    #[test]
    fn saved_signatures_keep_what_must_hold() {
        replay("signature");
    }

    #[test]
    fn saved_statements_keep_what_must_hold() {
        replay("statement");
    }

    #[test]
    fn every_target_has_a_program_and_a_corpus_and_nothing_else_has() {
        let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for (folder, ending) in [("fuzz_targets", ".rs"), ("corpus", "")] {
            let found: BTreeSet<String> = fs::read_dir(fuzz_folder().join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .map(|name| name.trim_end_matches(ending).to_owned())
                .collect();
            assert_eq!(found, names, "fuzz/{folder}");
        }
        let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
        let programs = manifest.split("[[bin]]\nname = \"").skip(1);
        let programs = programs.map(|rest| rest.split('"').next().unwrap().to_owned());
        assert_eq!(programs.collect::<BTreeSet<_>>(), names, "fuzz/Cargo.toml");
        let script = fs::read_to_string(fuzz_folder().join("../scripts/fuzz.sh")).unwrap();
        let listed = Vec::from_iter(names).join(" ");
        assert!(
            script.contains(&format!("TARGETS=({listed})")),
            "scripts/fuzz.sh"
        );
    }
}

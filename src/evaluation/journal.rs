//! `scores.jsonl`: every score is written as soon as it is known, so that an evaluation that was
//! stopped goes on where it was.
//!
//! A line belongs to a file by the SHA-256 of its bytes and to a `basis`: the digest of everything
//! else the score depends on (models, settings, protocol). Lines of another basis are passed over. A
//! last line without an end was being written when the program ended; it is cut off.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{EvaluationError, at};
use super::protocol::VideoScore;

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    basis: String,
    sha256: String,
    score: VideoScore,
}

/// Scores on disk.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    basis: String,
    known: HashMap<String, VideoScore>,
}

impl Journal {
    /// Opens or creates the file at `path`.
    pub(super) fn open(path: &Path, basis: &str) -> Result<Self, EvaluationError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(at(path)(error)),
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let known = read(path, &text[..whole], basis)?;
        let file = (OpenOptions::new().create(true).append(true).open(path)).map_err(at(path))?;
        file.set_len(whole as u64).map_err(at(path))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            basis: basis.to_owned(),
            known,
        })
    }

    /// The score of these bytes, when it is known.
    pub(super) fn get(&self, sha256: &str) -> Option<&VideoScore> {
        self.known.get(sha256)
    }

    /// Adds a score; it is in the file when this returns.
    pub(super) fn add(&mut self, sha256: &str, score: VideoScore) -> Result<(), EvaluationError> {
        let line = Line {
            basis: self.basis.clone(),
            sha256: sha256.to_owned(),
            score,
        };
        let mut text =
            serde_json::to_string(&line).expect("a score holds only strings, numbers and lists");
        text.push('\n');
        (self.file.write_all(text.as_bytes())).map_err(at(&self.path))?;
        self.known.insert(line.sha256, line.score);
        Ok(())
    }
}

fn read(
    path: &Path,
    text: &str,
    basis: &str,
) -> Result<HashMap<String, VideoScore>, EvaluationError> {
    let mut known = HashMap::new();
    for (position, line) in text.lines().enumerate() {
        let line: Line = serde_json::from_str(line).map_err(|error| EvaluationError::Journal {
            path: path.to_path_buf(),
            line: position + 1,
            reason: error.to_string(),
        })?;
        if line.basis == basis {
            known.insert(line.sha256, line.score);
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::VerdictLabel;
    use crate::evaluation::protocol::Scores;

    fn score(reason: &str) -> VideoScore {
        VideoScore {
            verdict: VerdictLabel::Inconclusive,
            scores: Scores::default(),
            reasons: vec![reason.into()],
            frames: Vec::new(),
        }
    }

    #[test]
    fn scores_are_found_again_by_their_bytes_and_their_basis_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.jsonl");
        let mut journal = Journal::open(&path, "one").unwrap();
        journal.add("aa", score("no-face")).unwrap();
        assert_eq!(journal.get("aa"), Some(&score("no-face")));
        drop(journal);
        let mut other = Journal::open(&path, "two").unwrap();
        assert_eq!(other.get("aa"), None);
        other.add("aa", score("still-image")).unwrap();
        drop(other);
        let again = Journal::open(&path, "one").unwrap();
        assert_eq!(again.get("aa"), Some(&score("no-face")));
        assert_eq!(again.get("bb"), None);
    }

    #[test]
    fn a_line_that_was_cut_off_is_dropped_and_the_next_one_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.jsonl");
        let mut journal = Journal::open(&path, "one").unwrap();
        journal.add("aa", score("no-face")).unwrap();
        journal.add("bb", score("no-face")).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let mut journal = Journal::open(&path, "one").unwrap();
        assert!(journal.get("aa").is_some() && journal.get("bb").is_none());
        journal.add("bb", score("no-face")).unwrap();
        drop(journal);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        let error = Journal::open(&path, "one").unwrap_err();
        assert_eq!(error.code(), "evaluation-journal");
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}

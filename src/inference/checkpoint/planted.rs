//! Files as an attacker would write them, for the tests.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::Checkpoint;
pub(super) use super::fuzzing::archive;

/// A file that is removed with the value.
pub(super) struct Planted(TempDir);

impl Planted {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("weights.pth"), bytes).unwrap();
        Self(folder)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("weights.pth")
    }

    /// Opens the file and reads every tensor; the error, if any.
    pub(super) fn load(&self) -> Result<(), String> {
        let file = Checkpoint::open(&self.path()).map_err(|e| e.to_string())?;
        for stored in file.tensors().values() {
            drop(file.read(stored)?);
        }
        Ok(())
    }
}

pub(super) fn assert_refused(bytes: &[u8], sentence: &str) {
    let planted = Planted::new(bytes);
    let problem = planted.load().expect_err(sentence);
    assert!(problem.contains(sentence), "no {sentence:?} in: {problem}");
    let path = planted.path().display().to_string();
    assert!(problem.starts_with(&path), "{problem}");
}

/// What a hostile pickle claims of its only tensor, `fc.weight`.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) storage: &'static str,
    pub(super) count: i64,
    pub(super) offset: i64,
    pub(super) shape: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

impl Claim {
    /// The truth about four floats.
    pub(super) fn honest() -> Self {
        Self {
            storage: "FloatStorage",
            count: 4,
            offset: 0,
            shape: vec![2, 2],
            strides: vec![2, 1],
        }
    }

    /// `{'fc.weight': tensor}` as `torch.save` writes it.
    pub(super) fn pickled(&self) -> Vec<u8> {
        let mut bytes = b"\x80\x02}X\x09\x00\x00\x00fc.weight".to_vec();
        bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage");
        bytes.extend(format!("ctorch\n{}\n", self.storage).bytes());
        bytes.extend(b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu");
        push(&mut bytes, self.count);
        bytes.extend(b"tQ");
        push(&mut bytes, self.offset);
        for numbers in [&self.shape, &self.strides] {
            bytes.push(b'(');
            numbers.iter().for_each(|n| push(&mut bytes, *n));
            bytes.push(b't');
        }
        bytes.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
        bytes
    }

    pub(super) fn file(&self) -> Vec<u8> {
        archive(&[("w/data.pkl", &self.pickled()), ("w/data/0", &[0; 16])])
    }
}

fn push(bytes: &mut Vec<u8>, number: i64) {
    bytes.extend([0x8a, 8]);
    bytes.extend(number.to_le_bytes());
}

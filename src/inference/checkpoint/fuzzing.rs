//! Fuzzing the reader of weights files.

use std::fs::File;
use std::io::{Cursor, Write};
use std::path::Path;

use tch::Kind;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Checkpoint;

/// Every message fits a screen.
const LONGEST_MESSAGE_BYTES: usize = 2000;
/// Tensors of one input that are read; one storage may be named by thousands.
const MOST_READ: usize = 64;

/// Reads a weights file, every tensor in it too. An input that begins like neither format is the
/// pickle of an archive with one record of sixteen zeros; one that begins with `S` is that of a
/// TorchScript archive, after the letter.
pub fn checkpoint(input: &[u8]) {
    let is_file = input.starts_with(b"PK") || input.get(8) == Some(&b'{');
    let wrapped;
    let bytes = match input {
        _ if is_file => input,
        [b'S', pickle @ ..] => {
            wrapped = around(pickle, &[("w/constants.pkl", b"")]);
            &wrapped
        }
        pickle => {
            wrapped = around(pickle, &[]);
            &wrapped
        }
    };
    match Checkpoint::of_file(Path::new("fuzzed"), file_of(bytes)) {
        Ok(checkpoint) => check(&checkpoint, bytes.len() as u64),
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("fuzzed: "), "{text:?}");
            assert!(text.len() <= LONGEST_MESSAGE_BYTES, "{} bytes", text.len());
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

fn check(checkpoint: &Checkpoint, file_bytes: u64) {
    assert!(
        !checkpoint
            .tensors()
            .keys()
            .any(|name| name.contains(char::is_control))
    );
    for (name, stored) in checkpoint.tensors() {
        let count = stored.shape().iter().product::<i64>();
        let bytes = u64::try_from(count)
            .ok()
            .map(|count| count * stored.element().bytes());
        assert!(
            bytes.is_some_and(|bytes| bytes <= file_bytes),
            "{name}: {stored:?}"
        );
    }
    for (name, stored) in checkpoint.tensors().iter().take(MOST_READ) {
        let tensor = checkpoint.read(stored);
        let tensor = tensor.unwrap_or_else(|problem| panic!("{name} {problem}: {stored:?}"));
        assert_eq!(tensor.size(), stored.shape(), "{name}");
        assert!(matches!(tensor.kind(), Kind::Float | Kind::Int64), "{name}");
        assert!(tensor.is_contiguous(), "{name}");
    }
}

fn around(pickle: &[u8], more: &[(&str, &[u8])]) -> Vec<u8> {
    let own: [(&str, &[u8]); 2] = [("w/data.pkl", pickle), ("w/data/0", &[0; 16])];
    archive(&[&own[..], more].concat())
}

/// The pickle of an honest archive.
#[cfg(test)]
pub(crate) fn pickle_seed() -> Vec<u8> {
    super::planted::Claim::honest().pickled()
}

/// An uncompressed zip archive.
pub(super) fn archive(records: &[(&str, &[u8])]) -> Vec<u8> {
    const IN_MEMORY: &str = "an archive of a few records fits into memory";
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in records {
        zip.start_file(*name, stored).expect(IN_MEMORY);
        zip.write_all(bytes).expect(IN_MEMORY);
    }
    zip.finish().expect(IN_MEMORY).into_inner()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file can be made");
    file.write_all(bytes).expect("a temporary file takes bytes");
    file
}

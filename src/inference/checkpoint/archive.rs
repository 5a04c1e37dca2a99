//! The zip container of `torch.save` (since 1.6) and `torch.jit.save`: records under one folder,
//! all stored without compression, little-endian.
//!
//! Records are located once and then read by position; nothing is ever unpacked to disk. As only
//! uncompressed records within the file are accepted, a record cannot be larger than the file.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::error::{Problem, shortened};
use super::pickle::Dialect;

/// Most records; CLIP ViT-L/14 has about 2,000 with its code.
const MOST_RECORDS: usize = 100_000;
/// Describes the tensors.
const PICKLE: &str = "data.pkl";

/// Where the records of an archive lie in its file.
pub(super) struct Archive {
    records: HashMap<String, Range<u64>>,
    dialect: Dialect,
}

impl Archive {
    pub(super) fn open(file: &File) -> Result<Self, Problem> {
        let length = file.metadata()?.len();
        let all = locate(file, length)?;
        let is_root = |name: &&String| name.strip_suffix(PICKLE).is_some_and(is_folder);
        let mut roots = all.keys().filter(is_root);
        let (Some(root), None) = (roots.next(), roots.next()) else {
            return Err(damaged(format!(
                "exactly one folder must hold {PICKLE}, the pickle that describes the tensors"
            )));
        };
        let root = root[..root.len() - PICKLE.len()].to_owned();
        let below = |name: &String| name.strip_prefix(&root).map(str::to_owned);
        let records: HashMap<_, _> = all
            .iter()
            .filter_map(|(name, range)| Some((below(name)?, range.clone())))
            .collect();
        let is_script = records
            .keys()
            .any(|name| name == "constants.pkl" || name.starts_with("code/"));
        let dialect = if is_script {
            Dialect::Script
        } else {
            Dialect::Saved
        };
        let archive = Self { records, dialect };
        archive.check_byte_order(file)?;
        Ok(archive)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether it is TorchScript, which is a program.
    pub(super) fn holds_code(&self) -> bool {
        self.dialect == Dialect::Script
    }

    /// The record that describes the tensors.
    pub(super) fn pickle(&self, file: &File, longest: u64) -> Result<Vec<u8>, Problem> {
        self.read(file, PICKLE, longest)
    }

    /// The numbers of storage `key`.
    pub(super) fn storage(&self, key: &str) -> Option<Range<u64>> {
        self.records.get(&format!("data/{key}")).cloned()
    }

    /// Archives without the record predate it and are little-endian.
    fn check_byte_order(&self, file: &File) -> Result<(), Problem> {
        if !self.records.contains_key("byteorder") {
            return Ok(());
        }
        match self.read(file, "byteorder", 16)?.as_slice() {
            b"little" => Ok(()),
            b"big" => Err(Problem::BigEndian),
            _ => Err(damaged("its byteorder is neither little nor big")),
        }
    }

    fn read(&self, file: &File, name: &str, longest: u64) -> Result<Vec<u8>, Problem> {
        let Some(range) = self.records.get(name) else {
            return Err(damaged(format!("{name} is missing or compressed")));
        };
        let length = range.end - range.start;
        if length > longest {
            return Err(damaged(format!(
                "{name} has {length} bytes, at most {longest} are read"
            )));
        }
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}

/// Every uncompressed record with its bytes in the file. TorchScript compresses its code, which
/// nobody reads.
fn locate(file: &File, length: u64) -> Result<HashMap<String, Range<u64>>, Problem> {
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut zip = ZipArchive::with_config(config, BufReader::new(file))
        .map_err(|e| damaged(e.to_string()))?;
    if zip.len() > MOST_RECORDS {
        return Err(damaged(format!("it has {} records", zip.len())));
    }
    let mut records = HashMap::new();
    for index in 0..zip.len() {
        let record = zip
            .by_index_raw(index)
            .map_err(|e| damaged(format!("record {index}: {e}")))?;
        let name = String::from_utf8_lossy(record.name_raw()).into_owned();
        if !is_plain(&name) {
            return Err(damaged(format!(
                "a record is called {}, which is not a plain path",
                shortened(&name)
            )));
        }
        if record.compression() != CompressionMethod::Stored {
            continue;
        }
        let (stored, claimed) = (record.compressed_size(), record.size());
        let range = record
            .data_start()
            .and_then(|start| Some(start..start.checked_add(claimed)?));
        let Some(range) = range.filter(|r| stored == claimed && r.end <= length) else {
            return Err(damaged(format!(
                "record {} claims {claimed} bytes, more than there are",
                shortened(&name)
            )));
        };
        if records.insert(name.clone(), range).is_some() {
            return Err(damaged(format!("{} is there twice", shortened(&name))));
        }
    }
    Ok(records)
}

/// Whether `name` ends in a slash and has no other.
fn is_folder(name: &str) -> bool {
    name.find('/') == Some(name.len().wrapping_sub(1))
}

/// Whether `name` stays within the archive, whoever may unpack it.
fn is_plain(name: &str) -> bool {
    let mut parts = name.split('/');
    !name.contains(['\\', '\0']) && parts.all(|part| !matches!(part, "" | "." | ".."))
        || name.ends_with('/') && is_plain(name.trim_end_matches('/'))
}

fn damaged(problem: impl Into<String>) -> Problem {
    Problem::Archive(problem.into())
}

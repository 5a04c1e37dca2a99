//! What to evaluate on: a folder whose subfolders say what is genuine, or a table that does.
//!
//! **Folder.** Of the folders above a file, the topmost whose name has one of the words of
//! [`Truth::from_word`] (alone, in the plural or among others: `real`, `fakes`, `original_sequences`,
//! `Celeb-synthesis`) says what the file is. The next folder below it names the manipulation, else
//! that folder itself. So FaceForensics++, Celeb-DF and plain `real/`, `fake/METHOD/` all read.
//!
//! **Table.** CSV with a header. `path` (or `file`, `video`) and `label` (or `truth`, `class`) are
//! needed; `method` (or `family`, `manipulation`) and `group` (or `person`, `identity`, `source`) are
//! optional. Paths are relative to the table. Labels are the same words, or 0 for genuine and 1 for
//! manipulated. Videos of one group are drawn together by the bootstrap.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use walkdir::{DirEntry, WalkDir};

use super::error::{EvaluationError, at};
use crate::domain::Truth;

/// Files that lie beside videos and are none.
const NOT_MEDIA: &[&str] = &[
    "csv", "json", "jsonl", "log", "md", "npy", "npz", "pdf", "pickle", "pkl", "srt", "toml",
    "txt", "xml", "yaml", "yml", "zip",
];
/// Words that only data sets use.
const MORE_WORDS: &[(&str, &str)] = &[("synthesis", "synthetic")];
/// Problems shown before the rest is counted.
const SHOWN_PROBLEMS: usize = 10;

/// A file with its known answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is.
    pub path: PathBuf,
    /// How it is called in the tables: its path below the folder, or as the table has it.
    pub name: String,
    /// What it is.
    pub truth: Truth,
    /// How it was manipulated; `genuine` for genuine ones.
    pub method: String,
    /// Whom it belongs to: the unit of the bootstrap.
    pub group: String,
}

/// The files at `source`, by name.
///
/// # Errors
/// [`EvaluationError::List`] with every problem; [`EvaluationError::Io`].
pub fn read_items(source: &Path) -> Result<Vec<Item>, EvaluationError> {
    let metadata = source.metadata().map_err(at(source))?;
    let (mut items, mut problems) = if metadata.is_dir() {
        from_folder(source)?
    } else {
        from_table(source)?
    };
    items.sort_by(|a, b| a.name.cmp(&b.name));
    if items.is_empty() && problems.is_empty() {
        problems.push("nothing is in it".into());
    }
    if problems.is_empty() {
        return Ok(items);
    }
    if problems.len() > SHOWN_PROBLEMS {
        let more = problems.len() - SHOWN_PROBLEMS;
        problems.truncate(SHOWN_PROBLEMS);
        problems.push(format!("and {more} more"));
    }
    Err(EvaluationError::List {
        path: source.to_path_buf(),
        problems,
    })
}

type Found = (Vec<Item>, Vec<String>);

fn from_folder(folder: &Path) -> Result<Found, EvaluationError> {
    let (mut items, mut problems) = (Vec::new(), Vec::new());
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(is_wanted) {
        let entry = entry.map_err(|error| EvaluationError::Io {
            path: error.path().unwrap_or(folder).to_path_buf(),
            source: error.into(),
        })?;
        if !entry.file_type().is_file() || is_no_media(entry.path()) {
            continue;
        }
        // The walk began there, so the prefix is there.
        let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        match labelled(entry.path(), below) {
            Some(item) => items.push(item),
            None => problems.push(format!(
                "{}: no folder above it says real or fake; sort the files into real/ and \
                 fake/METHOD/, or give a CSV with path and label",
                below.display()
            )),
        }
    }
    Ok((items, problems))
}

/// Everything that is not hidden; the folder itself may have any name.
fn is_wanted(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn is_no_media(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    NOT_MEDIA.contains(&extension.to_ascii_lowercase().as_str())
}

fn labelled(path: &Path, below: &Path) -> Option<Item> {
    let folders: Vec<String> = (below.parent()?.components())
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let says = |name: &String| truth_of_folder(name);
    let (position, truth) =
        (folders.iter().enumerate()).find_map(|(at, name)| Some((at, says(name)?)))?;
    let method = match truth {
        Truth::Genuine => truth.as_str().to_owned(),
        Truth::Manipulated => folders
            .get(position + 1)
            .unwrap_or(&folders[position])
            .clone(),
    };
    let name = below.to_string_lossy().into_owned();
    Some(Item {
        path: path.to_path_buf(),
        group: name.clone(),
        name,
        truth,
        method,
    })
}

/// What a folder's name says, when its words agree.
fn truth_of_folder(name: &str) -> Option<Truth> {
    let words = name.split(|c: char| !c.is_ascii_alphabetic());
    let mut said = words.filter_map(truth_of_word);
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

fn truth_of_word(word: &str) -> Option<Truth> {
    let word = word.to_ascii_lowercase();
    let known = MORE_WORDS.iter().find(|(used, _)| *used == word);
    let word = known.map_or(word.as_str(), |(_, meant)| meant);
    Truth::from_word(word).or_else(|| Truth::from_word(word.strip_suffix('s')?))
}

fn from_table(table: &Path) -> Result<Found, EvaluationError> {
    let unreadable = |source| EvaluationError::Table {
        path: table.to_path_buf(),
        source,
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(table)
        .map_err(unreadable)?;
    let columns = match Columns::find(reader.headers().map_err(unreadable)?) {
        Ok(columns) => columns,
        Err(problem) => return Ok((Vec::new(), vec![problem])),
    };
    let folder = table.parent().unwrap_or(Path::new(""));
    let (mut items, mut problems, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        match columns.item(&record, folder) {
            Ok(item) if seen.insert(item.path.clone()) => items.push(item),
            Ok(item) => problems.push(format!("line {line}: {} stands twice", item.name)),
            Err(problem) => problems.push(format!("line {line}: {problem}")),
        }
    }
    Ok((items, problems))
}

/// Positions of the columns of a table.
struct Columns {
    path: usize,
    label: usize,
    method: Option<usize>,
    group: Option<usize>,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, String> {
        let position = |names: &[&str]| {
            let named = |cell: &str| names.contains(&cell.to_ascii_lowercase().as_str());
            header.iter().position(named)
        };
        let needed = |names: &[&str]| {
            let missing = || {
                let found: Vec<&str> = header.iter().collect();
                format!(
                    "the first line must name the columns, with one of {}; found {found:?}",
                    names.join(", ")
                )
            };
            position(names).ok_or_else(missing)
        };
        Ok(Self {
            path: needed(&["path", "file", "video", "filename"])?,
            label: needed(&["label", "truth", "class"])?,
            method: position(&["method", "family", "manipulation"]),
            group: position(&["group", "person", "identity", "source"]),
        })
    }

    fn item(&self, record: &StringRecord, folder: &Path) -> Result<Item, String> {
        let cell = |position: Option<usize>| {
            let text = position.and_then(|at| record.get(at));
            text.filter(|text| !text.is_empty())
        };
        let name = cell(Some(self.path)).ok_or("the path is empty")?.to_owned();
        let label = cell(Some(self.label)).ok_or("the label is empty")?;
        let truth = match label {
            "0" => Some(Truth::Genuine),
            "1" => Some(Truth::Manipulated),
            word => truth_of_folder(word),
        };
        let truth = truth.ok_or_else(|| {
            format!("{label:?} is no label; write real or fake (or 0 for real and 1 for fake)")
        })?;
        let method = match truth {
            Truth::Genuine => truth.as_str(),
            Truth::Manipulated => cell(self.method).unwrap_or("fake"),
        };
        Ok(Item {
            path: folder.join(&name),
            group: cell(self.group).unwrap_or(&name).to_owned(),
            method: method.to_owned(),
            name,
            truth,
        })
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;

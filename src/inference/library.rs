//! Model files that were sent to a running service, kept beside the models for an operator to make
//! use of.
//!
//! [`ModelLibrary::keep`] looks into a file with the same readers that load weights, which run
//! nothing, and takes only data: weights, or an ONNX graph of operators that are known here. A
//! TorchScript module is code, whoever sent it, and is refused. What is kept serves nobody until
//! somebody at the command line adds it (`framewitness models add`).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::checkpoint::Checkpoint;
use super::{FileContents, FileFormat, InferenceError, describe_file};

/// Folder within the models directory.
const FOLDER: &str = "uploads";
/// Longest name.
const LONGEST_NAME: usize = 100;
/// What names of model files end in.
const SUFFIXES: [&str; 7] = ["pth", "pt", "ckpt", "bin", "th", "safetensors", "onnx"];

/// A name for a model file: letters, digits, dots, dashes and underscores of ASCII, beginning with
/// a letter or a digit. It is a plain name in every folder, whatever comes before or after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFileName(String);

impl ModelFileName {
    /// Takes a name of 1 to 100 characters; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = text.len() <= LONGEST_NAME;
        (begins_well && fits && text.chars().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Why a file was not kept under this name.
    fn not_kept(&self, error: io::Error) -> InferenceError {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return InferenceError::ModelNameTaken(self.0.clone());
        }
        InferenceError::Library(error)
    }

    /// The name with the ending of its format, unless it has one that model files have.
    fn ending_in(self, format: FileFormat) -> Self {
        let ending = self.0.rsplit_once('.').map(|(_, ending)| ending);
        if ending.is_some_and(|e| SUFFIXES.contains(&e.to_ascii_lowercase().as_str())) {
            return self;
        }
        Self(format!("{}.{}", self.0, format.suffix()))
    }
}

/// A file that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptModel {
    /// Its name in the library.
    pub name: ModelFileName,
    /// What was found in it.
    pub contents: FileContents,
}

/// The files that were sent.
#[derive(Debug, Clone)]
pub struct ModelLibrary {
    folder: PathBuf,
}

impl ModelLibrary {
    /// The library beside the models in `models_dir`; its folder is made when it is needed.
    pub fn beside(models_dir: &Path) -> Self {
        Self {
            folder: models_dir.join(FOLDER),
        }
    }

    /// Names of the files, in order.
    ///
    /// # Errors
    /// [`InferenceError::Library`] when the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, InferenceError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(InferenceError::Library)?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names: Result<Vec<String>, io::Error> = names.collect();
        let mut names = names.map_err(InferenceError::Library)?;
        // Files still being written begin with a dot.
        names.retain(|name| ModelFileName::parse(name).is_some());
        names.sort();
        Ok(names)
    }

    /// Looks into `source` and keeps a copy under `name`, whole or not at all. Blocks.
    ///
    /// # Errors
    /// [`InferenceError::UnusableModel`] with what is wrong with the file,
    /// [`InferenceError::ModelNameTaken`], [`InferenceError::Library`].
    pub fn keep(&self, name: ModelFileName, source: &Path) -> Result<KeptModel, InferenceError> {
        let contents = inspect(source)
            .map_err(|problem| InferenceError::UnusableModel(told_by(problem, source, &name)))?;
        let name = name.ending_in(contents.format);
        fs::create_dir_all(&self.folder).map_err(InferenceError::Library)?;
        let copy = || {
            let mut copy = NamedTempFile::new_in(&self.folder)?;
            io::copy(&mut File::open(source)?, &mut copy)?;
            copy.as_file().sync_all()?;
            Ok(copy)
        };
        let copy: NamedTempFile = copy().map_err(InferenceError::Library)?;
        copy.persist_noclobber(self.folder.join(name.as_str()))
            .map_err(|error| name.not_kept(error.error))?;
        Ok(KeptModel { name, contents })
    }
}

/// What `source` holds, when that is data.
fn inspect(source: &Path) -> Result<FileContents, String> {
    let contents = describe_file(source).map_err(|error| error.to_string())?;
    let is_code = contents.format == FileFormat::PyTorch
        && Checkpoint::is_script(source).map_err(|error| error.to_string())?;
    if is_code {
        return Err(
            "is a TorchScript module, which is code; send its weights, saved with \
             torch.save(model.state_dict(), FILE) or as safetensors"
                .to_owned(),
        );
    }
    Ok(contents)
}

/// The problem under the name that the sender knows; where the file lay is nobody's business.
fn told_by(problem: String, source: &Path, name: &ModelFileName) -> String {
    let place = source.display().to_string();
    let problem = problem
        .replace(&format!("{place}: "), "")
        .replace(&place, "");
    format!("{}: {problem}", name.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixture(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(path)
    }

    fn name(text: &str) -> ModelFileName {
        ModelFileName::parse(text).unwrap()
    }

    #[test]
    fn weights_and_graphs_are_kept_under_their_name_and_listed() {
        let models = tempfile::tempdir().unwrap();
        let library = ModelLibrary::beside(models.path());
        assert_eq!(library.names().unwrap(), Vec::<String>::new());
        for (file, given, kept) in [
            ("checkpoints/plain.pth", "classifier.pth", "classifier.pth"),
            (
                "checkpoints/half.safetensors",
                "model_v2",
                "model_v2.safetensors",
            ),
            ("image-models/int8.onnx", "graph-1.0", "graph-1.0.onnx"),
        ] {
            let model = library.keep(name(given), &fixture(file)).unwrap();
            assert_eq!(model.name.as_str(), kept);
            let bytes = fs::read(models.path().join("uploads").join(kept)).unwrap();
            assert_eq!(bytes, fs::read(fixture(file)).unwrap());
        }
        let names = ["classifier.pth", "graph-1.0.onnx", "model_v2.safetensors"];
        assert_eq!(library.names().unwrap(), names);
    }

    #[test]
    fn code_and_what_is_no_model_is_refused_and_nothing_is_kept() {
        let models = tempfile::tempdir().unwrap();
        let library = ModelLibrary::beside(models.path());
        for file in [
            "image-models/module.pt",
            "checkpoints/scripted.pt",
            "checkpoints/whole-model.pth",
            "checkpoints/legacy.pth",
            "image-models/labels.txt",
        ] {
            let error = library.keep(name("sent.pth"), &fixture(file)).unwrap_err();
            assert_eq!(error.code(), "unusable-model", "{file}");
            let text = error.to_string();
            assert!(text.contains("sent.pth: "), "{text}");
            assert!(!text.contains("fixtures"), "{text}");
        }
        assert_eq!(library.names().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_file() {
        let models = tempfile::tempdir().unwrap();
        let library = ModelLibrary::beside(models.path());
        let (first, second) = ("checkpoints/plain.pth", "checkpoints/half.pth");
        library.keep(name("a.pth"), &fixture(first)).unwrap();
        let error = library.keep(name("a.pth"), &fixture(second)).unwrap_err();
        assert_eq!(error.code(), "model-name-taken");
        let kept = fs::read(models.path().join("uploads/a.pth")).unwrap();
        assert_eq!(kept, fs::read(fixture(first)).unwrap());
        // Nothing half-written stays either.
        assert_eq!(
            fs::read_dir(models.path().join("uploads")).unwrap().count(),
            1
        );
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_folder(text in "[./\\\\a\u{0}é -]{0,12}|.{0,120}") {
            if let Some(name) = ModelFileName::parse(&text) {
                let path = Path::new("/models/uploads").join(name.as_str());
                prop_assert_eq!(path.parent(), Some(Path::new("/models/uploads")));
                prop_assert!(!name.as_str().starts_with('.'));
            }
        }
    }
}

//! `framewitness replay REPORT FILE`: whether the verdict that a report states comes out again.
//!
//! The signature is checked first, then that FILE is the file of the statement, then that models and
//! settings here are the stated ones; only then is the analysis made again. Nothing is stored.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use framewitness::analysis::{AnalysisError, Analyzer, MediaFile};
use framewitness::app::{self, AppError};
use framewitness::config::Settings;
use framewitness::domain::ModelIdentity;
use framewitness::integrity::{
    IntegrityError, Keyring, PublicKeys, PublicKeysError, StatedModel, StatementError,
    VerdictStatement, VerdictStatementError,
};
use framewitness::report::{self, ReportError};
use thiserror::Error;
use time::OffsetDateTime;

use super::output::{FAILED, describe, print};
use super::signing;

/// Exit code when the verdict could not be made again; the same as for wrong usage.
const COULD_NOT: u8 = 2;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The report, HTML or PDF as it was saved, or the bare statement (.jws).
    report: PathBuf,
    /// The file that was analysed.
    file: PathBuf,
    /// Whose statement it is: a public key in PEM, or a JSON Web Key Set; without it the keys of this
    /// installation.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// How far the probability may be from the stated one, 0 to 1. The same machine gives the same
    /// bits; another device or precision rounds otherwise.
    #[arg(long, value_name = "P", default_value_t = 0.02, value_parser = tolerance)]
    tolerance: f32,
}

fn tolerance(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (0.0..=1.0).contains(&value) {
        true => Ok(value),
        false => Err("must lie between 0 and 1".into()),
    }
}

/// Why a verdict could not be made again.
#[derive(Debug, Error)]
enum ReplayError {
    #[error("{} cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{} is no report: {error}", path.display())]
    Report { path: PathBuf, error: ReportError },
    #[error(
        "there are no keys of this installation in {}; name the key of the service that made the \
         report with --key", .0.display()
    )]
    NoKeys(PathBuf),
    #[error(transparent)]
    Keys(#[from] IntegrityError),
    #[error("{} is no public key: {error}", path.display())]
    PublicKeys {
        path: PathBuf,
        error: PublicKeysError,
    },
    #[error("{0}")]
    Statement(#[from] StatementError),
    #[error(
        "{} is another file: its SHA-256 is {found}, the statement is about {stated}", path.display()
    )]
    OtherFile {
        path: PathBuf,
        found: String,
        stated: String,
    },
    #[error("the models are others:\n  {}", .0.join("\n  "))]
    OtherModels(Vec<String>),
    #[error(
        "the settings are others; set them as stated and try again:\n  {}", .0.join("\n  ")
    )]
    OtherSettings(Vec<String>),
    #[error(transparent)]
    Start(#[from] AppError),
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    #[error(transparent)]
    Unstatable(#[from] VerdictStatementError),
}

impl ReplayError {
    /// Stable kebab-case code.
    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "file-unreadable",
            Self::Report { error, .. } => error.code(),
            Self::NoKeys(_) => "no-keys",
            Self::Keys(error) => error.code(),
            Self::PublicKeys { error, .. } => error.code(),
            Self::Statement(error) => error.code(),
            Self::OtherFile { .. } => "other-file",
            Self::OtherModels(_) => "other-models",
            Self::OtherSettings(_) => "other-settings",
            Self::Start(_) => "not-started",
            Self::Analysis(error) => error.code(),
            Self::Unstatable(error) => error.code(),
        }
    }
}

/// Makes the analysis again and says whether the same comes out.
pub(crate) fn run(settings: Settings, options: &Options) -> ExitCode {
    match replay(&settings, options) {
        Ok(differences) if differences.is_empty() => {
            print("the same verdict comes out\n");
            ExitCode::SUCCESS
        }
        Ok(differences) => {
            let lines = differences.join("\n  ");
            print(&format!("NOT the same:\n  {lines}\n"));
            ExitCode::from(FAILED)
        }
        Err(error) => {
            eprintln!("framewitness: {} ({})", describe(&error), error.code());
            ExitCode::from(COULD_NOT)
        }
    }
}

/// How what comes out differs from what is stated, a line each.
fn replay(settings: &Settings, options: &Options) -> Result<Vec<String>, ReplayError> {
    let stated = stated(settings, options)?;
    print(&format!(
        "signature holds: analysis {}\n",
        stated.analysis_id
    ));
    let media = the_stated_file(&options.file, &stated)?;
    print(&format!("file is the one: sha256 {}\n", media.sha256));
    let runtime = tokio::runtime::Runtime::new().map_err(AppError::Server)?;
    runtime.block_on(async {
        let analyzer = app::start_analysis(settings)?;
        refuse_other_models(&stated, &analyzer)?;
        refuse_other_settings(&stated, &analyzer)?;
        let admission = analyzer.admit().await?;
        let outcome = analyzer.analyze(media, admission).await?;
        let again = VerdictStatement::of(&outcome.analysis, OffsetDateTime::now_utc())?;
        print(&in_words("stated", &stated));
        print(&in_words("now", &again));
        Ok(stated.differences(&again, options.tolerance))
    })
}

/// The statement in the report, when its signature holds.
fn stated(settings: &Settings, options: &Options) -> Result<VerdictStatement, ReplayError> {
    let bytes = read(&options.report)?;
    let token = report::statement_in(&bytes).map_err(|error| ReplayError::Report {
        path: options.report.clone(),
        error,
    })?;
    if let Some(path) = &options.key {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let keys = PublicKeys::parse(&text).map_err(|error| ReplayError::PublicKeys {
            path: path.clone(),
            error,
        })?;
        return Ok(keys.verify_verdict(&token)?);
    }
    let keys = settings.data_dir.join("keys");
    // Opening would make a key, of which no statement can be.
    if !keys.join("private.pem").exists() {
        return Err(ReplayError::NoKeys(keys));
    }
    Ok(Keyring::open_or_create(&keys)?.verify_verdict(&token)?)
}

fn read(path: &Path) -> Result<Vec<u8>, ReplayError> {
    let unreadable = |error| ReplayError::Read {
        path: path.to_path_buf(),
        error,
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.len() > report::MAX_REPORT_BYTES {
        let error = "it is too large for a report or a key";
        return Err(unreadable(io::Error::other(error)));
    }
    fs::read(path).map_err(unreadable)
}

/// The file to analyse, when it is the one of the statement.
fn the_stated_file(path: &Path, stated: &VerdictStatement) -> Result<MediaFile, ReplayError> {
    let unreadable = |error| ReplayError::Read {
        path: path.to_path_buf(),
        error,
    };
    let found = signing::hash(path).map_err(unreadable)?;
    if found.sha256 != stated.file.sha256 {
        return Err(ReplayError::OtherFile {
            path: path.to_path_buf(),
            found: found.sha256.to_hex(),
            stated: stated.file.sha256.to_hex(),
        });
    }
    let conditions = stated.conditions.as_ref();
    Ok(MediaFile {
        file: fs::File::open(path).map_err(unreadable)?,
        filename: stated.file.filename.clone(),
        sha256: found.sha256.to_hex(),
        steps: None,
        stream: conditions.and_then(|conditions| conditions.stream),
        check_stability: conditions.is_some_and(|conditions| conditions.check_stability),
    })
}

fn refuse_other_models(stated: &VerdictStatement, analyzer: &Analyzer) -> Result<(), ReplayError> {
    let facts = analyzer.models().facts();
    let scorers: &[ModelIdentity] = &facts.models;
    let here = std::iter::once(analyzer.detector()).chain(scorers);
    let here: Vec<StatedModel> = here.map(StatedModel::from).collect();
    let others = stated.other_models(&here);
    match others.is_empty() {
        true => Ok(()),
        false => Err(ReplayError::OtherModels(others)),
    }
}

/// A statement without settings is of an older program: then there is nothing to compare.
fn refuse_other_settings(
    stated: &VerdictStatement,
    analyzer: &Analyzer,
) -> Result<(), ReplayError> {
    let Some(there) = &stated.conditions else {
        print("the statement names no settings; those here are taken\n");
        return Ok(());
    };
    let Some(here) = analyzer.conditions(there.stream, there.check_stability) else {
        return Ok(());
    };
    let others = there.differences(&here);
    match others.is_empty() {
        true => Ok(()),
        false => Err(ReplayError::OtherSettings(others)),
    }
}

fn in_words(when: &str, statement: &VerdictStatement) -> String {
    let probability = statement.probability_fake.map_or("no score".into(), |p| {
        format!("{:.4} % fake", f64::from(p.get()) * 100.0)
    });
    format!(
        "{when}: {} {probability}, {} frames\n",
        statement.verdict.as_str(),
        statement.frames.len()
    )
}

//! `framewitness analyze FILE…`: the same analysis as the service's, without a server, stored in the
//! same records. Files, folders and patterns are taken; with `--out` an interrupted batch goes on where
//! it was, and with `--watch` files are analysed as they come.

mod earlier;
mod files;
mod out;
mod summary;
mod watch;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use framewitness::analysis::{self, Analyzer, MediaFile, Outcome};
use framewitness::app::{self, AppError};
use framewitness::config::Settings;
use framewitness::domain::Analysis;
use framewitness::integrity::{self, Keyring};
use framewitness::store::{
    self, ArtifactName, ArtifactStore, RecordStore, StoreError, Stored, Submission,
};

use super::output::{FAILED, USAGE, describe, fail, print};
use super::progress::progress_bar;
use super::runtime;
use earlier::Earlier;
use out::Out;
use summary::summary;
use watch::{LOOK_EVERY, Watched};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Videos or images, folders of them (with all beneath), or patterns such as 'clips/*.mp4'.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON record a line.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print one table, a row for each face in each frame.
    #[arg(long)]
    csv: bool,
    /// Write the report (HTML and PDF) with its signed statement, record, table, frames and crops of
    /// each file into a folder of its own under DIR. A file whose record by the same models under the
    /// same settings is there is not analysed again.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Analyse every file, whatever lies under DIR.
    #[arg(long, requires = "out")]
    again: bool,
    /// Go on looking into the folders and analyse what comes, until Ctrl-C.
    #[arg(long, conflicts_with = "csv")]
    watch: bool,
    /// Which of several moving pictures in a file is analysed, counted from 0; without it the first
    /// that shows a face.
    #[arg(long, value_name = "NUMBER")]
    stream: Option<u32>,
    /// Judge the same faces also compressed, rescaled and cut closer: a verdict that this turns into
    /// its opposite becomes INCONCLUSIVE.
    #[arg(long)]
    stability: bool,
}

/// Analyses every file and prints the results in the order given.
pub(crate) fn run(settings: Settings, options: &Options) -> ExitCode {
    runtime::run(async {
        let bench = Bench::set_up(&settings, options).await?;
        Ok(analyze_all(&bench, options).await)
    })
}

/// What every file needs.
struct Bench {
    analyzer: Analyzer,
    records: RecordStore,
    artifacts: ArtifactStore,
    out: Option<Out>,
}

impl Bench {
    async fn set_up(settings: &Settings, options: &Options) -> Result<Self, AppError> {
        let (records, artifacts) = app::open_stores(settings).await?;
        let out = (options.out.as_deref())
            .map(|folder| {
                let keyring = Keyring::open_or_create(&settings.data_dir.join("keys"))?;
                Ok::<_, AppError>(Out::new(folder, keyring))
            })
            .transpose()?;
        let analyzer = app::start_analysis(settings)?;
        Ok(Self {
            analyzer,
            records,
            artifacts,
            out,
        })
    }
}

async fn analyze_all(bench: &Bench, options: &Options) -> ExitCode {
    let earlier = match earlier(bench, options) {
        Ok(earlier) => earlier,
        Err(message) => {
            eprintln!("framewitness: {message}");
            return ExitCode::from(USAGE);
        }
    };
    let mut batch = Batch {
        bench,
        options,
        earlier,
        for_the_table: Vec::new(),
        failed: false,
    };
    if options.watch {
        return batch.watch().await;
    }
    let found = files::find(&options.files);
    found
        .problems
        .iter()
        .for_each(|problem| batch.fail(problem));
    batch.take(&found.files).await;
    batch.end()
}

/// What is under `--out` already and counts.
fn earlier(bench: &Bench, options: &Options) -> Result<Earlier, String> {
    let Some(out) = options.out.as_deref().filter(|_| !options.again) else {
        return Ok(Earlier::default());
    };
    let conditions = bench.analyzer.conditions(options.stream, options.stability);
    let Some(conditions) = conditions else {
        return Ok(Earlier::default());
    };
    let scorers = bench.analyzer.models().facts();
    let detector = std::iter::once(bench.analyzer.detector());
    let models: Vec<String> = (detector.chain(&scorers.models))
        .map(|model| model.sha256.clone())
        .collect();
    Earlier::read(out, &models, &conditions).map_err(|error| format!("{}: {error}", out.display()))
}

/// The files of one call.
struct Batch<'a> {
    bench: &'a Bench,
    options: &'a Options,
    earlier: Earlier,
    for_the_table: Vec<Analysis>,
    failed: bool,
}

impl Batch<'_> {
    /// Analyses `files` and prints what comes of each at once.
    async fn take(&mut self, files: &[PathBuf]) {
        let bar = progress_bar(files.len());
        for file in files {
            bar.set_message(file.display().to_string());
            let analysis = self.analyze(file).await;
            bar.suspend(|| match &analysis {
                Ok(analysis) => print_at_once(analysis, self.options, &mut self.for_the_table),
                Err(message) => self.fail(&format!("{}: {message}", file.display())),
            });
            bar.inc(1);
        }
        bar.finish_and_clear();
    }

    /// Takes files as they come, until the program is ended.
    async fn watch(&mut self) -> ExitCode {
        let (folders, others): (Vec<_>, Vec<_>) =
            (self.options.files.iter().cloned()).partition(|named| named.is_dir());
        if let Some(other) = others.first() {
            eprintln!(
                "framewitness: --watch takes folders; {} is none",
                other.display()
            );
            return ExitCode::from(USAGE);
        }
        eprintln!("watching {} folder(s); Ctrl-C ends it", folders.len());
        let mut watched = Watched::new(folders);
        loop {
            let files = watched.look();
            if !files.is_empty() {
                self.take(&files).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn analyze(&self, path: &Path) -> Result<Analysis, String> {
        let media = open(path).map_err(|error| format!("cannot be read: {error}"))?;
        match self.earlier.of(&media.sha256) {
            Some(analysis) => Ok(Analysis {
                filename: media.filename,
                ..analysis
            }),
            None => analyze_anew(self.bench, media, self.options).await,
        }
    }

    fn fail(&mut self, problem: &str) {
        self.failed = true;
        eprintln!("{problem}");
    }

    /// The table, which needs every file, and the exit code.
    fn end(self) -> ExitCode {
        if self.options.csv
            && let Err(error) = analysis::write_csv_of_all(&self.for_the_table, io::stdout().lock())
        {
            return fail(FAILED, &error);
        }
        ExitCode::from(if self.failed { FAILED } else { 0 })
    }
}

async fn analyze_anew(
    bench: &Bench,
    media: MediaFile,
    options: &Options,
) -> Result<Analysis, String> {
    let media = MediaFile {
        stream: options.stream,
        check_stability: options.stability,
        ..media
    };
    let admission = bench.analyzer.admit().await.map_err(|e| describe(&e))?;
    let outcome = (bench.analyzer.analyze(media, admission).await).map_err(|e| describe(&e))?;
    if let (Some(out), Some(folder)) = (&bench.out, &options.out) {
        let facts = bench.analyzer.models().facts();
        out.write(&outcome, facts.measured_for(&outcome.analysis))
            .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
    }
    let stored = record(bench, outcome).await;
    let stored = stored.map_err(|e| format!("not stored: {}", describe(&e)))?;
    Ok(stored.analysis)
}

async fn record(bench: &Bench, outcome: Outcome) -> Result<Stored, StoreError> {
    let pictures = (outcome.artifacts.into_iter())
        .map(|artifact| {
            let name = ArtifactName::parse(&artifact.name)
                .expect("the analysis names its pictures as the store does, which a test checks");
            (name, artifact.bytes)
        })
        .collect();
    store::keep(
        &bench.records,
        &bench.artifacts,
        outcome.analysis,
        Submission::default(),
        pictures,
    )
    .await
}

fn open(path: &Path) -> io::Result<MediaFile> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let digest = integrity::hash_reader(&mut file).map_err(io::Error::other)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(MediaFile {
        file,
        filename: name.chars().filter(|c| !c.is_control()).collect(),
        sha256: digest.sha256.to_hex(),
        steps: None,
        stream: None,
        check_stability: false,
    })
}

fn print_at_once(analysis: &Analysis, options: &Options, for_the_table: &mut Vec<Analysis>) {
    if options.csv {
        for_the_table.push(analysis.clone());
    } else if options.json {
        let line = serde_json::to_string(analysis)
            .expect("an analysis holds only strings, numbers and lists");
        print(&format!("{line}\n"));
    } else {
        print(&summary(analysis));
    }
}

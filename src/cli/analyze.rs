//! `framewitness analyze FILE…`: the same analysis as the service's, without a server, stored in the
//! same records.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use framewitness::analysis::{self, Analyzer, MediaFile, Outcome};
use framewitness::app::{self, AppError};
use framewitness::config::Settings;
use framewitness::domain::{Analysis, Probability};
use framewitness::integrity;
use framewitness::store::{
    self, ArtifactName, ArtifactStore, RecordStore, StoreError, Stored, Submission,
};

use super::output::{FAILED, describe, fail, print};
use super::progress::progress_bar;
use super::runtime;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Videos or images.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON record a line.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print one table, a row for each face in each frame.
    #[arg(long)]
    csv: bool,
    /// Write record, table, frames and crops of each file into a folder of its own under DIR.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Which of several moving pictures in a file is analysed, counted from 0; without it the first
    /// that shows a face.
    #[arg(long, value_name = "NUMBER")]
    stream: Option<u32>,
}

/// Analyses every file and prints the results in the order given.
pub(crate) fn run(settings: Settings, options: &Options) -> ExitCode {
    runtime::run(async {
        let bench = Bench::set_up(&settings).await?;
        Ok(analyze_all(&bench, options).await)
    })
}

/// What every file needs.
struct Bench {
    analyzer: Analyzer,
    records: RecordStore,
    artifacts: ArtifactStore,
}

impl Bench {
    async fn set_up(settings: &Settings) -> Result<Self, AppError> {
        let (records, artifacts) = app::open_stores(settings).await?;
        let analyzer = app::start_analysis(settings)?;
        Ok(Self {
            analyzer,
            records,
            artifacts,
        })
    }
}

async fn analyze_all(bench: &Bench, options: &Options) -> ExitCode {
    let bar = progress_bar(options.files.len());
    let mut done = Vec::new();
    let mut failed = false;
    for file in &options.files {
        bar.set_message(file.display().to_string());
        match analyze_one(bench, file, options).await {
            Ok(analysis) => bar.suspend(|| print_at_once(&analysis, options, &mut done)),
            Err(message) => {
                failed = true;
                bar.suspend(|| eprintln!("{}: {message}", file.display()));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if options.csv
        && let Err(error) = analysis::write_csv_of_all(&done, io::stdout().lock())
    {
        return fail(FAILED, &error);
    }
    ExitCode::from(if failed { FAILED } else { 0 })
}

async fn analyze_one(bench: &Bench, path: &Path, options: &Options) -> Result<Analysis, String> {
    let media = open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let media = MediaFile {
        stream: options.stream,
        ..media
    };
    let admission = bench.analyzer.admit().await.map_err(|e| describe(&e))?;
    let outcome = (bench.analyzer.analyze(media, admission).await).map_err(|e| describe(&e))?;
    if let Some(out) = &options.out {
        write_out(&outcome, out)
            .map_err(|error| format!("cannot write to {}: {error}", out.display()))?;
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
    })
}

/// Writes everything into a hidden folder, then gives it its name: it is there whole or not at all.
fn write_out(outcome: &Outcome, out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    let folder = tempfile::Builder::new()
        .prefix(".partial-")
        .tempdir_in(out)?;
    let record = serde_json::to_vec_pretty(&outcome.analysis)?;
    fs::write(folder.path().join("analysis.json"), record)?;
    let table = File::create(folder.path().join("frames.csv"))?;
    analysis::write_csv(&outcome.analysis, table).map_err(io::Error::other)?;
    for artifact in &outcome.artifacts {
        fs::write(folder.path().join(&artifact.name), &artifact.bytes)?;
    }
    fs::rename(folder.path(), out.join(folder_name(&outcome.analysis)))?;
    // It has moved: nothing is left for the temporary folder to remove.
    let _ = folder.keep();
    Ok(())
}

/// The file's name and the analysis' own, so that two files of one name do not meet.
fn folder_name(analysis: &Analysis) -> String {
    let stem = Path::new(&analysis.filename)
        .file_stem()
        .unwrap_or_default();
    format!("{}-{}", stem.to_string_lossy(), analysis.id)
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

fn summary(analysis: &Analysis) -> String {
    let percent = |p: Option<Probability>| {
        p.map_or("no score".into(), |p| {
            format!("{:.1} % fake", p.get() * 100.0)
        })
    };
    let verdict = &analysis.verdict;
    let mut lines = vec![
        analysis.filename.clone(),
        format!(
            "  {}  {}",
            verdict.label.as_str(),
            percent(verdict.probability_fake)
        ),
    ];
    lines.extend(verdict.reasons.iter().map(|reason| format!("  - {reason}")));
    let scored = analysis
        .models
        .iter()
        .filter(|m| m.probability_fake.is_some());
    lines.extend(scored.map(|m| {
        format!(
            "  {} {}: {}",
            m.name,
            m.version,
            percent(m.probability_fake)
        )
    }));
    lines.push(format!("  sha256 {}\n", analysis.sha256));
    lines.join("\n")
}

//! `framewitness evaluate DIR|LIST.csv`: how good the models are on somebody's own files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use framewitness::app;
use framewitness::config::Settings;
use framewitness::evaluation::{
    self, About, DEEPFAKEBENCH_FRAMES, EvaluationError, Item, Protocol, Run, Scored,
};
use framewitness::inference::Facts;
use framewitness::integrity;

use super::output::{FAILED, USAGE, describe, fail, print};
use super::progress::progress_bar;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A folder with real/ and fake/METHOD/ (or the layout of FaceForensics++ or Celeb-DF), or a CSV
    /// with the columns path and label (real, fake), and if you like method and group.
    #[arg(value_name = "DIR|LIST.csv")]
    source: PathBuf,
    /// What the score of a video is.
    #[arg(long, value_enum, default_value_t)]
    protocol: ProtocolName,
    /// Folder for the report, the tables, the plots, and the scores that a second run goes on from.
    #[arg(long, value_name = "DIR", default_value = "evaluation")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ProtocolName {
    /// What the service answers, with the settings in force.
    #[default]
    Service,
    /// 32 frames, the largest face of each, the mean of their P(fake).
    Deepfakebench,
}

/// Prints the report and writes everything into `--out`. Exit code 1 when some file failed or there
/// was nothing to measure.
pub(crate) fn run(settings: Settings, options: &Options) -> ExitCode {
    let items = match evaluation::read_items(&options.source) {
        Ok(items) => items,
        Err(error) => return fail(USAGE, &error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, &error),
    };
    match runtime.block_on(evaluate(
        options.protocol.settings(settings),
        items,
        options,
    )) {
        Ok(scored) if scored.failed.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(FAILED),
        Err(message) => {
            eprintln!("framewitness: {message}");
            ExitCode::from(FAILED)
        }
    }
}

impl ProtocolName {
    fn protocol(self) -> Protocol {
        match self {
            Self::Service => Protocol::Service,
            Self::Deepfakebench => Protocol::DeepfakeBench,
        }
    }

    /// DeepfakeBench scores every frame that shows a face, however few there are.
    fn settings(self, settings: Settings) -> Settings {
        match self {
            Self::Service => settings,
            Self::Deepfakebench => Settings {
                sample_frames: DEEPFAKEBENCH_FRAMES,
                min_scored_frames: 1,
                ..settings
            },
        }
    }
}

async fn evaluate(
    settings: Settings,
    items: Vec<Item>,
    options: &Options,
) -> Result<Scored, String> {
    fs::create_dir_all(&options.out).map_err(|e| format!("{}: {e}", options.out.display()))?;
    let analyzer = app::start_analysis(&settings).map_err(|e| describe(&e))?;
    let models = analyzer.models().facts();
    let protocol = options.protocol.protocol();
    let about = About {
        source: options.source.display().to_string(),
        protocol: protocol.as_str(),
        frames: settings.sample_frames,
        bundle: models.bundle.clone(),
        models: std::iter::once(analyzer.detector())
            .chain(&models.models)
            .cloned()
            .collect(),
        device: device(&models),
        program: env!("CARGO_PKG_VERSION"),
    };
    let run = Run {
        basis: basis(&settings, &about)
            .map_err(|e| format!("{}: {e}", settings.models_dir.display()))?,
        analyzer,
        protocol,
        out: options.out.clone(),
    };
    let scored = score(&run, items).await.map_err(|e| describe(&e))?;
    drop(run);

    let figures = evaluation::measure(&scored.evaluated);
    evaluation::write_results(&options.out, &about, &scored, &figures).map_err(|e| describe(&e))?;
    print(&evaluation::report(&about, &figures, &scored.failed));
    if scored.found_again > 0 {
        print(&format!(
            "\n{} scores were found in {} from an earlier run.\n",
            scored.found_again,
            options.out.join("scores.jsonl").display()
        ));
    }
    print(&format!(
        "\nTables and plots are in {}.\n",
        options.out.display()
    ));
    Ok(scored)
}

async fn score(run: &Run, items: Vec<Item>) -> Result<Scored, EvaluationError> {
    let bar = progress_bar(items.len());
    let done = run
        .score_all(items, |item| {
            bar.set_message(item.name.clone());
            bar.inc(1);
        })
        .await;
    bar.finish_and_clear();
    done
}

/// Digest of all that a score depends on besides the file: protocol, settings, bundle, manifests
/// (which hold the calibration) and, through them, the weights.
fn basis(settings: &Settings, about: &About) -> std::io::Result<String> {
    let folder = &settings.models_dir;
    let bundle = fs::read_to_string(folder.join("bundle.toml"))?;
    let mut text = format!(
        "{} {} {} {} {} {} {} {} {} {}\n{bundle}",
        about.program,
        about.protocol,
        settings.sample_frames,
        settings.min_face_px,
        settings.min_sharpness,
        settings.min_scored_frames,
        settings.max_faces_per_frame,
        settings.max_tracks,
        settings.frame_model_frames,
        about.device,
    );
    for model in &about.models {
        text += &format!("{} {}\n", model.name, model.sha256);
    }
    for manifest in manifests(folder, &bundle) {
        text += &fs::read_to_string(manifest)?;
    }
    let digest = integrity::hash_reader(text.as_bytes()).map_err(std::io::Error::other)?;
    Ok(digest.sha256.to_hex())
}

/// Where the networks run and how finely.
fn device(models: &Facts) -> String {
    let text = format!("{} in {}", models.device, models.precision);
    if models.frame_precision == models.precision {
        return text;
    }
    format!("{text}, the frame model in {}", models.frame_precision)
}

/// The manifests of the folders that `bundle` names.
fn manifests(folder: &Path, bundle: &str) -> Vec<PathBuf> {
    let table: toml::Table = bundle.parse().unwrap_or_default();
    let named = |role: &str| table.get(role).and_then(|name| name.as_str());
    (["detector", "sequence", "frame"].into_iter())
        .filter_map(named)
        .map(|name| folder.join(name).join("manifest.toml"))
        .collect()
}

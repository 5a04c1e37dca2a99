//! What it costs to decode in a worker process that is shut in, against the same work in the
//! calling process. See README.md beside this file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use framewitness::analysis::{
    AnalysisError, AnalysisSettings, DecodeCost, WORKER_ARGUMENT, WorkerSettings, serve_decoding,
};
use framewitness::media::{MediaLimits, SampleOptions};

const ROUNDS: usize = 15;
const WARM_ROUNDS: usize = 50;

fn main() -> ExitCode {
    // The worker is this program, executed anew.
    let argument = std::env::args_os().nth(1);
    if argument.is_some_and(|argument| argument == WORKER_ARGUMENT) {
        return serve_decoding();
    }
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("decode_isolation: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let clip = File::open(clip(folder.path())?)?;
    let dot = File::open(dot(folder.path())?)?;
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/face-detector-s");
    let mut cost = DecodeCost::start(settings(), &models)?;
    println!(
        "worker started, loaded and shut in: {} ms",
        ms(cost.started_in())
    );

    let (mut here, mut there) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does meets both alike.
    for round in 0..=ROUNDS {
        let pair = (cost.in_process(&clip)?, cost.isolated(&clip)?);
        if round > 0 {
            here.push(pair.0);
            there.push(pair.1);
        }
    }
    let mut ratios: Vec<f64> = (here.iter().zip(&there))
        .map(|(here, there)| there.as_secs_f64() / here.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("10 s of 1080p, {ROUNDS} rounds in turns, medians:");
    println!("  in process {} ms", ms(median(&mut here)));
    println!("  isolated   {} ms", ms(median(&mut there)));
    println!(
        "  ratio      {:.3} (median of the rounds' own)",
        ratios[ratios.len() / 2]
    );

    let mut warm = repeat(WARM_ROUNDS, || cost.isolated(&dot))?;
    let mut plain = repeat(WARM_ROUNDS, || cost.in_process(&dot))?;
    println!("a PNG of 16 x 16, handed to a waiting worker, {WARM_ROUNDS} rounds:");
    println!(
        "  isolated   {} ms median, {} ms worst",
        ms(median(&mut warm)),
        ms(worst(&warm))
    );
    println!("  in process {} ms median", ms(median(&mut plain)));
    Ok(())
}

fn settings() -> AnalysisSettings {
    AnalysisSettings {
        sample: SampleOptions::default(),
        media: MediaLimits::default(),
        deadline: Duration::from_secs(120),
        decode_threads: 1,
        waiting_places: 0,
        worker: WorkerSettings {
            memory_bytes: 2 << 30,
            requests: u32::MAX,
            allow_unsandboxed: false,
        },
        min_face_px: 40,
        min_sharpness: 7.0,
        min_scored_frames: 5,
        max_faces_per_frame: 16,
        max_tracks: 8,
        jpeg_quality: 90,
        check_stability: false,
        trust_list: None,
    }
}

/// The demo face, 10 s long, 1920 x 1080.
fn clip(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let face = Path::new(env!("CARGO_MANIFEST_DIR")).join("videos/genuine.mp4");
    let face = face.display().to_string();
    let filter = "scale=1080:1080,pad=1920:1080:420:0";
    make(
        folder,
        "clip.mp4",
        &[
            "-stream_loop",
            "-1",
            "-i",
            &face,
            "-t",
            "10",
            "-vf",
            filter,
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-pix_fmt",
            "yuv420p",
        ],
    )
}

fn dot(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    make(
        folder,
        "dot.png",
        &["-f", "lavfi", "-i", "color=size=16x16", "-frames:v", "1"],
    )
}

fn make(
    folder: &Path,
    name: &str,
    arguments: &[&str],
) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let path = folder.join(name);
    let status = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(arguments)
        .arg(&path)
        .status()?;
    if status.success() {
        Ok(path)
    } else {
        Err("ffmpeg does not make the input".into())
    }
}

fn repeat(
    rounds: usize,
    mut work: impl FnMut() -> Result<Duration, AnalysisError>,
) -> Result<Vec<Duration>, AnalysisError> {
    (0..rounds).map(|_| work()).collect()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn worst(times: &[Duration]) -> Duration {
    times.iter().copied().max().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

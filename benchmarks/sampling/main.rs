//! Our side of the sampling benchmark: takes frames from each file it is told of and says how long
//! that took. `run.py` beside this file drives it and the peers in turns.
//!
//! Protocol, one line each way: a path in; `{"seconds": …, "frames": …, "mean": …}` out, or
//! `{"error": …}`.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::Instant;

use framewitness::domain::Sample;
use framewitness::media::{self, MediaLimits, SampleOptions};

const FRAMES: u32 = 30;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sampling: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for path in io::stdin().lock().lines() {
        let path = path?;
        let started = Instant::now();
        let sampled = sample(&path);
        let seconds = started.elapsed().as_secs_f64();
        let answer = match sampled {
            Ok(sample) => serde_json::json!({
                "seconds": seconds,
                "frames": sample.frames.len(),
                "mean": mean(&sample),
            }),
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn sample(path: &str) -> Result<Sample, Box<dyn std::error::Error>> {
    let file = File::open(path)?;
    let options = SampleOptions::even(FRAMES);
    Ok(media::sample(&file, &options, &MediaLimits::default())?)
}

/// Mean of all samples of all frames, which shows that everybody saw the same pictures.
fn mean(sample: &Sample) -> f64 {
    let sum = |pixels: &[u8]| pixels.iter().map(|value| u64::from(*value)).sum::<u64>();
    let (total, count) = (sample.frames.iter())
        .map(|frame| frame.image.pixels())
        .fold((0, 0), |(total, count), pixels| {
            (total + sum(pixels), count + pixels.len() as u64)
        });
    total as f64 / count.max(1) as f64
}

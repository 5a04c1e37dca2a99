//! Our side of the faces benchmark: finds the faces in thirty even frames of each film it is told of, in one of two ways,
//! and says how long that took and what was found. `run.py` beside this file lets both ways take turns.
//!
//! Protocol, one line each way: `every-frame PATH` or `search PATH` in;
//! `{"seconds": …, "frames": […]}` out, a frame being its faces as `[score, x, y, width, height, x0, y0, …, x4, y4]`, or
//! `{"error": …}`. Taking the frames is not timed.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use framewitness::domain::{Face, Rgb8Image};
use framewitness::faces::{self, Detector};
use framewitness::media::{self, MediaLimits, SampleOptions};

const FRAMES: u32 = 30;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("faces: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Failure> {
    // As a decode worker does.
    faces::bound_threads(1)?;
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/face-detector-s");
    let mut detector = Detector::load(&models)?;
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let answer = answer(&line?, &mut detector)
            .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(line: &str, detector: &mut Detector) -> Result<serde_json::Value, Failure> {
    let (way, path) = line.split_once(' ').ok_or("expected a way and a path")?;
    let options = SampleOptions::even(FRAMES);
    let sample = media::sample(&File::open(path)?, &options, &MediaLimits::default())?;
    let images: Vec<&Rgb8Image> = sample.frames.iter().map(|frame| &frame.image).collect();
    let started = Instant::now();
    let found = match way {
        "every-frame" => (images.iter())
            .map(|image| detector.detect(image))
            .collect::<Result<_, _>>()?,
        "search" => detector.detect_all(&images, sample.spacing_s(), &mut |_| ())?,
        other => return Err(format!("no way to look is called {other}").into()),
    };
    let seconds = started.elapsed().as_secs_f64();
    let frames: Vec<Vec<Vec<f32>>> = found
        .iter()
        .map(|faces| faces.iter().map(numbers).collect())
        .collect();
    Ok(serde_json::json!({ "seconds": seconds, "frames": frames }))
}

fn numbers(face: &Face) -> Vec<f32> {
    let bounds = face.bounds;
    let points = face.landmarks.0.into_iter().flatten();
    [
        face.detection_score,
        bounds.x,
        bounds.y,
        bounds.width,
        bounds.height,
    ]
    .into_iter()
    .chain(points)
    .collect()
}

//! Tests on real videos, which the `ffmpeg` program makes in a temporary directory.

mod colour;
mod containers;
mod corpus;
mod damaged_stills;
#[path = "../../../tests/support/films.rs"]
mod films;
mod heif;
#[path = "../../../tests/support/heif.rs"]
mod heif_files;
mod hostile;
mod icc;
mod moving;
mod pictures;
mod routes;
mod stills;
mod streams;
mod timing;

pub(super) use heif::small_files as small_heif_files;

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::limits::Deadline;
use super::task::{Route, Strategy, Task};
use super::{MediaError, MediaLimits, SampleOptions, recognise_file, sampler};
use crate::domain::{Rgb8Image, Sample, SampleNote};

/// A clip of 50 frames, 25 per second, whose left half is a grey that tells the frame's number
/// and whose right half moves.
pub(super) const NUMBERED: &str = "testsrc2=size=160x120:rate=25:duration=2,\
     geq=lum='if(lt(X,W/2),20+4*N,lum(X,Y))':cb='if(lt(X,W/4),128,cb(X,Y))':cr='if(lt(X,W/4),128,cr(X,Y))'";

/// A directory that holds the clips of one test.
pub(super) struct Studio(TempDir);

impl Studio {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes `name` from the test picture `source` with further `arguments`, split at spaces.
    pub(super) fn film(&self, name: &str, source: &str, arguments: &str) -> PathBuf {
        let mut words = vec!["-threads", "2", "-f", "lavfi", "-i", source];
        words.extend(arguments.split_whitespace());
        words.extend(["-fflags", "+bitexact"]);
        self.keep(name, &films::film(name, &words, &[]))
    }

    /// Runs ffmpeg on a clip already made, `arguments` split at spaces.
    pub(super) fn recut(&self, from: &Path, name: &str, arguments: &str) -> PathBuf {
        let mut words = vec!["-threads", "2", "-i", from.to_str().unwrap()];
        words.extend(arguments.split_whitespace());
        let path = self.path(name);
        films::run(&words, &path);
        path
    }

    /// A copy of a film, for this test alone.
    fn keep(&self, name: &str, film: &Path) -> PathBuf {
        let path = self.path(name);
        std::fs::copy(film, &path).unwrap();
        path
    }

    /// Writes `bytes` as they are.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Runs the ffmpeg program; the last argument is the file that it makes.
pub(super) fn ffmpeg(arguments: &[&str]) {
    let (file, arguments) = arguments.split_last().unwrap();
    films::run(arguments, Path::new(file));
}

/// Samples `frames` frames of a video along `strategy`, and tells which route that led to.
pub(super) fn sample_along(
    path: &Path,
    frames: u32,
    strategy: Strategy,
) -> Result<(Sample, Route), MediaError> {
    let file = File::open(path).unwrap();
    let limits = MediaLimits::default();
    let options = SampleOptions::even(frames);
    sampler::sample(&Task {
        strategy,
        ..task(&file, &options, &limits)?
    })
}

/// What is to be done with a file, as the default strategy does it.
fn task<'a>(
    file: &'a File,
    options: &'a SampleOptions,
    limits: &'a MediaLimits,
) -> Result<Task<'a>, MediaError> {
    Ok(Task {
        file,
        options,
        limits,
        deadline: Deadline::after(limits.deadline),
        recognised: recognise_file(file)?,
        strategy: Strategy::Seek,
    })
}

/// Samples as a caller does.
pub(super) fn sample(path: &Path, frames: u32) -> Result<Sample, MediaError> {
    let options = SampleOptions::even(frames);
    super::sample(
        &File::open(path).unwrap(),
        &options,
        &MediaLimits::default(),
    )
}

/// Probes with the default limits.
pub(super) fn probe(path: &Path) -> Result<crate::domain::MediaInfo, MediaError> {
    super::probe(&File::open(path).unwrap(), &MediaLimits::default())
}

/// The number that a frame of [`NUMBERED`] shows, read from the middle of its grey.
pub(super) fn number_of(image: &Rgb8Image) -> i64 {
    let (left, top) = (image.width_px() / 16, image.height_px() / 4);
    let mut sum = 0.0;
    let mut count = 0.0;
    for y in top..3 * top {
        for x in left..3 * left {
            let [red, green, blue] = pixel(image, x, y);
            sum += (f64::from(red) + f64::from(green) + f64::from(blue)) / 3.0;
            count += 1.0;
        }
    }
    let luma = sum / count * 219.0 / 255.0 + 16.0;
    ((luma - 20.0) / 4.0).round() as i64
}

/// One pixel.
pub(super) fn pixel(image: &Rgb8Image, x: u32, y: u32) -> [u8; 3] {
    let at = (y * image.width_px() + x) as usize * 3;
    image.pixels()[at..at + 3].try_into().unwrap()
}

/// The numbers that the frames of a sample show.
pub(super) fn numbers(sample: &Sample) -> Vec<i64> {
    sample.frames.iter().map(|f| number_of(&f.image)).collect()
}

/// Asserts that the sample holds the frames at the middle of ten slots of a [`NUMBERED`] clip,
/// each with its own time.
#[track_caller]
pub(super) fn assert_ten_true_frames(sample: &Sample, what: &str) {
    let expected: Vec<i64> = (0..10).map(|slot| 2 + 5 * slot).collect();
    assert_eq!(numbers(sample), expected, "{what}: frames shown");
    for (frame, number) in sample.frames.iter().zip(expected) {
        assert_eq!(frame.frame_index, number as u64, "{what}: frame index");
        let time_s = frame.time_s.expect("the stream has times");
        let error_s = (time_s - number as f64 / 25.0).abs();
        assert!(error_s < 0.002, "{what}: frame {number} at {time_s} s");
    }
    assert_eq!(sample.notes, [], "{what}: notes");
}

/// Whether `sample` carries a note of a kind.
pub(super) fn has_note(sample: &Sample, is_it: impl Fn(&SampleNote) -> bool) -> bool {
    sample.notes.iter().any(is_it)
}

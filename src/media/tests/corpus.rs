//! A folder of odd, rare and malformed videos, which is not part of the repository.

use std::time::{Duration, Instant};

use super::*;

#[test]
#[ignore = "needs a folder of odd videos, named by FRAMEWITNESS_VIDEO_CORPUS"]
fn every_file_of_a_corpus_ends_in_frames_or_a_clear_error() {
    let folder = std::env::var_os("FRAMEWITNESS_VIDEO_CORPUS")
        .expect("set FRAMEWITNESS_VIDEO_CORPUS to a folder of odd videos");
    for path in files_under(PathBuf::from(folder)) {
        let started = Instant::now();
        let outcome = match (probe(&path), sample(&path, 30)) {
            (Ok(info), Ok(sample)) => format!(
                "{} {} {}x{} frames={} notes={:?}",
                info.container,
                info.picture.codec,
                info.picture.width_px,
                info.picture.height_px,
                sample.frames.len(),
                sample.notes
            ),
            (probed, sampled) => format!(
                "probe={} sample={}",
                probed.map_or_else(|e| e.code(), |_| "ok"),
                sampled.map_or_else(|e| e.code(), |_| "ok"),
            ),
        };
        let took = started.elapsed();
        println!("{:6} ms {}: {outcome}", took.as_millis(), path.display());
        assert!(took < Duration::from_secs(90), "{} hangs", path.display());
        assert_seeking_equals_decoding_through(&path);
    }
}

fn files_under(folder: PathBuf) -> Vec<PathBuf> {
    let mut folders = vec![folder];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let listed = std::fs::read_dir(&folder).expect("FRAMEWITNESS_VIDEO_CORPUS names a folder");
        for path in listed.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files.sort();
    files
}

#[track_caller]
fn assert_seeking_equals_decoding_through(path: &Path) {
    let sought = sample_along(path, 8, Strategy::Seek);
    let through = sample_along(path, 8, Strategy::Through);
    let (Ok((sought, Route::Seeking)), Ok((through, Route::Through))) = (sought, through) else {
        return;
    };
    assert!(sought == through, "{}: seeking differs", path.display());
}

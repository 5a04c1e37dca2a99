//! Still pictures for tests, taken from the demo clips by FFmpeg.

use std::path::PathBuf;

use crate::films::film;
use crate::server::repository;

/// The first frame of a demo clip in a file of the kind that `name` has.
fn first_frame(video: &str, name: &str) -> Vec<u8> {
    let video = repository(video);
    let arguments = ["-i", video.to_str().expect("UTF-8"), "-frames:v", "1"];
    std::fs::read(film(name, &arguments, &[&video])).expect("a picture")
}

/// A frame of a demo clip, one second from its beginning, as JPEG.
pub(crate) fn frame_of(video: &str) -> PathBuf {
    let video = repository(video);
    let path = video.to_str().expect("UTF-8");
    let arguments = ["-ss", "1", "-i", path, "-frames:v", "1", "-q:v", "2"];
    film("frame.jpg", &arguments, &[&video])
}

/// A face as JPEG.
pub(crate) fn face() -> Vec<u8> {
    first_frame("videos/genuine.mp4", "face.jpg")
}

/// The same face as PNG.
pub(crate) fn face_png() -> Vec<u8> {
    first_frame("videos/genuine.mp4", "face.png")
}

/// A picture without a face.
pub(crate) fn no_face() -> Vec<u8> {
    first_frame("videos/no-face.mp4", "no-face.jpg")
}

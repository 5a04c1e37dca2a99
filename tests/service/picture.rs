//! Still pictures for tests, taken from the demo clips by FFmpeg.

use std::process::Command;

use crate::server::repository;

/// The first frame of a demo clip as `codec` (`mjpeg`, `png`) writes it.
fn frame(video: &str, codec: &str) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(repository(video))
        .args(["-frames:v", "1", "-c:v", codec, "-f", "image2pipe", "-"])
        .output()
        .expect("ffmpeg is needed: run scripts/setup.sh --test");
    assert!(output.status.success(), "ffmpeg takes a frame of {video}");
    output.stdout
}

/// A face as JPEG.
pub(crate) fn face() -> Vec<u8> {
    frame("videos/genuine.mp4", "mjpeg")
}

/// The same face as PNG.
pub(crate) fn face_png() -> Vec<u8> {
    frame("videos/genuine.mp4", "png")
}

/// A picture without a face.
pub(crate) fn no_face() -> Vec<u8> {
    frame("videos/no-face.mp4", "mjpeg")
}

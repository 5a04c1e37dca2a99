//! The sampled frames as JPEG, which no verdict waits for: made by whoever has time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::AnalysisError;
use crate::domain::SampledFrame;
use crate::media;

/// JPEGs of frames; any number of threads may make them together.
pub(super) struct Jpegs<'a> {
    frames: &'a [SampledFrame],
    quality: u8,
    /// The first frame that nobody has taken on.
    next: AtomicUsize,
    made: Vec<OnceLock<Vec<u8>>>,
}

impl<'a> Jpegs<'a> {
    pub(super) fn of(frames: &'a [SampledFrame], quality: u8) -> Self {
        Self {
            frames,
            quality,
            next: AtomicUsize::new(0),
            made: frames.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// Makes one after another, until each was taken on by somebody.
    ///
    /// # Errors
    /// [`AnalysisError::Media`] when one cannot be made.
    pub(super) fn make(&self) -> Result<(), AnalysisError> {
        loop {
            let taken = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(frame) = self.frames.get(taken) else {
                return Ok(());
            };
            let jpeg = media::encode_jpeg(&frame.image, self.quality)?;
            self.made[taken].get_or_init(|| jpeg);
        }
    }

    /// All of them, in the order of the frames, once everybody who made some has ended well.
    pub(super) fn into_made(self) -> Vec<Vec<u8>> {
        let made = self.made.into_iter().map(OnceLock::into_inner);
        made.map(|jpeg| jpeg.expect("whoever took a frame on has made its JPEG"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Rgb8Image;

    #[test]
    fn several_make_each_of_them_once_and_in_order() {
        let frame = |level: u8| SampledFrame {
            frame_index: u64::from(level),
            time_s: None,
            image: Rgb8Image::new(16, 16, vec![level; 16 * 16 * 3]).unwrap(),
        };
        let frames: Vec<SampledFrame> = (0..40).map(|n| frame(n * 6)).collect();
        let jpegs = Jpegs::of(&frames, 90);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| jpegs.make().unwrap());
            }
        });
        let alone = |frame: &SampledFrame| media::encode_jpeg(&frame.image, 90).unwrap();
        let alone: Vec<Vec<u8>> = frames.iter().map(alone).collect();
        assert_eq!(jpegs.into_made(), alone);
        assert!(Jpegs::of(&[], 90).into_made().is_empty());
    }
}

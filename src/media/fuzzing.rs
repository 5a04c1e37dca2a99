//! Fuzzing probe and sampling, as a decode worker runs them.

use std::fs::File;
use std::io::Write;
use std::num::NonZeroU32;
use std::time::Duration;

use super::recognise::Recognised;
use super::{
    MediaError, MediaLimits, SampleOptions, Steps, decode_jpeg, encode_jpeg, probe, sample,
};
use crate::domain::{MediaInfo, MediaKind, Sample};

/// Small, so that an input is quick and so that a limit is met now and then.
const LIMITS: MediaLimits = MediaLimits {
    max_duration_s: 600.0,
    max_pixels: 512 * 512,
    max_frames: 72_000,
    max_decoded_pixels: 2_000_000_000,
    max_streams: 32,
    deadline: Duration::from_secs(5),
    decoder_threads: 1,
    max_sample_pixels: 2 * 512 * 512,
};
const FRAMES: u32 = 6;
/// What the parent believes of a text about a file.
const MAX_TEXT_BYTES: usize = 1024;
const MAX_NOTES: usize = 16;

/// Probes and samples a file of any kind.
pub fn video(input: &[u8]) {
    let file = file_of(input);
    let options = options(input);
    if let Some(info) = checked(probe(&file, &LIMITS)) {
        check_info(&info, input);
    }
    if let Some(sample) = checked(sample(&file, &options, &LIMITS)) {
        check_sample(&sample, &options);
    }
}

/// Inputs of an odd length are asked for frames at steps too, every third for its second stream.
fn options(input: &[u8]) -> SampleOptions {
    let three = NonZeroU32::MIN.saturating_add(2);
    let steps = Steps {
        every: three,
        most: three,
    };
    SampleOptions {
        frames: FRAMES,
        steps: (input.len() % 2 == 1).then_some(steps),
        stream: input.len().is_multiple_of(3).then_some(1),
    }
}

/// Probes and decodes a still image.
pub fn image(input: &[u8]) {
    let file = file_of(input);
    // The rest goes to FFmpeg, which `video` looks after.
    let recognised = super::recognise_file(&file);
    if !matches!(recognised, Ok(Recognised::Still(_) | Recognised::Heif(_))) {
        return;
    }
    let probed = checked(probe(&file, &LIMITS));
    if let Some(info) = &probed {
        check_info(info, input);
    }
    let Some(sample) = checked(sample(&file, &SampleOptions::even(FRAMES), &LIMITS)) else {
        return;
    };
    let info = probed.expect("an image that decodes has a header that reads");
    let is_still = info.kind == MediaKind::Image;
    check_sample(
        &sample,
        &SampleOptions::even(if is_still { 1 } else { FRAMES }),
    );
    if !is_still {
        return;
    }
    let picture = &sample.frames[0].image;
    let size = (picture.width_px(), picture.height_px());
    assert_eq!(size, (info.picture.width_px, info.picture.height_px));
    let jpeg = encode_jpeg(picture, 90).expect("a picture within the limits is one for JPEG too");
    let again = decode_jpeg(&jpeg).expect("a JPEG of ours decodes");
    assert_eq!(size, (again.width_px(), again.height_px()));
}

/// First inputs, which no program at hand writes.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    super::tests::small_heif_files().to_vec()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file can be made");
    file.write_all(bytes).expect("a temporary file takes bytes");
    file
}

/// What came of it; an error says what is wrong in words that can be shown.
fn checked<T>(result: Result<T, MediaError>) -> Option<T> {
    result
        .map_err(|error| {
            let text = error.to_string();
            assert!(is_printable(&text), "{text:?}");
        })
        .ok()
}

fn is_printable(text: &str) -> bool {
    text.len() <= MAX_TEXT_BYTES && !text.contains(char::is_control)
}

/// What the parent of a worker asks of a report (`analysis::decode::accept`): an honest worker must
/// not look like one in foreign hands, whatever the file.
fn check_info(info: &MediaInfo, input: &[u8]) {
    let (picture, device) = (&info.picture, &info.device);
    assert_eq!(info.size_bytes, input.len() as u64);
    let pixels = u64::from(picture.width_px) * u64::from(picture.height_px);
    assert!(pixels <= LIMITS.max_pixels, "{picture:?}");
    assert!(info.duration_s.is_none_or(is_amount), "{info:?}");
    let rate = picture.frame_rate.map(|rate| rate.per_second());
    assert!(rate.is_none_or(|rate| rate.is_finite() && rate > 0.0));
    let required = [&info.container, &picture.codec];
    let optional = [
        &info.creation_time,
        &picture.pixel_format,
        &device.make,
        &device.model,
        &device.software,
        &device.encoder,
        &device.location,
    ];
    let mut texts = required.into_iter().chain(optional.into_iter().flatten());
    assert!(texts.all(|text| is_printable(text)), "{info:?}");
}

fn is_amount(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

fn check_sample(sample: &Sample, options: &SampleOptions) {
    assert!((1..=options.most() as usize).contains(&sample.frames.len()));
    assert!(sample.notes.len() <= MAX_NOTES);
    let mut pixels = 0;
    for frame in &sample.frames {
        assert!(frame.time_s.is_none_or(is_amount), "{:?}", frame.time_s);
        let (width, height) = (frame.image.width_px(), frame.image.height_px());
        pixels += u64::from(width) * u64::from(height);
        assert!(u64::from(width) * u64::from(height) <= LIMITS.max_pixels);
        assert_eq!(
            frame.image.pixels().len() as u64,
            3 * u64::from(width) * u64::from(height)
        );
    }
    assert!(
        pixels <= LIMITS.max_sample_pixels.max(LIMITS.max_pixels),
        "{pixels} pixels"
    );
    let ascending = sample
        .frames
        .windows(2)
        .all(|pair| pair[0].frame_index < pair[1].frame_index);
    assert!(ascending, "frames out of order");
}

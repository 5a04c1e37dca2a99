//! Writing a film: upright pictures at their times, as MP4 with H.264, which every browser plays.
//!
//! Each picture stays until the next one's time; so a film of a few analysed pictures is small and
//! still as long as what it was made of. It is written into memory: nothing is left on a disk.

use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffmpeg_next::format::context::{Output, StreamIo};
use ffmpeg_next::software::scaling;
use ffmpeg_next::util::{color, format::Pixel};
use ffmpeg_next::{Dictionary, Error, Packet, Rational, codec, encoder, format, frame};

use super::{MediaError, silence_ffmpeg};
use crate::domain::Rgb8Image;

/// Longer side of a film at most, pixels; larger pictures are made smaller.
const MAX_SIDE_PX: u32 = 1280;
/// Times are written in thousandths of a second.
const TICKS_PER_S: i32 = 1000;
/// Room for the table of pictures at the beginning, so that a film plays while it still comes.
const TABLE_BYTES: &str = "16384";

/// A film being written.
pub struct FilmWriter {
    bytes: SharedBytes,
    output: Output,
    encoder: encoder::Video,
    scaler: scaling::Context,
    source: frame::Video,
    scaled: frame::Video,
    last_tick: Option<i64>,
}

impl FilmWriter {
    /// Begins a film of pictures as large as `first`.
    ///
    /// # Errors
    /// [`MediaError::Encode`] where this FFmpeg writes no H.264, [`MediaError::Library`] when it fails.
    pub fn begin(first: &Rgb8Image) -> Result<Self, MediaError> {
        silence_ffmpeg();
        let from = (first.width_px(), first.height_px());
        let to = film_size(from);
        let bytes = SharedBytes::default();
        let begun = |cause| MediaError::Library {
            doing: "beginning a film",
            cause,
        };
        let io = StreamIo::from_write_seek(bytes.clone()).map_err(begun)?;
        let mut output = format::output_to_stream(io, None, Some("mp4")).map_err(begun)?;
        let encoder = open_encoder(to)?;
        output.add_stream_with(&encoder).map_err(begun)?;
        let mut options = Dictionary::new();
        options.set("moov_size", TABLE_BYTES);
        drop(output.write_header_with(options).map_err(begun)?);
        let (rgb, yuv) = (Pixel::RGB24, Pixel::YUV420P);
        let flags = scaling::Flags::AREA | scaling::Flags::ACCURATE_RND;
        let scaler = scaling::Context::get(rgb, from.0, from.1, yuv, to.0, to.1, flags);
        Ok(Self {
            bytes,
            output,
            encoder,
            scaler: scaler.map_err(begun)?,
            source: frame::Video::new(rgb, from.0, from.1),
            scaled: frame::Video::new(yuv, to.0, to.1),
            last_tick: None,
        })
    }

    /// Shows `image` from `at_s` on; the first one from the beginning. Times that do not rise are
    /// moved up by a thousandth of a second.
    ///
    /// # Errors
    /// [`MediaError::Encode`] when it is of another size than the first, [`MediaError::Library`].
    pub fn show(&mut self, image: &Rgb8Image, at_s: f64) -> Result<(), MediaError> {
        if (image.width_px(), image.height_px()) != (self.source.width(), self.source.height()) {
            return Err(MediaError::Encode("the pictures differ in size".into()));
        }
        let row_bytes = image.width_px() as usize * 3;
        let stride = self.source.stride(0);
        let rows = self.source.data_mut(0).chunks_mut(stride);
        for (row, pixels) in rows.zip(image.pixels().chunks_exact(row_bytes)) {
            row[..row_bytes].copy_from_slice(pixels);
        }
        let scaled = self.scaler.run(&self.source, &mut self.scaled);
        scaled.map_err(|cause| MediaError::Library {
            doing: "scaling a picture of a film",
            cause,
        })?;
        self.encode_at(at_s)
    }

    /// Keeps the last picture until `end_s` and gives the whole file.
    ///
    /// # Errors
    /// [`MediaError::Library`].
    pub fn end(mut self, end_s: f64) -> Result<Vec<u8>, MediaError> {
        if self.last_tick.is_some_and(|last| ticks(end_s) > last) {
            self.encode_at(end_s)?;
        }
        let ended = |cause| MediaError::Library {
            doing: "ending a film",
            cause,
        };
        self.encoder.send_eof().map_err(ended)?;
        self.write_packets()?;
        self.output.write_trailer().map_err(ended)?;
        let Self { bytes, output, .. } = self;
        // What is still on its way is written when the output goes.
        drop(output);
        Ok(bytes.take())
    }

    fn encode_at(&mut self, at_s: f64) -> Result<(), MediaError> {
        let tick = match self.last_tick {
            None => 0,
            Some(last) => ticks(at_s).max(last + 1),
        };
        self.last_tick = Some(tick);
        self.scaled.set_pts(Some(tick));
        let sent = self.encoder.send_frame(&self.scaled);
        sent.map_err(|cause| MediaError::Library {
            doing: "encoding a film",
            cause,
        })?;
        self.write_packets()
    }

    fn write_packets(&mut self) -> Result<(), MediaError> {
        let mut packet = Packet::empty();
        let written = |cause| MediaError::Library {
            doing: "writing a film",
            cause,
        };
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(Error::Eof) => return Ok(()),
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => return Ok(()),
                Err(cause) => return Err(written(cause)),
            }
            let to = self.output.stream(0).map(|stream| stream.time_base());
            packet.set_stream(0);
            packet.rescale_ts(
                Rational(1, TICKS_PER_S),
                to.unwrap_or(Rational(1, TICKS_PER_S)),
            );
            packet
                .write_interleaved(&mut self.output)
                .map_err(written)?;
        }
    }
}

fn open_encoder((width, height): (u32, u32)) -> Result<encoder::Video, MediaError> {
    let Some(h264) = encoder::find_by_name("libx264") else {
        let problem = "this FFmpeg has no libx264, which writes H.264";
        return Err(MediaError::Encode(problem.into()));
    };
    let opened = |cause| MediaError::Library {
        doing: "opening the encoder of a film",
        cause,
    };
    let context = codec::context::Context::new_with_codec(h264);
    let mut video = context.encoder().video().map_err(opened)?;
    video.set_width(width);
    video.set_height(height);
    video.set_format(Pixel::YUV420P);
    video.set_time_base(Rational(1, TICKS_PER_S));
    // What the scaler makes of RGB unless told otherwise.
    video.set_colorspace(color::Space::SMPTE170M);
    video.set_color_range(color::Range::MPEG);
    video.set_max_b_frames(0);
    video.set_gop(8);
    video.set_flags(codec::Flags::GLOBAL_HEADER);
    let mut options = Dictionary::new();
    for (name, value) in [("preset", "veryfast"), ("crf", "20"), ("threads", "1")] {
        options.set(name, value);
    }
    video.open_with(options).map_err(opened)
}

/// At most [`MAX_SIDE_PX`] and even, as 4:2:0 needs it.
fn film_size((width, height): (u32, u32)) -> (u32, u32) {
    let ratio = (f64::from(MAX_SIDE_PX) / f64::from(width.max(height))).min(1.0);
    let side = |side: u32| (((f64::from(side) * ratio).round() as u32) & !1).max(2);
    (side(width), side(height))
}

fn ticks(at_s: f64) -> i64 {
    (at_s.clamp(0.0, 1e9) * f64::from(TICKS_PER_S)).round() as i64
}

/// Bytes that FFmpeg writes and the writer takes afterwards.
#[derive(Clone, Default)]
struct SharedBytes(Arc<Mutex<Cursor<Vec<u8>>>>);

impl SharedBytes {
    fn lock(&self) -> MutexGuard<'_, Cursor<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self) -> Vec<u8> {
        std::mem::take(self.lock().get_mut())
    }
}

impl Write for SharedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SharedBytes {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.lock().seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::media::{MediaLimits, SampleOptions, probe, sample};

    fn picture(side: u32, shade: u8) -> Rgb8Image {
        Rgb8Image::new(side, side, vec![shade; (side * side * 3) as usize]).unwrap()
    }

    #[test]
    fn pictures_come_back_at_their_times_and_in_their_shades() {
        let shades = [40, 120, 200];
        let mut film = FilmWriter::begin(&picture(96, 0)).unwrap();
        for (shade, at_s) in shades.iter().zip([0.08, 1.0, 2.5]) {
            film.show(&picture(96, *shade), at_s).unwrap();
        }
        let bytes = film.end(4.0).unwrap();
        let moov = bytes.windows(4).position(|four| four == b"moov").unwrap();
        let mdat = bytes.windows(4).position(|four| four == b"mdat").unwrap();
        assert!(moov < mdat, "the table comes first");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let limits = MediaLimits::default();
        let info = probe(&file, &limits).unwrap();
        assert_eq!(info.picture.codec, "h264");
        assert_eq!((info.picture.width_px, info.picture.height_px), (96, 96));
        let sample = sample(&file, &SampleOptions::even(10), &limits).unwrap();
        let times: Vec<f64> = sample.frames.iter().filter_map(|f| f.time_s).collect();
        // The last one again, at 4.0, only says how long it stays.
        assert_eq!(times, [0.0, 1.0, 2.5]);
        assert_eq!(info.duration_s.map(f64::round), Some(4.0));
        for (frame, shade) in sample.frames.iter().zip(shades) {
            let middle = frame.image.pixels()[96 * 48 * 3];
            assert!(middle.abs_diff(shade) < 6, "{middle} for {shade}");
        }
    }

    #[test]
    fn large_and_odd_pictures_become_small_and_even_ones() {
        assert_eq!(film_size((3840, 2161)), (1280, 720));
        assert_eq!(film_size((641, 361)), (640, 360));
        assert_eq!(film_size((1, 1)), (2, 2));
        assert_eq!(film_size((2161, 3840)), (720, 1280));
    }

    #[test]
    fn times_that_do_not_rise_and_pictures_of_another_size_do_no_harm() {
        let mut film = FilmWriter::begin(&picture(64, 9)).unwrap();
        for at_s in [5.0, 1.0, f64::NAN, -2.0] {
            film.show(&picture(64, 9), at_s).unwrap();
        }
        assert!(film.show(&picture(32, 9), 9.0).is_err());
        assert!(!film.end(0.0).unwrap().is_empty());
    }
}

//! When the frames of an animated image are shown: read from its blocks, without decoding any.

use std::io::{self, BufReader, Read};

use image::ImageFormat;

use super::super::MediaError;
use super::super::reader::PositionedReader;
use super::super::still::StillFile;

/// Delays up to this are shown as [`SHOWN_DELAY_MS`], as all browsers do.
const LEAST_DELAY_MS: u32 = 10;
const SHOWN_DELAY_MS: u32 = 100;

/// The frames that are there as a whole.
#[derive(Debug, Default)]
pub(in super::super) struct Timeline {
    /// When each appears, milliseconds from the first.
    pub(super) starts_ms: Vec<i64>,
    /// When the last one goes.
    pub(super) length_ms: i64,
    /// The file ends before its own end.
    pub(super) is_cut: bool,
}

/// Why reading ends before the end of the file does.
enum Halt {
    Cut,
    TooLong,
    Read(io::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Timeline {
    /// Reads the times of a GIF, WebP or PNG; other formats have no frames.
    ///
    /// # Errors
    /// [`MediaError::TooLong`], [`MediaError::DeadlineExceeded`], and when the file cannot be read.
    pub(in super::super) fn of(still: StillFile) -> Result<Self, MediaError> {
        let reader = PositionedReader::new(still.file, still.deadline)?;
        let mut blocks = Blocks {
            left: reader.size_bytes(),
            reader: BufReader::new(reader),
            timeline: Self::default(),
            max_length_ms: still.limits.max_duration_s * 1000.0,
        };
        let halt = if still.format == ImageFormat::Gif {
            blocks.gif()
        } else if still.format == ImageFormat::WebP {
            blocks.webp()
        } else if still.format == ImageFormat::Png {
            blocks.png()
        } else {
            Ok(())
        };
        let mut timeline = blocks.timeline;
        match halt {
            Ok(()) => {}
            Err(Halt::Cut) => timeline.is_cut = true,
            Err(Halt::TooLong) => still.limits.check_duration(timeline.length_s())?,
            Err(Halt::Read(_)) if still.deadline.has_passed() => {
                return Err(still.deadline.exceeded());
            }
            Err(Halt::Read(error)) => return Err(error.into()),
        }
        Ok(timeline)
    }

    /// Whether there is more than one frame.
    pub(in super::super) fn is_moving(&self) -> bool {
        self.starts_ms.len() > 1
    }

    pub(super) fn length_s(&self) -> f64 {
        self.length_ms as f64 / 1000.0
    }
}

struct Blocks {
    reader: BufReader<PositionedReader>,
    /// Bytes up to the end of the file.
    left: u64,
    timeline: Timeline,
    max_length_ms: f64,
}

impl Blocks {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        let mut bytes = [0; N];
        self.left = self.left.checked_sub(N as u64).ok_or(Halt::Cut)?;
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), Halt> {
        self.left = self.left.checked_sub(count).ok_or(Halt::Cut)?;
        // A file is far smaller than what does not fit.
        self.reader.seek_relative(count as i64)?;
        Ok(())
    }

    fn add_frame(&mut self, delay_ms: u32) -> Result<(), Halt> {
        let shown_ms = if delay_ms <= LEAST_DELAY_MS {
            SHOWN_DELAY_MS
        } else {
            delay_ms
        };
        let timeline = &mut self.timeline;
        timeline.starts_ms.push(timeline.length_ms);
        timeline.length_ms += i64::from(shown_ms);
        if timeline.length_ms as f64 > self.max_length_ms {
            return Err(Halt::TooLong);
        }
        Ok(())
    }

    /// Blocks of GIF89a, sections 18 to 27.
    fn gif(&mut self) -> Result<(), Halt> {
        let [.., flags, _, _] = self.take::<13>()?;
        self.skip(colour_table_bytes(flags))?;
        let mut delay_ms = 0;
        loop {
            match self.take()? {
                [0x21] => {
                    let [label] = self.take()?;
                    let first = self.sub_blocks()?;
                    if label == 0xf9 {
                        delay_ms = 10 * u32::from(u16::from_le_bytes([first[1], first[2]]));
                    }
                }
                [0x2c] => {
                    let [.., flags] = self.take::<9>()?;
                    self.skip(colour_table_bytes(flags) + 1)?;
                    self.sub_blocks()?;
                    self.add_frame(delay_ms)?;
                    delay_ms = 0;
                }
                // The trailer; after anything else a decoder stops, too.
                _ => return Ok(()),
            }
        }
    }

    /// Steps over sub-blocks; gives the first four bytes of the first, zeros where it has fewer.
    fn sub_blocks(&mut self) -> Result<[u8; 4], Halt> {
        let mut first = None;
        loop {
            let [size] = self.take()?;
            if size == 0 {
                return Ok(first.unwrap_or_default());
            }
            if first.is_none() && size >= 4 {
                first = Some(self.take()?);
                self.skip(u64::from(size) - 4)?;
            } else {
                first = first.or(Some([0; 4]));
                self.skip(size.into())?;
            }
        }
    }

    /// Chunks of a WebP (RFC 9649, 2.7).
    fn webp(&mut self) -> Result<(), Halt> {
        let [_, _, _, _, a, b, c, d, ..] = self.take::<12>()?;
        let stated = u64::from(u32::from_le_bytes([a, b, c, d])).saturating_sub(4);
        let is_whole = stated <= self.left;
        let mut left = stated.min(self.left);
        while left >= 8 {
            let [k, i, n, d, size @ ..] = self.take::<8>()?;
            let size = u64::from(u32::from_le_bytes(size));
            let padded = size + size % 2;
            match &[k, i, n, d] {
                b"ANMF" if size >= 16 => {
                    let head = self.take::<16>()?;
                    self.skip(size - 16)?;
                    let delay = [head[12], head[13], head[14], 0];
                    self.add_frame(u32::from_le_bytes(delay))?;
                    // The last one may lack its padding.
                    self.skip((padded - size).min(self.left))?;
                }
                // A picture outside a frame: no animation.
                b"VP8 " | b"VP8L" => return Ok(()),
                _ => self.skip(padded)?,
            }
            left = left.saturating_sub(8 + padded);
        }
        if is_whole { Ok(()) } else { Err(Halt::Cut) }
    }

    /// Chunks of a PNG (third edition, 11.3.2). A frame is whole where the next one begins.
    fn png(&mut self) -> Result<(), Halt> {
        self.skip(8)?;
        let (mut is_animated, mut delay_ms) = (false, None);
        loop {
            let [a, b, c, d, name @ ..] = self.take::<8>()?;
            let mut rest = u64::from(u32::from_be_bytes([a, b, c, d])) + 4;
            match &name {
                b"acTL" => is_animated = true,
                b"IDAT" if !is_animated => return Ok(()),
                b"fcTL" if rest == 30 => {
                    if let Some(delay_ms) = delay_ms {
                        self.add_frame(delay_ms)?;
                    }
                    let head = self.take::<24>()?;
                    rest -= 24;
                    delay_ms = Some(png_delay_ms(head));
                }
                b"IEND" => {
                    if let Some(delay_ms) = delay_ms {
                        self.add_frame(delay_ms)?;
                    }
                    return Ok(());
                }
                _ => {}
            }
            self.skip(rest)?;
        }
    }
}

fn colour_table_bytes(flags: u8) -> u64 {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// The delay that a frame control chunk states as a fraction of a second.
fn png_delay_ms(head: [u8; 24]) -> u32 {
    let [.., a, b, c, d] = head;
    let numerator = u32::from(u16::from_be_bytes([a, b]));
    let denominator = match u16::from_be_bytes([c, d]) {
        0 => 100,
        stated => u32::from(stated),
    };
    numerator * 1000 / denominator
}

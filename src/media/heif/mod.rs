//! HEIC and AVIF, the still images of phones and browsers, by libheif.
//!
//! Of a burst, a sequence or a live photo the primary picture counts: the one that every viewer
//! shows. libheif itself turns, mirrors and crops it as the file asks; what its EXIF block says of
//! that is to be ignored (ISO 23008-12, annex A). It cannot be stopped in the middle of a picture; the
//! worker's own limits of time and memory bound that.

mod input;
mod native;
mod pixels;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use super::MediaError;
use super::limits::{Deadline, MediaLimits};
use super::reader::PositionedReader;
use crate::domain::{
    DeviceTags, MediaInfo, MediaKind, PictureInfo, Rotation, Sample, SampledFrame,
};
use native::{Context, Fault, Handle};
use pixels::Meaning;

pub(super) use native::load_decoders;

/// What a HEIF file calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// With HEVC inside.
    Heic,
    /// With AV1 inside.
    Avif,
    /// With anything inside.
    Heif,
}

impl Flavour {
    fn name(self) -> &'static str {
        match self {
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Heif => "HEIF",
        }
    }

    fn with_article(self) -> String {
        let article = if self == Self::Avif { "an" } else { "a" };
        format!("{article} {}", self.name())
    }
}

/// The file of an image, what it is and what it may cost.
#[derive(Clone, Copy)]
pub(super) struct HeifFile<'a> {
    file: &'a File,
    flavour: Flavour,
    limits: &'a MediaLimits,
    deadline: Deadline,
}

/// Why there is no answer: libheif's word, yet to be explained, or ours.
enum Refusal {
    Fault(Fault),
    Ours(MediaError),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<MediaError> for Refusal {
    fn from(error: MediaError) -> Self {
        Self::Ours(error)
    }
}

/// Describes the primary picture.
pub(super) fn probe(heif: HeifFile) -> Result<MediaInfo, MediaError> {
    let size_bytes = PositionedReader::new(heif.file, heif.deadline)?.size_bytes();
    let (width_px, height_px) = heif.look(|_, size| Ok(size))?;
    Ok(MediaInfo {
        kind: MediaKind::Image,
        container: format!("{} image", heif.flavour.name()),
        size_bytes,
        duration_s: None,
        bit_rate_bps: None,
        creation_time: None,
        device: DeviceTags::default(),
        picture: PictureInfo {
            codec: heif.flavour.name().to_lowercase(),
            width_px,
            height_px,
            // libheif turns the picture and does not tell how far.
            rotation: Rotation::None,
            frame_rate: None,
            frame_count: Some(1),
            pixel_format: None,
        },
        has_audio: false,
    })
}

/// Decodes the primary picture upright, as a sample of one.
pub(super) fn sample(heif: HeifFile) -> Result<Sample, MediaError> {
    let image = heif.look(|handle, size| {
        let picture = handle.decode()?;
        let planes = picture.planes().ok_or(Fault::Damaged)?;
        // The codec has a size of its own; both it and the depth may differ from what was stated.
        let is_as_stated = planes.iter().all(|plane| {
            (plane.width_px, plane.height_px) == size && plane.depth == planes[0].depth
        });
        if !is_as_stated {
            return Err(Fault::Damaged.into());
        }
        let profile = handle.profile();
        let meaning = Meaning {
            colours: handle.colours().or_else(|| picture.colours()),
            profile: profile.as_deref(),
        };
        Ok(pixels::to_srgb(planes, &meaning)?)
    })?;
    Ok(Sample {
        frames: vec![SampledFrame {
            frame_index: 0,
            time_s: Some(0.0),
            image,
        }],
        decoded: None,
        notes: Vec::new(),
        seen_s: None,
    })
}

impl<'a> HeifFile<'a> {
    pub(super) fn new(
        file: &'a File,
        flavour: Flavour,
        limits: &'a MediaLimits,
        deadline: Deadline,
    ) -> Self {
        Self {
            file,
            flavour,
            limits,
            deadline,
        }
    }

    /// What `look` sees in the primary picture, whose size upright is within the limits, as is the
    /// one that it is stored in.
    fn look<T>(
        &self,
        look: impl FnOnce(&Handle, (u32, u32)) -> Result<T, Refusal>,
    ) -> Result<T, MediaError> {
        let reader = PositionedReader::new(self.file, self.deadline)?;
        let context = Context::new(reader, self.deadline)
            .ok_or_else(|| MediaError::Read(ErrorKind::OutOfMemory.into()))?;
        let seen = self
            .primary_picture(&context)
            .and_then(|(handle, size)| look(&handle, size));
        self.deadline.check()?;
        if let Some(error) = context.take_failure() {
            return Err(error.into());
        }
        seen.map_err(|refusal| match refusal {
            Refusal::Fault(fault) => self.explain(fault),
            Refusal::Ours(error) => error,
        })
    }

    fn primary_picture<'c>(
        &self,
        context: &'c Context,
    ) -> Result<(Handle<'c>, (u32, u32)), Refusal> {
        let handle = context.primary_picture()?;
        let [upright, stored] = handle.sizes().ok_or(Fault::Damaged)?;
        for (width, height) in [upright, stored] {
            self.limits.check_pixels(width, height)?;
        }
        Ok((handle, upright))
    }

    fn explain(&self, fault: Fault) -> MediaError {
        let (name, what) = (self.flavour.name(), self.flavour.with_article());
        // libheif passes over a box that it cannot read to its end, and misses it later.
        match fault {
            _ if self.ends_within_a_box().unwrap_or(false) => MediaError::CutOff {
                container: name.to_owned(),
            },
            Fault::Codec => {
                MediaError::foreign(&format!("{what} image coded otherwise than as HEVC or AV1"))
            }
            Fault::Feature => {
                MediaError::foreign(&format!("{what} image with features that are not decoded"))
            }
            Fault::NoPrimary => {
                MediaError::foreign(&format!("{what} sequence without a primary picture"))
            }
            Fault::Damaged => MediaError::Damaged {
                container: name.to_owned(),
            },
        }
    }

    /// Whether the last box of the file is longer than what is there of it (ISO 14496-12, 4.2).
    fn ends_within_a_box(&self) -> io::Result<bool> {
        const HEADER_BYTES: u64 = 8;
        let mut reader = PositionedReader::new(self.file, self.deadline)?;
        let end = reader.size_bytes();
        let mut at = 0;
        while at < end {
            let (mut short, mut long) = ([0; 4], [0; 8]);
            if end - at < HEADER_BYTES {
                return Ok(true);
            }
            reader.seek(SeekFrom::Start(at))?;
            reader.read_exact(&mut short)?;
            let size = match u32::from_be_bytes(short) {
                // To the end of the file.
                0 => return Ok(false),
                1 if end - at < 2 * HEADER_BYTES => return Ok(true),
                1 => {
                    reader.seek(SeekFrom::Current(4))?;
                    reader.read_exact(&mut long)?;
                    u64::from_be_bytes(long)
                }
                size => size.into(),
            };
            if size < HEADER_BYTES {
                return Ok(false);
            }
            at = at.saturating_add(size);
        }
        Ok(at > end)
    }
}

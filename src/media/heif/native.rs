//! The unsafe edge to libheif, whose only caller this is.
//!
//! Its numbers (codes of errors, colours, bit depths) are plain integers here: a file can put any
//! number there.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};
use std::io;
use std::ptr::{self, NonNull};

use libheif_sys as lib;

use super::super::limits::Deadline;
use super::super::reader::PositionedReader;
use super::input::{CALLBACKS, Input};

/// Profiles of printers, the largest there are, have up to a few megabytes.
const MAX_PROFILE_BYTES: usize = 16 * 1024 * 1024;

/// Loads libheif's decoders, which some systems keep in files of their own; it would otherwise look
/// for them at the first picture. Calling it again does no harm.
pub(in super::super) fn load_decoders() {
    // SAFETY: no parameters are allowed. Balanced by nothing: the decoders stay until the end.
    let status = unsafe { lib::heif_init(ptr::null_mut()) };
    if let Err(fault) = checked(status) {
        tracing::warn!(?fault, "libheif does not load its decoders");
    }
}

/// Why libheif gives no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The primary picture is of a codec that is not known.
    Codec,
    /// It asks for something that libheif does not know.
    Feature,
    /// No picture is named as the primary one.
    NoPrimary,
    /// Anything else that is wrong with the file.
    Damaged,
}

fn checked(status: lib::heif_error) -> Result<(), Fault> {
    let fault = match (status.code, status.subcode) {
        (lib::heif_error_code_heif_error_Ok, _) => return Ok(()),
        // The brands of a file, or the type of its primary item.
        (lib::heif_error_code_heif_error_Unsupported_filetype, _)
        | (_, lib::heif_suberror_code_heif_suberror_Unsupported_codec)
        | (_, lib::heif_suberror_code_heif_suberror_Unsupported_image_type)
        | (_, lib::heif_suberror_code_heif_suberror_Nonexisting_item_referenced) => Fault::Codec,
        (lib::heif_error_code_heif_error_Unsupported_feature, _) => Fault::Feature,
        (_, lib::heif_suberror_code_heif_suberror_No_meta_box)
        | (_, lib::heif_suberror_code_heif_suberror_No_pitm_box)
        | (_, lib::heif_suberror_code_heif_suberror_No_or_invalid_primary_item) => Fault::NoPrimary,
        _ => Fault::Damaged,
    };
    // SAFETY: libheif promises a message with every error; it lives until the next call.
    let words = (!status.message.is_null()).then(|| unsafe { CStr::from_ptr(status.message) });
    tracing::debug!(
        code = status.code,
        subcode = status.subcode,
        ?words,
        "libheif"
    );
    Err(fault)
}

/// An opened file.
pub(super) struct Context {
    raw: NonNull<lib::heif_context>,
    /// Owned, and lent to libheif as long as `raw` lives.
    input: NonNull<Input>,
}

impl Context {
    /// For the file of `reader`, which nothing is read of yet. `None`: memory ran out.
    pub(super) fn new(reader: PositionedReader, deadline: Deadline) -> Option<Self> {
        // SAFETY: a plain call.
        let raw = NonNull::new(unsafe { lib::heif_context_alloc() })?;
        let input = NonNull::from(Box::leak(Box::new(Input::new(reader, deadline))));
        Some(Self { raw, input })
    }

    /// Reads the description of all pictures, of any size, and finds the primary one.
    pub(super) fn primary_picture(&self) -> Result<Handle<'_>, Fault> {
        let (context, input) = (self.raw.as_ptr(), self.input.as_ptr().cast());
        let mut raw = ptr::null_mut();
        // SAFETY: both live as long as `self`, the table of callbacks for ever.
        unsafe {
            lib::heif_context_set_maximum_image_size_limit(context, c_int::MAX);
            // Tiles are decoded one after the other: the workers are the parallelism.
            lib::heif_context_set_max_decoding_threads(context, 0);
            let options = ptr::null();
            let status = lib::heif_context_read_from_reader(context, &CALLBACKS, input, options);
            checked(status)?;
            checked(lib::heif_context_get_primary_image_handle(
                context, &mut raw,
            ))?;
        }
        let raw = NonNull::new(raw).ok_or(Fault::NoPrimary)?;
        Ok(Handle { raw, context: self })
    }

    /// The failure to read that went before, if any did.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        // SAFETY: libheif looks at it during calls only, and none is running.
        unsafe { (*self.input.as_ptr()).failure.take() }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: both were made in `new` and are freed here only, the borrower first.
        unsafe {
            lib::heif_context_free(self.raw.as_ptr());
            drop(Box::from_raw(self.input.as_ptr()));
        }
    }
}

/// Numbers of ITU-T H.273.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours {
    pub(super) primaries: i32,
    pub(super) transfer: i32,
}

/// # Safety
/// `profile` must be null or a profile that libheif gave, which nobody else uses.
unsafe fn colours(profile: *mut lib::heif_color_profile_nclx) -> Option<Colours> {
    let profile = NonNull::new(profile)?;
    // SAFETY: by the contract above.
    unsafe {
        let numbers = profile.as_ref();
        let colours = Colours {
            primaries: i32::try_from(numbers.color_primaries).ok()?,
            transfer: i32::try_from(numbers.transfer_characteristics).ok()?,
        };
        lib::heif_nclx_color_profile_free(profile.as_ptr());
        Some(colours)
    }
}

/// A picture that is described, not decoded.
pub(super) struct Handle<'a> {
    raw: NonNull<lib::heif_image_handle>,
    context: &'a Context,
}

impl Handle<'_> {
    /// Width and height upright and cropped, then as stored; pixels.
    pub(super) fn sizes(&self) -> Option<[(u32, u32); 2]> {
        let handle = self.raw.as_ptr();
        // SAFETY: plain reads of a live handle.
        let sides = unsafe {
            [
                lib::heif_image_handle_get_width(handle),
                lib::heif_image_handle_get_height(handle),
                lib::heif_image_handle_get_ispe_width(handle),
                lib::heif_image_handle_get_ispe_height(handle),
            ]
        };
        let side = |at: usize| u32::try_from(sides[at]).ok().filter(|side| *side > 0);
        Some([(side(0)?, side(1)?), (side(2)?, side(3)?)])
    }

    /// The ICC profile.
    pub(super) fn profile(&self) -> Option<Vec<u8>> {
        let handle = self.raw.as_ptr();
        // SAFETY: reads of a live handle; the bytes have the length that was told just before.
        unsafe {
            let kind = lib::heif_image_handle_get_color_profile_type(handle);
            let is_icc = kind == lib::heif_color_profile_type_heif_color_profile_type_prof
                || kind == lib::heif_color_profile_type_heif_color_profile_type_rICC;
            let size = lib::heif_image_handle_get_raw_color_profile_size(handle);
            if !is_icc || !(1..=MAX_PROFILE_BYTES).contains(&size) {
                return None;
            }
            let mut profile = vec![0; size];
            let room = profile.as_mut_ptr().cast();
            checked(lib::heif_image_handle_get_raw_color_profile(handle, room)).ok()?;
            Some(profile)
        }
    }

    /// Colours that the container states.
    pub(super) fn colours(&self) -> Option<Colours> {
        let mut profile = ptr::null_mut();
        // SAFETY: reads of a live handle; on success the profile is ours.
        unsafe {
            let handle = self.raw.as_ptr();
            let status = lib::heif_image_handle_get_nclx_color_profile(handle, &mut profile);
            checked(status).ok()?;
            colours(profile)
        }
    }

    /// Decodes it, upright and cropped, as planes of red, green and blue.
    pub(super) fn decode(&self) -> Result<Picture, Fault> {
        let [upright, stored] = self.sizes().ok_or(Fault::Damaged)?;
        let sides = [upright.0, upright.1, stored.0, stored.1];
        // It refuses a canvas with a side of the limit itself.
        let limit = sides.into_iter().max().unwrap_or(0).saturating_add(1);
        let mut raw = ptr::null_mut();
        let options = ptr::null();
        let (colour_space, chroma) = (
            lib::heif_colorspace_heif_colorspace_RGB,
            lib::heif_chroma_heif_chroma_444,
        );
        // SAFETY: context and handle are live; no options are the default ones.
        let status = unsafe {
            let limit = c_int::try_from(limit).unwrap_or(c_int::MAX);
            lib::heif_context_set_maximum_image_size_limit(self.context.raw.as_ptr(), limit);
            // A canvas that its tiles do not cover must not show what memory held before.
            libc::mallopt(libc::M_PERTURB, FILLING);
            let handle = self.raw.as_ptr();
            let status = lib::heif_decode_image(handle, &mut raw, colour_space, chroma, options);
            libc::mallopt(libc::M_PERTURB, 0);
            status
        };
        let picture = NonNull::new(raw).map(|raw| Picture { raw });
        checked(status)?;
        picture.ok_or(Fault::Damaged)
    }
}

/// The C library fills new memory with the complement of this.
const FILLING: c_int = 0x7f;

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `primary_picture`, released here only.
        unsafe { lib::heif_image_handle_release(self.raw.as_ptr()) };
    }
}

/// A decoded picture.
pub(super) struct Picture {
    raw: NonNull<lib::heif_image>,
}

/// One channel of a picture.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a> {
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// Bits of a sample. Up to eight lie in one byte, more in two of the machine's order.
    pub(super) depth: u32,
    /// Bytes from one row to the next.
    pub(super) stride: usize,
    /// To the end of the last row at least.
    pub(super) bytes: &'a [u8],
}

impl Picture {
    /// Red, green and blue. `None`: it is none of those, or not what it says.
    pub(super) fn planes(&self) -> Option<[Plane<'_>; 3]> {
        Some([
            self.plane(lib::heif_channel_heif_channel_R)?,
            self.plane(lib::heif_channel_heif_channel_G)?,
            self.plane(lib::heif_channel_heif_channel_B)?,
        ])
    }

    fn plane(&self, channel: lib::heif_channel) -> Option<Plane<'_>> {
        let picture = self.raw.as_ptr();
        // SAFETY: reads of a live picture. libheif sets aside `stride` bytes for each row, and the
        // rows lie there until the picture is released.
        unsafe {
            let side = |pixels: c_int| u32::try_from(pixels).ok().filter(|side| *side > 0);
            let width_px = side(lib::heif_image_get_width(picture, channel))?;
            let height_px = side(lib::heif_image_get_height(picture, channel))?;
            let depth = side(lib::heif_image_get_bits_per_pixel_range(picture, channel))?;
            let mut stride = 0;
            let first = lib::heif_image_get_plane_readonly(picture, channel, &mut stride);
            let stride = usize::try_from(stride).ok()?;
            let row_bytes = width_px as usize * depth.div_ceil(8) as usize;
            if first.is_null() || stride < row_bytes || !(8..=16).contains(&depth) {
                return None;
            }
            let size = stride.checked_mul(height_px as usize)?;
            Some(Plane {
                width_px,
                height_px,
                depth,
                stride,
                bytes: std::slice::from_raw_parts(first, size),
            })
        }
    }

    /// Colours that the coded picture states itself, where libheif still knows them.
    pub(super) fn colours(&self) -> Option<Colours> {
        let mut profile = ptr::null_mut();
        // SAFETY: reads of a live picture; on success the profile is ours.
        unsafe {
            let picture = self.raw.as_ptr();
            checked(lib::heif_image_get_nclx_color_profile(
                picture,
                &mut profile,
            ))
            .ok()?;
            colours(profile)
        }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: made by `decode`, released here only.
        unsafe { lib::heif_image_release(self.raw.as_ptr()) };
    }
}

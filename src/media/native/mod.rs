//! The unsafe edge: the few places where `ffmpeg-next` has no safe call for what is needed.
//!
//! Fields that FFmpeg declares as C enums are read as plain integers, because a file can put any
//! number there and a Rust enum holding an unlisted number is undefined behaviour.
#![allow(unsafe_code)]

mod damage;

use std::ffi::{CStr, c_char, c_int};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::{mem, ptr, slice};

use ffmpeg_next::codec::packet::Ref;
use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::util::interrupt;
use ffmpeg_next::{Dictionary, Error, Packet, Stream, error, ffi, filter, frame};

pub(super) use damage::{Complaints, is_unfinished, mark_undecoded};

/// Longest tag value that is kept, bytes.
const MAX_TAG_BYTES: usize = 512;
/// Most tags that are read from one dictionary.
const MAX_TAGS: usize = 128;

/// Size of an open file, by the one system call that takes a descriptor and no path: the decode
/// worker is allowed no other, and the standard library uses others.
pub(super) fn file_size(file: &File) -> io::Result<u64> {
    // SAFETY: `stat` is plain integers, for which zeros are valid, and the call fills it.
    let (status, stat) = unsafe {
        let mut stat: libc::stat = mem::zeroed();
        let status = libc::syscall(libc::SYS_fstat, file.as_raw_fd(), &raw mut stat);
        (status, stat)
    };
    if status == 0 {
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Lets FFmpeg allocate no more than so many bytes at once, in the whole process. A table in a file's
/// header may claim to have any number of entries, and is given room for them before any is read.
pub(super) fn bound_allocations(most_bytes: u64) {
    // SAFETY: sets one atomic number.
    unsafe { ffi::av_max_alloc(usize::try_from(most_bytes).unwrap_or(usize::MAX)) };
}

/// Opens the container that `reader` gives; streams are not looked into yet.
pub(super) fn open_input(
    reader: impl Read + Seek + Send + 'static,
    options: Dictionary,
    should_abort: impl FnMut() -> bool + Send + 'static,
) -> Result<Input, Error> {
    let mut io = StreamIo::from_read_seek(reader)?;
    let abort = interrupt::new(Box::new(should_abort));
    // SAFETY: the context is freshly allocated and owned here; `io` and `abort.guard`, which it
    // points to, move into the `Input` that owns it afterwards. On failure avformat_open_input
    // frees the context and, because of CUSTOM_IO, leaves `io` to its own Drop.
    unsafe {
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(Error::Other {
                errno: error::ENOMEM,
            });
        }
        (*context).pb = io.as_mut_ptr();
        (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        (*context).interrupt_callback = abort.interrupt;
        let mut options = options.disown();
        let status =
            ffi::avformat_open_input(&mut context, ptr::null(), ptr::null_mut(), &mut options);
        drop(Dictionary::own(options));
        if status < 0 {
            return Err(Error::from(status));
        }
        Ok(Input::wrap_with_custom_io_and_interrupt(
            context,
            io,
            abort.guard,
        ))
    }
}

/// Reads ahead until every stream's parameters are known; `decoder_options` bind the decoders used.
pub(super) fn find_stream_info(
    input: &mut Input,
    decoder_options: &[(&str, &str)],
) -> Result<(), Error> {
    // SAFETY: one dictionary per stream, as the call asks; it may replace them, and all are taken
    // back into owners afterwards.
    unsafe {
        let mut options: Vec<*mut ffi::AVDictionary> = (0..input.nb_streams())
            .map(|_| decoder_options.iter().collect::<Dictionary>().disown())
            .collect();
        let status = ffi::avformat_find_stream_info(input.as_mut_ptr(), options.as_mut_ptr());
        for dictionary in options {
            drop(Dictionary::own(dictionary));
        }
        if status < 0 {
            Err(Error::from(status))
        } else {
            Ok(())
        }
    }
}

/// Makes the demuxer drop every stream but one.
pub(super) fn keep_only_stream(input: &mut Input, kept: usize) {
    for index in 0..input.nb_streams() as usize {
        if index != kept {
            // SAFETY: `index` is below nb_streams, so the stream exists.
            unsafe {
                let stream = *(*input.as_mut_ptr()).streams.add(index);
                (*stream).discard = ffi::AVDiscard::AVDISCARD_ALL;
            }
        }
    }
}

/// Moves to the key frame at or before `timestamp` of a stream.
pub(super) fn seek_back_to(input: &mut Input, stream: usize, timestamp: i64) -> Result<(), Error> {
    // SAFETY: plain call on an open context; FFmpeg checks the stream index.
    let status = unsafe {
        let stream = c_int::try_from(stream).unwrap_or(-1);
        ffi::av_seek_frame(
            input.as_mut_ptr(),
            stream,
            timestamp,
            ffi::AVSEEK_FLAG_BACKWARD,
        )
    };
    if status < 0 {
        Err(Error::from(status))
    } else {
        Ok(())
    }
}

/// What a stream states about its pictures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StreamFacts {
    pub(super) codec: String,
    pub(super) profile: i32,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) pixel_format: Option<String>,
    /// Whether fields, not whole frames, are stored.
    pub(super) is_interlaced: bool,
    /// Width of a pixel over its height, `(1, 1)` when square or unstated.
    pub(super) pixel_shape: (u32, u32),
    /// Decoder configuration, such as the avcC box.
    pub(super) extradata: Vec<u8>,
}

/// Reads [`StreamFacts`].
pub(super) fn stream_facts(stream: &Stream) -> StreamFacts {
    // SAFETY: stream and codecpar live as long as the input borrowed by `stream`; extradata has
    // extradata_size bytes; enum fields are copied as integers.
    unsafe {
        let stream = stream.as_ptr();
        let parameters = (*stream).codecpar;
        let codec_id = (*parameters).codec_id;
        let field_order = (&raw const (*parameters).field_order)
            .cast::<c_int>()
            .read();
        let extradata_len = usize::try_from((*parameters).extradata_size).unwrap_or(0);
        StreamFacts {
            codec: text(ffi::avcodec_get_name(codec_id)),
            profile: (*parameters).profile,
            width_px: u32::try_from((*parameters).width).unwrap_or(0),
            height_px: u32::try_from((*parameters).height).unwrap_or(0),
            pixel_format: pixel_format_name((*parameters).format),
            is_interlaced: field_order > ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE as c_int,
            pixel_shape: shape((*stream).sample_aspect_ratio)
                .or(shape((*parameters).sample_aspect_ratio))
                .unwrap_or((1, 1)),
            extradata: if (*parameters).extradata.is_null() {
                Vec::new()
            } else {
                slice::from_raw_parts((*parameters).extradata, extradata_len).to_vec()
            },
        }
    }
}

fn shape(ratio: ffi::AVRational) -> Option<(u32, u32)> {
    let (width, height) = (
        u32::try_from(ratio.num).ok()?,
        u32::try_from(ratio.den).ok()?,
    );
    (width > 0 && height > 0).then_some((width, height))
}

fn pixel_format_name(format: c_int) -> Option<String> {
    let count = ffi::AVPixelFormat::AV_PIX_FMT_NB as c_int;
    if !(0..count).contains(&format) {
        return None;
    }
    // SAFETY: the range 0..NB is exactly the formats the bindings were generated from.
    unsafe {
        let format = std::mem::transmute::<c_int, ffi::AVPixelFormat>(format);
        let name = ffi::av_get_pix_fmt_name(format);
        (!name.is_null()).then(|| text(name))
    }
}

/// When the first stream of a container starts, seconds.
pub(super) fn start_time_s(input: &Input) -> Option<f64> {
    // SAFETY: a plain integer of the borrowed context.
    let start = unsafe { (*input.as_ptr()).start_time };
    (start != ffi::AV_NOPTS_VALUE).then(|| start as f64 / f64::from(ffi::AV_TIME_BASE))
}

/// Tags of the container, keys in lower case, values as readable text.
pub(super) fn container_tags(input: &Input) -> Vec<(String, String)> {
    // SAFETY: the dictionary belongs to the borrowed context.
    unsafe { tags((*input.as_ptr()).metadata) }
}

/// Tags of one stream.
pub(super) fn stream_tags(stream: &Stream) -> Vec<(String, String)> {
    // SAFETY: the dictionary belongs to the context that `stream` borrows.
    unsafe { tags((*stream.as_ptr()).metadata) }
}

/// # Safety
/// `dictionary` must be null or a live dictionary.
unsafe fn tags(dictionary: *const ffi::AVDictionary) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    let mut entry: *const ffi::AVDictionaryEntry = ptr::null();
    while tags.len() < MAX_TAGS {
        // SAFETY: an empty key with IGNORE_SUFFIX walks all entries; each has two C strings.
        unsafe {
            let flags = ffi::AV_DICT_IGNORE_SUFFIX;
            entry = ffi::av_dict_get(dictionary, c"".as_ptr(), entry, flags);
            if entry.is_null() {
                break;
            }
            tags.push((text((*entry).key).to_lowercase(), text((*entry).value)));
        }
    }
    tags
}

/// # Safety
/// `string` must be a C string.
unsafe fn text(string: *const c_char) -> String {
    // SAFETY: by the contract above.
    let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
    let kept = &bytes[..bytes.len().min(MAX_TAG_BYTES)];
    String::from_utf8_lossy(kept)
        .chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Whether a packet is decoded but never shown (an edit list cuts it away).
pub(super) fn is_discarded(packet: &Packet) -> bool {
    // SAFETY: reads a plain integer of a live packet.
    unsafe { (*packet.as_ptr()).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}

/// Numbers of ITU-T H.273 and FFmpeg, as a picture carries them. Any number may occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColourTags {
    pub(super) matrix: i32,
    pub(super) range: i32,
    pub(super) transfer: i32,
    pub(super) primaries: i32,
}

/// Tags `frame`, whose pixels stay as they are.
pub(super) fn set_colour(frame: &mut frame::Video, colour: ColourTags) {
    // SAFETY: writes of enum fields as integers; whoever reads them here does so as integers too.
    unsafe {
        let frame = frame.as_mut_ptr();
        let write = |field: *mut c_int, number| field.write(number);
        write((&raw mut (*frame).colorspace).cast(), colour.matrix);
        write((&raw mut (*frame).color_range).cast(), colour.range);
        write((&raw mut (*frame).color_trc).cast(), colour.transfer);
        write((&raw mut (*frame).color_primaries).cast(), colour.primaries);
    }
}

/// Size and pixel layout of a decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameShape {
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// FFmpeg's number of the pixel format.
    pub(super) pixel_format: i32,
    pub(super) colour: ColourTags,
}

/// Reads the shape of `frame`.
pub(super) fn frame_shape(frame: &frame::Video) -> FrameShape {
    // SAFETY: reads of a live frame; enum fields as integers.
    unsafe {
        let frame = frame.as_ptr();
        FrameShape {
            width_px: u32::try_from((*frame).width).unwrap_or(0),
            height_px: u32::try_from((*frame).height).unwrap_or(0),
            pixel_format: (*frame).format,
            colour: ColourTags {
                matrix: (&raw const (*frame).colorspace).cast::<c_int>().read(),
                range: (&raw const (*frame).color_range).cast::<c_int>().read(),
                transfer: (&raw const (*frame).color_trc).cast::<c_int>().read(),
                primaries: (&raw const (*frame).color_primaries).cast::<c_int>().read(),
            },
        }
    }
}

/// A second handle on the same pixels, without copying them.
pub(super) fn share(frame: &frame::Video) -> Result<frame::Video, Error> {
    let mut shared = frame::Video::empty();
    // SAFETY: `shared` is an empty frame of its own, `frame` a live reference-counted one.
    let status = unsafe { ffi::av_frame_ref(shared.as_mut_ptr(), frame.as_ptr()) };
    if status < 0 {
        Err(Error::from(status))
    } else {
        Ok(shared)
    }
}

/// Keeps a filter graph on the calling thread.
pub(super) fn run_on_one_thread(graph: &mut filter::Graph) {
    // SAFETY: sets a plain integer of a live graph that has no filters yet.
    unsafe { (*graph.as_mut_ptr()).nb_threads = 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaLimits;

    #[test]
    fn a_table_that_claims_gigabytes_is_not_given_them() {
        let most = MediaLimits::default().allocation_bytes();
        bound_allocations(most);
        let given = |bytes: u64| {
            // SAFETY: what is given is handed back at once; nothing is fine too.
            unsafe {
                let memory = ffi::av_malloc(bytes as usize);
                ffi::av_free(memory);
                !memory.is_null()
            }
        };
        assert!(given(most));
        assert!(!given(most + 1));
    }
}

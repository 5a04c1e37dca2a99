//! What FFmpeg's decoders say of damage only in their log, or not at all.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::slice;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use ffmpeg_next::{decoder, ffi, frame};

/// Errors that one decoder wrote to FFmpeg's log, which is all that it says of some damage.
///
/// The decoder's context carries the counter's address as its `opaque` pointer, on every thread it
/// decodes on; contexts that are not ours carry none.
#[derive(Debug)]
pub(in super::super) struct Complaints(Box<AtomicU64>);

impl Complaints {
    /// Will count what the decoder of `context` complains of. Keep it as long as the decoder.
    pub(in super::super) fn of(context: &mut decoder::Decoder) -> Self {
        static LISTEN: Once = Once::new();
        // SAFETY: the callback may be called on any thread at any time, and is made for that.
        LISTEN.call_once(|| unsafe { ffi::av_log_set_callback(Some(note_complaint)) });
        let count = Box::new(AtomicU64::new(0));
        // SAFETY: a plain pointer in a live context that no decoder has opened yet.
        unsafe { (*context.as_mut_ptr()).opaque = (&raw const *count).cast_mut().cast() };
        Self(count)
    }

    /// Whether there were any.
    pub(in super::super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// Takes the place of FFmpeg's writing to standard error: what matters is in our own results.
///
/// # Safety
/// FFmpeg calls it, with null or an object that begins with a pointer to its class.
unsafe extern "C" fn note_complaint(
    object: *mut c_void,
    level: c_int,
    format: *const c_char,
    _values: *mut ffi::__va_list_tag,
) {
    /// Above it lies what a message's colour is.
    const LEVEL_BITS: c_int = 0xff;
    // SAFETY: the format is a C string or null.
    if object.is_null() || level & LEVEL_BITS > ffi::AV_LOG_ERROR && !unsafe { conceals(format) } {
        return;
    }
    // SAFETY: by the contract above; an object of the codec contexts' class is a codec context, whose
    // `opaque` is null or the address of a counter that outlives the decoder.
    unsafe {
        if *object.cast::<*const ffi::AVClass>() != ffi::avcodec_get_class() {
            return;
        }
        let count = (*object.cast::<ffi::AVCodecContext>()).opaque;
        if let Some(count) = count.cast::<AtomicU64>().as_ref() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Two neighbouring samples that no picture has in turns along its last row.
const UNDECODED: u16 = 0xc837;
/// Samples at the end of the last row that are looked at: no block is smaller.
const LAST_SAMPLES: usize = 8;

/// Has the decoder of `context` begin every picture with a mark that [`is_unfinished`] knows. FFmpeg's
/// HEVC decoder does not notice that a damaged slice ends early; what is missing would show an older
/// picture, another one with every number of threads.
pub(in super::super) fn mark_undecoded(context: &mut decoder::Decoder) {
    // SAFETY: plain fields of a live context that no decoder has opened yet; the callback holds nothing
    // that threads could share.
    unsafe {
        let context = context.as_mut_ptr();
        (*context).get_buffer2 = Some(marked_buffer);
        (*context).thread_safe_callbacks = 1;
    }
}

/// # Safety
/// As `AVCodecContext.get_buffer2`: FFmpeg calls it for a frame that waits for memory.
unsafe extern "C" fn marked_buffer(
    context: *mut ffi::AVCodecContext,
    frame: *mut ffi::AVFrame,
    flags: c_int,
) -> c_int {
    // SAFETY: the default allocator fills `buf` with buffers of `size` bytes each, which nobody shares
    // yet and which are aligned to more than two bytes.
    unsafe {
        let status = ffi::avcodec_default_get_buffer2(context, frame, flags);
        if status >= 0 {
            for buffer in (*frame).buf.iter().filter_map(|buffer| buffer.as_ref()) {
                let samples = buffer.size / 2;
                slice::from_raw_parts_mut(buffer.data.cast::<u16>(), samples).fill(UNDECODED);
            }
        }
        status
    }
}

/// Whether the end of a picture was never decoded.
pub(in super::super) fn is_unfinished(frame: &frame::Video) -> bool {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    if frame.planes() == 0 || width < LAST_SAMPLES || height == 0 {
        return false;
    }
    let sample_bytes = sample_bytes(frame);
    let row = &frame.data(0)[(height - 1) * frame.stride(0)..];
    let end = width * sample_bytes;
    let [low, high] = UNDECODED.to_le_bytes();
    let of_marks = |bytes: &[u8]| {
        let mut pairs = bytes.chunks_exact(2);
        pairs.all(|pair| pair == [low, high] || pair == [high, low])
    };
    (row.get(end - LAST_SAMPLES * sample_bytes..end)).is_some_and(of_marks)
}

/// Bytes of a sample of the first plane.
fn sample_bytes(frame: &frame::Video) -> usize {
    // SAFETY: the description of a pixel format is a table of FFmpeg's, or null for none.
    let depth = unsafe {
        let format = (&raw const (*frame.as_ptr()).format)
            .cast::<ffi::AVPixelFormat>()
            .read();
        ffi::av_pix_fmt_desc_get(format)
            .as_ref()
            .map_or(8, |desc| desc.comp[0].depth)
    };
    if depth > 8 { 2 } else { 1 }
}

/// Whether a message is that of FFmpeg's error concealment, which is a mere information to FFmpeg.
///
/// # Safety
/// `format` must be null or a C string.
unsafe fn conceals(format: *const c_char) -> bool {
    // SAFETY: by the contract above.
    !format.is_null()
        && unsafe { CStr::from_ptr(format) }
            .to_bytes()
            .starts_with(b"concealing ")
}

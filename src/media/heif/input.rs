//! The file as libheif reads it: through callbacks, on a [`PositionedReader`].
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use libheif_sys as lib;

use super::super::limits::Deadline;
use super::super::reader::PositionedReader;

/// The file behind the callbacks.
pub(super) struct Input {
    reader: BufReader<PositionedReader>,
    size_bytes: u64,
    deadline: Deadline,
    /// A read failed.
    pub(super) failure: Option<io::Error>,
}

impl Input {
    /// Starts at the first byte.
    pub(super) fn new(reader: PositionedReader, deadline: Deadline) -> Self {
        Self {
            size_bytes: reader.size_bytes(),
            reader: BufReader::new(reader),
            deadline,
            failure: None,
        }
    }
}

/// They take a pointer to an [`Input`].
pub(super) static CALLBACKS: lib::heif_reader = lib::heif_reader {
    reader_api_version: 1,
    get_position: Some(get_position),
    read: Some(read),
    seek: Some(seek),
    wait_for_file_size: Some(wait_for_file_size),
};

// None of the four can panic; were it otherwise, `extern "C"` would end the process, not unwind.

unsafe extern "C" fn get_position(input: *mut c_void) -> i64 {
    // SAFETY: libheif hands back the pointer that it was given with the callbacks, to an input that
    // outlives its context, and calls from the thread that called it.
    let input = unsafe { &mut *input.cast::<Input>() };
    let position = input.reader.stream_position();
    position.ok().and_then(|p| p.try_into().ok()).unwrap_or(-1)
}

/// Never fails: libheif takes it for impossible once it was told that the bytes are there, and ends
/// the process. What could not be read is zeros, and the failure is kept.
unsafe extern "C" fn read(data: *mut c_void, size: usize, input: *mut c_void) -> c_int {
    // It asks for no bytes at all, too, and then has no room to give.
    if size == 0 || data.is_null() {
        return 0;
    }
    // SAFETY: as above; `data` has room for `size` bytes, which zeros make valid to refer to.
    let (input, bytes) = unsafe {
        data.cast::<u8>().write_bytes(0, size);
        let bytes = std::slice::from_raw_parts_mut(data.cast::<u8>(), size);
        (&mut *input.cast::<Input>(), bytes)
    };
    if let Err(error) = input.reader.read_exact(bytes) {
        input.failure.get_or_insert(error);
    }
    0
}

unsafe extern "C" fn seek(position: i64, input: *mut c_void) -> c_int {
    // SAFETY: as above.
    let input = unsafe { &mut *input.cast::<Input>() };
    let target = u64::try_from(position).map(SeekFrom::Start);
    let moved = target.is_ok_and(|target| input.reader.seek(target).is_ok());
    c_int::from(!moved)
}

unsafe extern "C" fn wait_for_file_size(
    target: i64,
    input: *mut c_void,
) -> lib::heif_reader_grow_status {
    // SAFETY: as above.
    let input = unsafe { &mut *input.cast::<Input>() };
    if input.deadline.has_passed() {
        return lib::heif_reader_grow_status_heif_reader_grow_status_timeout;
    }
    if u64::try_from(target).is_ok_and(|target| target <= input.size_bytes) {
        return lib::heif_reader_grow_status_heif_reader_grow_status_size_reached;
    }
    lib::heif_reader_grow_status_heif_reader_grow_status_size_beyond_eof
}

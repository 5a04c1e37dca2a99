//! Fuzzing the receiving of multipart bodies.

use std::path::Path;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use futures_util::stream;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::body::BodyLimits;
use super::filename::MAX_NAME_CHARS;
use super::upload::{Form, ReceivedFile, receive, receive_many};
use crate::integrity::Sha256Digest;
use crate::store::UploadDir;

const MAX_TEXT_BYTES: usize = 64;
const MAX_FILES: usize = 3;
const MAX_FILE_BYTES: u64 = 2000;
const MAX_BODY_BYTES: u64 = 20_000;

const LIMITS: BodyLimits = BodyLimits {
    min_bytes_per_s: 0,
    max_parts: 16,
    max_filename_chars: MAX_NAME_CHARS,
    max_bytes: MAX_BODY_BYTES,
    // A body that is all there already: whatever waits, waits for ever, and the fuzzer's own time
    // limit finds it.
    idle_timeout: Duration::from_secs(600),
    whole_timeout: Duration::from_secs(600),
};
const FORM: Form = Form {
    file_fields: &["file", "video"],
    text_fields: &[("signature", MAX_TEXT_BYTES)],
    max_files: MAX_FILES,
    max_file_bytes: MAX_FILE_BYTES,
};

/// Receives a body: a byte for the size of the network's pieces, a byte of options, the body. With
/// option 1 the route takes one file instead of several; with option 2 the first line of the body is
/// the content type instead.
pub fn multipart(input: &[u8]) {
    let [piece_bytes, options, body @ ..] = input else {
        return;
    };
    let (content_type, body) = match body.iter().position(|byte| *byte == b'\n') {
        Some(end) if options & 2 != 0 => (&body[..end], &body[end + 1..]),
        _ => (&b"multipart/form-data; boundary=limit"[..], body),
    };
    let Ok(content_type) = HeaderValue::from_bytes(content_type) else {
        return;
    };
    let request = TestRequest::post()
        .insert_header((CONTENT_TYPE, content_type))
        .to_http_request();
    let post = Post {
        request,
        body,
        piece_bytes: usize::from(*piece_bytes) + 1,
        is_single: options & 1 != 0,
    };
    DESK.with(|desk| {
        desk.runtime.block_on(post.deliver(&desk.uploads));
        assert_eq!(files_below(desk.root.path()), 0, "a file is left behind");
    });
}

struct Desk {
    root: TempDir,
    uploads: UploadDir,
    runtime: Runtime,
}

impl Desk {
    fn open() -> Self {
        let runtime = (tokio::runtime::Builder::new_current_thread().enable_all())
            .build()
            .expect("a runtime starts");
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let uploads =
            runtime.block_on(UploadDir::open(root.path(), crate::store::DiskFloor::of(0)));
        Self {
            root,
            uploads: uploads.expect("a fresh directory opens"),
            runtime,
        }
    }
}

thread_local! {
    static DESK: Desk = Desk::open();
}

struct Post<'a> {
    request: HttpRequest,
    body: &'a [u8],
    piece_bytes: usize,
    is_single: bool,
}

impl Post<'_> {
    async fn deliver(&self, uploads: &UploadDir) {
        let pieces: Vec<Result<Bytes, PayloadError>> = (self.body.chunks(self.piece_bytes))
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let pieces = stream::iter(pieces);
        if self.is_single {
            let received = receive(&self.request, pieces, FORM, uploads, LIMITS).await;
            let Ok(received) = received else { return };
            self.check_text(received.texts.get("signature"));
            self.check(&received.file);
        } else {
            let received = receive_many(&self.request, pieces, FORM, uploads, LIMITS).await;
            let Ok(received) = received else { return };
            self.check_text(received.texts.get("signature"));
            assert!((1..=MAX_FILES).contains(&received.files.len()));
            let whole = received
                .files
                .iter()
                .filter_map(|f| f.received.as_ref().ok());
            whole.for_each(|file| self.check(file));
        }
        assert!(self.body.len() as u64 <= MAX_BODY_BYTES, "a longer body");
    }

    fn check(&self, file: &ReceivedFile) {
        let kept = std::fs::read(file.upload.path()).expect("a held upload is on disk");
        assert!(!kept.is_empty() && kept.len() as u64 <= MAX_FILE_BYTES);
        assert_eq!(kept.len() as u64, file.digest.size_bytes, "size");
        assert_eq!(Sha256Digest::of(&kept), file.digest.sha256, "digest");
        self.check_sent(&kept);
        let name = file.filename.to_string();
        assert!(
            (1..=MAX_NAME_CHARS).contains(&name.chars().count()),
            "{name:?}"
        );
        assert!(
            !name.contains(['/', '\\']) && !name.contains(char::is_control),
            "{name:?}"
        );
    }

    fn check_text(&self, text: Option<&str>) {
        let text = text.unwrap_or_default();
        assert!(text.len() <= MAX_TEXT_BYTES, "a longer text");
        self.check_sent(text.as_bytes());
    }

    /// The content of a part stands in the body as it is.
    fn check_sent(&self, content: &[u8]) {
        let mut windows = self.body.windows(content.len().max(1));
        let is_there = content.is_empty() || windows.any(|window| window == content);
        assert!(is_there, "bytes that nobody sent");
    }
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("the upload directory can be listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

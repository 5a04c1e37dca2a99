//! Uploads as clients send them, good and bad.

use std::path::Path;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream, StreamExt};

use super::body::BodyLimits;
use super::upload::{Form, Received, receive, receive_many};
use super::upload_error::UploadError;
use crate::integrity::Sha256Digest;
use crate::store::UploadDir;

const MAX_PARTS: usize = 12;
const LIMITS: BodyLimits = BodyLimits {
    max_bytes: 2_000_000,
    idle_timeout: Duration::from_millis(100),
    min_bytes_per_s: 0,
    max_parts: MAX_PARTS,
    max_filename_chars: 20,
    whole_timeout: Duration::from_secs(5),
};
const FORM: Form = Form {
    file_fields: &["file", "video"],
    text_fields: &[("signature", 16)],
    max_files: 1,
    max_file_bytes: u64::MAX,
};
const BATCH: Form = Form {
    file_fields: &["files"],
    max_files: 3,
    max_file_bytes: 10,
    ..FORM
};

/// A part as curl writes it.
fn part(disposition: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--limit\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn file(content: &[u8]) -> Vec<u8> {
    part("name=\"file\"; filename=\"clip.mp4\"", content)
}

fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--limit--\r\n".to_vec()].concat()
}

fn request() -> HttpRequest {
    let content_type = ("content-type", "multipart/form-data; boundary=limit");
    TestRequest::post()
        .insert_header(content_type)
        .to_http_request()
}

fn in_chunks(body: &[u8], size: usize) -> impl Stream<Item = Result<Bytes, PayloadError>> + use<> {
    let chunks: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    stream::iter(chunks.into_iter().map(Ok))
}

struct Desk {
    root: tempfile::TempDir,
    uploads: UploadDir,
}

impl Desk {
    async fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let uploads = UploadDir::open(root.path(), crate::store::DiskFloor::of(0))
            .await
            .unwrap();
        Self { root, uploads }
    }

    async fn receive(&self, body: &[u8]) -> Result<Received, UploadError> {
        self.receive_stream(in_chunks(body, 1000)).await
    }

    async fn receive_stream(
        &self,
        body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
    ) -> Result<Received, UploadError> {
        receive(&request(), body, FORM, &self.uploads, LIMITS).await
    }

    async fn code_of(&self, body: &[u8]) -> &'static str {
        let error = self.receive(body).await.unwrap_err();
        assert_eq!(files_below(self.root.path()), 0, "{error} left a file");
        error.code()
    }
}

fn files_below(folder: &Path) -> usize {
    let count = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path) } else { 1 }
    };
    std::fs::read_dir(folder).unwrap().map(count).sum()
}

#[actix_web::test]
async fn a_file_arrives_whole_and_hashed_however_the_network_cuts_it() {
    let desk = Desk::open().await;
    let content: Vec<u8> = (0..300_000_u32)
        .flat_map(|n| (n as u16).to_le_bytes())
        .collect();
    let body = body(&[part("name=\"signature\"", b"abc"), file(&content)]);
    for size in [997, 64 * 1024, body.len()] {
        let received = desk.receive_stream(in_chunks(&body, size)).await.unwrap();
        assert_eq!(std::fs::read(received.file.upload.path()).unwrap(), content);
        assert_eq!(received.file.digest.sha256, Sha256Digest::of(&content));
        assert_eq!(received.file.digest.size_bytes, 600_000);
        assert_eq!(received.file.filename.to_string(), "clip.mp4");
        assert_eq!(received.texts.required("signature").unwrap(), "abc");
    }
    assert_eq!(files_below(desk.root.path()), 0);
}

#[actix_web::test]
async fn a_file_may_come_under_either_name_in_any_order_among_strangers() {
    let desk = Desk::open().await;
    let stranger = part("name=\"comment\"; filename=\"x\"", b"ignored");
    let video = part("name=\"video\"; filename=\"a.mov\"", b"film");
    for parts in [[video.clone(), stranger.clone()], [stranger, video]] {
        let received = desk.receive(&body(&parts)).await.unwrap();
        assert_eq!(received.file.digest.size_bytes, 4);
    }
}

#[actix_web::test]
async fn an_extended_file_name_wins_and_every_name_is_made_safe() {
    let desk = Desk::open().await;
    for (disposition, shown) in [
        (
            "name=\"file\"; filename=\"a.mp4\"; filename*=UTF-8''%D0%B2%D0%B8%D0%B4.mp4",
            "вид.mp4",
        ),
        (
            "name=\"file\"; filename*=GB2312''%D5%D5%C6%AC.jpg",
            "照片.jpg",
        ),
        ("name=\"file\"; filename=\"../../etc/passwd\"", "passwd"),
        ("name=\"file\"", "unnamed"),
    ] {
        let received = desk
            .receive(&body(&[part(disposition, b"x")]))
            .await
            .unwrap();
        assert_eq!(received.file.filename.to_string(), shown);
    }
}

#[actix_web::test]
async fn a_file_name_may_come_in_any_bytes_and_its_content_is_not_touched() {
    let desk = Desk::open().await;
    let content = b"\xd5\xd5\xff\x00\r\n\xe9\\";
    for (name, shown) in [
        (&b"caf\xe9.jpg"[..], "café.jpg"),
        (b"\xd5\xd5\xc6\xac.jpg", "ÕÕÆ¬.jpg"),
        // cp932, where the second half of a letter is a backslash, as it is and as curl escapes it.
        (b"\x95\x5c\x8e\x86.jpg", "•_Ž†.jpg"),
        (b"\x95\x5c\x5c\x8e\x86.jpg", "•_Ž†.jpg"),
        (b"\x94\x5c", "”_"),
        (b"a\x01b.jpg", "a_b.jpg"),
        ("照片.jpg".as_bytes(), "照片.jpg"),
    ] {
        let disposition = [b"form-data; name=\"file\"; filename=\"", name, b"\""].concat();
        let head = [
            b"--limit\r\nContent-Disposition: ",
            &disposition[..],
            b"\r\n\r\n",
        ]
        .concat();
        let parts = [head, content.to_vec(), b"\r\n".to_vec()].concat();
        let received = desk.receive(&body(&[parts])).await.unwrap();
        assert_eq!(received.file.filename.to_string(), shown);
        assert_eq!(std::fs::read(received.file.upload.path()).unwrap(), content);
    }
}

#[actix_web::test]
async fn every_way_to_send_the_wrong_thing_has_its_own_code_and_leaves_nothing() {
    let desk = Desk::open().await;
    let cases: [(&[u8], &str); 9] = [
        (&body(&[part("name=\"other\"", b"x")]), "missing-file"),
        (&body(&[]), "missing-file"),
        (&body(&[file(b"")]), "empty-file"),
        (&body(&[file(b"a"), file(b"b")]), "repeated-field"),
        (
            &body(&[part("name=\"signature\"", &[b'x'; 17])]),
            "field-too-long",
        ),
        (
            &body(&[part("name=\"signature\"", b"\xff")]),
            "field-not-text",
        ),
        (&body(&[part("nonsense", b"x")]), "malformed-multipart"),
        (&file(b"no end"), "malformed-multipart"),
        (&body(&[file(&vec![1; 2_000_000])]), "body-too-large"),
    ];
    for (body, code) in cases {
        let start = String::from_utf8_lossy(&body[..body.len().min(120)]);
        assert_eq!(desk.code_of(body).await, code, "{start}");
    }
}

#[actix_web::test]
async fn a_body_that_announces_more_than_the_limit_is_refused_unread() {
    let desk = Desk::open().await;
    let request = TestRequest::post()
        .insert_header(("content-type", "multipart/form-data; boundary=limit"))
        .insert_header(("content-length", "2000001"))
        .to_http_request();
    let unread = stream::poll_fn(|_| panic!("the body was read"));
    let error = receive(&request, unread, FORM, &desk.uploads, LIMITS).await;
    assert_eq!(error.unwrap_err().code(), "body-too-large");
}

#[actix_web::test]
async fn a_request_that_is_not_multipart_is_refused_unread() {
    let desk = Desk::open().await;
    for content_type in ["application/json", "video/mp4", ""] {
        let request = TestRequest::post().insert_header(("content-type", content_type));
        let unread = stream::poll_fn(|_| panic!("the body was read"));
        let request = request.to_http_request();
        let error = receive(&request, unread, FORM, &desk.uploads, LIMITS).await;
        assert_eq!(error.unwrap_err().code(), "not-multipart");
    }
}

#[actix_web::test]
async fn a_compressed_body_is_refused_unread_and_its_encoding_named() {
    let desk = Desk::open().await;
    let encoded = |encoding: &str| {
        TestRequest::post()
            .insert_header(("content-type", "multipart/form-data; boundary=limit"))
            .insert_header(("content-encoding", encoding))
            .to_http_request()
    };
    for encoding in ["gzip", "br", "identity, deflate"] {
        let unread = stream::poll_fn(|_| panic!("the body was read"));
        let error = receive(&encoded(encoding), unread, FORM, &desk.uploads, LIMITS).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), "encoded-body");
        assert!(error.to_string().contains(encoding), "{error}");
    }
    let whole = in_chunks(&body(&[file(b"film")]), 1000);
    let plain = receive(&encoded("Identity"), whole, FORM, &desk.uploads, LIMITS).await;
    assert_eq!(plain.unwrap().file.digest.size_bytes, 4);
}

#[actix_web::test]
async fn a_part_whose_content_only_stands_for_the_file_is_refused() {
    let desk = Desk::open().await;
    let encoded = |name: &str, encoding: &str| {
        let encoding = format!("name=\"{name}\"\r\nContent-Transfer-Encoding: {encoding}");
        part(&encoding, b"ZmlsbQ==")
    };
    for encoding in ["base64", "quoted-printable", "x-own"] {
        for name in ["file", "signature"] {
            let error = desk.receive(&body(&[encoded(name, encoding)])).await;
            let error = error.unwrap_err();
            assert_eq!(error.code(), "encoded-part");
            assert!(error.to_string().contains(encoding), "{error}");
        }
    }
    for plain in ["binary", "8BIT", "7bit"] {
        let parts = [encoded("other", "base64"), encoded("file", plain)];
        let received = desk.receive(&body(&parts)).await.unwrap();
        assert_eq!(received.file.digest.size_bytes, 8);
    }
}

#[actix_web::test]
async fn a_client_that_stalls_or_leaves_in_the_middle_leaves_nothing() {
    let desk = Desk::open().await;
    let half = in_chunks(&file(&[1; 5000]), 1000);
    let stalled = desk.receive_stream(half.chain(stream::pending())).await;
    assert_eq!(stalled.unwrap_err().code(), "upload-too-slow");
    let half = in_chunks(&file(&[1; 5000]), 1000);
    let gone = stream::iter([Err(PayloadError::Incomplete(None))]);
    let left = desk.receive_stream(half.chain(gone)).await;
    assert_eq!(left.unwrap_err().code(), "upload-interrupted");
    assert_eq!(files_below(desk.root.path()), 0);
}

#[actix_web::test]
async fn a_receiver_that_is_dropped_in_the_middle_leaves_nothing() {
    let desk = Desk::open().await;
    let half = in_chunks(&file(&vec![1; 600_000]), 1000);
    let receiving = desk.receive_stream(half.chain(stream::pending()));
    let dropped = tokio::time::timeout(Duration::from_millis(50), receiving).await;
    assert!(dropped.is_err(), "the body never ends");
    assert_eq!(files_below(desk.root.path()), 0);
}

#[actix_web::test]
async fn a_part_more_than_may_come_is_refused_and_leaves_nothing() {
    let desk = Desk::open().await;
    let strangers = |count| vec![part("name=\"x\"", b""); count];
    let at_the_limit = [vec![file(b"film")], strangers(MAX_PARTS - 1)].concat();
    let received = desk.receive(&body(&at_the_limit)).await.unwrap();
    assert_eq!(received.file.digest.size_bytes, 4);
    drop(received);
    let one_more = [at_the_limit, strangers(1)].concat();
    assert_eq!(desk.code_of(&body(&one_more)).await, "too-many-parts");
}

#[actix_web::test]
async fn a_part_whose_head_does_not_end_is_malformed() {
    let desk = Desk::open().await;
    let endless = format!("name=\"{}\"", "x".repeat(100_000));
    let code = desk.code_of(&body(&[part(&endless, b"x")])).await;
    assert_eq!(code, "malformed-multipart");
}

fn sent(name: &str, content: &[u8]) -> Vec<u8> {
    part(&format!("name=\"files\"; filename=\"{name}\""), content)
}

#[actix_web::test]
async fn of_several_files_a_bad_one_fails_alone() {
    let desk = Desk::open().await;
    let parts = [
        sent("a.jpg", b"first"),
        sent("empty.jpg", b""),
        sent("large.jpg", &[1; 5000]),
        part("name=\"signature\"", b"abc"),
    ];
    let stream = in_chunks(&body(&parts), 1000);
    let many = receive_many(&request(), stream, BATCH, &desk.uploads, LIMITS).await;
    let many = many.unwrap();
    assert_eq!(many.texts.get("signature"), Some("abc"));
    let outcomes: Vec<_> = (many.files.iter())
        .map(|file| match &file.received {
            Ok(received) => (file.filename.to_string(), received.field),
            Err(error) => (file.filename.to_string(), error.code()),
        })
        .collect();
    let expected = [
        ("a.jpg", "files"),
        ("empty.jpg", "empty-file"),
        ("large.jpg", "file-too-large"),
    ];
    assert_eq!(outcomes, expected.map(|(name, what)| (name.into(), what)));
    assert_eq!(files_below(desk.root.path()), 1);
    drop(many);
    assert_eq!(files_below(desk.root.path()), 0);
}

#[actix_web::test]
async fn more_files_than_may_come_are_refused_and_leave_nothing() {
    let desk = Desk::open().await;
    let parts: Vec<_> = (0..4).map(|_| sent("a.jpg", b"x")).collect();
    let stream = in_chunks(&body(&parts), 1000);
    let refused = receive_many(&request(), stream, BATCH, &desk.uploads, LIMITS).await;
    assert_eq!(refused.unwrap_err().code(), "too-many-files");
    let stream = in_chunks(&body(&[]), 1000);
    let refused = receive_many(&request(), stream, BATCH, &desk.uploads, LIMITS).await;
    assert_eq!(refused.unwrap_err().code(), "missing-file");
    assert_eq!(files_below(desk.root.path()), 0);
}

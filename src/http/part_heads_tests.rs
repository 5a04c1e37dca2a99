//! Heads of parts in any bytes, and contents that look like heads.

use actix_multipart::Multipart;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use futures_util::stream::{self, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::part_heads::with_readable_heads;

/// What bodies are made of: whatever means something to the parser, and bytes that do not.
const PIECES: [&[u8]; 18] = [
    b"\r\n--limit\r\n",
    b"--limit\r\n",
    b"\r--limit\r\n",
    b"\n--limit\r\n",
    b"\r\n--limit",
    b"\r\n--limit--\r\n",
    b"\r\n--limi",
    b"\r\n\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b"--",
    b"Content-Disposition: form-data; name=\"file\"; filename=\"\xe9\x5c\"\r\n\r\n",
    b"Content-Disposition: form-data; name=\"file\"\r\n",
    b"Content-Length: 40\r\n",
    b"content-length:0\r\n\r\n",
    b"\xd5\xd5\xff\x80",
    b"plain",
];

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_static("multipart/form-data; boundary=limit");
    headers.insert(CONTENT_TYPE, content_type);
    headers
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn in_chunks(body: &[u8], sizes: &[usize]) -> Vec<Result<Bytes, PayloadError>> {
    let (mut rest, mut chunks) = (body, Vec::new());
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes
            .next()
            .map_or(rest.len(), |size| rest.len().min(*size));
        chunks.push(Ok(Bytes::copy_from_slice(&rest[..size])));
        rest = &rest[size..];
    }
    chunks
}

async fn passed(body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let chunks = stream::iter(in_chunks(body, sizes));
    let passed = with_readable_heads(&headers(), chunks).map(Result::unwrap);
    let passed: Vec<_> = passed.collect().await;
    assert!(passed.iter().all(|chunk| !chunk.is_empty()));
    passed.concat()
}

/// What the parser makes of a body: the disposition and content of each part that came whole, and
/// whether all was well.
async fn parsed(body: &[u8]) -> (Vec<(Vec<u8>, Vec<u8>)>, bool) {
    let chunks = stream::iter(in_chunks(body, &[]));
    let mut parser = Multipart::new(&headers(), chunks);
    let mut parts = Vec::new();
    while let Some(part) = parser.next().await {
        let Ok(mut part) = part else {
            return (parts, false);
        };
        let disposition = part.headers().get(CONTENT_DISPOSITION);
        let disposition = disposition.map(|value| value.as_bytes().to_vec());
        let mut content = Vec::new();
        while let Some(chunk) = part.next().await {
            let Ok(chunk) = chunk else {
                return (parts, false);
            };
            content.extend_from_slice(&chunk);
        }
        parts.push((disposition.unwrap_or_default(), content));
    }
    (parts, true)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = (0..PIECES.len()).prop_map(|index| PIECES[index]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Content of a part: anything that does not end it.
fn content() -> impl Strategy<Value = Vec<u8>> {
    body().prop_map(|bytes| {
        let mut content = bytes;
        let end = |content: &[u8]| {
            let ends = |end: &[u8]| content.windows(end.len()).position(|window| window == end);
            ends(b"\r\n--limit").or_else(|| ends(b"\r--limit"))
        };
        while let Some(at) = end(&content) {
            content.remove(at);
        }
        content
    })
}

/// Bytes of a name, without those that end it or its line.
fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..30).prop_map(|bytes| {
        let may_stand = |byte: &u8| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n');
        bytes.into_iter().filter(may_stand).collect()
    })
}

#[test]
fn content_that_looks_like_a_head_is_content_wherever_the_parser_says_so() {
    const HEAD: &str = "Content-Disposition: form-data; name=\"file\"\r\n";
    let like_a_head = b"--limit\r\nX: \xe9\r\n\r\n\xff";
    let counted = format!(
        "--limit\r\n{HEAD}Content-Length: {}\r\n\r\n",
        like_a_head.len() + 2
    );
    for (before, content) in [
        // Of a stated length.
        (counted, [b"\r\n", &like_a_head[..]].concat()),
        // Right after a head that began at half a line's end, or after such an end.
        (format!("\n--limit\r\n{HEAD}\r\n"), like_a_head.to_vec()),
        (
            format!("--limit\r\n{HEAD}\r\nx\r--limit\n--limit\r\n{HEAD}\r\n"),
            like_a_head.to_vec(),
        ),
        (format!("--limit\r\n{HEAD}\r\n"), like_a_head.to_vec()),
    ] {
        let body = [before.as_bytes(), &content, b"\r\n--limit--\r\n"].concat();
        let (read, whole) = runtime().block_on(async { parsed(&passed(&body, &[3]).await).await });
        let last = read.last().map(|(_, content)| content);
        assert_eq!((last, whole), (Some(&content), true), "{before:?}");
    }
}

proptest! {
    #[test]
    fn names_in_any_bytes_are_accepted_and_contents_pass_to_the_bit(
        parts in vec((name(), content()), 1..4),
        sizes in vec(1..40_usize, 1..6),
    ) {
        let mut body = Vec::new();
        for (name, content) in &parts {
            body.extend_from_slice(b"--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
            body.extend_from_slice(name);
            body.extend_from_slice(b"\"\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--limit--\r\n");
        let (read, whole) = runtime().block_on(async {
            parsed(&passed(&body, &sizes).await).await
        });
        prop_assert!(whole);
        let contents: Vec<_> = read.iter().map(|(_, content)| content).collect();
        let sent: Vec<_> = parts.iter().map(|(_, content)| content).collect();
        prop_assert_eq!(contents, sent);
        for ((disposition, _), (name, _)) in read.iter().zip(&parts) {
            let kept = std::str::from_utf8(name).is_ok_and(|name| !name.contains(char::is_control));
            let stands = disposition.windows(name.len().max(1)).any(|window| window == name);
            prop_assert!(std::str::from_utf8(disposition).is_ok());
            prop_assert!(stands || !kept || name.is_empty());
        }
    }

    #[test]
    fn however_odd_a_body_is_no_content_is_changed_and_nothing_that_was_read_is_lost(
        body in body(),
        sizes in vec(1..40_usize, 1..6),
    ) {
        runtime().block_on(async {
            let passed_on = passed(&body, &sizes).await;
            prop_assert_eq!(&passed_on, &passed(&body, &[]).await, "the network's pieces matter");
            let ((before, _), (after, _)) = (parsed(&body).await, parsed(&passed_on).await);
            prop_assert!(after.len() >= before.len());
            prop_assert_eq!(&after[..before.len()], &before[..]);
            for (_, content) in &after {
                let is_there = body.windows(content.len().max(1)).any(|window| window == content);
                prop_assert!(is_there || content.is_empty(), "bytes that nobody sent");
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_body_in_utf8_passes_as_it_is(text in "[a-zé照\r\n:;=\"-]{0,200}", sizes in vec(1..40_usize, 1..6)) {
        let body = format!("--limit\r\n{text}\r\n\r\n{text}\r\n--limit--\r\n").into_bytes();
        let passed_on = runtime().block_on(passed(&body, &sizes));
        prop_assert_eq!(passed_on, body);
    }
}

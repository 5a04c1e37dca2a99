//! Makes the heads of multipart parts readable for the parser, which takes UTF-8 alone.
//!
//! A client may write the name of a file in any bytes: curl on Windows sends those of the local code
//! page. The parser refuses the whole body then. So what stands between a boundary and the empty line
//! after it passes through `readable`; the content of a part passes as it is, to the bit.
//!
//! ```text
//! --boundary ⏎ head ⏎ ⏎ content ⏎ --boundary ⏎ head ⏎ ⏎ content ⏎ --boundary--
//!              ^^^^                             ^^^^  nothing else is looked at
//! ```
//!
//! Where a head begins and ends is decided as the parser does it, and where its ways are too odd to
//! follow nothing is changed any more: what it gives out as content is what was sent, however odd the
//! body.

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::mime::{self, Mime};
use actix_web::web::Bytes;
use encoding_rs::WINDOWS_1252;
use futures_util::stream::{self, Stream, StreamExt};

/// The parser holds no more of a head either.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The same body with readable heads.
pub(super) fn with_readable_heads<S>(
    headers: &HeaderMap,
    body: S,
) -> impl Stream<Item = Result<Bytes, PayloadError>> + use<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let begin = (Box::pin(body), Some(Heads::of(headers)));
    stream::try_unfold(begin, |(mut body, heads)| async move {
        let Some(mut heads) = heads else {
            return Ok(None);
        };
        // The parser waits for ever after an empty piece, so none is given out.
        loop {
            let Some(chunk) = body.next().await.transpose()? else {
                let rest = heads.finish();
                return Ok((!rest.is_empty()).then_some((rest, (body, None))));
            };
            let passed = heads.pass(chunk);
            if !passed.is_empty() {
                return Ok(Some((passed, (body, Some(heads)))));
            }
        }
    })
}

/// How far a body was read.
#[derive(Debug)]
struct Heads {
    /// What stands before a head: the end of a line, the boundary, the end of a line.
    delimiter: Vec<u8>,
    /// What ends content too, and confuses what follows.
    odd_delimiter: Vec<u8>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Between parts, where a boundary is a line of its own: before the first part, and after content
    /// of a stated length. So much of the end of a line and the boundary has just been seen.
    Lines { seen: usize },
    /// In content; so much of the delimiter has just been seen, and of the one with half a line's end.
    Content { seen: usize, odd: usize },
    /// In content of a stated length, in which no delimiter counts.
    Counted { left: u64 },
    /// In a head, which is held until its end is there.
    Head { held: Vec<u8> },
    /// Nothing further is looked at.
    Over,
}

impl Heads {
    /// A body that begins with a boundary begins at the start of a line.
    fn of(headers: &HeaderMap) -> Self {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|text| text.to_str().ok());
        let content_type = content_type.and_then(|text| text.parse::<Mime>().ok());
        let boundary = content_type
            .as_ref()
            .and_then(|t| t.get_param(mime::BOUNDARY));
        match boundary.map(|boundary| boundary.as_str()) {
            // The parser says what is wrong.
            None | Some("") => Self {
                delimiter: Vec::new(),
                odd_delimiter: Vec::new(),
                place: Place::Over,
            },
            Some(boundary) => Self {
                delimiter: format!("\r\n--{boundary}\r\n").into_bytes(),
                odd_delimiter: format!("\r--{boundary}").into_bytes(),
                place: Place::Lines { seen: 1 },
            },
        }
    }

    /// What can be given out when `chunk` has come.
    fn pass(&mut self, chunk: Bytes) -> Bytes {
        let mut passed = Vec::new();
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let (taken, now) = self.read(rest);
            let is_all = taken == chunk.len();
            match &now {
                // Almost every piece of a large file: nothing to copy.
                Given::AsItIs if is_all => return chunk,
                Given::AsItIs => passed.extend_from_slice(&rest[..taken]),
                Given::Head(head) => passed.extend_from_slice(head),
                Given::Nothing => {}
            }
            rest = &rest[taken..];
        }
        passed.into()
    }

    /// What is held of a head that never ended, as it came.
    fn finish(&mut self) -> Bytes {
        match std::mem::replace(&mut self.place, Place::Over) {
            Place::Head { held } => held.into(),
            Place::Lines { .. } | Place::Content { .. } | Place::Counted { .. } | Place::Over => {
                Bytes::new()
            }
        }
    }

    /// Reads the start of `rest`, up to where the place changes: how many bytes, at least one, and
    /// what is given out for them.
    fn read(&mut self, rest: &[u8]) -> (usize, Given) {
        match &mut self.place {
            Place::Lines { .. } | Place::Content { .. } => {
                let taken = self.read_to_delimiter(rest);
                (taken, Given::AsItIs)
            }
            Place::Counted { left } => {
                let taken = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.place = Place::Lines { seen: 0 };
                }
                (taken, Given::AsItIs)
            }
            Place::Head { held } => match head_end(held, rest) {
                Some(end) => {
                    held.extend_from_slice(&rest[..end]);
                    let head = std::mem::take(held);
                    self.place = content_after(&head);
                    (end, Given::Head(readable(head)))
                }
                None if held.len() + rest.len() > MAX_HEAD_BYTES => {
                    let head = [std::mem::take(held), rest.to_vec()].concat();
                    self.place = Place::Over;
                    (rest.len(), Given::Head(head))
                }
                None => {
                    held.extend_from_slice(rest);
                    (rest.len(), Given::Nothing)
                }
            },
            Place::Over => (rest.len(), Given::AsItIs),
        }
    }

    /// Reads up to where a head begins, or to the end of `bytes`.
    fn read_to_delimiter(&mut self, bytes: &[u8]) -> usize {
        let line = &self.delimiter[1..];
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            at += 1;
            match &mut self.place {
                Place::Lines { seen } => {
                    *seen = advanced(line, *seen, byte);
                    if *seen == line.len() {
                        self.place = Place::Head { held: Vec::new() };
                        return at;
                    }
                }
                Place::Content { seen: 0, odd: 0 } if byte != b'\r' => {
                    let next = bytes[at..].iter().position(|byte| *byte == b'\r');
                    at = next.map_or(bytes.len(), |next| at + next);
                }
                Place::Content { seen, odd } => {
                    *seen = advanced(&self.delimiter, *seen, byte);
                    *odd = advanced(&self.odd_delimiter, *odd, byte);
                    if *seen == self.delimiter.len() {
                        self.place = Place::Head { held: Vec::new() };
                        return at;
                    }
                    if *odd == self.odd_delimiter.len() {
                        self.place = Place::Over;
                        return at;
                    }
                }
                Place::Counted { .. } | Place::Head { .. } | Place::Over => return at,
            }
        }
        at
    }
}

/// What is given out for bytes that were read.
enum Given {
    AsItIs,
    Head(Vec<u8>),
    Nothing,
}

/// How much of `pattern` has been seen with one byte more. Only its first byte can begin it anew.
fn advanced(pattern: &[u8], seen: usize, byte: u8) -> usize {
    match pattern.get(seen) {
        Some(expected) if *expected == byte => seen + 1,
        _ => usize::from(pattern.first() == Some(&byte)),
    }
}

/// Where in `bytes` the head ends that began with `held`.
fn head_end(held: &[u8], bytes: &[u8]) -> Option<usize> {
    let kept = held.len().min(HEAD_END.len() - 1);
    let across = [
        &held[held.len() - kept..],
        &bytes[..bytes.len().min(HEAD_END.len() - 1)],
    ]
    .concat();
    let find = |bytes: &[u8]| bytes.windows(HEAD_END.len()).position(|w| w == HEAD_END);
    match find(&across) {
        Some(at) => Some(at + HEAD_END.len() - kept),
        None => find(bytes).map(|at| at + HEAD_END.len()),
    }
}

/// Where a body is after this head: the parser goes by a length that a part states.
fn content_after(head: &[u8]) -> Place {
    const LENGTH: &str = "content-length";
    let value = head.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let is_length = line[..colon].eq_ignore_ascii_case(LENGTH.as_bytes());
        is_length.then(|| line[colon + 1..].trim_ascii())
    });
    let Some(value) = value else {
        return Place::Content { seen: 0, odd: 0 };
    };
    let length = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok());
    match length {
        Some(0) => Place::Lines { seen: 0 },
        Some(left) => Place::Counted { left },
        // The parser refuses it.
        None => Place::Over,
    }
}

/// The head in UTF-8 and without control characters. Lines that are so already stay as they are.
fn readable(head: Vec<u8>) -> Vec<u8> {
    if is_readable(&head) {
        return head;
    }
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    lines.flat_map(readable_line).collect()
}

fn is_readable(bytes: &[u8]) -> bool {
    let may_stand = |c: char| !c.is_ascii_control() || matches!(c, '\r' | '\n' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(may_stand))
}

/// Nothing says in which code page a line is. Windows-1252 is right for the west and keeps what is
/// ASCII of every other; each byte stays one letter, so that nobody's name is lost.
fn readable_line(line: &[u8]) -> Vec<u8> {
    if is_readable(line) {
        return line.to_vec();
    }
    let plain: Vec<u8> = line.iter().copied().map(without_control).collect();
    if std::str::from_utf8(&plain).is_ok() {
        return plain;
    }
    let plain = without_half_letters(&plain);
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(&plain);
    text.into_owned().into_bytes()
}

fn without_control(byte: u8) -> u8 {
    match byte {
        b'\r' | b'\n' | b'\t' => byte,
        0..0x20 | 0x7f => b'_',
        _ => byte,
    }
}

/// In code pages of East Asia the second half of a letter may be the byte of a backslash, which some
/// clients then write twice. It must neither end the name of a folder nor go before a quotation mark.
fn without_half_letters(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut in_letter = false;
    for byte in line {
        match byte {
            b'\\' if in_letter => {
                if plain.last().is_some_and(|last| *last >= 0x80) {
                    plain.push(b'_');
                }
            }
            _ => {
                plain.push(*byte);
                in_letter = *byte >= 0x80;
            }
        }
    }
    plain
}

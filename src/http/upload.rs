//! Receives a multipart body: files to disk, each hashed on the way, and a few short text fields.
//!
//! ```text
//! Content-Length ─▶ guarded body ─▶ readable heads ─▶ parts ─┬─▶ file part ─▶ temporary file + SHA-256
//!                                                            ├─▶ text part ─▶ memory, up to its own limit
//!                                                            └─▶ other part ─▶ passed over (it still counts)
//! ```
//!
//! Parts come in any order. Memory stays flat: one buffer of [`WRITE_BUFFER_BYTES`] whatever the
//! size of the file. The temporary file goes when its [`ReceivedFile`] is dropped, and just so when
//! the client leaves in the middle, because the framework then drops the future that holds it.
//!
//! [`receive`] is for routes that take one file: what is wrong with it is wrong with the request.
//! [`receive_many`] is for those that take several: a file of no bytes or of too many fails alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
};
use actix_web::web::Bytes;
use encoding_rs::{Encoding, UTF_8};
use futures_util::stream::{Stream, StreamExt};

use super::body::{BodyLimits, guarded};
use super::filename::{DisplayName, plain_filename};
use super::part_heads::with_readable_heads;
use super::upload_error::UploadError;
use crate::integrity::{FileDigest, FileHasher};
use crate::store::{Upload, UploadDir};

/// Bytes gathered before they are written; chunks from the network are a few kilobytes.
const WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// The fields a route accepts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// Names under which files may come.
    pub(super) file_fields: &'static [&'static str],
    /// Text fields with the largest size of each in bytes.
    pub(super) text_fields: &'static [(&'static str, usize)],
    /// Files that may come, at least 1.
    pub(super) max_files: usize,
    /// Largest file in bytes where the limit on the body alone would be too generous.
    pub(super) max_file_bytes: u64,
}

impl Form {
    /// One file under any of these names, as large as the body may be, and no text.
    pub(super) const fn of_one_file(file_fields: &'static [&'static str]) -> Self {
        Self {
            file_fields,
            text_fields: &[],
            max_files: 1,
            max_file_bytes: u64::MAX,
        }
    }
}

/// A file that came whole. It is removed when this is dropped.
#[derive(Debug)]
#[must_use = "dropping an upload removes its file"]
pub(super) struct ReceivedFile {
    /// The file on disk, complete.
    pub(super) upload: Upload,
    /// The field it came in, one of [`Form::file_fields`].
    pub(super) field: &'static str,
    /// The client's name for it, safe to show.
    pub(super) filename: DisplayName,
    /// SHA-256 and size of its bytes; the size is above zero.
    pub(super) digest: FileDigest,
}

/// One of several files that were sent.
#[derive(Debug)]
pub(super) struct SentFile {
    /// The client's name for it, safe to show.
    pub(super) filename: DisplayName,
    /// The file, or what is wrong with it alone.
    pub(super) received: Result<ReceivedFile, UploadError>,
}

/// Text fields that came, by name.
#[derive(Debug, Default)]
pub(super) struct Texts(BTreeMap<&'static str, String>);

/// A received body with one file.
#[derive(Debug)]
pub(super) struct Received {
    /// The file.
    pub(super) file: ReceivedFile,
    /// The text fields.
    pub(super) texts: Texts,
    /// Time from the first to the last byte.
    pub(super) took: Duration,
}

/// A received body with at least one file.
#[derive(Debug)]
pub(super) struct ReceivedMany {
    /// The files in the order they came.
    pub(super) files: Vec<SentFile>,
    /// The text fields.
    pub(super) texts: Texts,
    /// Time from the first to the last byte.
    pub(super) took: Duration,
}

/// Receives a body with one file.
///
/// # Errors
/// [`UploadError`]; nothing is left on disk then.
pub(super) async fn receive<S>(
    request: &HttpRequest,
    body: S,
    form: Form,
    directory: &UploadDir,
    limits: BodyLimits,
) -> Result<Received, UploadError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
{
    let form = Form {
        max_files: 1,
        ..form
    };
    let mut many = receive_many(request, body, form, directory, limits).await?;
    let accepted = form.file_fields;
    let sent = many.files.pop();
    let sent = sent.ok_or(UploadError::MissingFile { accepted })?;
    Ok(Received {
        file: sent.received?,
        texts: many.texts,
        took: many.took,
    })
}

/// Receives a body with up to `form.max_files` files.
///
/// # Errors
/// [`UploadError`] for what is wrong with the request as a whole; nothing is left on disk then.
pub(super) async fn receive_many<S>(
    request: &HttpRequest,
    body: S,
    form: Form,
    directory: &UploadDir,
    limits: BodyLimits,
) -> Result<ReceivedMany, UploadError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
{
    let started = Instant::now();
    refuse_before_reading(request, limits)?;
    let body = with_readable_heads(request.headers(), guarded(body, limits));
    let mut parts = Multipart::new(request.headers(), body);
    let mut files: Vec<SentFile> = Vec::new();
    let mut texts = BTreeMap::new();
    let mut seen_parts = 0;
    while let Some(part) = parts.next().await {
        let part = part?;
        seen_parts += 1;
        if seen_parts > limits.max_parts {
            let max_parts = limits.max_parts;
            return Err(UploadError::TooManyParts { max_parts });
        }
        let role = form.role_of(part.name().unwrap_or_default());
        if !matches!(role, Role::Other) {
            refuse_encoded(&part)?;
        }
        match role {
            Role::File(_) if files.len() == form.max_files => return Err(form.one_more(&part)),
            Role::File(field) => {
                let filename = name_of(&part, limits.max_filename_chars);
                files.push(receive_file(part, (field, filename), form, directory).await?);
            }
            Role::Text(name, _) if texts.contains_key(name) => return Err(repeated(&part)),
            Role::Text(name, max_bytes) => {
                texts.insert(name, receive_text(part, name, max_bytes).await?);
            }
            Role::Other => pass_over(part).await?,
        }
    }
    if files.is_empty() {
        let accepted = form.file_fields;
        return Err(UploadError::MissingFile { accepted });
    }
    let whole = files.iter().filter_map(|file| file.received.as_ref().ok());
    let bytes = whole.map(|file| file.digest.size_bytes).sum();
    metrics::counter!("framewitness_upload_bytes_total").increment(bytes);
    Ok(ReceivedMany {
        files,
        texts: Texts(texts),
        took: started.elapsed(),
    })
}

impl Texts {
    /// A text field, when it came.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A text field that the route cannot do without.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, UploadError> {
        self.get(name).ok_or(UploadError::MissingText { name })
    }
}

enum Role {
    File(&'static str),
    Text(&'static str, usize),
    Other,
}

impl Form {
    fn role_of(self, name: &str) -> Role {
        if let Some(field) = self.file_fields.iter().find(|field| **field == name) {
            return Role::File(field);
        }
        let text = self.text_fields.iter().find(|(field, _)| *field == name);
        text.map_or(Role::Other, |(field, max)| Role::Text(field, *max))
    }

    /// What is wrong with a file beyond the last one that may come.
    fn one_more(self, part: &Field) -> UploadError {
        match self.max_files {
            1 => repeated(part),
            max_files => UploadError::TooManyFiles { max_files },
        }
    }
}

/// What the head of the request alone tells: a client with too large a file learns it at once.
fn refuse_before_reading(request: &HttpRequest, limits: BodyLimits) -> Result<(), UploadError> {
    let header = |name| request.headers().get(name)?.to_str().ok();
    if let Some(encoding) = header(CONTENT_ENCODING).filter(|text| !is_plain(text, &["identity"])) {
        let encoding = DisplayName::from_client(encoding).to_string();
        return Err(UploadError::EncodedBody { encoding });
    }
    let content_type = header(CONTENT_TYPE).unwrap_or_default();
    if !content_type
        .to_ascii_lowercase()
        .starts_with("multipart/form-data")
    {
        return Err(UploadError::NotMultipart);
    }
    let stated_bytes = header(CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if stated_bytes.is_some_and(|bytes| bytes > limits.max_bytes) {
        let max_bytes = limits.max_bytes;
        return Err(UploadError::TooLarge { max_bytes });
    }
    Ok(())
}

/// RFC 7578 section 4.7 deprecates encodings of a part, yet mail libraries write them. What would
/// be hashed and signed then is not the file.
fn refuse_encoded(part: &Field) -> Result<(), UploadError> {
    let stated = part.headers().get("content-transfer-encoding");
    let encoding = stated.map(|value| String::from_utf8_lossy(value.as_bytes()));
    match encoding {
        Some(text) if !is_plain(&text, &["binary", "8bit", "7bit"]) => {
            Err(UploadError::EncodedPart {
                name: DisplayName::from_client(part.name().unwrap_or_default()).to_string(),
                encoding: DisplayName::from_client(&text).to_string(),
            })
        }
        _ => Ok(()),
    }
}

/// Whether a header names one of the encodings that change nothing, or none.
fn is_plain(encoding: &str, plain: &[&str]) -> bool {
    let encoding = encoding.trim();
    encoding.is_empty() || plain.iter().any(|p| encoding.eq_ignore_ascii_case(p))
}

async fn receive_file(
    part: Field,
    (field, filename): (&'static str, DisplayName),
    form: Form,
    directory: &UploadDir,
) -> Result<SentFile, UploadError> {
    let content = write_and_hash(part, form.max_file_bytes, directory).await?;
    let received = content.map(|(upload, digest)| ReceivedFile {
        upload,
        field,
        filename: filename.clone(),
        digest,
    });
    Ok(SentFile { filename, received })
}

/// Writes a file that comes in pieces. The inner error is the file's own; all of it has been read then,
/// so that others can follow.
pub(super) async fn write_and_hash<S, E>(
    mut pieces: S,
    max_file_bytes: u64,
    directory: &UploadDir,
) -> Result<Result<(Upload, FileDigest), UploadError>, UploadError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    UploadError: From<E>,
{
    let mut writer = directory.create().await?;
    let mut hasher = FileHasher::new();
    let mut gathered = Vec::with_capacity(WRITE_BUFFER_BYTES);
    let mut seen_bytes = 0_u64;
    while let Some(chunk) = pieces.next().await {
        let chunk = chunk?;
        seen_bytes = seen_bytes.saturating_add(chunk.len() as u64);
        if seen_bytes > max_file_bytes {
            drop(writer);
            pass_over(pieces).await?;
            return Ok(Err(UploadError::FileTooLarge { max_file_bytes }));
        }
        hasher.update(&chunk);
        gathered.extend_from_slice(&chunk);
        if gathered.len() >= WRITE_BUFFER_BYTES {
            writer.write(&gathered).await?;
            gathered.clear();
        }
    }
    writer.write(&gathered).await?;
    let (upload, digest) = (writer.finish().await?, hasher.finish());
    if digest.size_bytes == 0 {
        return Ok(Err(UploadError::EmptyFile));
    }
    Ok(Ok((upload, digest)))
}

/// `filename*` (RFC 8187) carries any alphabet, in any code page it names, and wins over `filename`.
fn name_of(part: &Field, max_chars: usize) -> DisplayName {
    let disposition = part.content_disposition();
    let extended = (disposition.and_then(|d| d.get_filename_ext())).map(|value| {
        let stated = Encoding::for_label(value.charset.to_string().as_bytes());
        let encoding = stated.unwrap_or(UTF_8);
        let (text, _) = encoding.decode_without_bom_handling(&value.value);
        text.into_owned()
    });
    let header = part.headers().get(CONTENT_DISPOSITION);
    let plain = || plain_filename(&String::from_utf8_lossy(header?.as_bytes()));
    DisplayName::within(&extended.or_else(plain).unwrap_or_default(), max_chars)
}

async fn receive_text(
    mut part: Field,
    name: &'static str,
    max_bytes: usize,
) -> Result<String, UploadError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() > max_bytes {
            return Err(UploadError::TextTooLong { name, max_bytes });
        }
    }
    String::from_utf8(bytes).map_err(|_| UploadError::NotText { name })
}

async fn pass_over<S, E>(mut pieces: S) -> Result<(), UploadError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    UploadError: From<E>,
{
    while let Some(chunk) = pieces.next().await {
        chunk?;
    }
    Ok(())
}

fn repeated(part: &Field) -> UploadError {
    let name = DisplayName::from_client(part.name().unwrap_or_default());
    UploadError::Repeated {
        name: name.to_string(),
    }
}

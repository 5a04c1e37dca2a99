//! Receives a multipart body: one file to disk, hashed on the way, and a few short text fields.
//!
//! ```text
//! Content-Length ─▶ guarded body ─▶ parts ─┬─▶ file part ─▶ temporary file + SHA-256
//!                                          ├─▶ text part ─▶ memory, up to its own limit
//!                                          └─▶ other part ─▶ passed over (it still counts)
//! ```
//!
//! Parts come in any order. Memory stays flat: one buffer of [`WRITE_BUFFER_BYTES`] whatever the
//! size of the file. The temporary file goes when [`Received`] is dropped, and just so when the
//! client leaves in the middle, because the framework then drops the future that holds it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::stream::{Stream, StreamExt};

use super::body::{BodyLimits, guarded};
use super::filename::DisplayName;
use super::upload_error::UploadError;
use crate::integrity::{FileDigest, FileHasher};
use crate::store::{Upload, UploadDir};

/// Bytes gathered before they are written; chunks from the network are a few kilobytes.
const WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// The fields a route accepts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// Names under which the one file may come.
    pub(super) file_fields: &'static [&'static str],
    /// Text fields with the largest size of each in bytes.
    pub(super) text_fields: &'static [(&'static str, usize)],
}

/// A received body. The file is removed when this is dropped.
#[derive(Debug)]
#[must_use = "dropping an upload removes its file"]
pub(super) struct Received {
    /// The file on disk, complete.
    pub(super) file: Upload,
    /// The client's name for it, safe to show.
    pub(super) filename: DisplayName,
    /// SHA-256 and size of its bytes; the size is above zero.
    pub(super) digest: FileDigest,
    /// Text fields that came, by name.
    pub(super) texts: BTreeMap<&'static str, String>,
    /// Time from the first to the last byte.
    pub(super) took: Duration,
}

/// Receives the body of `request`.
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
    let started = Instant::now();
    refuse_before_reading(request, limits)?;
    let mut parts = Multipart::new(request.headers(), guarded(body, limits));
    let mut file = None;
    let mut texts = BTreeMap::new();
    while let Some(part) = parts.next().await {
        let part = part?;
        match form.role_of(part.name().unwrap_or_default()) {
            Role::File if file.is_some() => return Err(repeated(&part)),
            Role::File => file = Some(FilePart::receive(part, directory).await?),
            Role::Text(name, _) if texts.contains_key(name) => return Err(repeated(&part)),
            Role::Text(name, max_bytes) => {
                texts.insert(name, receive_text(part, name, max_bytes).await?);
            }
            Role::Other => pass_over(part).await?,
        }
    }
    let accepted = form.file_fields;
    let file = file.ok_or(UploadError::MissingFile { accepted })?;
    metrics::counter!("framewitness_upload_bytes_total").increment(file.digest.size_bytes);
    Ok(Received {
        file: file.file,
        filename: file.filename,
        digest: file.digest,
        texts,
        took: started.elapsed(),
    })
}

impl Received {
    /// A text field that the route cannot do without.
    pub(super) fn required_text(&self, name: &'static str) -> Result<&str, UploadError> {
        let text = self.texts.get(name);
        text.map(String::as_str)
            .ok_or(UploadError::MissingText { name })
    }
}

enum Role {
    File,
    Text(&'static str, usize),
    Other,
}

impl Form {
    fn role_of(self, name: &str) -> Role {
        if self.file_fields.contains(&name) {
            return Role::File;
        }
        let text = self.text_fields.iter().find(|(field, _)| *field == name);
        text.map_or(Role::Other, |(field, max)| Role::Text(field, *max))
    }
}

/// What the head of the request alone tells: a client with too large a file learns it at once.
fn refuse_before_reading(request: &HttpRequest, limits: BodyLimits) -> Result<(), UploadError> {
    let header = |name| request.headers().get(name)?.to_str().ok();
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

struct FilePart {
    file: Upload,
    filename: DisplayName,
    digest: FileDigest,
}

impl FilePart {
    async fn receive(mut part: Field, directory: &UploadDir) -> Result<Self, UploadError> {
        let filename = name_of(&part);
        let mut writer = directory.create().await?;
        let mut hasher = FileHasher::new();
        let mut gathered = Vec::with_capacity(WRITE_BUFFER_BYTES);
        while let Some(chunk) = part.next().await {
            let chunk = chunk?;
            hasher.update(&chunk);
            gathered.extend_from_slice(&chunk);
            if gathered.len() >= WRITE_BUFFER_BYTES {
                writer.write(&gathered).await?;
                gathered.clear();
            }
        }
        writer.write(&gathered).await?;
        let (file, digest) = (writer.finish().await?, hasher.finish());
        if digest.size_bytes == 0 {
            return Err(UploadError::EmptyFile);
        }
        Ok(Self {
            file,
            filename,
            digest,
        })
    }
}

/// `filename*` (RFC 8187) carries any alphabet and wins over `filename`.
fn name_of(part: &Field) -> DisplayName {
    let disposition = part.content_disposition();
    let extended = (disposition.and_then(|d| d.get_filename_ext()))
        .map(|value| String::from_utf8_lossy(&value.value).into_owned());
    let plain = || disposition.and_then(|d| d.get_filename()).map(String::from);
    DisplayName::from_client(&extended.or_else(plain).unwrap_or_default())
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

async fn pass_over(mut part: Field) -> Result<(), UploadError> {
    while let Some(chunk) = part.next().await {
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

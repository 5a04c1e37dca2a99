//! What `POST /predict` and `POST /predict_csv` do before their answers differ:
//! admit → receive → analyse → keep.

use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::web::{Data, Payload};
use utoipa::ToSchema;

use super::Service;
use super::caller::Caller;
use super::error::HttpError;
use super::reception::Visit;
use super::upload::{Form, Received, receive};
use crate::analysis::{Admission, MediaFile, Outcome, Timings};
use crate::store::{self, ArtifactName, Stored, Submission};

const FORM: Form = Form {
    file_fields: &["file", "video"],
    text_fields: &[],
};

/// Multipart body with one file, as `file` or as `video`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(super) struct VideoForm {
    /// A video (MP4, MOV, MKV, WebM, AVI, FLV, WMV, MPEG) or an image (JPEG, PNG, WebP, BMP, GIF),
    /// recognised by its bytes.
    #[schema(value_type = Option<String>, format = Binary)]
    file: Vec<u8>,
    /// The same under another name.
    #[schema(value_type = Option<String>, format = Binary)]
    video: Vec<u8>,
}

/// An analysis that is stored, and where the time went.
pub(super) struct Analysed {
    pub(super) stored: Stored,
    upload: Duration,
    timings: Timings,
    store: Duration,
}

/// Receives the file in `body`, analyses it and stores the result.
///
/// # Errors
/// [`HttpError`]; nothing of the upload or the analysis is left then.
pub(super) async fn analyse_upload(
    request: &HttpRequest,
    body: Payload,
    service: &Data<Service>,
) -> Result<Analysed, HttpError> {
    let visit = service.reception.enter()?;
    let admission = service.analyzer.try_admit()?;
    let limits = service.settings.body;
    let upload = receive(request, body, FORM, &service.uploads, limits).await?;
    let outcome = analyse(service, &upload, admission).await?;
    let submission = Submission {
        owner: Caller::of(request).key(),
        ..Submission::default()
    };
    keep(service, outcome, (upload.took, visit), submission).await
}

async fn analyse(
    service: &Service,
    upload: &Received,
    admission: Admission,
) -> Result<Outcome, HttpError> {
    let media = MediaFile {
        file: upload
            .file
            .file()
            .try_clone()
            .map_err(HttpError::Descriptor)?,
        filename: upload.filename.to_string(),
        sha256: upload.digest.sha256.to_hex(),
    };
    Ok(service.analyzer.analyze(media, admission).await?)
}

/// Pictures first, then the record that makes them findable; without the record they go again.
///
/// Runs on its own to its end even when the client leaves, so that pictures never stay without a
/// record; the visit goes along, so that a shutdown waits for it.
async fn keep(
    service: &Data<Service>,
    outcome: Outcome,
    (upload, visit): (Duration, Visit),
    submission: Submission,
) -> Result<Analysed, HttpError> {
    let service = Data::clone(service);
    let storing = actix_web::rt::spawn(async move {
        let _visit = visit;
        let started = Instant::now();
        let (stored, timings) = keep_outcome(&service, outcome, submission).await?;
        Ok(Analysed {
            stored,
            upload,
            timings,
            store: started.elapsed(),
        })
    });
    storing.await.map_err(|_| HttpError::Interrupted)?
}

async fn keep_outcome(
    service: &Service,
    outcome: Outcome,
    submission: Submission,
) -> Result<(Stored, Timings), HttpError> {
    let pictures = (outcome.artifacts.into_iter())
        .map(|artifact| Ok((ArtifactName::parse(&artifact.name)?, artifact.bytes)))
        .collect::<Result<Vec<_>, HttpError>>()?;
    let (records, artifacts) = (&service.records, &service.artifacts);
    let stored = store::keep(records, artifacts, outcome.analysis, submission, pictures).await?;
    Ok((stored, outcome.timings))
}

impl Analysed {
    /// Value of the `Server-Timing` header, milliseconds.
    pub(super) fn server_timing(&self) -> String {
        let steps = [
            ("upload", self.upload),
            ("wait", self.timings.wait),
            ("decode", self.timings.decode),
            ("faces", self.timings.faces),
            ("queue", self.timings.queue),
            ("inference", self.timings.inference),
            ("store", self.store),
        ];
        let entry = |(name, took): (&str, Duration)| {
            format!("{name};dur={:.1}", took.as_secs_f64() * 1000.0)
        };
        steps.map(entry).join(", ")
    }
}

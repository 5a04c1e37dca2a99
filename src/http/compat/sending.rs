//! What the routes of earlier services do with files before their answers differ: receive, read
//! the text fields, analyse, and keep what was asked for beside the result.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::{Data, Payload};
use uuid::Uuid;

use super::super::Service;
use super::super::analyse_upload::{Analysed, Entry, analyse_and_keep, analyse_many};
use super::super::error::HttpError;
use super::super::filename::DisplayName;
use super::super::picture_links::PictureLinks;
use super::super::public_path::PublicPath;
use super::super::upload::{Form, Texts, receive, receive_many};
use super::super::wish::Wish;
use super::judgement::DEFAULT_THRESHOLD;
use crate::analysis::RESULT_PICTURE;
use crate::domain::{AnalysisId, Probability};
use crate::store::{ArtifactName, Batch, BatchId};

/// Most images in one request.
pub(super) const MAX_IMAGES: usize = 50;
/// How long a link to a picture on S3 works: as long as those of the earlier services.
const LINK_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The text field with the least P(fake) that is called fake, and its largest size.
pub(super) const THRESHOLD: (&str, usize) = ("threshold", 64);
/// The text field with the model asked for, and its largest size.
pub(super) const MODEL_TYPE: (&str, usize) = ("model_type", 64);
/// The only model the D3 Detection API had; here it stands for the models that are loaded.
pub(super) const D3_CLIP: &str = "d3_clip";

/// A file analysed as its sender asked.
pub(super) struct One {
    pub(super) analysed: Analysed,
    pub(super) threshold: f64,
}

/// Files analysed together, in the order they came.
pub(super) struct Many {
    pub(super) items: Vec<(DisplayName, Result<Analysed, HttpError>)>,
    pub(super) threshold: f64,
    pub(super) batch: BatchId,
}

/// Receives one file and analyses it; an answer without a probability is an error.
pub(super) async fn analyse_one(
    request: &HttpRequest,
    body: Payload,
    service: &Data<Service>,
    form: Form,
) -> Result<One, HttpError> {
    let entry = Entry::make(request, service)?;
    let upload = receive(request, body, form, &service.uploads, service.settings.body).await?;
    let place = entry.into_place(service)?;
    let (wish, threshold) = read_texts(Wish::of(request)?.scored(), &upload.texts)?;
    let analysed = analyse_and_keep(service, &upload.file, place, wish).await?;
    Ok(One {
        analysed,
        threshold,
    })
}

/// Receives up to [`MAX_IMAGES`] files and analyses them side by side.
pub(super) async fn analyse_batch(
    request: &HttpRequest,
    body: Payload,
    service: &Data<Service>,
    form: Form,
) -> Result<Many, HttpError> {
    let entry = Entry::make(request, service)?;
    let sent = receive_many(request, body, form, &service.uploads, service.settings.body).await?;
    let place = entry.into_place(service)?;
    let (mut wish, threshold) = read_texts(Wish::of(request)?.scored(), &sent.texts)?;
    let batch = BatchId::new(Uuid::now_v7());
    wish.submission.batch = Some(batch);
    let items = analyse_many(service, sent.files, place, &wish).await;
    let successful = items.iter().filter(|(_, result)| result.is_ok()).count();
    let went = Batch {
        number: 0,
        id: batch,
        owner: wish.submission.owner,
        total: items.len() as u32,
        successful: successful as u32,
        failed: (items.len() - successful) as u32,
    };
    service.records.insert_batch(&went).await?;
    Ok(Many {
        items,
        threshold,
        batch,
    })
}

fn read_texts(mut wish: Wish, texts: &Texts) -> Result<(Wish, f64), HttpError> {
    let submission = &mut wish.submission;
    if let Some(text) = texts.get(THRESHOLD.0) {
        submission.threshold = Some(read_threshold(text)?);
    }
    if let Some(text) = texts.get(MODEL_TYPE.0) {
        if text != D3_CLIP {
            return Err(HttpError::Field {
                name: MODEL_TYPE.0,
                problem: format!("there is no such model; {D3_CLIP} is the one there is"),
            });
        }
        submission.model_type = Some(text.to_owned());
    }
    let threshold = submission.threshold.map(|p| f64::from(p.get()));
    Ok((wish, threshold.unwrap_or(DEFAULT_THRESHOLD)))
}

fn read_threshold(text: &str) -> Result<Probability, HttpError> {
    let number = text.trim().parse::<f32>().ok();
    let threshold = number.and_then(|number| Probability::new(number).ok());
    threshold.ok_or_else(|| HttpError::Field {
        name: THRESHOLD.0,
        problem: "it must be a number from 0 to 1".into(),
    })
}

/// Where the picture with the result drawn on it can be had.
pub(in crate::http) async fn result_url(
    service: &Service,
    at: &PublicPath,
    id: AnalysisId,
) -> String {
    let link = match ArtifactName::parse(RESULT_PICTURE) {
        Ok(name) => stored_url(service, id, &name).await,
        Err(_) => None,
    };
    // A store that gives no link is asked on the client's behalf by our own route.
    link.unwrap_or_else(|| PictureLinks::new(at, id).to(RESULT_PICTURE))
}

/// The store's own link to an artifact, if it gives one.
pub(super) async fn stored_url(
    service: &Service,
    id: AnalysisId,
    name: &ArtifactName,
) -> Option<String> {
    let link = service.artifacts.link(id, name, LINK_LIFETIME).await;
    link.ok().flatten()
}

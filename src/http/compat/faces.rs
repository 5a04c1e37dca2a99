//! Deep-Fake API: the faces of a video, without a verdict.
//!
//! Nothing is scored and no analysis is stored; the pictures stay until the retention rule removes
//! them.

use std::sync::Arc;

use actix_web::web::{Data, Json, Payload, Query};
use actix_web::{HttpRequest, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Service;
use super::super::analyse_upload::{Entry, FORM, Place, VideoForm, media_of, named};
use super::super::answer::{Metadata, rounded};
use super::super::error::HttpError;
use super::super::picture_links::PictureLinks;
use super::super::problem::{AnalysisProblems, UploadProblems};
use super::super::public_path::PublicPath;
use super::super::upload::receive;
use crate::analysis::{FacesFound, MAX_ASKED_FRAMES};
use crate::domain::{FrameRate, FrameResult};
use crate::media::SampleOptions;

const DEFAULT_SAMPLES: u32 = 30;

/// The faces of one frame.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DetectedFaces {
    /// Faces, largest first; empty when no sampled frame shows one.
    faces: Vec<FaceLink>,
    /// What was found, in a sentence.
    #[schema(example = "1 face was found.")]
    message: String,
    /// Position in the stream of the frame: the first sampled one that shows a face; `null` when
    /// none does.
    frame_index: Option<u64>,
}

/// A face cut out of its frame.
#[derive(Serialize, ToSchema)]
struct FaceLink {
    /// The aligned crop as a JPEG.
    url: String,
}

/// Finds the faces of a video or an image
///
/// The faces of the first sampled frame that shows any. Nothing is scored or stored but the
/// pictures.
#[utoipa::path(tag = "analysis",
    request_body(content = VideoForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The faces, or none", body = DetectedFaces),
        UploadProblems, AnalysisProblems,
    ))]
#[post("/detect_faces")]
pub(in crate::http) async fn detect_faces(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<DetectedFaces>, HttpError> {
    let sample = service.analyzer.settings().sample;
    let found = find_faces(&request, body, &service, sample).await?;
    Ok(Json(DetectedFaces::new(&found, &PublicPath::of(&request))))
}

/// How many frames to look at.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SampleQuery {
    /// Frames to look at, 1 to 100; 30 when left out.
    #[param(minimum = 1, maximum = 100, default = 30)]
    n: Option<u32>,
}

impl SampleQuery {
    fn frames(&self) -> Result<u32, HttpError> {
        let n = self.n.unwrap_or(DEFAULT_SAMPLES);
        if (1..=MAX_ASKED_FRAMES).contains(&n) {
            return Ok(n);
        }
        let problem = format!("n must be 1 to {MAX_ASKED_FRAMES}, got {n}");
        Err(HttpError::Query(problem))
    }
}

/// The largest face of each of some frames.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SampledFaces {
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// Name of the face detector.
    #[schema(example = "face-detector-s")]
    algorithm: String,
    /// Frames asked for.
    n_requested: u32,
    /// Frames looked at: fewer when the file has fewer.
    n_returned: usize,
    /// Number of frames the container states; `null` where it does not.
    nb_frames: Option<u64>,
    /// Frames per second; `null` where the container states none.
    fps: Option<f64>,
    /// Positions in the stream of the frames looked at.
    sampled_indices: Vec<u64>,
    /// One entry a frame, in time order.
    faces: Vec<SampledFace>,
    /// What the file says about itself.
    metadata: Metadata,
    /// Seconds from the first byte looked at to the last crop.
    processing_time_sec: f64,
}

/// The largest face of one frame.
#[derive(Serialize, ToSchema)]
struct SampledFace {
    /// Position in the stream, from 0.
    frame_index: u64,
    /// Presentation time in seconds; `null` where the file states no times.
    frame_time_sec: Option<f64>,
    /// Whether the frame shows a face.
    detected: bool,
    /// Left, top, width and height in pixels of the upright frame; `null` without a face.
    #[schema(min_items = 4, max_items = 4)]
    bbox: Option<[i64; 4]>,
    /// The aligned crop as a JPEG; `null` without a face.
    url: Option<String>,
}

/// Finds the largest face in each of `n` frames
///
/// Frames are taken at even times. Nothing is scored or stored but the pictures.
#[utoipa::path(tag = "analysis", params(SampleQuery),
    request_body(content = VideoForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "One entry a frame", body = SampledFaces),
        UploadProblems, AnalysisProblems,
    ))]
#[post("/sample_faces")]
pub(in crate::http) async fn sample_faces(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
    query: Query<SampleQuery>,
) -> Result<Json<SampledFaces>, HttpError> {
    let frames = query.frames()?;
    let found = find_faces(&request, body, &service, SampleOptions::even(frames)).await?;
    let algorithm = service.analyzer.detector().name.clone();
    let at = PublicPath::of(&request);
    Ok(Json(SampledFaces::new(&found, &at, frames, algorithm)))
}

/// Receives the file, finds its faces and keeps the pictures.
async fn find_faces(
    request: &HttpRequest,
    body: Payload,
    service: &Data<Service>,
    sample: SampleOptions,
) -> Result<FacesFound, HttpError> {
    let entry = Entry::make(request, service)?;
    let limits = service.settings.body;
    let upload = receive(request, body, FORM, &service.uploads, limits).await?;
    let Place { visit, admission } = entry.into_place(service)?;
    let media = media_of(&upload.file)?;
    let mut found = (service.analyzer.find_faces(media, sample, admission)).await?;
    let pictures = named(std::mem::take(&mut found.artifacts))?;
    let (id, service, visit) = (found.id, Data::clone(service), Arc::clone(&visit));
    // On its own to its end even when the client leaves, like the pictures of an analysis.
    let storing = actix_web::rt::spawn(async move {
        let _visit = visit;
        service.artifacts.put_all(id, pictures).await
    });
    storing.await.map_err(|_| HttpError::Interrupted)??;
    Ok(found)
}

impl DetectedFaces {
    fn new(found: &FacesFound, at: &PublicPath) -> Self {
        let pictures = PictureLinks::new(at, found.id);
        let Some(frame) = found.frames.iter().find(|frame| !frame.faces.is_empty()) else {
            return Self {
                faces: Vec::new(),
                message: "No face was found in any sampled frame.".into(),
                frame_index: None,
            };
        };
        let faces: Vec<_> = (frame.faces.iter())
            .map(|face| FaceLink {
                url: pictures.to(&face.crop_artifact),
            })
            .collect();
        let message = match faces.len() {
            1 => "1 face was found.".into(),
            count => format!("{count} faces were found."),
        };
        Self {
            faces,
            message,
            frame_index: Some(frame.frame_index),
        }
    }
}

impl SampledFaces {
    fn new(found: &FacesFound, at: &PublicPath, n_requested: u32, algorithm: String) -> Self {
        let pictures = PictureLinks::new(at, found.id);
        let picture = &found.media.picture;
        Self {
            filename: found.filename.clone(),
            algorithm,
            n_requested,
            n_returned: found.frames.len(),
            nb_frames: picture.frame_count,
            fps: picture.frame_rate.map(FrameRate::per_second),
            sampled_indices: found.frames.iter().map(|f| f.frame_index).collect(),
            faces: (found.frames.iter())
                .map(|frame| SampledFace::new(pictures, frame))
                .collect(),
            metadata: Metadata::from(&found.media),
            processing_time_sec: rounded(found.took.as_secs_f64(), 3),
        }
    }
}

impl SampledFace {
    fn new(pictures: PictureLinks<'_>, frame: &FrameResult) -> Self {
        let face = frame.faces.first();
        Self {
            frame_index: frame.frame_index,
            frame_time_sec: frame.time_s.map(|seconds| rounded(seconds, 6)),
            detected: face.is_some(),
            bbox: face.map(|face| {
                let bounds = face.bounds;
                [bounds.x, bounds.y, bounds.width, bounds.height].map(|px| px.round() as i64)
            }),
            url: face.map(|face| pictures.to(&face.crop_artifact)),
        }
    }
}

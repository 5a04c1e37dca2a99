//! `GET /api/v1/limits`: what a request may cost here, so that a client can know before it asks.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::Service;

/// Every limit in force. Each name is that of the setting in `framewitness.toml`; in capitals after
/// `FRAMEWITNESS_`, of the environment variable.
#[derive(Serialize, ToSchema)]
pub(super) struct Limits {
    /// Largest request body in bytes; beyond it 413.
    #[schema(example = 536870912)]
    max_body_bytes: u64,
    /// Lines in the head of a request; beyond it 431.
    #[schema(example = 96)]
    max_headers: usize,
    /// Bytes in the head of a request; beyond it 431.
    #[schema(example = 131072)]
    max_head_bytes: usize,
    /// Parts of a multipart body; beyond it 400.
    max_parts: usize,
    /// Characters of a file name that are kept; a longer one is shortened, its ending stays.
    max_filename_chars: usize,
    /// Longest time for the head of a request, and for a TLS handshake, in seconds; beyond it 408, or
    /// the connection is closed.
    head_timeout_s: f64,
    /// Longest silence of a sender in the middle of a body, in seconds; beyond it 408.
    body_idle_timeout_s: f64,
    /// Longest time for a whole body, in seconds; beyond it 408.
    body_timeout_s: f64,
    /// Least bytes a second of a body on average once `body_idle_timeout_s` has passed; below it
    /// 408. 0: none.
    body_min_bytes_per_s: u64,
    /// Bytes of the disk that uploads leave free; below it 507. 0: none.
    min_free_disk_bytes: u64,
    /// Uploads at the same time; beyond it 429.
    max_uploads: usize,
    /// Uploads of one sender at the same time: with one key, or without one from one address (of
    /// IPv6: from one /64); beyond it 429.
    max_uploads_per_sender: usize,
    /// Resumable uploads (`/api/v1/uploads`) that may be unfinished; beyond it 429.
    max_resumable_uploads: usize,
    /// The same of one sender; beyond it 429.
    max_resumable_uploads_per_sender: usize,
    /// Seconds after which a resumable upload that is not whole is removed.
    resumable_uploads_expire_s: f64,
    /// Analyses that may wait in the queue (`POST /api/v1/analyses`); beyond it 429.
    max_queued_jobs: u32,
    /// Streams of events that one sender may follow at the same time; beyond it 429.
    max_event_streams_per_sender: usize,
    /// Analyses at work at the same time.
    decode_threads: usize,
    /// Analyses that may wait beyond those at work; beyond it 429.
    waiting_places: usize,
    /// Memory in bytes that a decode worker may map beyond its libraries; beyond it 422.
    worker_memory_bytes: u64,
    /// Files a decode worker is given before a fresh one takes its place.
    worker_requests: u32,
    /// Longest analysis in seconds; beyond it 504.
    analysis_deadline_s: f64,
    /// Longest video in seconds; beyond it 422.
    max_duration_s: f64,
    /// Largest picture in pixels (width × height); beyond it 422.
    max_pixels: u64,
    /// Most frames of a video; beyond it 422.
    max_frames: u64,
    /// Most pixels decoded of one video, in all its frames together; beyond it 422.
    max_decoded_pixels: u64,
    /// Most streams in a container; beyond it 422.
    max_streams: u32,
    /// Frames taken from a video.
    sample_frames: u32,
    /// Shorter side of the smallest face that is scored, in pixels.
    min_face_px: u32,
    /// Least sharpness of a face that is scored (variance of the Laplacian of its crop).
    min_sharpness: f32,
    /// Usable frames of a person that a verdict on a video needs.
    min_scored_frames: u32,
    /// Faces looked at in one frame; the largest are kept.
    max_faces_per_frame: usize,
    /// People scored in one video; those seen longest are kept.
    max_tracks: usize,
}

/// The limits in force
#[utoipa::path(operation_id = "get_limits", tag = "service", responses(
    (status = 200, description = "Every limit under the name of its setting", body = Limits),
))]
#[get("/api/v1/limits")]
pub(super) async fn limits(service: Data<Service>) -> Json<Limits> {
    let (http, analysis) = (&service.settings, service.analyzer.settings());
    let (media, partials) = (&analysis.media, service.partials.limits());
    Json(Limits {
        max_body_bytes: http.body.max_bytes,
        max_headers: http.guard.max_headers,
        max_head_bytes: http.guard.max_head_bytes,
        max_parts: http.body.max_parts,
        max_filename_chars: http.body.max_filename_chars,
        head_timeout_s: http.head_timeout.as_secs_f64(),
        body_idle_timeout_s: http.body.idle_timeout.as_secs_f64(),
        body_timeout_s: http.body.whole_timeout.as_secs_f64(),
        body_min_bytes_per_s: http.body.min_bytes_per_s,
        min_free_disk_bytes: http.min_free_disk_bytes,
        max_uploads: http.uploads.max_uploads,
        max_uploads_per_sender: http.uploads.max_per_sender,
        max_resumable_uploads: partials.max,
        max_resumable_uploads_per_sender: partials.max_per_sender,
        resumable_uploads_expire_s: partials.keep.as_secs_f64(),
        max_queued_jobs: http.jobs.max_queued,
        max_event_streams_per_sender: http.jobs.max_streams_per_sender,
        decode_threads: analysis.decode_threads,
        waiting_places: analysis.waiting_places,
        worker_memory_bytes: analysis.worker.memory_bytes,
        worker_requests: analysis.worker.requests,
        analysis_deadline_s: analysis.deadline.as_secs_f64(),
        max_duration_s: media.max_duration_s,
        max_pixels: media.max_pixels,
        max_frames: media.max_frames,
        max_decoded_pixels: media.max_decoded_pixels,
        max_streams: media.max_streams,
        sample_frames: analysis.sample.frames,
        min_face_px: analysis.min_face_px,
        min_sharpness: analysis.min_sharpness,
        min_scored_frames: analysis.min_scored_frames,
        max_faces_per_frame: analysis.max_faces_per_frame,
        max_tracks: analysis.max_tracks,
    })
}

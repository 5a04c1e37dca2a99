//! Devices, weights, networks and the batching model worker: the only place that names libtorch.
//!
//! 1. [`Bundle::read`] reads which models serve together; a folder's `manifest.toml` describes a
//!    network by sizes, so the same code runs small and large ones.
//! 2. [`ModelWorker::start`] loads both networks strictly on one long-lived thread, which alone
//!    touches them, and gives a [`Scorer`].
//! 3. [`ModelSlot`] holds both, lets go of them and loads them again while the service runs.
//! 4. [`Scorer::score`] queues a [`Clip`] (owned bytes, no tensors) and waits for its
//!    [`ClipScores`]: calibrated logits of each model, for the track and for every frame.

#[cfg(test)]
mod bench;
mod bundle;
mod checkpoint;
mod clip;
mod describe;
mod device;
mod engine;
#[cfg(test)]
mod engine_tests;
mod error;
mod factors;
mod familiarity;
#[cfg(test)]
mod familiarity_tests;
#[cfg(test)]
mod fixture;
mod foundation;
mod frame_model;
mod fusion;
mod image_model;
mod labels;
mod library;
mod manifest;
mod metrics;
mod model;
mod networks;
#[cfg(test)]
mod parity;
mod precision;
mod preprocess;
mod queue;
mod readout;
mod scorer;
mod settings;
mod slot;
#[cfg(test)]
mod slot_tests;
mod trial;
mod weight_files;
mod weights;
#[cfg(test)]
mod weights_tests;
mod worker;
mod worker_state;
#[cfg(test)]
mod worker_tests;

#[cfg(any(test, fuzzing))]
pub(crate) use checkpoint::fuzzing;

pub use bundle::Bundle;
pub use clip::{Clip, ClipScores, FrameScore};
pub use describe::{
    FileContents, FileFormat, TensorFacts, describe_file, onnx_side_px, write_safetensors,
};
pub use device::{DeviceChoice, UnknownDevice};
pub use error::InferenceError;
pub use foundation::FoundationFolders;
pub use fusion::{Fusion, Mix};
pub use library::{KeptModel, ModelFileName, ModelLibrary};
pub use metrics::describe_metrics;
pub use precision::{
    FramePrecision, Precision, PrecisionChoice, UnknownFramePrecision, UnknownPrecision,
    UnknownPrecisionChoice,
};
pub use scorer::{Facts, Scorer};
pub use settings::InferenceSettings;
pub use slot::{Change, Lease, ModelSlot};
pub use trial::Trial;
pub use worker::ModelWorker;

//! Both networks on one device: clips in, calibrated logits out.
//!
//! The last bits of a convolution depend on how many pictures run at once, so on the CPU, where
//! a clip alone already fills the cores, clips run one at a time and in pieces of fixed size: the
//! same clip gives the same bits whoever else waits. On a GPU clips share a batch and a score
//! may differ by float noise (about 1e-5 of a logit) from the clip's score alone.

use tch::{Device, Kind, Tensor};

use super::InferenceError;
use super::bundle::{Bundle, ModelFolder};
use super::clip::Clip;
use super::manifest::{Architecture, Calibration, Label};
use super::networks::{ClipLogits, FrameNetwork, SequenceNetwork};
use super::preprocess::{Canvases, Preparation};
use super::weights::Tensors;
use crate::domain::{CROP_CANVAS_PX, Logit, Rgb8Image};

/// What the model thread runs. A seam: tests of the thread put in an engine that blocks or panics.
pub(super) trait Engine {
    /// Calibrated logits of each clip, in order; a sentence when that is impossible. May panic.
    fn score(&self, clips: &[&Clip]) -> Result<Vec<EngineScores>, String>;

    /// Whether clips may run together.
    fn batches_clips(&self) -> bool;
}

/// Calibrated logits of one clip.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EngineScores {
    /// Track and frames; `None` for a still image.
    pub(super) sequence: Option<(Logit, Vec<Logit>)>,
    pub(super) frames: Vec<Logit>,
}

/// The networks of a bundle.
pub(super) struct Networks {
    sequence: Sequence,
    frame: Frame,
    /// Pictures in one forward pass at most.
    pass_frames: usize,
    batches_clips: bool,
}

struct Sequence {
    network: SequenceNetwork,
    preparation: Preparation,
    calibration: Calibration,
    /// Index of FAKE among the two outputs.
    fake: i64,
}

struct Frame {
    network: FrameNetwork,
    preparation: Preparation,
    calibration: Calibration,
}

impl Networks {
    /// Loads both networks strictly.
    ///
    /// # Errors
    /// [`InferenceError::Bundle`] with every problem of both weight files.
    pub(super) fn load(
        bundle: &Bundle,
        device: Device,
        pass_frames: usize,
    ) -> Result<Self, InferenceError> {
        let mut problems = Vec::new();
        let sequence = load_one(&bundle.sequence, device, &mut problems, |tensors, shape| {
            SequenceNetwork::take(tensors, shape)
        });
        let frame = load_one(&bundle.frame, device, &mut problems, |tensors, shape| {
            FrameNetwork::take(tensors, shape, device)
        });
        let (Some(sequence), Some(frame)) = (sequence, frame) else {
            return Err(bundle.refuse(problems));
        };
        let labels = &bundle.sequence.manifest.output.labels;
        Ok(Self {
            sequence: Sequence {
                network: sequence,
                preparation: Preparation::new(&bundle.sequence.manifest.preprocess, device),
                calibration: bundle.sequence.manifest.calibration,
                fake: i64::from(labels[0] != Label::Fake),
            },
            frame: Frame {
                network: frame,
                preparation: Preparation::new(&bundle.frame.manifest.preprocess, device),
                calibration: bundle.frame.manifest.calibration,
            },
            pass_frames,
            batches_clips: device.is_cuda(),
        })
    }

    /// Runs a grey clip through both networks, so that the first request pays no first-use cost
    /// and a GPU too small for a full batch fails at start.
    pub(super) fn warm_up(&self, longest_clip: usize) -> Result<(), String> {
        let grey = vec![128; (CROP_CANVAS_PX * CROP_CANVAS_PX * 3) as usize];
        let grey =
            Rgb8Image::new(CROP_CANVAS_PX, CROP_CANVAS_PX, grey).map_err(|e| e.to_string())?;
        let frames = if self.batches_clips {
            self.pass_frames.min(longest_clip)
        } else {
            1
        };
        let clip = Clip {
            crops: vec![grey; frames],
            is_still: false,
        };
        self.score(&[&clip]).map(drop)
    }
}

impl Engine for Networks {
    fn score(&self, clips: &[&Clip]) -> Result<Vec<EngineScores>, String> {
        let moving: Vec<&Clip> = clips.iter().copied().filter(|c| !c.is_still).collect();
        let mut sequences = self.sequence.score(&moving, self.pass_frames)?.into_iter();
        let mut frames = self.frame.score(clips, self.pass_frames)?.into_iter();
        clips
            .iter()
            .map(|clip| {
                let sequence = if clip.is_still {
                    None
                } else {
                    sequences.next()
                };
                Ok(EngineScores {
                    sequence,
                    frames: frames.by_ref().take(clip.frames()).collect(),
                })
            })
            .collect()
    }

    fn batches_clips(&self) -> bool {
        self.batches_clips
    }
}

impl Sequence {
    fn score(
        &self,
        clips: &[&Clip],
        pass_frames: usize,
    ) -> Result<Vec<(Logit, Vec<Logit>)>, String> {
        if clips.is_empty() {
            return Ok(vec![]);
        }
        let features = in_passes(clips, pass_frames, |canvases| {
            self.network.features(&self.preparation.run(canvases))
        });
        let lengths: Vec<i64> = clips.iter().map(|c| c.frames() as i64).collect();
        let scored = self.network.over_time(&features, &lengths);
        scored.iter().map(|clip| self.calibrated(clip)).collect()
    }

    fn calibrated(
        &self,
        ClipLogits { track, frames }: &ClipLogits,
    ) -> Result<(Logit, Vec<Logit>), String> {
        let track = logits(&self.of_fake(track), self.calibration)?;
        let frames = logits(&self.of_fake(frames), self.calibration)?;
        let track = track
            .first()
            .copied()
            .ok_or("the sequence network gave nothing")?;
        Ok((track, frames))
    }

    /// `logit_FAKE − logit_REAL` over the last axis.
    fn of_fake(&self, outputs: &Tensor) -> Tensor {
        outputs.select(-1, self.fake) - outputs.select(-1, 1 - self.fake)
    }
}

impl Frame {
    fn score(&self, clips: &[&Clip], pass_frames: usize) -> Result<Vec<Logit>, String> {
        let raw = in_passes(clips, pass_frames, |canvases| {
            self.network.run(&self.preparation.run(canvases))
        });
        logits(&raw, self.calibration)
    }
}

/// Runs `network` over all crops, at most `pass_frames` at a time, and joins the results.
fn in_passes(clips: &[&Clip], pass_frames: usize, network: impl Fn(&Canvases) -> Tensor) -> Tensor {
    let crops: Vec<&Rgb8Image> = clips.iter().flat_map(|c| &c.crops).collect();
    let passes = crops.chunks(pass_frames);
    let results: Vec<Tensor> = passes
        .map(|pass| network(&Canvases::stack(pass.iter().copied())))
        .collect();
    Tensor::cat(&results, 0)
}

/// Raw logits, calibrated and checked to be numbers.
fn logits(raw: &Tensor, calibration: Calibration) -> Result<Vec<Logit>, String> {
    let raw = raw
        .to_device(Device::Cpu)
        .to_kind(Kind::Float)
        .flatten(0, -1);
    let raw = Vec::<f32>::try_from(raw).map_err(|e| e.to_string())?;
    raw.into_iter()
        .map(|r| Logit::new(calibration.scale * r + calibration.bias).map_err(|e| e.to_string()))
        .collect()
}

/// Reads a weights file and builds its network; `None` after noting what is wrong.
pub(super) fn load_one<A: Architecture, N>(
    model: &ModelFolder<A>,
    device: Device,
    problems: &mut Vec<String>,
    build: impl FnOnce(&mut Tensors, &A) -> N,
) -> Option<N> {
    let path = model.weights_path();
    let before = problems.len();
    let mut note = |problem: String| problems.push(format!("{}: {problem}", path.display()));
    let mut network = None;
    match Tensors::read(&path, &model.manifest.weights.sha256, device) {
        Err(problem) => note(problem),
        Ok(mut tensors) => {
            network = Some(build(&mut tensors, &model.manifest.architecture));
            tensors.finish().into_iter().for_each(note);
        }
    }
    network.filter(|_| problems.len() == before)
}

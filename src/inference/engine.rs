//! Both networks on one device: clips in, calibrated logits out.
//!
//! The last bits of a convolution depend on how many pictures run at once, so on the CPU, where
//! a clip alone already fills the cores, clips run one at a time and in pieces of fixed size: the
//! same clip gives the same bits whoever else waits. On a GPU clips share a batch and a score
//! may differ by float noise (about 1e-5 of a logit) from the clip's score alone.

use tch::{Device, Tensor};

use super::bundle::{Bundle, ModelFolder};
use super::clip::Clip;
use super::manifest::Architecture;
use super::networks::{ClipLogits, FrameNetwork, SequenceNetwork};
use super::preprocess::Preparation;
use super::readout::Readout;
use super::weights::Tensors;
use super::{InferenceError, Precision};
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
    sequence: Model<SequenceNetwork>,
    frame: Model<FrameNetwork>,
    /// Pictures in one forward pass at most.
    pass_frames: usize,
    batches_clips: bool,
}

/// A network between what it reads and what its answer means.
struct Model<N> {
    network: N,
    preparation: Preparation,
    readout: Readout,
}

/// Where and how the networks run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    pub(super) device: Device,
    pub(super) precision: Precision,
    /// Pictures in one forward pass at most.
    pub(super) pass_frames: usize,
}

impl Networks {
    /// Loads both networks strictly.
    ///
    /// # Errors
    /// [`InferenceError::Bundle`] with every problem of both weight files.
    pub(super) fn load(bundle: &Bundle, running: Running) -> Result<Self, InferenceError> {
        let mut problems = Vec::new();
        let sequence = Model::load(
            &bundle.sequence,
            running,
            &mut problems,
            SequenceNetwork::take,
        );
        let frame = Model::load(&bundle.frame, running, &mut problems, FrameNetwork::take);
        let (Some(sequence), Some(frame)) = (sequence, frame) else {
            return Err(bundle.refuse(problems));
        };
        Ok(Self {
            sequence,
            frame,
            pass_frames: running.pass_frames,
            batches_clips: running.device.is_cuda(),
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

impl<N> Model<N> {
    /// Loads the weights of `folder` and gets ready to read its pictures and numbers; `None` after
    /// noting what is wrong.
    fn load<A: Architecture>(
        folder: &ModelFolder<A>,
        running: Running,
        problems: &mut Vec<String>,
        take: impl FnOnce(&mut Tensors, &A, Precision) -> N,
    ) -> Option<Self> {
        let network = load_network(folder, running, problems, take)?;
        Some(Self {
            network,
            preparation: Preparation::new(&folder.manifest.preprocess, running.device),
            readout: Readout::new(&folder.manifest),
        })
    }

    /// Runs `network` over all crops, at most `pass_frames` at a time, and joins the results.
    fn in_passes(
        &self,
        clips: &[&Clip],
        pass_frames: usize,
        network: impl Fn(&N, &Tensor) -> Tensor,
    ) -> Tensor {
        let crops: Vec<&Rgb8Image> = clips.iter().flat_map(|c| &c.crops).collect();
        let results: Vec<Tensor> = crops
            .chunks(pass_frames)
            .map(|pass| network(&self.network, &self.preparation.run(pass)))
            .collect();
        Tensor::cat(&results, 0)
    }
}

impl Model<SequenceNetwork> {
    /// The logit of each track and of its frames.
    fn score(
        &self,
        clips: &[&Clip],
        pass_frames: usize,
    ) -> Result<Vec<(Logit, Vec<Logit>)>, String> {
        if clips.is_empty() {
            return Ok(vec![]);
        }
        let features = self.in_passes(clips, pass_frames, SequenceNetwork::features);
        let lengths: Vec<i64> = clips.iter().map(|c| c.frames() as i64).collect();
        let scored = self.network.over_time(&features, &lengths);
        let read = |ClipLogits { track, frames }| {
            let track = self.readout.logits(&track)?.into_iter().next();
            let track = track.ok_or("the sequence network gave nothing")?;
            Ok((track, self.readout.logits(&frames)?))
        };
        scored.into_iter().map(read).collect()
    }
}

impl Model<FrameNetwork> {
    /// The logit of every frame of all clips in a row.
    fn score(&self, clips: &[&Clip], pass_frames: usize) -> Result<Vec<Logit>, String> {
        let outputs = self.in_passes(clips, pass_frames, FrameNetwork::run);
        self.readout.logits(&outputs)
    }
}

/// Reads a weights file and builds its network; `None` after noting what is wrong.
pub(super) fn load_network<A: Architecture, N>(
    model: &ModelFolder<A>,
    running: Running,
    problems: &mut Vec<String>,
    take: impl FnOnce(&mut Tensors, &A, Precision) -> N,
) -> Option<N> {
    let path = model.weights_path();
    let before = problems.len();
    let mut note = |problem: String| problems.push(format!("{}: {problem}", path.display()));
    let mut network = None;
    match Tensors::read(&path, &model.manifest.weights.sha256, running.device) {
        Err(problem) => note(problem),
        Ok(mut tensors) => {
            let architecture = &model.manifest.architecture;
            network = Some(take(&mut tensors, architecture, running.precision));
            tensors.finish().into_iter().for_each(note);
        }
    }
    network.filter(|_| problems.len() == before)
}

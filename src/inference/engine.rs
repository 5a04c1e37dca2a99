//! A bundle's networks on one device: clips in, calibrated logits out.
//!
//! The last bits of a convolution depend on how many pictures run at once, so on the CPU, where
//! a clip alone already fills the cores, clips run one at a time and in pieces of fixed size: the
//! same clip gives the same bits whoever else waits. On a GPU clips share a batch and a score
//! may differ by float noise (about 1e-5 of a logit) from the clip's score alone.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use tch::Tensor;

use super::InferenceError;
use super::bundle::{ModelFolder, Models};
use super::clip::{Clip, FrameScore};
use super::device::DeviceMemory;
use super::familiarity::TrainingRegion;
use super::manifest::{Architecture, SequenceArchitecture};
use super::model::{Model, Running, Strongest, beneath};
use super::networks::{ClipLogits, FrameNetwork, SequenceNetwork};
use crate::domain::{CROP_CANVAS_PX, Familiarity, Logit, ManipulationMap, Rgb8Image};

/// What the model thread runs. A seam: tests of the thread put in an engine that blocks or panics.
pub(super) trait Engine {
    /// Calibrated logits of each clip, in order; a sentence when that is impossible. May panic.
    fn score(&self, clips: &[&Clip]) -> Result<Vec<EngineScores>, String>;

    /// Whether clips may run together.
    fn batches_clips(&self) -> bool;

    /// Gives back memory that is kept for the next clip.
    fn trim(&self) {}
}

/// Calibrated logits of one clip.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EngineScores {
    /// Track and frames; `None` without a sequence model, or for a still image it is not asked about.
    pub(super) sequence: Option<(Logit, Vec<Logit>)>,
    /// The frame model at each crop; `None` where it does not look. Empty without such a model.
    pub(super) frames: Vec<Option<FrameScore>>,
    /// What each crop adds to the sequence model's logit; empty where the frame model says where, and
    /// where the sequence model is not asked.
    pub(super) sequence_maps: Vec<ManipulationMap>,
    /// `None` where the sequence model states no distances.
    pub(super) familiarity: Option<Familiarity>,
}

/// The networks of a bundle.
pub(super) struct Networks {
    sequence: Option<Model<SequenceNetwork>>,
    sequence_sees_stills: bool,
    distances: Option<Distances>,
    frame: Option<Model<FrameNetwork>>,
    /// Frames of a clip that the frame model looks at; 0: all.
    frame_frames: usize,
    /// Pictures in one forward pass at most.
    pass_frames: usize,
    batches_clips: bool,
    /// Last, so that it is dropped when the networks have let go of their memory.
    memory: DeviceMemory,
}

/// Where the training data of the sequence model lies, and after which stage of its trunk.
struct Distances {
    region: TrainingRegion,
    /// Counted from 1.
    stage: usize,
}

/// What the sequence model says of a clip.
#[derive(Default)]
struct SequenceScores {
    /// Track and frames; `None` for a still image it is not asked about.
    logits: Option<(Logit, Vec<Logit>)>,
    maps: Vec<ManipulationMap>,
    familiarity: Option<Familiarity>,
}

/// What a sequence model is asked beside its logits.
#[derive(Clone, Copy)]
struct Besides<'a> {
    distances: Option<&'a Distances>,
    /// What each part of the pictures contributes.
    maps: bool,
}

impl Networks {
    /// Loads the networks strictly. What the frame model rests on, much the largest file, is read beside the
    /// sequence model.
    ///
    /// # Errors
    /// [`InferenceError::Bundle`] for `folder` with every problem of all weight files.
    pub(super) fn load(
        folder: &Path,
        models: &Models,
        running: Running<'_>,
    ) -> Result<Self, InferenceError> {
        let mut problems = Vec::new();
        let (sequence, beneath_frame) = thread::scope(|scope| {
            let frame = models.frame.as_ref();
            let opening = scope.spawn(move || beneath(frame?, running.foundations));
            let sequence = load_sequence(models, running, &mut problems);
            let opened = opening.join().unwrap_or_else(|panic| resume_unwind(panic));
            (sequence, opened)
        });
        let distances =
            (models.sequence.as_ref()).and_then(|model| Distances::read(model, &mut problems));
        let frame = (models.frame.as_ref())
            .and_then(|model| Model::of_pictures(model, running, beneath_frame, &mut problems));
        if !problems.is_empty() {
            return Err(InferenceError::Bundle {
                folder: folder.to_owned(),
                problems,
            });
        }
        Ok(Self {
            sequence,
            sequence_sees_stills: models.sequence_sees_stills,
            distances,
            frame,
            frame_frames: running.frame_frames,
            pass_frames: running.pass_frames,
            batches_clips: running.device.is_cuda(),
            memory: DeviceMemory(running.device),
        })
    }

    /// Runs a grey clip through the networks, so that the first request pays no first-use cost
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

fn load_sequence(
    models: &Models,
    running: Running<'_>,
    problems: &mut Vec<String>,
) -> Option<Model<SequenceNetwork>> {
    let model = models.sequence.as_ref()?;
    let beneath = beneath(model, running.foundations);
    Model::load(model, running, beneath, problems, SequenceNetwork::take)
}

impl Engine for Networks {
    fn score(&self, clips: &[&Clip]) -> Result<Vec<EngineScores>, String> {
        let only_measured = |clip: &Clip| clip.is_still && !self.sequence_sees_stills;
        let (stills, moving): (Vec<&Clip>, Vec<&Clip>) =
            clips.iter().copied().partition(|clip| only_measured(clip));
        let (sequences, stills) = match &self.sequence {
            Some(model) => {
                let distances = self.distances.as_ref();
                let says_where = |model: &Model<FrameNetwork>| model.network.says_where();
                let besides = Besides {
                    distances,
                    maps: !self.frame.as_ref().is_some_and(says_where),
                };
                (
                    model.score(&moving, self.pass_frames, besides)?,
                    model.measure(&stills, self.pass_frames, distances)?,
                )
            }
            None => (Vec::new(), Vec::new()),
        };
        let frames = match &self.frame {
            Some(model) => model.score(clips, self.frame_frames, self.pass_frames)?,
            None => Vec::new(),
        };
        let (mut sequences, mut stills) = (sequences.into_iter(), stills.into_iter());
        let mut frames = frames.into_iter();
        clips
            .iter()
            .map(|clip| {
                let next = if only_measured(clip) {
                    stills.next()
                } else {
                    sequences.next()
                };
                let SequenceScores {
                    logits,
                    maps,
                    familiarity,
                } = next.unwrap_or_default();
                Ok(EngineScores {
                    sequence: logits,
                    sequence_maps: maps,
                    familiarity,
                    frames: frames.next().unwrap_or_default(),
                })
            })
            .collect()
    }

    fn batches_clips(&self) -> bool {
        self.batches_clips
    }

    fn trim(&self) {
        self.memory.trim();
    }
}

impl Distances {
    /// `None` where the manifest states none, and after noting what is wrong with the file.
    fn read(model: &ModelFolder<SequenceArchitecture>, problems: &mut Vec<String>) -> Option<Self> {
        let table = model.manifest.familiarity.as_ref()?;
        let widths = model.manifest.architecture.stage_widths();
        let stage = table.stage(widths.len());
        let region = TrainingRegion::read(&model.folder, table, widths[stage - 1])
            .map_err(|found| problems.extend(found))
            .ok()?;
        Some(Self { region, stage })
    }

    /// The familiarity of each clip, from the features of all their frames in a row.
    fn measure(&self, features: &[Tensor], lengths: &[i64]) -> Result<Vec<Familiarity>, String> {
        let clips = Tensor::cat(features, 0).split_with_sizes(lengths, 0);
        clips.iter().map(|clip| self.region.measure(clip)).collect()
    }
}

fn lengths(clips: &[&Clip]) -> Vec<i64> {
    clips.iter().map(|c| c.frames() as i64).collect()
}

fn crops<'a>(clips: &[&'a Clip]) -> Vec<&'a Rgb8Image> {
    clips.iter().flat_map(|clip| &clip.crops).collect()
}

impl Model<SequenceNetwork> {
    /// The logit of each track and of its frames, and its distance from the training data.
    fn score(
        &self,
        clips: &[&Clip],
        pass_frames: usize,
        besides: Besides<'_>,
    ) -> Result<Vec<SequenceScores>, String> {
        if clips.is_empty() {
            return Ok(vec![]);
        }
        let (lengths, crops) = (lengths(clips), crops(clips));
        let stage = besides.distances.map(|distances| distances.stage);
        let passes = self.in_passes(&crops, pass_frames, |network, pictures| {
            let seen = network.features(pictures, stage);
            let maps = besides.maps.then_some(seen.maps);
            (seen.features, seen.stage, maps)
        });
        let (mut features, mut staged, mut maps) = (vec![], vec![], vec![]);
        for (seen, stage, map) in passes {
            features.push(seen);
            staged.extend(stage);
            maps.extend(map);
        }
        let familiarity = match besides.distances {
            Some(distances) => distances.measure(&staged, &lengths)?,
            None => vec![],
        };
        let maps = match besides.maps {
            true => Tensor::cat(&maps, 0).split_with_sizes(&lengths, 0),
            false => vec![],
        };
        let scored = (self.network).over_time(&Tensor::cat(&features, 0), &lengths);
        let (mut familiarity, mut maps) = (familiarity.into_iter(), maps.into_iter());
        let read = |ClipLogits { track, frames }| {
            let track = self.readout.logits(&track)?.into_iter().next();
            let track = track.ok_or("the sequence network gave nothing")?;
            let maps = maps.next().map(|maps| self.explain(&maps, track));
            Ok(SequenceScores {
                logits: Some((track, self.readout.logits(&frames)?)),
                maps: maps.transpose()?.unwrap_or_default(),
                familiarity: familiarity.next(),
            })
        };
        scored.into_iter().map(read).collect()
    }

    /// A map for each frame of a clip; strengths compare between its frames.
    fn explain(&self, maps: &Tensor, track: Logit) -> Result<Vec<ManipulationMap>, String> {
        let towards = |outputs: &Tensor| self.readout.towards_fake(outputs);
        let contributions = self.network.contributions(maps, &towards);
        let frames = contributions.size()[0] as usize;
        self.contribution_maps(&contributions, &vec![track; frames], Strongest::OfAll)
    }

    /// The distances of still images, for which the trunk runs as far as they need it; nothing
    /// where there are none to measure.
    fn measure(
        &self,
        stills: &[&Clip],
        pass_frames: usize,
        distances: Option<&Distances>,
    ) -> Result<Vec<SequenceScores>, String> {
        let Some(distances) = distances.filter(|_| !stills.is_empty()) else {
            return Ok(vec![]);
        };
        let features = self.in_passes(&crops(stills), pass_frames, |network, pictures| {
            network.stage_features(pictures, distances.stage)
        });
        let measured = distances.measure(&features, &lengths(stills))?.into_iter();
        let scores = measured.map(|familiarity| SequenceScores {
            logits: None,
            maps: vec![],
            familiarity: Some(familiarity),
        });
        Ok(scores.collect())
    }
}

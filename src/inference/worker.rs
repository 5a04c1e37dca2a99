//! The model thread: it alone owns the networks, for as long as the program runs.
//!
//! It takes what waits (never waiting for a batch to fill), runs it, and answers each clip over
//! its own channel. A panic or an error fails a batch of one; a larger batch is then run clip by
//! clip, so that only the clip at fault fails. After a few failures in a row
//! [`WorkerState::is_ready`] turns false; the thread then tries itself out on a grey clip now and
//! again and turns ready with the first success. It is false too while a batch runs on past the
//! deadline of every clip in it, because then nothing is answered any more.
//!
//! What loading and the networks' buffers leave on the heaps is given back when nothing has come for a while,
//! and under load every half minute: it costs the next clip a few hundredths of a second.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tch::Device;

use super::clip::{Clip, ClipScores, FrameScore};
use super::engine::{Engine, EngineScores, Networks};
use super::fusion::mean;
use super::model::Running;
use super::queue::{Entry, Taken};
use super::scorer::{Facts, Scorer};
use super::worker_state::WorkerState;
use super::{
    Bundle, FoundationFolders, Fusion, InferenceError, InferenceSettings, Mix, metrics as names,
};
use crate::domain::{CROP_CANVAS_PX, Logit, Rgb8Image, ScoreError};

/// Longest part of a panic's message that is passed on, in characters; one of libtorch brings a
/// stack.
const MAX_REASON_CHARS: usize = 500;
/// How long the thread waits for clips before it looks after its own health.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the thread works before it gives memory back between two batches.
const TRIM_EVERY: Duration = Duration::from_secs(30);

/// Owns the model thread. Dropping it refuses what waits, finishes the batch that runs and joins
/// the thread.
#[must_use = "dropping the worker stops it"]
pub struct ModelWorker {
    shared: Arc<WorkerState>,
    thread: Option<JoinHandle<()>>,
}

/// How much waits, how much runs at once, and how long the thread stays idle before it looks
/// after itself.
pub(super) struct Limits {
    pub(super) queue_frames: usize,
    pub(super) batch_frames: usize,
    pub(super) patience: Duration,
}

impl ModelWorker {
    /// Reads the bundle, loads its networks on a new thread and runs them once; returns when they
    /// are ready.
    ///
    /// # Errors
    /// [`InferenceError::Setting`], [`InferenceError::Bundle`] with every problem found,
    /// [`InferenceError::Device`], [`InferenceError::ModelFailed`] when the first run fails.
    pub fn start(settings: InferenceSettings) -> Result<(Self, Scorer), InferenceError> {
        settings.check()?;
        let bundle = Bundle::read(&settings.models_dir)?;
        let limits = Limits {
            queue_frames: settings.queue_frames,
            batch_frames: settings.max_batch_frames,
            patience: PATIENCE,
        };
        Self::spawn(limits, bundle.fusion(), move || {
            tch::set_num_threads(i32::try_from(settings.threads).unwrap_or(i32::MAX));
            let device = settings.device.resolve()?;
            let networks = load_networks(&bundle, &settings, device)?;
            networks
                .warm_up(bundle.max_frames())
                .map_err(|reason| InferenceError::ModelFailed { reason })?;
            Ok((networks, Facts::new(&bundle, &settings, device)))
        })
    }

    /// Runs `load` and then the engine it gives on a thread of their own.
    pub(super) fn spawn<E: Engine>(
        limits: Limits,
        fusion: Fusion,
        load: impl FnOnce() -> Result<(E, Facts), InferenceError> + Send + 'static,
    ) -> Result<(Self, Scorer), InferenceError> {
        let shared = Arc::new(WorkerState::new(limits.queue_frames));
        let (loaded, when_loaded) = mpsc::channel();
        let ours = Arc::clone(&shared);
        let thread = Builder::new().name("models".into()).spawn(move || {
            // Gradients are switched off per thread, and stay off.
            let _no_grad = tch::no_grad_guard();
            let _ending = Ending(&ours);
            let attempt = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|panic| {
                let reason = panic_text(panic.as_ref());
                Err(InferenceError::ModelFailed { reason })
            });
            match attempt {
                Err(error) => drop(loaded.send(Err(error))),
                Ok((engine, about)) => {
                    let heard = loaded.send(Ok(about));
                    let desk = Desk {
                        engine,
                        shared: &ours,
                        fusion,
                        limits,
                    };
                    if heard.is_ok() {
                        desk.work();
                    }
                }
            }
        });
        let worker = Self {
            shared: Arc::clone(&shared),
            thread: Some(thread.map_err(InferenceError::Thread)?),
        };
        let about = when_loaded.recv().map_err(|_| InferenceError::Closed)??;
        shared.note(true);
        Ok((worker, Scorer::new(shared, about)))
    }
}

fn load_networks(
    bundle: &Bundle,
    settings: &InferenceSettings,
    device: Device,
) -> Result<Networks, InferenceError> {
    let precision = settings.precision.on(device);
    let frame_precision = settings.frame_model_precision.on(device, precision);
    for (setting, chosen) in [
        ("precision", precision),
        ("frame_model_precision", frame_precision),
    ] {
        let refused = |problem| InferenceError::Setting { setting, problem };
        chosen.check_on(device).map_err(refused)?;
    }
    let running = Running {
        device,
        precision,
        frame_precision,
        frame_frames: settings.frame_model_frames,
        pass_frames: settings.max_batch_frames,
        foundations: &FoundationFolders::new(&settings.models_dir, &settings.foundations_dir),
    };
    Networks::load(bundle.folder(), &bundle.models, running)
}

impl Drop for ModelWorker {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take() {
            // The thread catches panics; were one to slip through there is nothing left to undo.
            let _ = thread.join();
        }
    }
}

/// However the thread ends, nobody is left waiting for it.
struct Ending<'a>(&'a WorkerState);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The thread at work.
struct Desk<'a, E> {
    engine: E,
    shared: &'a WorkerState,
    fusion: Fusion,
    limits: Limits,
}

impl<E: Engine> Desk<'_, E> {
    fn work(&self) {
        let limit = if self.engine.batches_clips() {
            self.limits.batch_frames
        } else {
            0
        };
        // Loading leaves much.
        let mut untrimmed_since = Some(Instant::now());
        loop {
            match self.shared.queue.take(limit, self.limits.patience) {
                Taken::Batch(entries) => {
                    *self.shared.wanted_until() = entries.iter().map(|e| e.deadline).max();
                    let began = *untrimmed_since.get_or_insert_with(Instant::now);
                    self.answer(entries);
                    *self.shared.wanted_until() = None;
                    if began.elapsed() >= TRIM_EVERY {
                        self.engine.trim();
                        untrimmed_since = None;
                    }
                }
                Taken::Idle => {
                    if untrimmed_since.take().is_some() {
                        self.engine.trim();
                    }
                    self.look_after_itself();
                }
                Taken::Closed => return,
            }
        }
    }

    /// Scores a batch; when it fails, each clip of it alone.
    fn answer(&self, entries: Vec<Entry>) {
        let started = Instant::now();
        let clips: Vec<&Clip> = entries.iter().map(|e| &e.clip).collect();
        metrics::histogram!(names::BATCH_FRAMES)
            .record(clips.iter().map(|c| c.frames()).sum::<usize>() as f64);
        match self.attempt(&clips) {
            Ok(scores) => {
                for (entry, scores) in entries.into_iter().zip(scores) {
                    self.reply(entry, started, Ok(scores));
                }
            }
            Err(reason) if entries.len() == 1 => {
                for entry in entries {
                    self.reply(entry, started, Err(reason.clone()));
                }
            }
            Err(_) => entries
                .into_iter()
                .for_each(|entry| self.answer(vec![entry])),
        }
    }

    /// The engine's scores, or why it failed; a panic is a failure like any other.
    fn attempt(&self, clips: &[&Clip]) -> Result<Vec<EngineScores>, String> {
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.engine.score(clips)))
            .unwrap_or_else(|panic| Err(panic_text(panic.as_ref())));
        metrics::histogram!(names::BATCH_SECONDS).record(started.elapsed().as_secs_f64());
        if let Err(reason) = &outcome {
            tracing::error!(reason, clips = clips.len(), "the models failed");
        }
        // A larger batch that fails says nothing yet: its clips are run alone next.
        if outcome.is_ok() || clips.len() == 1 {
            self.shared.note(outcome.is_ok());
        }
        outcome
    }

    fn reply(&self, entry: Entry, started: Instant, outcome: Result<EngineScores, String>) {
        let waited = started.saturating_duration_since(entry.queued_at);
        metrics::histogram!(names::WAIT_SECONDS).record(waited.as_secs_f64());
        let mix = if entry.clip.is_still {
            self.fusion.of_stills()
        } else {
            self.fusion.of_tracks()
        };
        let fused = outcome.and_then(|s| fuse(mix, s).map_err(|e| e.to_string()));
        let answer = fused
            .map(|scores| ClipScores {
                queue_ms: waited.as_secs_f64() * 1e3,
                inference_ms: started.elapsed().as_secs_f64() * 1e3,
                ..scores
            })
            .map_err(|reason| {
                metrics::counter!(names::FAILED_TOTAL).increment(1);
                InferenceError::ModelFailed { reason }
            });
        // The caller may have left meanwhile; then nobody wants the answer.
        let _ = entry.reply.send(answer);
    }

    /// While failing and idle, a grey clip tells whether the trouble is over.
    fn look_after_itself(&self) {
        if self.shared.is_ready() {
            return;
        }
        let grey = vec![128; (CROP_CANVAS_PX * CROP_CANVAS_PX * 3) as usize];
        if let Ok(crop) = Rgb8Image::new(CROP_CANVAS_PX, CROP_CANVAS_PX, grey) {
            let clip = Clip {
                crops: vec![crop],
                is_still: false,
            };
            let _ = self.attempt(&[&clip]);
        }
    }
}

/// Joins the models' logits for the track and for each frame.
fn fuse(mix: Mix, scores: EngineScores) -> Result<ClipScores, ScoreError> {
    let (sequence_track, sequence_frames) = match scores.sequence {
        Some((track, frames)) => (Some(track), frames),
        None => (None, vec![]),
    };
    let looked_at: Vec<Logit> = (scores.frames.iter().flatten())
        .map(|score| score.logit)
        .collect();
    let everywhere = everywhere(&scores.frames);
    let frames = 0..sequence_frames.len().max(everywhere.len());
    let at = |logits: &[Logit], frame: usize| logits.get(frame).copied();
    let fused_frames = frames
        .map(|n| mix.fuse(at(&sequence_frames, n), at(&everywhere, n)))
        .collect::<Result<_, _>>()?;
    let frame_track = (!looked_at.is_empty())
        .then(|| mean(&looked_at))
        .transpose()?;
    Ok(ClipScores {
        fused_track: mix.fuse(sequence_track, frame_track)?,
        fused_frames,
        sequence_track,
        sequence_frames,
        frame_frames: scores.frames,
        sequence_maps: scores.sequence_maps,
        familiarity: scores.familiarity,
        queue_ms: 0.0,
        inference_ms: 0.0,
    })
}

/// The frame model's logit at every frame: where it did not look, that of the nearest frame where
/// it did, of two the earlier.
fn everywhere(scores: &[Option<FrameScore>]) -> Vec<Logit> {
    let scored = |(position, score): (usize, &Option<FrameScore>)| {
        score.as_ref().map(|score| (position, score.logit))
    };
    let scored: Vec<(usize, Logit)> = scores.iter().enumerate().filter_map(scored).collect();
    let nearest = |frame: usize| {
        let nearest = (scored.iter()).min_by_key(|(position, _)| position.abs_diff(frame));
        nearest.map(|(_, logit)| *logit)
    };
    (0..scores.len()).filter_map(nearest).collect()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("the model thread panicked");
    text.chars().take(MAX_REASON_CHARS).collect()
}

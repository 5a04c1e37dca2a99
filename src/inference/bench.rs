//! A model thread around an engine that does what a test tells it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::clip::{Clip, ClipScores, FrameScore};
use super::engine::{Engine, EngineScores};
use super::fixture::noise_clip;
use super::scorer::Facts;
use super::worker::Limits;
use super::{Fusion, InferenceError, ModelWorker, Precision, Scorer};
use crate::domain::{Logit, Probability, Thresholds};

/// Waits for a word of the test before each batch, and notes the frames of each clip in it. A clip
/// of [`POISON`] frames makes it panic; while `broken` it fails.
pub(super) struct Told {
    go_on: Receiver<()>,
    seen: Arc<Mutex<Vec<Vec<usize>>>>,
    broken: Arc<AtomicBool>,
    batches: bool,
}

pub(super) const POISON: u32 = 13;

impl Engine for Told {
    fn score(&self, clips: &[&Clip]) -> Result<Vec<EngineScores>, String> {
        let frames: Vec<usize> = clips.iter().map(|c| c.frames()).collect();
        self.seen.lock().unwrap().push(frames.clone());
        // A test that is over has dropped its end; then nothing is held up any more.
        let _ = self.go_on.recv();
        assert!(!frames.contains(&(POISON as usize)), "poisoned clip");
        if self.broken.load(Ordering::SeqCst) {
            return Err("told to fail".into());
        }
        let logit = |n: usize| Logit::new(n as f32).map_err(|e| e.to_string());
        let frame = |n: usize| {
            let map = None;
            Ok::<_, String>(FrameScore {
                logit: logit(n)?,
                map,
            })
        };
        let scores = |&n: &usize| {
            Ok(EngineScores {
                sequence_maps: vec![],
                sequence: Some((logit(n)?, vec![logit(n)?; n])),
                frames: vec![Some(frame(n)?); n],
                familiarity: None,
            })
        };
        frames.iter().map(scores).collect()
    }

    fn batches_clips(&self) -> bool {
        self.batches
    }
}

pub(super) struct Bench {
    /// Dropped first: lets an engine go on that waits for a word while the worker is joined.
    pub(super) go_on: Sender<()>,
    pub(super) worker: ModelWorker,
    pub(super) scorer: Scorer,
    seen: Arc<Mutex<Vec<Vec<usize>>>>,
    pub(super) broken: Arc<AtomicBool>,
}

impl Bench {
    pub(super) fn new(batches: bool) -> Self {
        let (go_on, told) = channel();
        let (seen, broken) = (Arc::default(), Arc::default());
        let engine = Told {
            go_on: told,
            seen: Arc::clone(&seen),
            broken: Arc::clone(&broken),
            batches,
        };
        let limits = Limits {
            queue_frames: 20,
            batch_frames: 8,
            patience: Duration::from_millis(20),
        };
        let loaded = move || Ok((engine, about()));
        let (worker, scorer) = ModelWorker::spawn(limits, fusion(), loaded).unwrap();
        Self {
            worker,
            scorer,
            go_on,
            seen,
            broken,
        }
    }

    /// Sends a clip and returns once it waits or runs.
    pub(super) async fn send(
        &self,
        frames: u32,
    ) -> tokio::task::JoinHandle<Result<ClipScores, InferenceError>> {
        self.send_until(frames, Duration::from_secs(60)).await
    }

    pub(super) async fn send_until(
        &self,
        frames: u32,
        patience: Duration,
    ) -> tokio::task::JoinHandle<Result<ClipScores, InferenceError>> {
        let (scorer, deadline) = (self.scorer.clone(), Instant::now() + patience);
        let task =
            tokio::spawn(async move { scorer.score(noise_clip(frames, frames), deadline).await });
        // Tasks of the one test thread run in turn: after this the clip is in the queue.
        tokio::task::yield_now().await;
        task
    }

    /// Waits until the engine has begun its `count`th batch.
    pub(super) async fn until_begun(&self, count: usize) {
        self.until(|| self.seen.lock().unwrap().len() >= count)
            .await;
    }

    pub(super) async fn until(&self, mut reached: impl FnMut() -> bool) {
        let start = Instant::now();
        while !reached() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "it never happened"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(super) fn let_run(&self, batches: usize) {
        (0..batches).for_each(|_| self.go_on.send(()).unwrap());
    }

    pub(super) fn batches(&self) -> Vec<Vec<usize>> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) fn fusion() -> Fusion {
    Fusion {
        bias: 0.0,
        sequence_weight: 0.5,
        frame_weight: 0.5,
        stills: None,
    }
}

fn about() -> Facts {
    let thresholds = Thresholds::new(
        Probability::new(0.3).unwrap(),
        Probability::new(0.7).unwrap(),
    );
    Facts {
        loading: 0,
        models: vec![],
        architectures: vec![],
        fusion: fusion(),
        thresholds: thresholds.unwrap(),
        measured: vec![],
        detector_folder: PathBuf::new(),
        bundle: "told".into(),
        device: "cpu".into(),
        precision: Precision::Fp32,
        frame_precision: Precision::Fp32,
        frame_model_frames: 0,
        max_frames: 16,
        judges_stills: true,
    }
}

//! What isolation costs: the same work in this process and in a worker, for
//! `benchmarks/decode_isolation`. The service never looks at a file in its own process.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{AnalysisError, AnalysisSettings, ProgressWatch};
use super::observe::{Pictures, observe};
use super::remote::{Assignment, RemoteDecoder};
use crate::faces::{self, Detector};
use crate::isolation::Span;

/// A worker and a detector of this process's own.
#[doc(hidden)]
pub struct DecodeCost {
    settings: Arc<AnalysisSettings>,
    detector: Detector,
    remote: RemoteDecoder,
    started_in: Duration,
}

/// Keeps pictures on the heap.
#[derive(Default)]
struct OnHeap(Vec<Vec<u8>>);

impl Pictures for OnHeap {
    fn put(&mut self, bytes: &[u8]) -> Result<Span, AnalysisError> {
        self.0.push(bytes.to_vec());
        Ok(Span {
            offset: 0,
            bytes: bytes.len() as u64,
        })
    }
}

impl DecodeCost {
    /// Loads a detector here and starts a worker.
    ///
    /// # Errors
    /// As [`crate::analysis::Analyzer::start`].
    pub fn start(settings: AnalysisSettings, detector_dir: &Path) -> Result<Self, AnalysisError> {
        faces::bound_threads(1)?;
        let settings = Arc::new(settings);
        let detector = Detector::load(detector_dir)?;
        let folder = std::path::absolute(detector_dir).map_err(AnalysisError::Threads)?;
        let started = Instant::now();
        let (remote, _) = RemoteDecoder::start(Arc::clone(&settings), folder)?;
        Ok(Self {
            settings,
            detector,
            remote,
            started_in: started.elapsed(),
        })
    }

    /// From starting the worker's process until it was ready.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Looks at `file` here, and tells how long that took.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn in_process(&mut self, file: &File) -> Result<Duration, AnalysisError> {
        let started = Instant::now();
        let mut pictures = OnHeap::default();
        observe(
            file,
            &mut self.detector,
            &self.settings,
            &mut pictures,
            &mut |_, _| {},
        )?;
        Ok(started.elapsed())
    }

    /// Has the worker look at `file`: from handing it over until its checked report and every
    /// picture are here.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn isolated(&mut self, file: &File) -> Result<Duration, AnalysisError> {
        let started = Instant::now();
        self.remote.look(&Assignment {
            file,
            sample: self.settings.sample,
            deadline: started + self.settings.deadline,
            face_threads: 1,
            given_up: &|| false,
            watch: &ProgressWatch::default(),
        })?;
        Ok(started.elapsed())
    }
}

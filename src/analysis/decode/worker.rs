//! The worker's half: one process, one thread, one file at a time.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use super::super::{AnalysisError, AnalysisSettings};
use super::observe::observe;
use super::wire::{
    Answer, Look, PROTOCOL, Ready, Refusal, SETUP_BYTES, SHORT_MESSAGE_BYTES, Setup, Started,
    describe,
};
use crate::credentials;
use crate::faces::{self, Detector};
use crate::isolation::{
    Channel, IsolationError, RegionWriter, SandboxLimits, enter_sandbox, prepare_worker,
};
use crate::media;

/// The program that is a worker and nothing else. The service's own holds the same code, but loads libtorch first, for
/// half a second.
pub(super) const WORKER_PROGRAM: &str = "framewitness-decode";
/// The command-line argument that makes the service's program a worker.
pub const WORKER_ARGUMENT: &str = "decode-worker";

/// Serves as a decode worker until the other end of the socket is closed. Call it first in `main`:
/// descriptors other than the standard ones are closed.
pub fn serve_decoding() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("framewitness {WORKER_ARGUMENT}: {}", describe(&error));
            ExitCode::from(2)
        }
    }
}

fn serve() -> Result<(), IsolationError> {
    let mut channel = prepare_worker()?;
    let (setup, []) = channel.receive_with_descriptors::<Setup, 0>(SETUP_BYTES)?;
    let (mut bench, ready) = match set_up(setup) {
        Ok(set_up) => set_up,
        Err(error) => return channel.send(&Started::Failed(describe(&error)), &[]),
    };
    channel.send(&Started::Ready(ready), &[])?;
    bench.look_at_files(&mut channel)
}

/// Loads everything, and then shuts itself in.
fn set_up(setup: Setup) -> Result<(Bench, Ready), AnalysisError> {
    // No threads before the sandbox, which holds those alone that start in it.
    faces::bound_threads(1)?;
    let detector = Detector::load(&setup.detector_dir)?;
    media::load_decoders();
    let settings = setup.settings;
    let isolation = enter_sandbox(&SandboxLimits {
        memory_bytes: settings.worker.memory_bytes,
        cpu_s: settings.worker_cpu_s(),
        file_bytes: settings.region_bytes(),
    })?;
    let ready = Ready {
        protocol: PROTOCOL.into(),
        isolation,
        detector: detector.identity().clone(),
    };
    Ok((Bench { detector, settings }, ready))
}

struct Bench {
    detector: Detector,
    settings: AnalysisSettings,
}

impl Bench {
    fn look_at_files(&mut self, channel: &mut Channel) -> Result<(), IsolationError> {
        loop {
            let (look, [file, region]): (Look, _) =
                match channel.receive_with_descriptors(SHORT_MESSAGE_BYTES) {
                    Ok(received) => received,
                    Err(IsolationError::Ended(_)) => return Ok(()),
                    Err(error) => return Err(error),
                };
            let file = File::from(file);
            // A parent that is gone shows when it is answered.
            let mut tell = |seen, frames| {
                let (seen, frames) = (count_of(seen), count_of(frames));
                let _ = channel.send(&Answer::UnderWay { seen, frames }, &[]);
            };
            let answer = self.look(&look, &file, region, &mut tell);
            let is_seen = matches!(answer, Answer::Seen(_));
            channel.send(&answer, &[])?;
            if let (true, Some(limit_ms)) = (is_seen, look.credentials_ms) {
                let limit = Duration::from_millis(limit_ms);
                channel.send(&self.read_credentials(&file, limit), &[])?;
            }
        }
    }

    fn look(
        &mut self,
        look: &Look,
        file: &File,
        region: OwnedFd,
        tell: &mut dyn FnMut(usize, usize),
    ) -> Answer {
        let mut settings = self.settings.clone();
        settings.sample = look.sample;
        let left = Duration::from_millis(look.deadline_ms);
        settings.media.deadline = settings.media.deadline.min(left);
        let mut pictures = RegionWriter::new(region);
        let detector = &mut self.detector;
        let seen = catch_unwind(AssertUnwindSafe(|| {
            faces::bound_threads(look.face_threads)?;
            detector.bound_threads(look.face_threads)?;
            observe(file, detector, &settings, &mut pictures, tell)
        }));
        match seen {
            Ok(Ok(report)) => Answer::Seen(Box::new(report)),
            Ok(Err(error)) => Answer::Refused(error.into()),
            Err(panic) => refused_after(&*panic),
        }
    }

    /// What the file says of itself. Its pictures are safe with the parent by now.
    fn read_credentials(&self, file: &File, limit: Duration) -> Answer {
        let trust_list = self.settings.trust_list.as_deref();
        let reading = || credentials::read(file, trust_list, limit);
        match catch_unwind(AssertUnwindSafe(reading)) {
            Ok(found) => Answer::Credentials(Box::new(found)),
            Err(panic) => refused_after(&*panic),
        }
    }
}

fn refused_after(panic: &(dyn std::any::Any + Send)) -> Answer {
    Answer::Refused(Refusal::Failed(format!("a panic: {}", words_of(panic))))
}

fn count_of(frames: usize) -> u32 {
    u32::try_from(frames).unwrap_or(u32::MAX)
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> &str {
    (panic.downcast_ref::<&str>().copied())
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}

//! The parent's half: hands files to a worker, believes it as far as `accept` does, and replaces it
//! when it has served its number of files or anything was odd.
//!
//! The next worker is started at once, so that it is loaded and shut in by the time a file comes.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{AnalysisError, AnalysisSettings, ProgressWatch};
use super::accept::{Known, accept};
use super::hearing::{
    credentials_time, hear_credentials, out_of_turn, too_talkative, why_no_answer,
};
use super::metrics::{Replaced, count_replaced};
use super::observation::Observation;
use super::wire::{
    ANSWER_BYTES, Answer, Look, PROTOCOL, Ready, Report, SHORT_MESSAGE_BYTES, Setup, Started,
    describe,
};
use super::worker::{WORKER_ARGUMENT, WORKER_PROGRAM};
use crate::credentials;
use crate::domain::Stage;
use crate::isolation::{IsolationError, Region, Worker, WorkerProgram, reopen_read_only};
use crate::media::SampleOptions;

/// Loading libraries and the detector takes under a second; on a machine at its limits, never this.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A file to look at, and how long.
pub(super) struct Assignment<'a> {
    pub(super) file: &'a File,
    pub(super) sample: SampleOptions,
    pub(super) deadline: Instant,
    /// Threads that may look for faces in it.
    pub(super) face_threads: u32,
    /// Says that nobody needs the result any more.
    pub(super) given_up: &'a dyn Fn() -> bool,
    /// Whom to tell how it gets on.
    pub(super) watch: &'a ProgressWatch,
}

/// One worker, always the next one ready.
pub(super) struct RemoteDecoder {
    program: WorkerProgram,
    settings: Arc<AnalysisSettings>,
    detector_dir: PathBuf,
    current: Option<Attendant>,
}

impl RemoteDecoder {
    /// Starts the first worker and waits until it is ready. Workers die with the calling thread.
    ///
    /// # Errors
    /// [`AnalysisError::Worker`], [`AnalysisError::DecoderStart`], [`AnalysisError::Unsandboxed`].
    pub(super) fn start(
        settings: Arc<AnalysisSettings>,
        detector_dir: PathBuf,
    ) -> Result<(Self, Ready), AnalysisError> {
        let program = WorkerProgram::find(WORKER_PROGRAM, WORKER_ARGUMENT);
        let mut attendant = Attendant::start(&program, &settings, &detector_dir)?;
        let ready = attendant.ready(&settings, &|| false)?;
        let decoder = Self {
            program,
            settings,
            detector_dir,
            current: Some(attendant),
        };
        Ok((decoder, ready))
    }

    /// Has the worker look at a file.
    ///
    /// # Errors
    /// What is wrong with the file; [`AnalysisError::DecoderCrashed`] and
    /// [`AnalysisError::DecoderMisbehaved`] when it cost the worker; [`AnalysisError::Closed`] when
    /// it was given up; [`AnalysisError::Worker`] when there is no worker.
    pub(super) fn look(&mut self, task: &Assignment<'_>) -> Result<Observation, AnalysisError> {
        let mut attendant = self.take_attendant()?;
        let mut result = match attendant.ready(&self.settings, task.given_up) {
            Ok(ready) => attendant.look(task, &self.settings, &ready),
            // Nothing odd: it is not ready yet, and will be for the next caller.
            Err(AnalysisError::Closed) => {
                self.current = Some(attendant);
                return Err(AnalysisError::Closed);
            }
            Err(error) => Err(error),
        };
        let mut trouble = None;
        if let Ok(observation) = &mut result
            && credentials::ARE_READ
        {
            let (found, error) = hear_credentials(attendant.worker.channel(), task.given_up);
            observation.credentials = Some(found);
            trouble = error;
        }
        let error = result.as_ref().err().or(trouble.as_ref());
        match fate(error, attendant.served, &self.settings) {
            None => self.current = Some(attendant),
            Some(reason) => {
                let status = attendant.worker.end();
                tell_replaced(reason, status, error);
                if let (Err(AnalysisError::DecoderCrashed { how }), Some(status)) =
                    (&mut result, status)
                {
                    *how = status.to_string();
                }
                // Where it does not start now, the next file tries again, and says so.
                self.current = self.another().ok();
            }
        }
        result
    }

    /// The one that waits, or another: one that died while it waited is no fault of a file.
    fn take_attendant(&mut self) -> Result<Attendant, AnalysisError> {
        match self.current.take().and_then(Attendant::alive) {
            Some(waiting) => Ok(waiting),
            None => self.another(),
        }
    }

    fn another(&self) -> Result<Attendant, AnalysisError> {
        Attendant::start(&self.program, &self.settings, &self.detector_dir)
    }

    /// Sees to it that a worker waits, and waits for it.
    ///
    /// # Errors
    /// [`AnalysisError::Worker`], [`AnalysisError::DecoderStart`], [`AnalysisError::Unsandboxed`].
    pub(super) fn make_ready(&mut self) -> Result<(), AnalysisError> {
        let mut attendant = self.take_attendant()?;
        attendant.ready(&self.settings, &|| false)?;
        self.current = Some(attendant);
        Ok(())
    }
}

/// Whether a worker is to be replaced after a file that ended in `error`.
fn fate(
    error: Option<&AnalysisError>,
    served: u32,
    settings: &AnalysisSettings,
) -> Option<Replaced> {
    match error {
        None | Some(AnalysisError::Media(_)) => {
            (served >= settings.worker.requests).then_some(Replaced::WornOut)
        }
        Some(AnalysisError::Closed) => Some(Replaced::GivenUp),
        Some(AnalysisError::DecoderCrashed { .. }) => Some(Replaced::Crashed),
        Some(_) => Some(Replaced::Misbehaved),
    }
}

fn tell_replaced(reason: Replaced, status: Option<ExitStatus>, error: Option<&AnalysisError>) {
    count_replaced(reason);
    match (reason, error) {
        (Replaced::WornOut | Replaced::GivenUp, _) | (_, None) => {
            tracing::debug!(?reason, "decode worker replaced");
        }
        (Replaced::Crashed | Replaced::Misbehaved, Some(error)) => {
            let (error, status) = (describe(error), status.map(|status| status.to_string()));
            tracing::warn!(?reason, %error, status, "decode worker replaced");
        }
    }
}

/// A worker and what was said so far.
struct Attendant {
    worker: Worker,
    ready: Option<Ready>,
    served: u32,
}

impl Attendant {
    /// Does not wait for it.
    fn start(
        program: &WorkerProgram,
        settings: &AnalysisSettings,
        detector_dir: &Path,
    ) -> Result<Self, AnalysisError> {
        let mut worker = Worker::start(program)?;
        let setup = Setup {
            protocol: PROTOCOL.into(),
            detector_dir: detector_dir.to_owned(),
            settings: settings.clone(),
        };
        worker.channel().send(&setup, &[])?;
        Ok(Self {
            worker,
            ready: None,
            served: 0,
        })
    }

    /// Itself, as long as the process runs.
    fn alive(mut self) -> Option<Self> {
        self.worker.is_alive().then_some(self)
    }

    /// Waits until it has loaded everything and shut itself in.
    fn ready(
        &mut self,
        settings: &AnalysisSettings,
        given_up: &dyn Fn() -> bool,
    ) -> Result<Ready, AnalysisError> {
        if let Some(ready) = &self.ready {
            return Ok(ready.clone());
        }
        // From now, not from its start: it may have been ready for an hour before anybody needed it,
        // with its word unread.
        let waiting_since = Instant::now();
        let too_late = || waiting_since.elapsed() > START_DEADLINE;
        let channel = self.worker.channel();
        match channel.wait(&|| too_late() || given_up()) {
            Err(IsolationError::GivenUp) if !too_late() => return Err(AnalysisError::Closed),
            waited => waited?,
        }
        let ready = match channel.receive(SHORT_MESSAGE_BYTES, &too_late)? {
            Started::Ready(ready) => ready,
            Started::Failed(text) => return Err(AnalysisError::DecoderStart(text)),
        };
        check(&ready, settings.worker.allow_unsandboxed)?;
        self.ready = Some(ready.clone());
        Ok(ready)
    }

    fn look(
        &mut self,
        task: &Assignment<'_>,
        settings: &AnalysisSettings,
        ready: &Ready,
    ) -> Result<Observation, AnalysisError> {
        let started = Instant::now();
        self.served += 1;
        let size_bytes = task.file.metadata().map_err(IsolationError::Reopen)?.len();
        let file = reopen_read_only(task.file)?;
        let settings = &AnalysisSettings {
            sample: task.sample,
            ..settings.clone()
        };
        let region = Region::create(settings.region_bytes())?;
        let report = self.ask(task, &[file.as_fd(), region.descriptor()])?;
        let known = Known {
            settings,
            size_bytes,
            isolation: ready.isolation,
            took: started.elapsed(),
        };
        accept(report, &region, &known)
            .map_err(|distrust| AnalysisError::DecoderMisbehaved(distrust.to_string()))
    }

    fn ask(
        &mut self,
        task: &Assignment<'_>,
        descriptors: &[std::os::fd::BorrowedFd<'_>],
    ) -> Result<Report, AnalysisError> {
        let left = task.deadline.saturating_duration_since(Instant::now());
        let look = Look {
            sample: task.sample,
            deadline_ms: milliseconds(left),
            face_threads: task.face_threads,
            credentials_ms: credentials::ARE_READ.then(|| milliseconds(credentials_time(left))),
        };
        let channel = self.worker.channel();
        channel.send(&look, descriptors).map_err(why_no_answer)?;
        // One before the first frame, and one after each.
        let mut may_tell = task.sample.most() + 1;
        loop {
            let answer = channel.receive(ANSWER_BYTES, task.given_up);
            match answer.map_err(why_no_answer)? {
                Answer::Seen(report) => return Ok(*report),
                Answer::Refused(refusal) => return Err(refusal.into()),
                Answer::Credentials(_) => return Err(out_of_turn()),
                Answer::UnderWay { seen, frames } => {
                    may_tell = may_tell.checked_sub(1).ok_or_else(too_talkative)?;
                    let part = f64::from(seen) / f64::from(frames.max(1));
                    task.watch.stage(Stage::Faces, part);
                }
            }
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Refuses a worker of another version, and one that is not shut in unless that is allowed.
fn check(ready: &Ready, allow_unsandboxed: bool) -> Result<(), AnalysisError> {
    if ready.protocol != PROTOCOL {
        return Err(AnalysisError::DecoderStart(format!(
            "it is of another version ({}) than this program ({PROTOCOL}); {WORKER_PROGRAM} comes with framewitness: \
             put both of one build side by side",
            ready.protocol
        )));
    }
    let missing = ready.isolation.missing();
    if missing.is_empty() || allow_unsandboxed {
        return Ok(());
    }
    Err(AnalysisError::Unsandboxed {
        missing: missing.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Isolation, ModelIdentity, ModelRole};

    fn ready(seccomp: bool) -> Ready {
        Ready {
            protocol: PROTOCOL.into(),
            isolation: Isolation {
                no_new_privileges: true,
                resource_limits: true,
                seccomp,
                landlock_abi: None,
            },
            detector: ModelIdentity {
                name: "d".into(),
                version: "1".into(),
                role: ModelRole::Detector,
                sha256: "ab".repeat(32),
                foundation: None,
            },
        }
    }

    #[test]
    fn a_worker_that_is_not_shut_in_is_refused_unless_the_setting_says_otherwise() {
        assert!(check(&ready(true), false).is_ok());
        let refused = check(&ready(false), false).unwrap_err();
        assert_eq!(refused.code(), "unsandboxed");
        let message = refused.to_string();
        assert!(message.contains("missing: seccomp") && message.contains("allow_unsandboxed"));
        assert!(check(&ready(false), true).is_ok());
    }

    #[test]
    fn a_worker_of_another_version_is_refused() {
        let mut foreign = ready(true);
        foreign.protocol = "0.0.1, protocol 7".into();
        let refused = check(&foreign, true).unwrap_err();
        assert_eq!(refused.code(), "no-decoder");
        assert!(refused.to_string().contains("(0.0.1, protocol 7)"));
    }

    #[test]
    fn only_what_a_file_is_guilty_of_leaves_its_worker_in_place() {
        let settings = crate::analysis::settings::small_settings();
        let most = settings.worker.requests;
        let sound = AnalysisError::from(crate::media::MediaError::NoFrames);
        assert_eq!(fate(None, 1, &settings), None);
        assert_eq!(fate(Some(&sound), 1, &settings), None);
        assert_eq!(fate(Some(&sound), most, &settings), Some(Replaced::WornOut));
        let failed = AnalysisError::DecoderFailed("panic".into());
        assert_eq!(
            fate(Some(&failed), 1, &settings),
            Some(Replaced::Misbehaved)
        );
        assert_eq!(
            fate(Some(&AnalysisError::Closed), 1, &settings),
            Some(Replaced::GivenUp)
        );
    }
}

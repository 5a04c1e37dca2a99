//! What an answer out of turn, or none, tells of a worker; and the answer that may fail without harm.

use std::time::{Duration, Instant};

use super::super::AnalysisError;
use super::wire::{Answer, CREDENTIALS_BYTES};
use crate::domain::ContentCredentials;
use crate::isolation::{Channel, IsolationError};

/// Longest reading of content credentials, which hashes the whole file.
const CREDENTIALS_LIMIT: Duration = Duration::from_secs(10);
/// How much later than that a worker may answer before it is ended.
const CREDENTIALS_GRACE: Duration = Duration::from_secs(3);

/// How long content credentials may take where so much time is left: scoring needs the rest.
pub(super) fn credentials_time(left: Duration) -> Duration {
    CREDENTIALS_LIMIT.min(left / 4)
}

/// What the worker tells of content credentials after its report. Where it does not, the file is none the
/// worse for it; the error is the worker's.
pub(super) fn hear_credentials(
    channel: &mut Channel,
    given_up: &dyn Fn() -> bool,
) -> (ContentCredentials, Option<AnalysisError>) {
    let since = Instant::now();
    let too_late = || since.elapsed() > CREDENTIALS_LIMIT + CREDENTIALS_GRACE;
    let heard = channel.receive::<Answer>(CREDENTIALS_BYTES, &|| too_late() || given_up());
    let error = match heard.map_err(why_no_answer) {
        Ok(Answer::Credentials(found)) => return (found.bounded(), None),
        Ok(Answer::Refused(refusal)) => refusal.into(),
        Ok(Answer::UnderWay { .. } | Answer::Seen(_)) => out_of_turn(),
        Err(error) => error,
    };
    let reason = match matches!(error, AnalysisError::Closed) {
        true => "the file took too long",
        false => "the process that reads them failed at this file",
    };
    let reason = reason.into();
    (ContentCredentials::Unreadable { reason }, Some(error))
}

/// An answer that no question led to.
pub(super) fn out_of_turn() -> AnalysisError {
    AnalysisError::DecoderMisbehaved("it answered what it was not asked".into())
}

/// Whoever tells of more frames than it was asked for could keep its parent listening for ever.
pub(super) fn too_talkative() -> AnalysisError {
    AnalysisError::DecoderMisbehaved("it told of more frames than it was asked for".into())
}

/// Why a worker did not answer.
pub(super) fn why_no_answer(error: IsolationError) -> AnalysisError {
    let is_gone = matches!(error, IsolationError::Ended(_) | IsolationError::Channel(_));
    if matches!(error, IsolationError::GivenUp) {
        AnalysisError::Closed
    } else if is_gone {
        let how = "its socket closed".into();
        AnalysisError::DecoderCrashed { how }
    } else {
        AnalysisError::DecoderMisbehaved(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::domain::Manifest;

    /// What is heard of a worker that sends `answers` and ends, or stays silent.
    fn heard(
        answer: Option<&Answer>,
        given_up: bool,
    ) -> (ContentCredentials, Option<AnalysisError>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut worker = Channel::new(theirs);
        if let Some(answer) = answer {
            worker.send(answer, &[]).unwrap();
        }
        let kept = given_up.then_some(worker);
        let heard = hear_credentials(&mut Channel::new(ours), &|| given_up);
        drop(kept);
        heard
    }

    #[test]
    fn what_an_honest_worker_read_is_believed_within_bounds() {
        let told = ContentCredentials::Untrusted(Manifest {
            title: Some("a\u{1b}[2J".to_owned() + &"b".repeat(1000)),
            ..Manifest::default()
        });
        let (found, error) = heard(Some(&Answer::Credentials(Box::new(told.clone()))), false);
        assert_eq!(found, told.bounded());
        assert!(error.is_none());
    }

    #[test]
    fn a_worker_that_dies_hangs_or_says_something_else_costs_the_credentials_alone() {
        let (dead, error) = heard(None, false);
        assert_eq!(dead.state(), "unreadable");
        assert!(matches!(error, Some(AnalysisError::DecoderCrashed { .. })));

        let (silent, error) = heard(None, true);
        assert!(silent.to_string().contains("too long"), "{silent}");
        assert!(matches!(error, Some(AnalysisError::Closed)));

        let other = Answer::UnderWay { seen: 1, frames: 2 };
        let (strange, error) = heard(Some(&other), false);
        assert_eq!(strange.state(), "unreadable");
        assert!(matches!(error, Some(AnalysisError::DecoderMisbehaved(_))));
    }

    #[test]
    fn reading_leaves_most_of_the_time_to_the_rest() {
        let seconds = Duration::from_secs;
        assert_eq!(credentials_time(seconds(120)), seconds(10));
        assert_eq!(credentials_time(seconds(8)), seconds(2));
    }
}

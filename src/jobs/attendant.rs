//! Stands by while a job is worked on: tells how it gets on, keeps it, and notices when it is lost.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::workshop::Workshop;
use crate::analysis::{PersonScores, Progress};
use crate::domain::{Probability, Stage};
use crate::store::{Claim, StoreError};

/// Between two looks whether the job is still ours. A job that is cancelled frees its worker by then.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Least time between two tellings of the same stage.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Why somebody stands by no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// The work has ended.
    WorkEnded,
    /// The job is another's, was cancelled or is gone.
    Lost,
    /// The process ends.
    Stopping,
}

/// Stands by one job.
pub(super) struct Attendant<'a> {
    shop: &'a Workshop,
    claim: &'a Claim,
    /// What was told last, and when.
    told: (Stage, Instant),
    /// When the analysis was last heard of.
    heard_at: Instant,
    /// When the database last took a renewal.
    renewed_at: Instant,
}

impl<'a> Attendant<'a> {
    pub(super) fn new(shop: &'a Workshop, claim: &'a Claim) -> Self {
        let now = Instant::now();
        Self {
            shop,
            claim,
            told: (Stage::Received, now),
            heard_at: now,
            renewed_at: now,
        }
    }

    /// Stands by until the work ends, which closes `progress`, or must end.
    pub(super) async fn stand_by(
        mut self,
        mut progress: Receiver<Progress>,
        mut stop: watch::Receiver<bool>,
    ) -> Parting {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut news = self.shop.jobs.news();
        loop {
            let done = tokio::select! {
                heard = progress.recv() => match heard {
                    None => return Parting::WorkEnded,
                    Some(heard) => self.hear(heard).await,
                },
                _ = looks.tick() => self.look().await,
                () = news.within(Duration::MAX) => self.look().await,
                () = told_to(&mut stop) => return Parting::Stopping,
            };
            if self.is_lost(done) {
                return Parting::Lost;
            }
        }
    }

    /// Tells what was heard; of a stage only what is new in it.
    async fn hear(&mut self, heard: Progress) -> Result<(), StoreError> {
        self.heard_at = Instant::now();
        match heard {
            Progress::Stage(stage, part) => self.tell_stage(stage, part).await,
            Progress::Scores(scores) => {
                let (jobs, told) = (&self.shop.jobs, told_scores(&scores));
                jobs.report_scores(self.claim, &told, self.shop.now()).await
            }
        }
    }

    async fn tell_stage(&mut self, stage: Stage, part: f64) -> Result<(), StoreError> {
        let (last, at) = self.told;
        if last == stage && at.elapsed() < TELL_EVERY {
            return Ok(());
        }
        let Workshop { jobs, settings, .. } = self.shop;
        let now = self.shop.now();
        jobs.report_stage(self.claim, (stage, part), settings.lease, now)
            .await?;
        self.told = (stage, Instant::now());
        self.renewed_at = Instant::now();
        Ok(())
    }

    /// Keeps the job where the analysis gets on, and asks whether it is still ours.
    async fn look(&mut self) -> Result<(), StoreError> {
        let Workshop { jobs, settings, .. } = self.shop;
        let gets_on = self.heard_at.elapsed() < self.shop.analyzer.settings().deadline;
        if gets_on && self.renewed_at.elapsed() >= settings.lease / 3 {
            jobs.renew(self.claim, settings.lease, self.shop.now())
                .await?;
            self.renewed_at = Instant::now();
        } else if !jobs.holds(self.claim).await? {
            return Err(StoreError::Stale {
                job: self.claim.job,
            });
        }
        Ok(())
    }

    /// A database that is away takes no job from anybody before the lease has run out.
    fn is_lost(&self, done: Result<(), StoreError>) -> bool {
        match done {
            Ok(()) => false,
            Err(StoreError::Stale { .. }) => true,
            Err(error) => {
                tracing::warn!(%error, job = %self.claim.job, "how a job gets on could not be told");
                self.renewed_at.elapsed() >= self.shop.settings.lease
            }
        }
    }
}

/// Waits until the process ends, or nobody is left who could say so.
async fn told_to(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn told_scores(scores: &PersonScores) -> serde_json::Value {
    // Six digits, as in every answer.
    let rounded = |p: Probability| (f64::from(p.get()) * 1e6).round() / 1e6;
    let frames = scores.frames.iter().map(|frame| {
        json!({
            "frame_index": frame.frame_index,
            "frame_time_sec": frame.time_s,
            "probability_fake": rounded(frame.probability_fake),
        })
    });
    json!({
        "track_id": scores.track_id,
        "probability_fake": rounded(scores.probability_fake),
        "frames": frames.collect::<Vec<_>>(),
    })
}

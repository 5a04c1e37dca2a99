//! Takes jobs on, as many at a time as there are places for.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::pace::Pace;
use super::tidy::{look_after, tidy};
use super::work::work;
use super::workshop::Workshop;
use crate::analysis::Admission;
use crate::store::{Claim, ClaimTerms, StoreError};

/// Works on jobs until it is stopped.
#[must_use = "a runner that is dropped gives nothing back"]
pub struct Runner {
    stop: Arc<watch::Sender<bool>>,
    running: JoinHandle<()>,
    upkeep: JoinHandle<()>,
}

/// Stops a runner from elsewhere.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

impl Stopper {
    /// No job is taken on from now on, and those under way are given back.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Runner {
    /// Begins to keep the queue in order and, where `works`, to work on what waits in it.
    pub fn start(shop: Workshop, works: bool) -> Self {
        let shop = Arc::new(shop);
        let (stop, stopping) = watch::channel(false);
        let upkeep = tokio::spawn(keep_in_order(Arc::clone(&shop)));
        let running = tokio::spawn(async move {
            if works {
                take_on(shop, stopping).await;
            }
        });
        Self {
            stop: Arc::new(stop),
            running,
            upkeep,
        }
    }

    /// What stops it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Stops it and waits until every job under way is given back or ended.
    pub async fn end(self) {
        self.stopper().stop();
        if self.running.await.is_err() {
            tracing::error!("the runner of jobs ended before its time");
        }
        self.upkeep.abort();
    }
}

/// Names what is measured.
pub fn describe_metrics() {
    metrics::describe_counter!(
        "framewitness_jobs_total",
        "Jobs left by this process, those of waiting requests too, by outcome: done, failed, cancelled, set-aside, tried-again, given-back or lost."
    );
    metrics::describe_gauge!(
        "framewitness_jobs_queued",
        "Jobs that wait, whoever will take them."
    );
}

async fn take_on(shop: Arc<Workshop>, mut stop: watch::Receiver<bool>) {
    let at_once = shop.at_once();
    let terms = shop.terms(Uuid::now_v7());
    let mut pace = Pace::new(StdRng::from_entropy());
    let mut news = shop.jobs.news();
    let mut under_way = JoinSet::new();
    while !*stop.borrow_and_update() {
        while under_way.try_join_next().is_some() {}
        let next = match under_way.len() < at_once {
            true => next_job(&shop, &terms).await,
            false => None,
        };
        if let Some((claim, admission)) = next {
            pace.busy();
            let (shop, stop) = (Arc::clone(&shop), stop.clone());
            under_way.spawn(async move { work(&shop, claim, admission, stop).await });
            continue;
        }
        let patience = pace.idle();
        tokio::select! {
            () = news.within(patience) => {}
            Some(_) = under_way.join_next() => pace.busy(),
            _ = stop.changed() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// A place, and a job for it. No place is taken before there is a job: somebody who waits for his answer
/// might miss it.
async fn next_job(shop: &Workshop, terms: &ClaimTerms) -> Option<(Claim, Admission)> {
    let claimed = async {
        if !shop.jobs.any_to_claim(terms, shop.now()).await? {
            return Ok(None);
        }
        // Taken or without models: whoever has them may take the job on.
        let Ok(admission) = shop.analyzer.try_admit() else {
            return Ok(None);
        };
        let claim = shop.jobs.claim(terms, shop.now()).await?;
        Ok::<_, StoreError>(claim.map(|claim| (claim, admission)))
    };
    claimed.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "no job could be claimed");
        None
    })
}

async fn keep_in_order(shop: Arc<Workshop>) {
    let mut looks = tokio::time::interval((shop.settings.lease / 2).max(Duration::from_secs(1)));
    let mut tidyings = tokio::time::interval(shop.settings.tidy_every);
    loop {
        tokio::select! {
            _ = looks.tick() => look_after(&shop).await,
            _ = tidyings.tick() => tidy(&shop).await,
        }
    }
}

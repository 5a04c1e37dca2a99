//! Takes deliveries on, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use http_client::Client;
use time::OffsetDateTime;
use tokio::task::{JoinHandle, JoinSet};

use super::client::{PATIENCE, client, post};
use super::message::Message;
use super::pause::pause;
use super::target::{WebhookUrl, reach};
use crate::store::{Delivery, DeliveryFailure, JobNews, StoreError, WebhookStore};

/// Tries under way at the same time in one process.
const AT_ONCE: usize = 8;
/// After which a try of which nothing was heard is made again: twice as long as one may take.
const LEASE: Duration = Duration::from_secs(2 * PATIENCE.as_secs());
/// Between two looks for what is due; the end of a job in this process is heard at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two looks for what may be forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How deliveries are made.
#[derive(Debug, Clone, Copy)]
pub struct WebhookSettings {
    /// Whether messages may go to addresses that are not public, and without TLS.
    pub allows_private: bool,
    /// Before the second try.
    pub first_pause: Duration,
    /// How long a delivery stays in the log.
    pub keep: Duration,
}

/// Delivers until it is dropped. Tries that it breaks off are made again later.
#[must_use = "a deliverer that is dropped delivers nothing"]
pub struct Deliverer(JoinHandle<()>);

/// What a try takes.
struct Office {
    store: WebhookStore,
    client: Client,
    settings: WebhookSettings,
}

impl Deliverer {
    /// Begins to deliver.
    pub fn start(store: WebhookStore, news: JobNews, settings: WebhookSettings) -> Self {
        Self(tokio::spawn(async move {
            match client(reach(settings.allows_private)) {
                Ok(client) => {
                    let office = Arc::new(Office {
                        store,
                        client,
                        settings,
                    });
                    deliver(office, news).await;
                }
                Err(error) => tracing::error!(%error, "no webhook is delivered"),
            }
        }))
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Names what is measured.
pub fn describe_metrics() {
    metrics::describe_counter!(
        "framewitness_webhook_tries_total",
        "Tries at telling others that a job ended, by outcome: delivered, failed or given-up."
    );
}

async fn deliver(office: Arc<Office>, mut news: JobNews) {
    let mut under_way = JoinSet::new();
    let mut forgetting = tokio::time::interval(FORGET_EVERY);
    loop {
        while under_way.try_join_next().is_some() {}
        let next = match under_way.len() < AT_ONCE {
            true => office.next().await,
            false => None,
        };
        if let Some(delivery) = next {
            let office = Arc::clone(&office);
            under_way.spawn(async move { office.try_once(delivery).await });
            continue;
        }
        tokio::select! {
            () = news.within(LOOK_EVERY) => {}
            Some(_) = under_way.join_next() => {}
            _ = forgetting.tick() => office.forget().await,
        }
    }
}

impl Office {
    async fn next(&self) -> Option<Delivery> {
        let claimed = async {
            let now = OffsetDateTime::now_utc();
            match self.store.any_due(now).await? {
                true => self.store.claim(LEASE, now).await,
                false => Ok(None),
            }
        };
        claimed.await.unwrap_or_else(|error: StoreError| {
            tracing::warn!(%error, "no webhook could be claimed");
            None
        })
    }

    async fn try_once(&self, delivery: Delivery) {
        let outcome = self.send(&delivery).await;
        let now = OffsetDateTime::now_utc();
        let (word, written) = match outcome {
            Ok(status) => {
                let written = self.store.delivered(&delivery, status, now).await;
                ("delivered", written)
            }
            Err(failure) => {
                let pause = pause(self.settings.first_pause, delivery.tries);
                let again = pause.map(|pause| now + pause);
                let (webhook, job, tries) = (delivery.webhook, &delivery.job, delivery.tries);
                let DeliveryFailure { status, problem } = &failure;
                tracing::warn!(%webhook, %job, tries, status, %problem, "a webhook was not delivered");
                let word = if again.is_some() {
                    "failed"
                } else {
                    "given-up"
                };
                let written = self.store.not_delivered(&delivery, &failure, again, now);
                (word, written.await)
            }
        };
        metrics::counter!("framewitness_webhook_tries_total", "outcome" => word).increment(1);
        if let Err(error) = written {
            tracing::warn!(%error, "what became of a webhook could not be noted; it is sent again");
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<u16, DeliveryFailure> {
        let failed = |problem: String| DeliveryFailure {
            status: None,
            problem,
        };
        // Looked at again: the settings may have become stricter since it was made.
        let url = WebhookUrl::parse(&delivery.url, self.settings.allows_private)
            .map_err(|error| failed(error.to_string()))?;
        let message = Message::of(delivery, OffsetDateTime::now_utc())
            .ok_or_else(|| failed("its secret does not read; make the webhook anew".into()))?;
        post(&self.client, &url, message).await
    }

    async fn forget(&self) {
        let limit = OffsetDateTime::now_utc() - self.settings.keep;
        match self.store.forget_before(limit).await {
            Ok(forgotten) => tracing::debug!(forgotten, "deliveries forgotten"),
            Err(error) => tracing::warn!(%error, "old deliveries could not be forgotten"),
        }
    }
}

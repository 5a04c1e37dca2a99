//! Who is told when a job ends, and what became of it.

use std::time::Duration;

use time::OffsetDateTime;

use super::bench::Bench;
use super::fixture::analysis;
use super::job_fixture::{
    ANYBODY, LEASE, MAX_TRIES, claimed, enqueued, job, later, name, now, reason, terms,
};
use crate::store::{
    Delivery, DeliveryFailure, DeliveryState, JobStore, KeyId, NewWebhook, Submission, WebhookId,
    WebhookStore,
};

async fn webhook(store: &WebhookStore, owner: Option<i64>) -> WebhookId {
    let hook = NewWebhook {
        url: "https://hooks.example.org/a".into(),
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        owner: owner.map(KeyId::new),
    };
    store.create(&hook, now()).await.unwrap()
}

async fn claim(store: &WebhookStore, at: OffsetDateTime) -> Option<Delivery> {
    let is_due = store.any_due(at).await.unwrap();
    let claim = store.claim(LEASE, at).await.unwrap();
    assert_eq!(claim.is_some(), is_due);
    claim
}

fn failure() -> DeliveryFailure {
    DeliveryFailure {
        status: Some(503),
        problem: "it was not taken".into(),
    }
}

/// A job of `key`, cancelled at once.
async fn cancelled(jobs: &JobStore, number: u128, key: Option<i64>) {
    let mut new = job(number);
    new.payload.submission = Submission {
        owner: key.map(KeyId::new),
        ..Submission::default()
    };
    jobs.enqueue(&new, 100, now()).await.unwrap();
    jobs.cancel(name(number), ANYBODY, later(1)).await.unwrap();
}

pub(super) async fn the_end_of_a_job_is_announced_to_whom_it_concerns_however_it_ends(
    bench: Bench,
) {
    let (jobs, store) = (bench.records.jobs(), bench.records.webhooks());
    cancelled(&jobs, 90, None).await;
    let everyones = webhook(&store, None).await;
    let of_key = webhook(&store, Some(7)).await;
    cancelled(&jobs, 91, Some(7)).await;
    cancelled(&jobs, 92, Some(8)).await;

    enqueued(&jobs, 4).await;
    let [done, failed, aside] = [
        claimed(&jobs, now()).await,
        claimed(&jobs, now()).await,
        claimed(&jobs, now()).await,
    ];
    let record = (&analysis(5), &Submission::default());
    jobs.finish(&done, record, later(2)).await.unwrap();
    jobs.fail(&failed, &reason(), later(3)).await.unwrap();
    jobs.set_aside(&aside, &reason(), later(4)).await.unwrap();
    for _ in 0..MAX_TRIES {
        let at = later(1_000_000);
        jobs.claim(&terms(9), at).await.unwrap();
    }
    let lost = jobs.set_lapsed_aside(1, later(2_000_000)).await.unwrap();
    assert_eq!(lost, 1);

    let mut told = Vec::new();
    while let Some(delivery) = claim(&store, later(3_000_000)).await {
        assert_eq!((delivery.tries, delivery.secret.len()), (1, 38));
        let body: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
        let state = body["state"].as_str().unwrap().to_owned();
        if state == "done" {
            assert_eq!(body["analysis_id"], analysis(5).id.to_string());
            assert_eq!(delivery.at, later(2));
        }
        told.push((delivery.webhook, delivery.job.clone(), state));
    }
    told.sort();
    let ended = |hook, number, state: &str| (hook, name(number).to_string(), state.to_owned());
    let mut expected = vec![
        ended(everyones, 1, "done"),
        ended(everyones, 2, "failed"),
        ended(everyones, 3, "set-aside"),
        ended(everyones, 4, "set-aside"),
        ended(everyones, 91, "cancelled"),
        ended(everyones, 92, "cancelled"),
        ended(of_key, 91, "cancelled"),
    ];
    expected.sort();
    assert_eq!(told, expected);
}

pub(super) async fn a_delivery_is_tried_by_one_at_a_time_until_it_arrives(bench: Bench) {
    let (jobs, store) = (bench.records.jobs(), bench.records.webhooks());
    webhook(&store, None).await;
    for number in 1..=12 {
        cancelled(&jobs, number, None).await;
    }
    let others = [bench.another().await.webhooks(), store.clone()];
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = others[worker % 2].clone();
        tasks.spawn(async move {
            let mut mine = Vec::new();
            while let Some(delivery) = store.claim(LEASE, later(2)).await.unwrap() {
                mine.push(delivery);
            }
            mine
        });
    }
    let deliveries = tasks.join_all().await.concat();
    let mut jobs: Vec<_> = deliveries.iter().map(|d| d.job.clone()).collect();
    jobs.sort();
    let all: Vec<_> = (1..=12).map(|number| name(number).to_string()).collect();
    assert_eq!(jobs, all);

    let (first, rest) = deliveries.split_first().unwrap();
    let again = Some(later(9));
    let failure = failure();
    let noted = store.not_delivered(first, &failure, again, later(3));
    assert!(noted.await.unwrap());
    for delivery in rest {
        assert!(store.delivered(delivery, 204, later(3)).await.unwrap());
    }
    assert_eq!(claim(&store, later(8)).await, None);
    let second = claim(&store, later(9)).await.expect("the one that failed");
    assert_eq!((&second.job, second.tries), (&first.job, 2));
    assert!(store.delivered(&second, 200, later(10)).await.unwrap());
    assert_eq!(claim(&store, later(1_000_000)).await, None);
    let log = store.deliveries(None, 100).await.unwrap();
    assert_eq!(log.len(), 12);
    let entry = log.iter().find(|entry| entry.job == first.job).unwrap();
    assert_eq!((entry.state, entry.tries), (DeliveryState::Delivered, 2));
    assert_eq!((entry.status, &entry.problem), (Some(200), &None));
}

pub(super) async fn a_try_of_which_nothing_is_heard_is_made_again_and_its_late_word_refused(
    bench: Bench,
) {
    let (jobs, store) = (bench.records.jobs(), bench.records.webhooks());
    webhook(&store, None).await;
    cancelled(&jobs, 1, None).await;
    let lost = claim(&store, later(2)).await.unwrap();
    assert_eq!(claim(&store, later(31)).await, None);
    let second = claim(&store, later(32)).await.expect("a try of its own");
    assert_eq!(
        second,
        Delivery {
            tries: 2,
            ..lost.clone()
        }
    );
    assert!(!store.delivered(&lost, 200, later(33)).await.unwrap());
    let failure = failure();
    let late = store.not_delivered(&lost, &failure, None, later(33));
    assert!(!late.await.unwrap());
    assert!(store.delivered(&second, 200, later(34)).await.unwrap());
    assert!(!store.delivered(&second, 200, later(35)).await.unwrap());
}

pub(super) async fn what_was_given_up_may_be_tried_again_and_a_removed_webhook_is_sent_nothing(
    bench: Bench,
) {
    let (jobs, store) = (bench.records.jobs(), bench.records.webhooks());
    let id = webhook(&store, None).await;
    cancelled(&jobs, 1, None).await;
    let last = claim(&store, later(2)).await.unwrap();
    let failure = failure();
    let given_up = store.not_delivered(&last, &failure, None, later(3));
    assert!(given_up.await.unwrap());
    assert_eq!(claim(&store, later(1_000)).await, None);
    let log = store.deliveries(Some(DeliveryState::GivenUp), 10).await;
    let entry = log.unwrap().remove(0);
    assert_eq!(entry.status, Some(503));
    assert_eq!(entry.problem.as_deref(), Some("it was not taken"));

    assert_eq!(store.retry(id, later(2_000)).await.unwrap(), 1);
    assert_eq!(claim(&store, later(1_999)).await, None);
    assert_eq!(claim(&store, later(2_000)).await.unwrap().tries, 1);

    cancelled(&jobs, 2, None).await;
    assert!(store.remove(id, later(3_000)).await.unwrap());
    assert!(!store.remove(id, later(3_000)).await.unwrap());
    assert!(
        !store
            .remove(WebhookId::new(99), later(3_000))
            .await
            .unwrap()
    );
    cancelled(&jobs, 3, None).await;
    assert_eq!(claim(&store, later(1_000_000)).await, None);
    assert_eq!(store.retry(id, later(4_000)).await.unwrap(), 0);
    let log = store.deliveries(None, 10).await.unwrap();
    assert_eq!(log.len(), 2, "{log:?}");
    let hooks = store.list().await.unwrap();
    assert_eq!(hooks[0].removed_at, Some(later(3_000)));
}

pub(super) async fn deliveries_are_forgotten_after_a_time_unless_they_wait(bench: Bench) {
    let (jobs, store) = (bench.records.jobs(), bench.records.webhooks());
    webhook(&store, None).await;
    for number in 1..=2 {
        cancelled(&jobs, number, None).await;
    }
    let arrived = claim(&store, later(2)).await.unwrap();
    store.delivered(&arrived, 200, later(3)).await.unwrap();
    assert_eq!(store.forget_before(later(1)).await.unwrap(), 0);
    let limit = later(1) + Duration::from_secs(60);
    assert_eq!(store.forget_before(limit).await.unwrap(), 1);
    assert_eq!(store.deliveries(None, 10).await.unwrap().len(), 1);
}

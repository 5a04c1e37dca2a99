//! Keys, quotas and the request log.

use time::{Duration, OffsetDateTime};

use super::bench::Bench;
use crate::store::row::Number;
use crate::store::statement::Statement;
use crate::store::{KeyId, NewKey, RequestEntry, Scope};

fn key(letter: &str, scopes: &[Scope]) -> NewKey {
    NewKey {
        name: format!("key {letter}"),
        secret_sha256: letter.repeat(64),
        scopes: scopes.to_vec(),
        quota_per_day: Some(3),
    }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_763_712_000).unwrap()
}

pub(super) async fn a_key_is_found_by_its_hash_until_it_is_revoked(bench: Bench) {
    let keys = bench.records.keys();
    assert!(!keys.any().await.unwrap());
    let scopes = [Scope::Analyse, Scope::History];
    let id = keys.create(&key("a", &scopes), now()).await.unwrap();
    let other = keys
        .create(&key("b", &[Scope::Admin]), now())
        .await
        .unwrap();
    let found = keys.find(&"a".repeat(64)).await.unwrap().unwrap();
    assert_eq!((found.id, found.name.as_str()), (id, "key a"));
    assert_eq!((found.created_at, found.quota_per_day), (now(), Some(3)));
    assert!(found.allows(Scope::History) && !found.allows(Scope::Models));
    assert_eq!(keys.find(&"c".repeat(64)).await.unwrap(), None);

    assert!(keys.revoke(id, now()).await.unwrap());
    assert!(!keys.revoke(id, now()).await.unwrap());
    assert!(!keys.revoke(KeyId::new(99), now()).await.unwrap());
    assert_eq!(keys.find(&"a".repeat(64)).await.unwrap(), None);
    let list = keys.list().await.unwrap();
    assert_eq!(list[0].revoked_at, Some(now()));
    assert_eq!((list[1].id, list[1].revoked_at), (other, None));
    assert!(list[1].allows(Scope::Models));
    keys.revoke(other, now()).await.unwrap();
    assert!(keys.any().await.unwrap(), "revoking the last opens nothing");
}

pub(super) async fn keys_whose_hashes_begin_alike_are_told_apart(bench: Bench) {
    let keys = bench.records.keys();
    let hash = |end: &str| format!("{}{}{end}", "0123456789abcdef".repeat(3), "0".repeat(15));
    let mut made = Vec::new();
    for end in ["0", "1", "f"] {
        let key = NewKey {
            secret_sha256: hash(end),
            ..key("a", &[Scope::Analyse])
        };
        made.push(keys.create(&key, now()).await.unwrap());
    }
    for (end, id) in ["0", "1", "f"].into_iter().zip(made) {
        assert_eq!(keys.find(&hash(end)).await.unwrap().unwrap().id, id);
    }
    let (other, beginning) = (hash("2"), &hash("0")[..16]);
    for wrong in [&other, beginning, &hash("0")[..63], ""] {
        assert_eq!(keys.find(wrong).await.unwrap(), None, "{wrong}");
    }
}

pub(super) async fn a_quota_is_spent_by_the_day_and_exact_under_contention(bench: Bench) {
    let keys = bench.records.keys();
    let id = keys
        .create(&key("a", &[Scope::Analyse]), now())
        .await
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let keys = keys.clone();
        tasks.spawn(async move { keys.spend(id, 3, now()).await.unwrap() });
    }
    let mut left: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2]);
    let tomorrow = now() + Duration::days(1);
    assert_eq!(keys.spend(id, 3, tomorrow).await.unwrap(), Some(2));
}

pub(super) async fn logged_requests_stay_until_they_are_too_old(bench: Bench) {
    let log = bench.records.request_log();
    let entries: Vec<_> = (0..1000)
        .map(|number| RequestEntry {
            at: now() + Duration::seconds(number),
            method: "GET",
            route: "/livez".into(),
            status: 200,
            latency: std::time::Duration::from_micros(1_500),
            key: (number % 2 == 0).then(|| KeyId::new(7)),
            address: Some("127.0.0.1".into()),
        })
        .collect();
    log.append(&[]).await.unwrap();
    log.append(&entries).await.unwrap();
    let limit = now() + Duration::seconds(600);
    assert_eq!(log.remove_before(limit).await.unwrap(), 600);
    let statement = Statement::new(
        "SELECT count(*) AS number FROM request_log WHERE latency_us = 1500 AND key = 7",
    );
    let rows = bench.records.database.read::<Number>(statement).await;
    assert_eq!(rows.unwrap()[0].number, 200);
}

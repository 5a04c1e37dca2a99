//! What holds for PostgreSQL alone.

use sqlx::{Connection, Executor};

use super::bench::Bench;
use super::fixture::analysis;
use super::server::PASSWORD;
use crate::store::history::page_statement;
use crate::store::{HistoryFilter, KeyId, Reader, RecordStore, Submission};

#[tokio::test]
async fn a_database_that_was_away_is_used_again_without_a_restart() {
    let mut bench = Bench::postgres_alone().await;
    let submission = Submission::default();
    bench
        .records
        .insert(&analysis(1), &submission)
        .await
        .unwrap();
    bench.server.as_mut().unwrap().stop();
    for error in [
        bench.records.health().await.unwrap_err(),
        bench
            .records
            .insert(&analysis(2), &submission)
            .await
            .unwrap_err(),
        bench
            .records
            .get(analysis(1).id, Reader::Unrestricted)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), "database-away", "{error:?}");
    }
    bench.server.as_mut().unwrap().start_again();
    bench.records.health().await.unwrap();
    let read = bench
        .records
        .get(analysis(1).id, Reader::Unrestricted)
        .await;
    assert_eq!(read.unwrap().unwrap().analysis, analysis(1));
    bench
        .records
        .insert(&analysis(2), &submission)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_or_not_ours_is_named_without_the_password() {
    let bench = Bench::postgres().await;
    let wrong = bench.url.replace(PASSWORD, "wrong-hunter3");
    let (server, rest) = bench.url.split_once("@localhost/").unwrap();
    let (_, place) = rest.split_once('?').unwrap();
    let absent = format!("{server}@localhost/nowhere?{place}");
    for (url, secret) in [(wrong, "wrong-hunter3"), (absent, PASSWORD)] {
        let error = RecordStore::open(&url).await.unwrap_err();
        assert_eq!(error.code(), "database-not-opened");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("postgres://"), "{shown}");
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn several_processes_may_start_on_an_empty_database_at_once() {
    let bench = Bench::postgres().await;
    bench
        .tamper("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .await;
    let (first, second, third) = tokio::join!(bench.another(), bench.another(), bench.another());
    for store in [first, second, third] {
        store.health().await.unwrap();
    }
}

#[tokio::test]
async fn every_page_is_read_in_its_order_through_an_index() {
    let bench = Bench::postgres().await;
    // A plan depends on what is there; rows enough make a sort dearer than an index.
    bench
        .tamper(
            "INSERT INTO analyses (id, analyzed_at_us, kind, verdict, processing_time_s, sha256, \
             filename, owner, submission, schema_version, document) \
             SELECT lpad(n::text, 36, '0'), n::bigint * 1000000000, 'video', 'FAKE', 1.0, repeat('a', 64), \
             'a', n % 3, '{}', 1, '{}' FROM generate_series(1, 20000) AS n; ANALYZE",
        )
        .await;
    let all = HistoryFilter::all(Reader::Unrestricted);
    let cursor = Some((10_000_000_000_000, analysis(1).id));
    for filter in [
        all.clone(),
        HistoryFilter {
            label: Some(crate::domain::VerdictLabel::Fake),
            ..all.clone()
        },
        HistoryFilter::all(Reader::Key(KeyId::new(1))),
    ] {
        let plan = bench
            .records
            .database
            .plan(page_statement(&filter, cursor, (10, 0)));
        let plan = plan.await.unwrap().join("\n");
        assert!(plan.contains("Index Scan"), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
    let plan = bench.records.statistics_plan(&all).await.unwrap();
    assert!(plan.iter().all(|step| !step.contains("analyses")));
}

#[tokio::test]
async fn a_server_whose_disk_is_full_is_reported_as_such() {
    let bench = Bench::postgres().await;
    let mut server = sqlx::PgConnection::connect(&bench.url).await.unwrap();
    // The server's own disk cannot be filled here: a trigger says what it would.
    for statement in [
        "CREATE FUNCTION no_room() RETURNS trigger AS $$ BEGIN \
         RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER no_room BEFORE INSERT ON analyses EXECUTE FUNCTION no_room()",
    ] {
        server.execute(statement).await.unwrap();
    }
    let (analysis, submission) = (analysis(1), Submission::default());
    let insert = || bench.records.insert(&analysis, &submission);
    assert_eq!(insert().await.unwrap_err().code(), "storage-full");
    server
        .execute("DROP TRIGGER no_room ON analyses")
        .await
        .unwrap();
    insert().await.unwrap();
}

#[tokio::test]
async fn several_processes_may_start_behind_a_pooler_at_once() {
    let bench = Bench::pooled().await;
    bench
        .tamper("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .await;
    let (first, second, third) = tokio::join!(bench.another(), bench.another(), bench.another());
    for store in [first, second, third] {
        store.health().await.unwrap();
        assert!(!store.keys().any().await.unwrap());
    }
}

#[tokio::test]
async fn an_answer_with_other_columns_than_were_asked_for_judges_nobody() {
    let bench = Bench::postgres().await;
    // A value of another kind under a name that was asked for.
    bench
        .tamper(
            "ALTER TABLE api_keys DROP COLUMN name, ADD COLUMN name INTEGER DEFAULT 7; \
             INSERT INTO api_keys (secret_sha256, scopes, created_at_us) \
             VALUES (repeat('a', 64), 'admin', 1)",
        )
        .await;
    let error = bench.records.keys().list().await.unwrap_err();
    assert_eq!(error.code(), "database-away", "{error:?}");
}

#[tokio::test]
async fn a_password_of_any_characters_opens_the_database_written_in_percents_and_is_never_shown() {
    let bench = Bench::postgres().await;
    let role = "CREATE ROLE \"odd\" SUPERUSER LOGIN PASSWORD 'p@ss/w:rd?1#%'";
    bench.tamper(role).await;
    let (_, place) = bench.url.split_once('@').unwrap();
    let escaped = format!("postgres://odd:p%40ss%2Fw%3Ard%3F1%23%25@{place}");
    let store = RecordStore::open(&escaped).await.unwrap();
    store.health().await.unwrap();
    // None of these is what was meant; none shows a part of what it was.
    for bare in ["p@ss", "12/ss", "12?ss", "12#ss", "pa/ss@x"] {
        let error = RecordStore::open(&format!("postgres://odd:{bare}@{place}")).await;
        let error = error.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("ss@") && !shown.contains("12"),
            "{bare}: {shown}"
        );
    }
}

#[tokio::test]
async fn encryption_that_is_asked_for_is_not_done_without() {
    let bench = Bench::postgres().await;
    for (mode, opens) in [("disable", true), ("prefer", true), ("require", false)] {
        let opened = RecordStore::open(&format!("{}&sslmode={mode}", bench.url)).await;
        assert_eq!(opened.is_ok(), opens, "{mode}");
    }
}

//! Analyses that are answered later: sent, followed, cancelled, refused.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::held_upload::until_analysing;
use crate::home::{Backend, Home};
use crate::isolation::long_clip;
use crate::job_client::{
    ANALYSES, accepted, done, ended, events, follow, name, once, path, records, sending, standing,
    submit, until_no_file_waits, waiting_files,
};
use crate::keys::{get_with, make_key};
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const CLIP: &str = "videos/manipulated.mp4";
const OTHER_CLIP: &str = "videos/genuine.mp4";
const SUBMIT: (Method, &str) = (Method::POST, ANALYSES);
const ONE: &str = "/api/v1/analyses/{id}";
const EVENTS: &str = "/api/v1/analyses/{id}/events";
/// A process that takes jobs and works on none.
const IDLE: (&str, &str) = ("run_jobs", "false");

async fn ends_with_the_verdict_that_predict_gives(backend: Backend) {
    let server = Server::start_in(Home::on(backend), &[]).await;
    let job = submit(&server, CLIP).await;
    assert_eq!(job["filename"], "manipulated.mp4");
    let told = events(follow(&server, &job, None).await).await;
    let numbers: Vec<u64> = told.iter().map(|event| event.id).collect();
    assert_eq!(numbers, (1..=told.len() as u64).collect::<Vec<_>>());
    let job = standing(&server, &job).await;
    assert_eq!(
        (&job["state"], &job["progress"]),
        (&"done".into(), &1.0.into())
    );

    let result = server.get(job["result_url"].as_str().expect("a url")).await;
    let result: Value = result.json().await.expect("JSON");
    let sync = server.predict(CLIP).await;
    for field in ["verdict", "probability_fake", "reasons", "tracks", "sha256"] {
        assert_eq!(result[field], sync[field], "{field}");
    }
    let last = told.last().expect("an end");
    assert_eq!(
        (last.kind.as_str(), &last.data["state"]),
        ("end", &"done".into())
    );
    assert_eq!(last.data["analysis_id"], result["id"]);
    assert_eq!(last.data["probability_fake"], sync["probability_fake"]);

    let stages = told.iter().filter(|event| event.kind == "stage");
    let mut stages: Vec<&str> = stages.filter_map(|e| e.data["stage"].as_str()).collect();
    stages.dedup();
    let expected = [
        "received", "waiting", "decoding", "faces", "scoring", "storing",
    ];
    assert_eq!(stages, expected);
    let progress = told
        .iter()
        .filter_map(|event| event.data["progress"].as_f64());
    assert!(progress.is_sorted(), "{told:?}");
    let scores = told.iter().find(|event| event.kind == "scores");
    let scored = scores.expect("scores").data["frames"].as_array().cloned();
    let stored = result["frames"].as_array().expect("frames").iter();
    let stored: Vec<_> = stored
        .flat_map(|frame| {
            let faces = frame["faces"].as_array().expect("faces").iter();
            faces.map(|face| (&frame["frame_index"], &face["probability_fake"]))
        })
        .collect();
    let scored = scored.expect("frames");
    let scored: Vec<_> = scored
        .iter()
        .map(|frame| (&frame["frame_index"], &frame["probability_fake"]))
        .collect();
    assert_eq!(scored, stored);
    until_no_file_waits(&server).await;
    assert!(server.home().uploads().is_empty());
}

#[tokio::test]
async fn a_job_ends_with_the_verdict_that_predict_gives_on_sqlite_and_disk() {
    ends_with_the_verdict_that_predict_gives(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn a_job_ends_with_the_verdict_that_predict_gives_on_postgres_and_s3() {
    ends_with_the_verdict_that_predict_gives(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn whoever_lost_the_connection_goes_on_where_it_broke() {
    let server = Server::start().await;
    let job = submit(&server, CLIP).await;
    let all = events(follow(&server, &job, None).await).await;
    let rest = events(follow(&server, &job, Some(2)).await).await;
    assert_eq!(rest, all[2..]);
    let by_query = server.get(&format!("{}/events?after=2", path(&job))).await;
    assert_eq!(events(by_query).await, rest);
    let nothing = follow(&server, &job, Some(all.len() as u64)).await;
    assert_eq!(nothing.status(), 204);
    let request = server
        .client()
        .get(server.url(&format!("{}/events", path(&job))));
    let refused = request.header("last-event-id", "the last").send().await;
    let route = (Method::GET, EVENTS);
    expect_problem(
        &server,
        route,
        refused.expect("an answer"),
        (400, "invalid-query"),
    )
    .await;
}

#[tokio::test]
async fn a_file_that_predict_refuses_fails_in_the_same_words() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a directory");
    let no_video = folder.path().join("letter.mp4");
    std::fs::write(&no_video, b"Dear examiner, this is no video.").expect("a file");
    let job = accepted(sending(&server, ANALYSES, &no_video)).await;
    let told = events(follow(&server, &job, None).await).await;
    let job = standing(&server, &job).await;
    let refused = server.post_file("/predict", &no_video).await;
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(job["reason"]["code"], problem["code"]);
    assert_eq!(job["reason"]["message"], problem["detail"]);
    assert_eq!(job["attempt"], 1, "a file that is at fault is tried once");
    assert_eq!(told.last().expect("an end").data["reason"], job["reason"]);
    until_no_file_waits(&server).await;

    let faceless = done(&server, &submit(&server, "videos/no-face.mp4").await).await;
    let result = server
        .get(faceless["result_url"].as_str().expect("a url"))
        .await;
    let result: Value = result.json().await.expect("JSON");
    assert_eq!(result["verdict"], "INCONCLUSIVE");
}

#[tokio::test]
async fn a_cancelled_job_frees_its_worker_and_leaves_nothing() {
    let server = Server::start().await;
    let job = accepted(sending(&server, ANALYSES, &long_clip())).await;
    let following = follow(&server, &job, None).await;
    once(&server, &job, |job| job["stage"] == "decoding").await;
    let waiting = submit(&server, OTHER_CLIP).await;
    assert_eq!(standing(&server, &waiting).await["position"], 1);
    let cancel = |job: &Value| server.client().delete(server.url(&path(job))).send();
    let answered = cancel(&job).await.expect("an answer");
    assert_eq!(answered.status(), 200);
    let cancelled: Value = answered.json().await.expect("JSON");
    assert_eq!(cancelled["state"], "cancelled");
    let told = events(following).await;
    let last = &told.last().expect("an end").data;
    assert_eq!(last["state"], "cancelled");

    let since = Instant::now();
    let waiting = done(&server, &waiting).await;
    assert!(
        since.elapsed() < Duration::from_secs(30),
        "the worker was not freed"
    );
    assert_eq!(standing(&server, &job).await["state"], "cancelled");
    assert_eq!(
        records(&server).await,
        [waiting["analysis_id"].as_str().expect("a name")]
    );
    until_no_file_waits(&server).await;
    assert_eq!(cancel(&job).await.expect("an answer").status(), 200);
    let route = (Method::DELETE, ONE);
    let late = cancel(&waiting).await.expect("an answer");
    expect_problem(&server, route, late, (409, "job-ended")).await;
}

#[tokio::test]
async fn requests_are_answered_while_jobs_are_at_work() {
    let server = Server::start_with(&[("decode_threads", "2")]).await;
    let jobs = [
        accepted(sending(&server, ANALYSES, &long_clip())).await,
        accepted(sending(&server, ANALYSES, &long_clip())).await,
    ];
    until_analysing(&server, 1).await;
    server.predict(CLIP).await;
    for job in &jobs {
        assert_eq!(ended(&server, job).await["state"], "done");
    }
}

#[tokio::test]
async fn a_request_sent_again_with_its_key_has_one_job() {
    let server = Server::start_with(&[IDLE]).await;
    let sent = |file: &str, key: &str| {
        let request = sending(&server, ANALYSES, &repository(file));
        request.header("idempotency-key", key)
    };
    let job = accepted(sent(CLIP, "\"8e03978e-40d5\"")).await;
    let again = accepted(sent(CLIP, "8e03978e-40d5")).await;
    assert_eq!(name(&again), name(&job));
    let other = accepted(sent(CLIP, "another-key")).await;
    assert_ne!(name(&other), name(&job));
    let reused = sent(OTHER_CLIP, "8e03978e-40d5").send().await;
    let reused = reused.expect("an answer");
    expect_problem(&server, SUBMIT, reused, (422, "idempotency-key-reused")).await;
    let no_key = sent(CLIP, "").send().await.expect("an answer");
    expect_problem(&server, SUBMIT, no_key, (400, "invalid-idempotency-key")).await;
    assert_eq!(waiting_files(&server).len(), 2, "one of each job");
}

#[tokio::test]
async fn predict_promises_an_answer_where_the_client_prefers_that() {
    let settings = [("trust_forwarded", "true")];
    let server = Server::start_with(&settings).await;
    let request = sending(&server, "/predict", &repository(CLIP));
    let request = request.header("prefer", "handling=strict, respond-async");
    let request = request.header("x-forwarded-prefix", "/fw");
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["preference-applied"], "respond-async");
    let place = response.headers()["location"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    let job: Value = response.json().await.expect("JSON");
    assert_eq!(place, format!("/fw{}", path(&job)));
    assert_eq!(job["events_url"], format!("/fw{}/events", path(&job)));
    done(&server, &job).await;
}

#[tokio::test]
async fn a_client_that_waits_is_answered_through_the_queue_where_the_analysis_ends_in_time() {
    let server = Server::start_with(&[]).await;
    for (route, preference) in [
        (ANALYSES, "wait=120"),
        ("/predict", "respond-async, wait=120"),
    ] {
        let request = sending(&server, route, &repository(CLIP)).header("prefer", preference);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["preference-applied"], preference);
        let place = response.headers()["content-location"].clone();
        let analysis: Value = response.json().await.expect("JSON");
        let stored = server.get(place.to_str().expect("ASCII")).await;
        let stored: Value = stored.json().await.expect("JSON");
        assert_eq!(analysis["id"], stored["id"]);
        assert_eq!(analysis["verdict"], "FAKE");
    }
    assert_eq!(records(&server).await.len(), 2);
    let request = sending(&server, ANALYSES, &repository("README.md")).header("prefer", "wait=120");
    let failed = accepted(request).await;
    assert_eq!(failed["state"], "failed");
    assert_eq!(failed["reason"]["code"], "unsupported-media");
}

#[tokio::test]
async fn a_client_whose_patience_ends_gets_the_promise_and_one_too_many_is_told() {
    let settings = [IDLE, ("max_event_streams_per_sender", "1")];
    let server = Server::start_with(&settings).await;
    let request = sending(&server, ANALYSES, &repository(CLIP)).header("prefer", "wait=1");
    let job = accepted(request).await;
    assert_eq!(job["state"], "queued");
    let held = follow(&server, &job, None).await;
    let request = sending(&server, ANALYSES, &repository(CLIP)).header("prefer", "wait=1");
    let refused = request.send().await.expect("an answer");
    expect_problem(&server, SUBMIT, refused, (429, "too-many-streams")).await;
    assert_eq!(waiting_files(&server).len(), 1, "nothing was taken");
    drop(held);
}

#[tokio::test]
async fn a_full_queue_is_said_at_once_and_those_in_it_know_their_place() {
    let server = Server::start_with(&[IDLE, ("max_queued_jobs", "2")]).await;
    let jobs = [
        submit(&server, CLIP).await,
        submit(&server, OTHER_CLIP).await,
    ];
    for (job, position) in jobs.iter().zip(1..) {
        let job = standing(&server, job).await;
        assert_eq!(
            (&job["state"], &job["position"]),
            (&"queued".into(), &position.into())
        );
    }
    let full = server.post_file(ANALYSES, &repository(CLIP)).await;
    expect_problem(&server, SUBMIT, full, (429, "queue-full")).await;
    assert_eq!(waiting_files(&server).len(), 2);
    assert_eq!(server.predict(CLIP).await["verdict"], "FAKE");

    let server = Server::start_in(server.give_up_home(), &[]).await;
    for job in &jobs {
        done(&server, job).await;
    }
    assert_eq!(records(&server).await.len(), 3);
}

#[tokio::test]
async fn another_keys_job_is_not_there_and_asking_costs_no_quota() {
    let server = Server::start_with(&[IDLE]).await;
    let mine = make_key(&server, &["mine", "--quota-per-day", "1"]);
    let theirs = make_key(&server, &["theirs"]);
    let admin = make_key(&server, &["admin", "--scope", "admin"]);
    let history = make_key(&server, &["reader", "--scope", "history"]);
    let request = sending(&server, ANALYSES, &repository(CLIP));
    let job = accepted(request.bearer_auth(&mine)).await;
    for _ in 0..3 {
        assert_eq!(get_with(&server, &path(&job), &mine).await.status(), 200);
    }
    assert_eq!(get_with(&server, &path(&job), &admin).await.status(), 200);
    let hidden = get_with(&server, &path(&job), &theirs).await;
    expect_problem(&server, (Method::GET, ONE), hidden, (404, "not-found")).await;
    let hidden = get_with(&server, &format!("{}/events", path(&job)), &theirs).await;
    expect_problem(&server, (Method::GET, EVENTS), hidden, (404, "not-found")).await;
    let request = server.client().delete(server.url(&path(&job)));
    let hidden = request
        .bearer_auth(&theirs)
        .send()
        .await
        .expect("an answer");
    expect_problem(&server, (Method::DELETE, ONE), hidden, (404, "not-found")).await;
    let refused = get_with(&server, &path(&job), &history).await;
    expect_problem(&server, (Method::GET, ONE), refused, (403, "scope-missing")).await;
    let request = sending(&server, ANALYSES, &repository(CLIP)).bearer_auth(&mine);
    let spent = request.send().await.expect("an answer");
    expect_problem(&server, SUBMIT, spent, (429, "quota-spent")).await;
    let request = server.client().delete(server.url(&path(&job)));
    let cancelled = request.bearer_auth(&mine).send().await.expect("an answer");
    assert_eq!(cancelled.status(), 200);
}

#[tokio::test]
async fn one_sender_follows_so_many_jobs_and_no_more() {
    let settings = [IDLE, ("max_event_streams_per_sender", "1")];
    let server = Server::start_with(&settings).await;
    let job = submit(&server, CLIP).await;
    let held = follow(&server, &job, None).await;
    let refused = follow(&server, &job, None).await;
    let route = (Method::GET, EVENTS);
    expect_problem(&server, route, refused, (429, "too-many-streams")).await;
    drop(held);
    let started = Instant::now();
    while follow(&server, &job, None).await.status() != 200 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "never free again"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_job_tried_too_often_is_set_aside_for_whoever_runs_the_service() {
    let server = Server::start_in(Home::on(Backend::SqliteAndDisk), &[IDLE]).await;
    let job = submit(&server, CLIP).await;
    for file in waiting_files(&server) {
        std::fs::remove_file(file).expect("the upload");
    }
    let settings = [("job_attempts", "1")];
    let server = Server::start_in(server.give_up_home(), &settings).await;
    let aside = ended(&server, &job).await;
    assert_eq!(aside["state"], "set-aside");
    assert_eq!(aside["reason"]["code"], "upload-missing");
    let jobs = |arguments: &[&str]| {
        let output = server.run_beside(&[&["jobs"], arguments].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    };
    let (_, list) = jobs(&["list", "--state", "set-aside"]);
    assert!(
        list.starts_with(name(&job)) && list.contains("upload-missing"),
        "{list}"
    );
    assert!(jobs(&["retry", name(&job)]).0);
    let again = once(&server, &job, |job| {
        job["attempt"] == 2 && job["state"] == "set-aside"
    })
    .await;
    assert_eq!(again["reason"]["code"], "upload-missing");
    assert!(jobs(&["drop", name(&job)]).0);
    assert!(!jobs(&["drop", name(&job)]).0);
    assert!(!jobs(&["retry", name(&job)]).0);
    assert_eq!(server.get(&path(&job)).await.status(), 404);
    assert_eq!(jobs(&["list"]).1, "");
}

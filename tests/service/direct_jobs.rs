//! Analyses whose clients wait on the connection go through the queue too: they outlive the process that took the
//! file, and end with what becomes of the client.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::multipart::Form;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::home::{Backend, Home};
use crate::isolation::workers;
use crate::job_client::{done, ended, path, records, standing, until_no_file_waits};
use crate::picture::frame_of;
use crate::server::{Server, repository};

const CLIP: &str = "videos/manipulated.mp4";
const END_DEADLINE: Duration = Duration::from_secs(120);
/// Long before the deadline of an analysis.
const SOON: Duration = Duration::from_secs(20);
/// A job of a dead process is another's after the shortest time.
const SHORT_LEASE: (&str, &str) = ("job_lease_s", "2");

/// The only job there is, as soon as there is one.
async fn only_job(server: &Server) -> Value {
    let started = Instant::now();
    loop {
        let listed = server.run_beside(&["jobs", "list"]);
        let listed = String::from_utf8(listed.stdout).expect("text");
        let names: Vec<&str> =
            (listed.lines().filter_map(|line| line.split('\t').next())).collect();
        if let [name] = names[..] {
            return json!({ "id": name });
        }
        assert!(names.is_empty(), "{listed}");
        let log = || server.log();
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "no job came:\n{}",
            log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The job of a request whose analysis gets nowhere, because the decode worker rests, and the request.
async fn begun(server: &Server) -> (Value, JoinHandle<reqwest::Result<Response>>) {
    signal_workers(server, "STOP");
    let form = Form::new();
    let form = form.file("file", repository(CLIP)).await.expect("a clip");
    let request = server.client().post(server.url("/predict")).multipart(form);
    let request = tokio::spawn(request.send());
    (only_job(server).await, request)
}

fn signal_workers(server: &Server, name: &str) {
    for worker in workers(server.pid()) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), worker.to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }
}

async fn expect_one_record(server: &Server, job: &Value) {
    let job = done(server, job).await;
    let kept = records(server).await;
    assert_eq!(kept, [job["analysis_id"].as_str().expect("a name")]);
    until_no_file_waits(server).await;
    assert!(server.home().uploads().is_empty());
}

async fn a_killed_process_leaves_its_requests_to_the_next(backend: Backend) {
    let mut server = Server::start_in(Home::on(backend).quick(), &[SHORT_LEASE]).await;
    let (job, request) = begun(&server).await;
    assert_eq!(standing(&server, &job).await["state"], "running");
    server.signal("KILL");
    server.wait(END_DEADLINE).await;
    assert!(request.await.expect("no panic").is_err());
    let again = Server::start_in(server.give_up_home(), &[SHORT_LEASE]).await;
    expect_one_record(&again, &job).await;
    assert_eq!(standing(&again, &job).await["attempt"], 2);
}

#[tokio::test]
async fn what_a_killed_process_analysed_for_a_waiting_client_is_ended_by_the_next_on_sqlite_and_disk()
 {
    a_killed_process_leaves_its_requests_to_the_next(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn what_a_killed_process_analysed_for_a_waiting_client_is_ended_by_the_next_on_postgres_and_s3()
 {
    a_killed_process_leaves_its_requests_to_the_next(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn a_process_that_may_wait_no_longer_gives_its_requests_to_the_next() {
    // Who waited for the lease, or counted the try, would not end this job.
    let settings = [
        ("job_lease_s", "600"),
        ("job_attempts", "1"),
        ("shutdown_grace_s", "1"),
    ];
    let mut server = Server::start_in(Home::on(Backend::SqliteAndDisk).quick(), &settings).await;
    let (job, request) = begun(&server).await;
    server.signal("TERM");
    let ended = server.wait(END_DEADLINE).await;
    assert_eq!(ended.code(), Some(0), "{}", server.log());
    let answer = request.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 503);
    let again = Server::start_in(server.give_up_home(), &settings).await;
    expect_one_record(&again, &job).await;
}

#[tokio::test]
async fn a_client_who_leaves_cancels_the_job_of_his_analysis() {
    let server = Server::start_quick().await;
    let (job, request) = begun(&server).await;
    request.abort();
    let job = ended(&server, &job).await;
    assert_eq!(job["state"], "cancelled", "{job}");
    until_no_file_waits(&server).await;
    assert_eq!(records(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_analysis_that_fails_fails_its_job_with_the_code_that_was_answered() {
    let server = Server::start_quick_with(&[("analysis_deadline_s", "1")]).await;
    let (job, request) = begun(&server).await;
    let answer = request.await.expect("no panic").expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["code"], "deadline-exceeded");
    let job = ended(&server, &job).await;
    assert_eq!(
        (&job["state"], &job["reason"]["code"]),
        (&json!("failed"), &answer["code"])
    );
    until_no_file_waits(&server).await;
}

#[tokio::test]
async fn an_analysis_that_lasts_longer_than_its_lease_stays_this_processs() {
    let server = Server::start_quick_with(&[SHORT_LEASE]).await;
    let (job, request) = begun(&server).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    signal_workers(&server, "CONT");
    let answer = request.await.expect("no panic").expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    expect_one_record(&server, &job).await;
    let job = standing(&server, &job).await;
    assert_eq!(
        (&job["attempt"], &job["analysis_id"]),
        (&json!(1), &answer["id"])
    );
}

async fn cancel(server: &Server, job: &Value) {
    let cancelling = server.client().delete(server.url(&path(job))).send();
    assert_eq!(cancelling.await.expect("an answer").status(), 200);
}

async fn drop_job(server: &Server, job: &Value) {
    let dropped = server.run_beside(&["jobs", "drop", job["id"].as_str().expect("a name")]);
    assert!(dropped.status.success(), "{dropped:?}");
}

async fn expect_told_at_once(taking_away: impl AsyncFn(&Server, &Value)) {
    let server = Server::start_quick().await;
    let (job, request) = begun(&server).await;
    taking_away(&server, &job).await;
    // The worker still rests: whoever waited for it would wait for the deadline.
    let answer = tokio::time::timeout(SOON, request).await.expect("at once");
    let answer = answer.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 503);
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["code"], "job-taken-over");
    assert_eq!(records(&server).await, Vec::<String>::new());
    until_no_file_waits(&server).await;
    server.predict(CLIP).await;
}

#[tokio::test]
async fn a_request_whose_job_is_cancelled_is_told_at_once_and_frees_its_worker() {
    expect_told_at_once(cancel).await;
}

#[tokio::test]
async fn a_request_whose_job_is_dropped_is_told_at_once_and_frees_its_worker() {
    expect_told_at_once(drop_job).await;
}

#[tokio::test]
async fn every_route_that_analyses_leaves_a_job_that_is_done_and_names_its_record() {
    let (clip, face) = (repository(CLIP), frame_of(CLIP));
    for (route, file) in [
        ("/predict", &clip),
        ("/predict_csv", &clip),
        ("/predict", &face),
        ("/api/v1/detect/augmented", &face),
    ] {
        let server = Server::start().await;
        let answer = server.post_file(route, file).await;
        assert_eq!(answer.status(), 200, "{route}");
        let job = only_job(&server).await;
        expect_one_record(&server, &job).await;
    }
}

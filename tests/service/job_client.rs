//! A client of analyses that are answered later.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::server::{Server, repository};

pub(crate) const ANALYSES: &str = "/api/v1/analyses";

/// Longest time for a job on a busy machine.
const END_DEADLINE: Duration = Duration::from_secs(120);

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// A request that sends `file`, still without what else it is to carry.
pub(crate) fn sending(server: &Server, path: &str, file: &Path) -> RequestBuilder {
    let bytes = std::fs::read(file).expect("a readable file");
    let name = file.file_name().expect("a name").to_string_lossy();
    let part = Part::bytes(bytes).file_name(name.into_owned());
    let request = server.client().post(server.url(path));
    request.multipart(Form::new().part("file", part))
}

/// Sends a file of the repository and answers its job.
pub(crate) async fn submit(server: &Server, file: &str) -> Value {
    accepted(sending(server, ANALYSES, &repository(file))).await
}

/// Sends a request that is to be answered 202, and answers its job.
pub(crate) async fn accepted(request: RequestBuilder) -> Value {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let job: Value = response.json().await.expect("JSON");
    assert_eq!(status, 202, "{job}");
    let place = headers["location"].to_str().expect("ASCII");
    assert!(
        place.ends_with(&format!("{ANALYSES}/{}", name(&job))),
        "{place}"
    );
    job
}

/// Name of a job.
pub(crate) fn name(job: &Value) -> &str {
    job["id"].as_str().expect("an id")
}

pub(crate) fn path(job: &Value) -> String {
    format!("{ANALYSES}/{}", name(job))
}

/// The job as it stands now.
pub(crate) async fn standing(server: &Server, job: &Value) -> Value {
    let response = server.get(&path(job)).await;
    let status = response.status();
    let job: Value = response.json().await.expect("JSON");
    assert_eq!(status, 200, "{job}");
    job
}

/// Waits until the job stands as wanted.
pub(crate) async fn once(server: &Server, job: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let now = standing(server, job).await;
        if wanted(&now) {
            return now;
        }
        let log = || server.log();
        assert!(started.elapsed() < END_DEADLINE, "{now}\n{}", log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the job has ended.
pub(crate) async fn ended(server: &Server, job: &Value) -> Value {
    let is_ended = |job: &Value| !matches!(job["state"].as_str(), Some("queued" | "running"));
    once(server, job, is_ended).await
}

pub(crate) async fn done(server: &Server, job: &Value) -> Value {
    let job = ended(server, job).await;
    assert_eq!(job["state"], "done", "{job}\n{}", server.log());
    job
}

/// Asks for the events of a job, those after `last` where it is told.
pub(crate) async fn follow(server: &Server, job: &Value, last: Option<u64>) -> Response {
    let request = server
        .client()
        .get(server.url(&format!("{}/events", path(job))));
    let request = match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    };
    request.send().await.expect("an answer")
}

/// Every event until the stream ends.
pub(crate) async fn events(response: Response) -> Vec<Event> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let reading = tokio::time::timeout(END_DEADLINE, response.text()).await;
    let text = reading.expect("the stream ends").expect("text");
    text.split("\n\n").filter_map(event).collect()
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Some(Event {
        id: field("id")?.parse().expect("a number"),
        kind: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).expect("JSON"),
    })
}

/// Files of uploads that lie for jobs, wherever they are.
pub(crate) fn waiting_files(server: &Server) -> Vec<PathBuf> {
    let mut files = server.home().pictures();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "video"));
    files
}

/// Waits until none does.
pub(crate) async fn until_no_file_waits(server: &Server) {
    let started = Instant::now();
    while !waiting_files(server).is_empty() {
        let files = waiting_files(server);
        assert!(started.elapsed() < Duration::from_secs(20), "{files:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Names of the stored analyses.
pub(crate) async fn records(server: &Server) -> Vec<String> {
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let recent = server
            .get(&format!("/api/v1/predictions/recent?limit=100{next}"))
            .await;
        let recent: Value = recent.json().await.expect("JSON");
        let records = recent["predictions"].as_array().expect("a list");
        let named = |record: &Value| record["id"].as_str().expect("an id").to_owned();
        names.extend(records.iter().map(named));
        match recent["next_before"].as_str() {
            Some(before) => next = format!("&before={before}"),
            None => return names,
        }
    }
}

//! The processes that decode: shut in, replaceable, and never left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::films::film;
use crate::held_upload::leftovers;
use crate::problem::expect_problem;
use crate::server::Server;

const PREDICT: (Method, &str) = (Method::POST, "/predict");

/// Process numbers of a server's workers.
pub(crate) fn workers(server_pid: u32) -> BTreeSet<u32> {
    let tasks = fs::read_dir(format!("/proc/{server_pid}/task"));
    let children = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    children
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|n| n.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn proc_file(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default()
}

/// Whether a process has ended, buried or not. One whose other threads still die cannot be waited for
/// yet, and its parent takes it for alive.
pub(crate) fn is_gone(pid: u32) -> bool {
    let stat = proc_file(pid, "stat");
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    stat.is_empty() || (stat.contains(") Z ") && threads <= 1)
}

/// Waits until it `holds`.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A clip that takes a worker seconds: one keyframe, and everything depends on it.
pub(crate) fn long_clip() -> PathBuf {
    let source = "testsrc2=size=1920x1080:rate=60:duration=8";
    let mut arguments = vec!["-f", "lavfi", "-i", source, "-c:v", "libx264"];
    arguments.extend(["-preset", "ultrafast", "-g", "1200", "-pix_fmt", "yuv420p"]);
    film("long.mp4", &arguments, &[])
}

async fn health(server: &Server) -> Value {
    server.get("/health").await.json().await.expect("JSON")
}

/// Waits until a worker is given a file.
pub(crate) async fn begun(server: &Server) {
    let pid = *workers(server.pid()).first().expect("a worker");
    let busy = || {
        proc_file(pid, "stat")
            .rsplit(") ")
            .next()
            .is_some_and(|s| s.starts_with('R'))
    };
    until("a worker at work", busy).await;
}

#[tokio::test]
async fn workers_are_shut_in_and_health_and_answers_say_so() {
    let server = Server::start_quick_with(&[("decode_threads", "2")]).await;
    let workers = workers(server.pid());
    assert_eq!(workers.len(), 2);
    for pid in &workers {
        let status = proc_file(*pid, "status");
        let line = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|l| l.split_whitespace().nth(1))
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(line("NoNewPrivs:"), "1", "{status}");
        assert_eq!(line("Seccomp:"), "2", "{status}");
        assert_eq!(line("Threads:"), "1", "{status}");
        let limits = proc_file(*pid, "limits");
        assert!(limits.contains("Max core file size        0 "), "{limits}");
        assert!(
            !limits.contains("Max address space         unlimited"),
            "{limits}"
        );
        let environment = proc_file(*pid, "environ");
        assert!(!environment.contains("FRAMEWITNESS_"), "{environment}");
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors");
        let open: Vec<_> = descriptors
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .map(|target| target.display().to_string())
            .collect();
        let known = |target: &String| target == "/dev/null" || target.starts_with("socket:");
        assert!(open.iter().all(known), "{open:?}");
    }
    let told = health(&server).await["isolation"].clone();
    assert_eq!(told["seccomp"], true, "{told}");
    assert_eq!(told["no_new_privileges"], true, "{told}");
    assert_eq!(told["resource_limits"], true, "{told}");
    let answer = server.predict("videos/no-face.mp4").await;
    assert_eq!(answer["isolation"], told);
    let path = format!(
        "/api/v1/predictions/{}",
        answer["id"].as_str().expect("an id")
    );
    let stored: Value = server.get(&path).await.json().await.expect("JSON");
    assert_eq!(stored["isolation"], told);
}

#[tokio::test]
async fn a_worker_that_dies_costs_its_own_request_and_is_replaced() {
    let server = Server::start_quick_with(&[("decode_threads", "1")]).await;
    let clip = long_clip();
    let before = workers(server.pid());
    let (response, ()) = tokio::join!(server.post_file("/predict", &clip), async {
        begun(&server).await;
        let pid = before.first().expect("a worker").to_string();
        let killed = Command::new("kill").args(["-ABRT", &pid]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    });
    let problem = expect_problem(&server, PREDICT, response, (422, "decoder-crashed")).await;
    assert!(
        problem["detail"].to_string().contains("SIGABRT"),
        "{problem}"
    );
    assert_eq!(leftovers(&server), Vec::<PathBuf>::new());

    server.predict("videos/genuine.mp4").await;
    assert_ne!(workers(server.pid()), before);
    assert!(
        server.log().contains("decode worker replaced"),
        "{}",
        server.log()
    );
    let metrics = server.get("/metrics").await.text().await.expect("text");
    let line = "framewitness_decode_workers_replaced_total{reason=\"crashed\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_worker_that_died_while_it_waited_costs_nobody_anything() {
    let server = Server::start_quick_with(&[("decode_threads", "1")]).await;
    let pid = *workers(server.pid()).first().expect("a worker");
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    until("the worker ended", || is_gone(pid)).await;
    server.predict("videos/genuine.mp4").await;
}

#[tokio::test]
async fn a_worker_is_replaced_after_its_number_of_files() {
    let settings = [
        ("decode_threads", "1"),
        ("worker_requests", "2"),
        ("result_cache_entries", "0"),
    ];
    let server = Server::start_quick_with(&settings).await;
    let mut seen = vec![workers(server.pid())];
    for _ in 0..3 {
        server.predict("videos/no-face.mp4").await;
        seen.push(workers(server.pid()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[1], seen[2]);
    assert_eq!(seen[2], seen[3]);
    assert!(seen.iter().all(|workers| workers.len() == 1), "{seen:?}");
}

#[tokio::test]
async fn a_deadline_that_passes_ends_the_work_and_frees_the_place() {
    let settings = [
        ("decode_threads", "1"),
        ("waiting_places", "0"),
        ("analysis_deadline_s", "1"),
    ];
    let server = Server::start_quick_with(&settings).await;
    let clip = long_clip();
    let late = server.post_file("/predict", &clip).await;
    expect_problem(&server, PREDICT, late, (504, "deadline-exceeded")).await;
    all_places_free(&server).await;
    assert_eq!(leftovers(&server), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_client_who_leaves_takes_the_worker_along_and_frees_the_place() {
    let settings = [("decode_threads", "1"), ("waiting_places", "0")];
    let server = Server::start_quick_with(&settings).await;
    let clip = long_clip();
    let before = workers(server.pid());
    tokio::select! {
        _ = server.post_file("/predict", &clip) => panic!("it was answered in no time"),
        () = begun(&server) => {}
    }
    all_places_free(&server).await;
    until("the worker is another", || workers(server.pid()) != before).await;
    assert_eq!(leftovers(&server), Vec::<PathBuf>::new());
}

async fn all_places_free(server: &Server) {
    let started = Instant::now();
    while health(server).await["analyses_in_progress"] != 0 {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the place is not free"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn no_worker_outlives_the_service_however_it_ends() {
    for signal in ["KILL", "TERM"] {
        let mut server = Server::start_quick().await;
        let workers = workers(server.pid());
        assert!(!workers.is_empty());
        server.signal(signal);
        server.wait(Duration::from_secs(20)).await;
        until("all workers ended", || {
            workers.iter().all(|pid| is_gone(*pid))
        })
        .await;
    }
}

/// A service manager may signal every process of the service at once.
#[tokio::test]
async fn a_signal_to_end_that_reaches_the_workers_leaves_them_to_the_service() {
    let server = Server::start_quick_with(&[("decode_threads", "1")]).await;
    let before = workers(server.pid());
    let pid = before.first().expect("a worker").to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    server.predict("videos/no-face.mp4").await;
    assert_eq!(workers(server.pid()), before);
}

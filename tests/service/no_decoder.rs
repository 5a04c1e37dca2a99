//! A machine on which no decode worker can be started any more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::home::Home;
use crate::isolation::{is_gone, until, workers};
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const PREDICT: (Method, &str) = (Method::POST, "/predict");
const CLIP: &str = "videos/genuine.mp4";
/// Files in a row without a worker after which readiness turns off.
const FAULTS: usize = 3;

/// A command that becomes a copy of the program at `copy`: beside it there is no other, so workers are started from the
/// same file.
fn from_a_copy(copy: &Path) -> Command {
    let mut command = Command::new("sh");
    let script = format!("cp \"$0\" '{0}' && exec '{0}' \"$@\"", copy.display());
    command.args(["-c", &script]);
    command
}

/// Lets the program at `path` be started, or not; without any such bit not by root either.
fn set_executable(path: &Path, executable: bool) {
    let mode = if executable { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of ours");
}

async fn health_of_decoding(server: &Server) -> Value {
    let health: Value = server.get("/health").await.json().await.expect("JSON");
    health["decoding"].clone()
}

#[tokio::test]
async fn files_without_a_decoder_fail_alone_and_several_turn_readiness_off_until_one_starts() {
    let folder = tempfile::tempdir().expect("a directory");
    let copy = folder.path().join("framewitness");
    let settings = [("decode_threads", "1"), ("result_cache_entries", "0")];
    let server = Server::start_through(from_a_copy(&copy), Home::new(), &settings).await;
    server.predict(CLIP).await;
    assert_eq!(health_of_decoding(&server).await, "ok");
    for worker in workers(server.pid()) {
        let program = fs::read_link(format!("/proc/{worker}/exe")).expect("a process of ours");
        assert_eq!(program, copy);
    }

    set_executable(&copy, false);
    for worker in workers(server.pid()) {
        let killed = Command::new("kill")
            .args(["-9", &worker.to_string()])
            .status();
        assert!(killed.is_ok_and(|status| status.success()), "kill {worker}");
        until("an ended worker", || is_gone(worker)).await;
    }
    for _ in 0..FAULTS {
        let failed = server.post_file("/predict", &repository(CLIP)).await;
        expect_problem(&server, PREDICT, failed, (500, "no-decoder")).await;
    }
    assert_eq!(server.get("/readyz").await.status(), 503);
    assert_eq!(health_of_decoding(&server).await, "failing");
    assert_eq!(server.get("/livez").await.status(), 200);
    let recent = server.get("/api/v1/predictions/recent").await;
    assert_eq!(recent.status(), 200);

    set_executable(&copy, true);
    let started = Instant::now();
    while server.get("/readyz").await.status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(60), "never ready");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    server.predict(CLIP).await;
}

//! A batch for which there is no memory.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;

use crate::home::Home;
use crate::memory::mapped_kib;
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const PREDICT: (Method, &str) = (Method::POST, "/predict");
const CLIP: &str = "videos/genuine.mp4";
/// More frames than the networks saw at the start, so that their memory has to grow.
const SAMPLE_FRAMES: &str = "100";
/// Enough for all but the networks, which need hundreds for such a clip.
const HEADROOM_KIB: u64 = 48 * 1024;
/// Failures in a row after which readiness turns off.
const FAILURES: usize = 3;

/// Lets the program map so much more, or as much as it wants.
fn limit_memory(server: &Server, headroom_kib: Option<u64>) {
    let limit = headroom_kib.map_or("unlimited".to_owned(), |kib| {
        ((mapped_kib(server.pid()) + kib) * 1024).to_string()
    });
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--pid", &server.pid().to_string()]);
    prlimit.arg(format!("--as={limit}:unlimited"));
    let done = prlimit.status();
    assert!(done.is_ok_and(|status| status.success()), "{prlimit:?}");
}

async fn until_ready(server: &Server) {
    let started = Instant::now();
    while server.get("/readyz").await.status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(60), "never ready");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_batch_without_memory_fails_alone_and_several_turn_readiness_off_until_there_is_some() {
    let mut with_backtraces = Command::new("env");
    with_backtraces.args([
        "RUST_BACKTRACE=1",
        // What was used once goes back at once, instead of being there for the next clip.
        "MALLOC_MMAP_THRESHOLD_=65536",
        // Or else every thread, those of loading too, leaves 64 MiB mapped that a batch can still be put into.
        "MALLOC_ARENA_MAX=1",
    ]);
    let settings = [
        ("sample_frames", SAMPLE_FRAMES),
        ("result_cache_entries", "0"),
    ];
    let server = Server::start_through(with_backtraces, Home::new(), &settings).await;
    server.predict(CLIP).await;
    limit_memory(&server, Some(HEADROOM_KIB));
    for _ in 0..FAILURES {
        let failed = server.post_file("/predict", &repository(CLIP)).await;
        expect_problem(&server, PREDICT, failed, (500, "model-failed")).await;
    }
    assert_eq!(server.get("/readyz").await.status(), 503);
    assert_eq!(server.get("/livez").await.status(), 200);
    let recent = server.get("/api/v1/predictions/recent").await;
    assert_eq!(recent.status(), 200);

    limit_memory(&server, None);
    until_ready(&server).await;
    server.predict(CLIP).await;
    assert!(server.log().contains("panicked"), "{}", server.log());
}

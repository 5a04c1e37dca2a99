//! Sends attacks to a running service and keeps count.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Attack, Expected};
use crate::extent;
use crate::held_upload::leftovers;
use crate::isolation::workers;
use crate::memory::{Watch, resident_kib};
use crate::server::Server;

const DEADLINE_S: u64 = 60;
/// From the first byte sent to the answer: the deadline, and what a busy machine adds to it.
const ALLOWED: Duration = Duration::from_secs(DEADLINE_S + 10);
/// What the service's own process may keep. The largest sample it could leak would be 800 MB.
const ALLOWED_GROWTH_KIB: u64 = 100 * 1024;

/// A service under attack.
pub(super) struct Trial {
    server: Server,
    watch: Watch,
    memory_before_kib: u64,
    workers_before: usize,
    statuses: BTreeMap<String, usize>,
    worst: (Duration, String),
    survived: usize,
    losses: Vec<String>,
}

impl Trial {
    pub(super) async fn begin() -> Self {
        let deadline = DEADLINE_S.to_string();
        let settings = [
            ("analysis_deadline_s", deadline.as_str()),
            ("decode_threads", "2"),
            ("sample_frames", extent::of("6", "30")),
        ];
        let server = Server::start_with(&settings).await;
        // So that what is loaded at first use is there before memory is measured.
        server.predict("videos/genuine.mp4").await;
        let workers_before = workers(server.pid()).len();
        Self {
            watch: Watch::start(server.pid()),
            memory_before_kib: resident_kib(server.pid()),
            workers_before,
            server,
            statuses: BTreeMap::new(),
            worst: (Duration::ZERO, String::new()),
            survived: 0,
            losses: Vec::new(),
        }
    }

    /// Sends one attack; what goes wrong is noted, so that the table is always complete.
    pub(super) async fn send(&mut self, attack: Attack) {
        let Attack {
            label,
            filename,
            bytes,
            expected,
        } = attack;
        let started = Instant::now();
        let response = self.server.post_bytes("/predict", &filename, bytes).await;
        let took = started.elapsed();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap_or_default();
        let code = body["code"].as_str().unwrap_or("verdict").to_owned();
        println!("{:6} ms  {status} {code:20} {label}", took.as_millis());
        if !expected.allows(status, &code) {
            self.losses
                .push(format!("{label}: {status} {code}, expected {expected:?}"));
        }
        if took > ALLOWED {
            self.losses.push(format!("{label}: took {took:?}"));
        }
        if status == 200 && !is_safe_name(&body) {
            self.losses
                .push(format!("{label}: shown as {}", body["filename"]));
        }
        if took > self.worst.0 {
            self.worst = (took, label.clone());
        }
        *self.statuses.entry(format!("{status} {code}")).or_default() += 1;
        if self.server.get("/livez").await.status() == 200 {
            self.survived += 1;
        } else {
            self.losses
                .push(format!("{label}: the service does not answer any more"));
        }
    }

    /// Checks that the service is as it was, prints the table, and fails where anything was lost.
    pub(super) async fn end(mut self) {
        self.check_aftermath().await;
        let metrics = self
            .server
            .get("/metrics")
            .await
            .text()
            .await
            .expect("text");
        let replaced = metrics
            .lines()
            .filter(|l| l.starts_with("framewitness_decode_workers_replaced"));
        let tried: usize = self.statuses.values().sum();
        let (worst, worst_label) = &self.worst;
        println!("\n| attack corpus | |\n|---|---|\n| inputs tried | {tried} |");
        for (status, count) in &self.statuses {
            println!("| answered {status} | {count} |");
        }
        println!("| worst time | {} ms ({worst_label}) |", worst.as_millis());
        println!(
            "| peak memory, service and workers | {} MiB |",
            self.watch.peak_kib() / 1024
        );
        println!(
            "| service before and after | {} and {} MiB |",
            self.memory_before_kib / 1024,
            resident_kib(self.server.pid()) / 1024
        );
        for line in replaced {
            println!("| {} |", line.replace("} ", "} | "));
        }
        println!(
            "| survivors | {} |\n| losses | {} |",
            self.survived,
            self.losses.len()
        );
        assert!(self.losses.is_empty(), "lost:\n{}", self.losses.join("\n"));
    }

    async fn check_aftermath(&mut self) {
        self.server.predict("videos/genuine.mp4").await;
        let left = leftovers(&self.server);
        if left != Vec::<PathBuf>::new() {
            self.losses.push(format!("files left: {left:?}"));
        }
        let workers = workers(self.server.pid()).len();
        if workers != self.workers_before {
            self.losses
                .push(format!("{} workers became {workers}", self.workers_before));
        }
        let grown = resident_kib(self.server.pid()).saturating_sub(self.memory_before_kib);
        if grown > ALLOWED_GROWTH_KIB {
            self.losses.push(format!("memory grew by {grown} KiB"));
        }
        for canary in ["/tmp/framewitness-attack", "framewitness-attack"] {
            if std::path::Path::new(canary).exists() {
                self.losses.push(format!("{canary} was written"));
            }
        }
    }
}

impl Expected {
    fn allows(self, status: u16, code: &str) -> bool {
        // A crash is contained and documented, but no attack in the corpus should manage one.
        let crashed = code.starts_with("decoder-");
        match self {
            Self::Refused(expected, name) => (status, code) == (expected, name),
            Self::Unusable => status == 422 && !crashed,
            Self::Verdict => status == 200,
            Self::Read => status == 200 || (status, code) == (422, "no-face"),
            Self::Documented => matches!(status, 200 | 400 | 415 | 422 | 504) && !crashed,
        }
    }
}

/// Shown names are no paths and move no cursors. Answers about images show none.
fn is_safe_name(answer: &Value) -> bool {
    answer.get("filename").is_none_or(|name| {
        let name = name.as_str().unwrap_or_default();
        let has_path = name.contains(['/', '\\']) || name.chars().any(char::is_control);
        (1..=255).contains(&name.len()) && !has_path
    })
}

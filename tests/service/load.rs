//! Four times as many clients as there are places, some of them slow, some leaving in the middle.
//!
//! The short run of the test suite looks at what does not depend on the machine: nobody gets
//! anything but an answer or a 429 that says when to come back, every answer is stored, and
//! afterwards every place is free. `scripts/hostile.sh` runs it for longer (`LOAD_SECONDS`) and
//! shows the table with the times.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::held_upload::leftovers;
use crate::isolation::workers;
use crate::memory::{Watch, resident_kib};
use crate::server::{Server, repository};

const CLIP: &str = "videos/genuine.mp4";
const DECODE_THREADS: usize = 2;
const WAITING_PLACES: usize = 4;
const PLACES: usize = DECODE_THREADS + WAITING_PLACES;
const CLIENTS: usize = 4 * PLACES;
/// Connections that send a byte now and then, and such that never read.
const SLOW: usize = 4;
/// Of so many requests one is left by its client in the middle.
const LEAVES_EVERY: usize = 10;
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(250);
const ALLOWED_GROWTH_KIB: u64 = 150 * 1024;

#[derive(Default)]
struct Seen {
    statuses: BTreeMap<String, usize>,
    accepted: Vec<Duration>,
    refused: Vec<Duration>,
    left: usize,
    problems: Vec<String>,
}

fn seconds() -> Duration {
    let told = std::env::var("LOAD_SECONDS").ok();
    let told = told.map(|text| text.parse().expect("LOAD_SECONDS is a number"));
    Duration::from_secs(told.unwrap_or(8))
}

fn form(clip: &[u8]) -> Form {
    Form::new().part("file", Part::bytes(clip.to_vec()).file_name("clip.mp4"))
}

/// One client: asks, waits where it is refused, and asks again until `end`.
async fn ask_until(
    server: &Server,
    clip: &[u8],
    end: Instant,
    (number, seen): (usize, &Mutex<Seen>),
) {
    let mut asked = number;
    while Instant::now() < end {
        asked += 1;
        let started = Instant::now();
        let request = server.client().post(server.url("/predict"));
        let sending = request.multipart(form(clip)).send();
        if asked.is_multiple_of(LEAVES_EVERY) {
            // Long enough for the analysis to have begun where there was a place.
            let left = tokio::time::timeout(Duration::from_millis(200), sending).await;
            seen.lock().expect("no panic").left += usize::from(left.is_err());
            continue;
        }
        let answer = sending.await;
        let took = started.elapsed();
        let refused = note(&mut seen.lock().expect("no panic"), answer, took);
        if refused {
            tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
        }
    }
}

fn note(
    seen: &mut Seen,
    answer: Result<reqwest::Response, reqwest::Error>,
    took: Duration,
) -> bool {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            seen.problems.push(format!("no answer: {error:?}"));
            return true;
        }
    };
    let status = answer.status().as_u16();
    *seen.statuses.entry(status.to_string()).or_default() += 1;
    match status {
        200 => seen.accepted.push(took),
        429 => {
            seen.refused.push(took);
            if !answer.headers().contains_key("retry-after") {
                seen.problems.push("429 without Retry-After".into());
            }
        }
        other => seen.problems.push(format!("status {other}")),
    }
    status == 429
}

/// A request whose body never gets any further, or whose answer nobody reads.
async fn hold(server: &Server, body: &[u8], end: Instant) {
    let address = server.url("").replace("http://", "");
    let Ok(mut connection) = TcpStream::connect(&address).await else {
        return;
    };
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    );
    let mut sent = connection.write_all(head.as_bytes()).await;
    while sent.is_ok() && Instant::now() < end {
        sent = connection.write_all(body).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Asks for much and reads nothing of it.
async fn never_read(server: &Server, end: Instant) {
    let address = server.url("").replace("http://", "");
    let Ok(mut connection) = TcpStream::connect(&address).await else {
        return;
    };
    let ask = format!("GET /openapi.json HTTP/1.1\r\nHost: {address}\r\n\r\n");
    for _ in 0..50 {
        let asking = connection.write_all(ask.as_bytes());
        if tokio::time::timeout(Duration::from_secs(1), asking)
            .await
            .is_err()
        {
            break;
        }
    }
    tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
}

async fn alone(server: &Server, clip: &[u8], times: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        let request = server.client().post(server.url("/predict"));
        let answer = request
            .multipart(form(clip))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
        took.push(started.elapsed());
    }
    took
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

#[tokio::test]
async fn four_times_as_many_clients_as_places_get_an_answer_or_a_429_and_leave_nothing_behind() {
    let settings = [
        ("decode_threads", DECODE_THREADS.to_string()),
        ("waiting_places", WAITING_PLACES.to_string()),
        ("result_cache_entries", "0".into()),
        ("address_requests_per_minute", "0".into()),
        ("body_idle_timeout_s", "5".into()),
    ];
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let server = Server::start_with(&settings).await;
    let clip = std::fs::read(repository(CLIP)).expect("the clip");
    let mut unloaded = alone(&server, &clip, 10).await;
    let before_kib = resident_kib(server.pid());
    let workers_before = workers(server.pid()).len();
    let watch = Watch::start(server.pid());

    let (seen, end) = (Mutex::new(Seen::default()), Instant::now() + seconds());
    let clients = (0..CLIENTS).map(|number| ask_until(&server, &clip, end, (number, &seen)));
    let slow = (0..SLOW).map(|_| hold(&server, b"-", end));
    let deaf = (0..SLOW).map(|_| never_read(&server, end));
    tokio::join!(
        futures_util::future::join_all(clients),
        futures_util::future::join_all(slow),
        futures_util::future::join_all(deaf),
    );

    let mut seen = seen.into_inner().expect("no panic");
    all_is_given_back(&server).await;
    let stored = recorded(&server).await;
    let answered = unloaded.len() + seen.accepted.len();
    // A client that left may have left after its analysis was stored.
    if stored < answered || stored > answered + seen.left {
        seen.problems
            .push(format!("{answered} answers, {stored} records"));
    }
    let after_kib = resident_kib(server.pid());
    if after_kib.saturating_sub(before_kib) > ALLOWED_GROWTH_KIB {
        seen.problems
            .push(format!("{before_kib} KiB became {after_kib} KiB"));
    }
    if workers(server.pid()).len() != workers_before {
        seen.problems.push("another number of workers".into());
    }
    let median = percentile(&mut unloaded, 50);
    let bound = percentile(&mut unloaded, 99) * 2 + median * (PLACES as u32 - 1);
    println!(
        "\n| load of {CLIENTS} clients on {PLACES} places for {} s | |\n|---|---|",
        seconds().as_secs()
    );
    for (status, count) in &seen.statuses {
        println!("| answered {status} | {count} |");
    }
    println!("| left by their clients | {} |", seen.left);
    println!(
        "| alone, median and worst of 10 | {median:.2?} and {:.2?} |",
        percentile(&mut unloaded, 100)
    );
    println!(
        "| accepted, median and p99 | {:.2?} and {:.2?} |",
        percentile(&mut seen.accepted, 50),
        percentile(&mut seen.accepted, 99)
    );
    println!("| bound: twice the worst alone and the queue before it | {bound:.2?} |");
    println!(
        "| refused, median and p99 | {:.2?} and {:.2?} |",
        percentile(&mut seen.refused, 50),
        percentile(&mut seen.refused, 99)
    );
    println!(
        "| peak memory, service and workers | {} MiB |",
        watch.peak_kib() / 1024
    );
    println!(
        "| service before and after | {} and {} MiB |",
        before_kib / 1024,
        after_kib / 1024
    );
    println!("| losses | {} |", seen.problems.len());
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    assert!(!seen.accepted.is_empty() && !seen.refused.is_empty());
}

/// Waits until every place is free and no upload is under way.
async fn all_is_given_back(server: &Server) {
    let started = Instant::now();
    loop {
        let health: Value = server.get("/health").await.json().await.expect("JSON");
        let (analyses, uploads) = (
            &health["analyses_in_progress"],
            &health["uploads_in_progress"],
        );
        if *analyses == 0 && *uploads == 0 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{health}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(leftovers(server), Vec::<std::path::PathBuf>::new());
}

async fn recorded(server: &Server) -> usize {
    let sums: Value = server
        .get("/api/v1/statistics")
        .await
        .json()
        .await
        .expect("JSON");
    sums["total_predictions"].as_u64().expect("a count") as usize
}

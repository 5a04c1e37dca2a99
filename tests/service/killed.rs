//! `kill -9` in the middle of an analysis: at each step of keeping it, and at random moments.
//!
//! After the next start there is no upload, no picture without its record and no record without
//! its pictures; an analysis whose file was in the queue is ended by whoever comes next.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::extent;
use crate::home::{Backend, Home};
use crate::job_client::until_no_file_waits;
use crate::server::{Server, repository};

const CLIP: &str = "videos/manipulated.mp4";
const END_DEADLINE: Duration = Duration::from_secs(120);
/// Kills at random moments in every run, and in the long one.
const RANDOM_MOMENTS: (usize, usize) = (6, 20);

/// What a dead process had is another's soon.
const SHORT_LEASE: (&str, &str) = ("job_lease_s", "2");

/// Every step that the program knows, and whether the record will be there: the file is in the queue by
/// then, or the record itself is there. On disk the file gets there by the step of pictures, so that the
/// process ends before it is.
fn steps(backend: Backend) -> [(&'static str, bool); 6] {
    [
        ("upload-begun", false),
        ("upload-whole", false),
        ("announced", true),
        ("pictures-written", backend == Backend::PostgresAndS3),
        ("pictures-there", true),
        ("recorded", true),
    ]
}

/// Asserts that nothing is half there; answers the names of the records.
async fn expect_nothing_half_kept(server: &Server, moment: &str) -> BTreeSet<String> {
    until_no_file_waits(server).await;
    let uploads = server.home().uploads();
    assert!(uploads.is_empty(), "{moment}: {uploads:?}");
    let recent = server.get("/api/v1/predictions/recent?limit=100").await;
    let recent: Value = recent.json().await.expect("JSON");
    let records = recent["predictions"].as_array().expect("a list");
    for record in records {
        for url in pictures_of(record) {
            let status = server.get(url).await.status();
            assert_eq!(status, 200, "{moment}: {url} of a record");
        }
    }
    let named = |record: &Value| record["id"].as_str().expect("an id").to_owned();
    let records: BTreeSet<String> = records.iter().map(named).collect();
    let with_pictures = (server.home().pictures().iter())
        .filter_map(|path| folder_name(path))
        .collect::<BTreeSet<String>>();
    assert_eq!(with_pictures, records, "{moment}: whose pictures there are");
    records
}

fn pictures_of(record: &Value) -> Vec<&str> {
    let frames = record["frames"].as_array().expect("frames").iter();
    let urls = frames.flat_map(|frame| {
        let faces = frame["faces"].as_array().expect("faces").iter();
        let crops = faces.map(|face| &face["crop_url"]);
        std::iter::once(&frame["url"]).chain(crops)
    });
    let urls: Vec<&str> = urls.filter_map(Value::as_str).collect();
    assert!(urls.len() > 1, "{record}");
    urls
}

fn folder_name(path: &Path) -> Option<String> {
    Some(path.parent()?.file_name()?.to_str()?.to_owned())
}

async fn an_end_at_every_step_leaves_nothing_half(backend: Backend) {
    let mut home = Home::on(backend).quick();
    let mut expected = 0;
    for (step, is_recorded) in steps(backend) {
        let settings = [SHORT_LEASE, ("FWTEST_END_AT", step)];
        let mut server = Server::start_in(home, &settings).await;
        let broken = server.try_predict(CLIP).await;
        assert!(broken.is_err(), "{step}: {broken:?}");
        server.wait(END_DEADLINE).await;

        let again = Server::start_in(server.give_up_home(), &[SHORT_LEASE]).await;
        expected += usize::from(is_recorded);
        let records = expect_nothing_half_kept(&again, step).await;
        assert_eq!(records.len(), expected, "{step}");
        home = again.give_up_home();
    }
    let server = Server::start_in(home, &[]).await;
    server.predict(CLIP).await;
    expect_nothing_half_kept(&server, "at last").await;
    let steps = steps(backend).len();
    println!("\n| ended at each step, {backend:?} | {steps} tried, {steps} recovered, 0 losses |");
}

#[tokio::test]
async fn an_end_at_every_step_leaves_nothing_half_on_sqlite_and_disk() {
    an_end_at_every_step_leaves_nothing_half(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn an_end_at_every_step_leaves_nothing_half_on_postgres_and_s3() {
    an_end_at_every_step_leaves_nothing_half(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn kills_at_random_moments_leave_nothing_half_and_lose_no_answer() {
    let settings = [("result_cache_entries", "0"), SHORT_LEASE];
    let mut server = Server::start_in(Home::on(Backend::SqliteAndDisk).quick(), &settings).await;
    server.predict(CLIP).await;
    let started = Instant::now();
    server.predict(CLIP).await;
    let whole = started.elapsed().mul_f64(1.1);

    let mut random = StdRng::seed_from_u64(20_251_125);
    let mut answered = 2;
    let moments = extent::of(RANDOM_MOMENTS.0, RANDOM_MOMENTS.1);
    for number in 0..moments {
        let delay = whole.mul_f64(random.gen_range(0.0..1.0));
        let moment = format!("kill {number} after {delay:?} of {whole:?}");
        let (request, kill) = tokio::join!(server.try_predict(CLIP), async {
            tokio::time::sleep(delay).await;
            server.signal("KILL");
        });
        let () = kill;
        answered += usize::from(request.is_ok());
        server.wait(END_DEADLINE).await;
        server = Server::start_in(server.give_up_home(), &settings).await;
        let records = expect_nothing_half_kept(&server, &moment).await;
        assert!(records.len() >= answered, "{moment}: an answer was lost");
    }
    let kept = server.home().pictures().len();
    println!(
        "\n| killed at random moments | {moments} tried, {moments} recovered, {kept} pictures kept, \
         0 losses |"
    );
}

#[tokio::test]
async fn a_kept_video_is_whole_or_not_there_after_a_kill() {
    let mut server = Server::start_in(
        Home::on(Backend::SqliteAndDisk).quick(),
        &[("FWTEST_END_AT", "pictures-written")],
    )
    .await;
    let form = reqwest::multipart::Form::new();
    let form = form.file("video", repository(CLIP)).await.expect("a clip");
    let request = server.client().post(server.url("/video/upload"));
    assert!(request.multipart(form).send().await.is_err());
    server.wait(END_DEADLINE).await;
    let again = Server::start_in(server.give_up_home(), &[]).await;
    expect_nothing_half_kept(&again, "a video being kept").await;
}

//! Processes that end in the middle of jobs, and others that go on with them.
//!
//! Every job ends exactly once: one record, its pictures, and nothing of the upload.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::extent;
use crate::home::{Backend, Home};
use crate::isolation::long_clip;
use crate::job_client::{
    ANALYSES, accepted, done, events, follow, once, records, sending, standing, submit,
    until_no_file_waits,
};
use crate::server::{Server, repository};

const CLIP: &str = "videos/manipulated.mp4";
const END_DEADLINE: Duration = Duration::from_secs(120);
/// A process that takes jobs and works on none.
const IDLE: (&str, &str) = ("run_jobs", "false");
/// A job of a dead worker is another's after the shortest time.
const SHORT_LEASE: (&str, &str) = ("job_lease_s", "2");

/// Asserts that these jobs are done, each with a record of its own, and that there is nothing else.
async fn expect_each_once(server: &Server, jobs: &[Value], moment: &str) {
    let mut named = BTreeSet::new();
    for job in jobs {
        let job = done(server, job).await;
        named.insert(job["analysis_id"].as_str().expect("a name").to_owned());
    }
    assert_eq!(named.len(), jobs.len(), "{moment}");
    let kept: BTreeSet<String> = records(server).await.into_iter().collect();
    assert_eq!(kept, named, "{moment}");
    until_no_file_waits(server).await;
    assert!(server.home().uploads().is_empty(), "{moment}");
    let folder = |path: &Path| Some(path.parent()?.file_name()?.to_str()?.to_owned());
    let pictures = server.home().pictures();
    let with_pictures: BTreeSet<String> = pictures.iter().filter_map(|p| folder(p)).collect();
    assert_eq!(with_pictures, named, "{moment}: whose pictures there are");
}

async fn an_end_at_every_step_ends_each_job_once(backend: Backend) {
    let mut home = Home::on(backend).quick();
    let mut jobs = Vec::new();
    for step in [
        "announced",
        "pictures-written",
        "pictures-there",
        "recorded",
    ] {
        // Taken by a process that does not work on it: placing the upload passes the same steps.
        let idle = Server::start_in(home, &[IDLE]).await;
        jobs.push(submit(&idle, CLIP).await);
        let settings = [SHORT_LEASE, ("FWTEST_END_AT", step)];
        let mut server = Server::start_in(idle.give_up_home(), &settings).await;
        server.wait(END_DEADLINE).await;
        let again = Server::start_in(server.give_up_home(), &[SHORT_LEASE]).await;
        expect_each_once(&again, &jobs, step).await;
        home = again.give_up_home();
    }
}

#[tokio::test]
async fn a_process_that_ends_at_any_step_of_keeping_ends_each_job_once_on_sqlite_and_disk() {
    an_end_at_every_step_ends_each_job_once(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn a_process_that_ends_at_any_step_of_keeping_ends_each_job_once_on_postgres_and_s3() {
    an_end_at_every_step_ends_each_job_once(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn a_process_that_ends_while_it_places_an_upload_leaves_neither_the_upload_nor_a_job() {
    let settings = [IDLE, ("FWTEST_END_AT", "pictures-written")];
    let mut server = Server::start_in(Home::on(Backend::SqliteAndDisk).quick(), &settings).await;
    let file = repository(CLIP);
    assert!(sending(&server, ANALYSES, &file).send().await.is_err());
    server.wait(END_DEADLINE).await;
    let again = Server::start_in(server.give_up_home(), &[]).await;
    expect_each_once(&again, &[], "placing an upload").await;
    let listed = again.run_beside(&["jobs", "list"]);
    assert!(
        listed.status.success() && listed.stdout.is_empty(),
        "{listed:?}"
    );
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_decodes_leaves_the_job_to_the_next() {
    let home = Home::on(Backend::SqliteAndDisk).quick();
    let mut server = Server::start_in(home, &[SHORT_LEASE]).await;
    let job = accepted(sending(&server, ANALYSES, &long_clip())).await;
    once(&server, &job, |job| job["stage"] == "decoding").await;
    server.signal("KILL");
    server.wait(END_DEADLINE).await;
    let again = Server::start_in(server.give_up_home(), &[SHORT_LEASE]).await;
    let told = events(follow(&again, &job, Some(1)).await).await;
    let attempts: BTreeSet<u64> = told
        .iter()
        .filter_map(|e| e.data["attempt"].as_u64())
        .collect();
    assert_eq!(attempts, BTreeSet::from([1, 2]));
    expect_each_once(&again, &[job], "killed").await;
}

#[tokio::test]
async fn a_process_that_is_told_to_end_gives_its_jobs_back_and_the_try_does_not_count() {
    // Who waited for the lease, or counted the try, would not end this job.
    let settings = [("job_lease_s", "600"), ("job_attempts", "1")];
    let mut server = Server::start_in(Home::on(Backend::SqliteAndDisk).quick(), &settings).await;
    let job = accepted(sending(&server, ANALYSES, &long_clip())).await;
    let following = follow(&server, &job, None).await;
    once(&server, &job, |job| job["stage"] == "decoding").await;
    server.signal("TERM");
    let ended = server.wait(Duration::from_secs(30)).await;
    assert_eq!(ended.code(), Some(0), "{}", server.log());
    let told = events(following).await;
    assert!(told.iter().all(|event| event.kind != "end"), "{told:?}");
    let again = Server::start_in(server.give_up_home(), &settings).await;
    expect_each_once(&again, std::slice::from_ref(&job), "told to end").await;
    assert_eq!(standing(&again, &job).await["attempt"], 2);
}

/// A second process on the stores of `first`, with a folder of its own.
async fn beside(first: &Server, settings: &[(&str, &str)]) -> Server {
    beside_in(Home::on(Backend::SqliteAndDisk).quick(), first, settings).await
}

/// The same in a folder that another left.
async fn beside_in(home: Home, first: &Server, settings: &[(&str, &str)]) -> Server {
    let mut through = Command::new("env");
    let environment = first.home().environment().into_iter();
    through.args(environment.map(|(name, value)| format!("{name}={value}")));
    Server::start_through(through, home, settings).await
}

#[tokio::test]
async fn two_processes_share_one_queue_and_what_a_killed_one_had_ends_at_the_other() {
    let home = Home::on(Backend::PostgresAndS3).quick();
    let mut first = Server::start_in(home, &[SHORT_LEASE]).await;
    let second = beside(&first, &[SHORT_LEASE, IDLE]).await;
    let third = beside(&first, &[SHORT_LEASE]).await;
    let mut jobs = vec![accepted(sending(&second, ANALYSES, &long_clip())).await];
    for _ in 0..4 {
        jobs.push(submit(&second, CLIP).await);
    }
    // Whoever has it, the process that works on nothing knows how it gets on.
    once(&second, &jobs[0], |job| job["stage"] == "decoding").await;
    let following = follow(&second, &jobs[1], None).await;
    first.signal("KILL");
    first.wait(END_DEADLINE).await;
    for job in &jobs {
        done(&third, job).await;
    }
    let told = events(following).await;
    assert_eq!(told.last().expect("an end").data["state"], "done");
    drop((second, third));
    let again = Server::start_in(first.give_up_home(), &[SHORT_LEASE]).await;
    expect_each_once(&again, &jobs, "one of two killed").await;
}

/// Jobs and kills in every run, and in the long one.
const JOBS: (usize, usize) = (20, 200);
const KILLS: (usize, usize) = (4, 40);

/// Two processes work; whichever is hit dies in the middle of whatever it does, and is started again.
#[tokio::test]
async fn many_jobs_through_two_processes_killed_at_random_end_once_each() {
    let (count, kills) = (extent::of(JOBS.0, JOBS.1), extent::of(KILLS.0, KILLS.1));
    // A process that dies often enough has a job tried often; none is to be set aside for it.
    let settings = [SHORT_LEASE, ("job_attempts", "100")];
    let takes = [&settings[..], &[IDLE, ("max_queued_jobs", "1000")]].concat();
    let front = Server::start_in(Home::on(Backend::PostgresAndS3).quick(), &takes).await;
    let clips = ["videos/genuine.mp4", CLIP, "videos/no-face.mp4"];
    let mut jobs = Vec::new();
    for clip in clips.iter().cycle().take(count) {
        jobs.push(submit(&front, clip).await);
    }
    let mut workers = vec![
        beside(&front, &settings).await,
        beside(&front, &settings).await,
    ];
    let (mut random, mut killed, mut at) = (StdRng::seed_from_u64(20_261_130), 0, BTreeSet::new());
    while killed < kills && waits(&front, jobs.last().expect("jobs")).await {
        tokio::time::sleep(Duration::from_millis(random.gen_range(200..3_000))).await;
        workers.shuffle(&mut random);
        let mut hit = workers.pop().expect("two workers");
        at.extend(stages(&front, &jobs).await);
        hit.signal("KILL");
        hit.wait(END_DEADLINE).await;
        killed += 1;
        workers.push(beside_in(hit.give_up_home(), &front, &settings).await);
    }
    for job in &jobs {
        done(&front, job).await;
    }
    let tries = tries(&front, &jobs).await;
    drop(workers);
    expect_each_once(&front, &jobs, "two processes killed at random").await;
    assert!(tries > jobs.len() as u64, "no kill hit a job");
    println!(
        "\n| jobs through two processes, {killed} kills in {at:?} | {count} sent, {tries} tries, {count} results, \
         0 losses |"
    );
}

async fn waits(server: &Server, job: &Value) -> bool {
    standing(server, job).await["state"] == "queued"
}

/// The stages of the jobs that are being worked on.
async fn stages(server: &Server, jobs: &[Value]) -> BTreeSet<String> {
    let mut stages = BTreeSet::new();
    for job in jobs {
        let job = standing(server, job).await;
        if job["state"] == "running" {
            stages.insert(job["stage"].as_str().expect("a stage").to_owned());
        }
    }
    stages
}

async fn tries(server: &Server, jobs: &[Value]) -> u64 {
    let mut tries = 0;
    for job in jobs {
        tries += standing(server, job).await["attempt"]
            .as_u64()
            .expect("a number");
    }
    tries
}

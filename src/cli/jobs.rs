//! `framewitness jobs`: the queue of analyses, for whoever runs the service.

use std::process::ExitCode;

use clap::Subcommand;
use framewitness::app;
use framewitness::config::Settings;
use framewitness::domain::inert_cell;
use framewitness::store::{Job, JobId, JobState, JobStore};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::{FAILED, print};
use super::runtime;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List jobs, newest first, each with its state and why it has no result.
    List {
        /// Only those in this state: queued, running, done, failed, cancelled or set-aside.
        #[arg(long)]
        state: Option<JobState>,
        /// How many at most.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Have a job that was set aside tried again.
    Retry {
        /// Its name, as `list` shows it.
        id: String,
    },
    /// Forget a job and its file, whatever its state; whoever works on it stops.
    Drop {
        /// Its name, as `list` shows it.
        id: String,
    },
}

/// Runs a command on the database of the settings.
pub(crate) fn run(settings: &Settings, command: Command) -> ExitCode {
    runtime::run(run_on_database(settings, command))
}

async fn run_on_database(
    settings: &Settings,
    command: Command,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let records = app::open_records(settings).await?;
    let jobs = records.jobs();
    let done = match command {
        Command::List { state, limit } => {
            for job in jobs.list(state, limit).await? {
                print(&line(&job));
            }
            ExitCode::SUCCESS
        }
        Command::Retry { id } => retry(&jobs, &id).await?,
        Command::Drop { id } => drop_job(settings, &jobs, &id).await?,
    };
    records.close().await;
    Ok(done)
}

async fn retry(jobs: &JobStore, id: &str) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let now = OffsetDateTime::now_utc();
    let queued = match JobId::parse(id) {
        Some(job) => jobs.retry(job, now).await?,
        None => false,
    };
    if queued {
        print(&format!("job {id} waits for another try\n"));
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "framewitness: there is no job {id} that was set aside; see `framewitness jobs list --state \
         set-aside`"
    );
    Ok(ExitCode::from(FAILED))
}

/// The row first: whoever works on the job stops, and nobody claims it without its file.
async fn drop_job(
    settings: &Settings,
    jobs: &JobStore,
    id: &str,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let job = JobId::parse(id);
    let forgotten = match job {
        Some(job) => jobs.forget(job).await?,
        None => false,
    };
    let (Some(job), true) = (job, forgotten) else {
        eprintln!("framewitness: there is no job {id}; see `framewitness jobs list`");
        return Ok(ExitCode::from(FAILED));
    };
    app::open_job_uploads(settings).await?.remove(job).await?;
    print(&format!("job {id} and its file are gone\n"));
    Ok(ExitCode::SUCCESS)
}

fn line(job: &Job) -> String {
    let moment = |at: OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    let reason = job.reason.as_ref().map_or(String::new(), |reason| {
        format!("\t{}: {}", reason.code, reason.message)
    });
    let (id, state, tries) = (job.id, job.state, job.tries);
    let sender = job
        .owner
        .map_or("no key".to_owned(), |key| format!("key {key}"));
    format!(
        "{id}\t{state}\t{tries} tries\t{sender}\tcame {}\t{}{}\n",
        moment(job.created_at),
        inert_cell(&job.payload.filename),
        reason.replace(['\t', '\n'], " "),
    )
}

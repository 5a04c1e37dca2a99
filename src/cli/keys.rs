//! `framewitness keys`: who may use the service.

use std::process::ExitCode;

use clap::Subcommand;
use framewitness::app;
use framewitness::config::Settings;
use framewitness::integrity::ApiSecret;
use framewitness::store::{ApiKey, KeyId, KeyStore, NewKey, Scope};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::{FAILED, print};
use super::runtime;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and show its secret, once. From the first key on the service asks for one.
    Create {
        /// A name for people.
        name: String,
        /// What it is for: analyse, history, models, integrity or admin; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE", default_values = ["analyse", "history", "integrity"])]
        scopes: Vec<Scope>,
        /// Analyses a day (UTC).
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        quota_per_day: Option<u32>,
    },
    /// List every key, without its secret.
    List,
    /// Refuse a key from now on.
    Revoke {
        /// Its number, as `list` shows it.
        id: i64,
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
    let keys = records.keys();
    let done = match command {
        Command::Create {
            name,
            scopes,
            quota_per_day,
        } => create(&keys, name, scopes, quota_per_day).await?,
        Command::List => {
            for key in keys.list().await? {
                print(&line(&key));
            }
            ExitCode::SUCCESS
        }
        Command::Revoke { id } => {
            if keys
                .revoke(KeyId::new(id), OffsetDateTime::now_utc())
                .await?
            {
                print(&format!("key {id} is refused from now on\n"));
                ExitCode::SUCCESS
            } else {
                eprintln!(
                    "framewitness: there is no key {id} in use; see `framewitness keys list`"
                );
                ExitCode::from(FAILED)
            }
        }
    };
    records.close().await;
    Ok(done)
}

async fn create(
    keys: &KeyStore,
    name: String,
    mut scopes: Vec<Scope>,
    quota_per_day: Option<u32>,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    scopes.sort_unstable();
    scopes.dedup();
    let secret = ApiSecret::generate();
    let key = NewKey {
        name,
        secret_sha256: secret.sha256().to_hex(),
        scopes,
        quota_per_day,
    };
    let id = keys.create(&key, OffsetDateTime::now_utc()).await?;
    // The secret alone on standard output, so that `KEY=$(framewitness keys create NAME)` works.
    eprintln!("key {id}; its secret is shown this once and kept nowhere:");
    print(&format!("{}\n", secret.reveal()));
    Ok(ExitCode::SUCCESS)
}

fn line(key: &ApiKey) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let quota = key
        .quota_per_day
        .map_or("no quota".to_owned(), |quota| format!("{quota} a day"));
    let moment = |at: OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    let state = match key.revoked_at {
        Some(at) => format!("revoked {}", moment(at)),
        None => "in use".to_owned(),
    };
    let (id, name, made) = (key.id, &key.name, moment(key.created_at));
    format!(
        "{id}\t{name}\t{}\t{quota}\tmade {made}\t{state}\n",
        scopes.join(",")
    )
}

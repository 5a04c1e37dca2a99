//! `framewitness webhooks`: who is told when an analysis from the queue ends.

use std::process::ExitCode;

use clap::Subcommand;
use framewitness::app;
use framewitness::config::Settings;
use framewitness::integrity::WebhookSecret;
use framewitness::store::{
    DeliveryEntry, DeliveryState, KeyId, NewWebhook, RecordStore, Webhook, WebhookId, WebhookStore,
};
use framewitness::webhooks::WebhookUrl;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::{FAILED, print};
use super::runtime;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Have a URL told when analyses from the queue end, and show the secret that messages are signed
    /// with, once.
    Create {
        /// Where messages go: https, at a public address.
        url: String,
        /// Only analyses sent with this key (its number, as `framewitness keys list` shows it).
        #[arg(long, value_name = "ID")]
        key: Option<i64>,
    },
    /// List every webhook, without its secret.
    List,
    /// Send nothing to a webhook from now on.
    Remove {
        /// Its number, as `list` shows it.
        id: i64,
    },
    /// List deliveries, newest first, each with what became of it.
    Log {
        /// Only those in this state: waiting, delivered or given-up.
        #[arg(long)]
        state: Option<DeliveryState>,
        /// How many at most.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Have everything that was given up for a webhook tried again.
    Retry {
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
    let (webhooks, now) = (records.webhooks(), OffsetDateTime::now_utc());
    let done = match command {
        Command::Create { url, key } => {
            let url = WebhookUrl::parse(&url, settings.webhook_private_addresses)?;
            create(&records, &url, key.map(KeyId::new)).await?
        }
        Command::List => {
            for webhook in webhooks.list().await? {
                print(&line(&webhook));
            }
            ExitCode::SUCCESS
        }
        Command::Remove { id } => match webhooks.remove(WebhookId::new(id), now).await? {
            true => said(&format!("nothing is sent to webhook {id} from now on\n")),
            false => no_such(id),
        },
        Command::Log { state, limit } => {
            for delivery in webhooks.deliveries(state, limit).await? {
                print(&log_line(&delivery));
            }
            ExitCode::SUCCESS
        }
        Command::Retry { id } => retry(&webhooks, id, now).await?,
    };
    records.close().await;
    Ok(done)
}

async fn create(
    records: &RecordStore,
    url: &WebhookUrl,
    owner: Option<KeyId>,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if let Some(owner) = owner {
        let keys = records.keys().list().await?;
        if !keys.iter().any(|key| key.id == owner) {
            eprintln!("framewitness: there is no key {owner}; see `framewitness keys list`");
            return Ok(ExitCode::from(FAILED));
        }
    }
    let secret = WebhookSecret::generate();
    let webhook = NewWebhook {
        url: url.as_str().to_owned(),
        secret: secret.reveal().to_owned(),
        owner,
    };
    let id = (records.webhooks())
        .create(&webhook, OffsetDateTime::now_utc())
        .await?;
    // The secret alone on standard output, as `keys create` does.
    eprintln!("webhook {id}; the secret that its messages are signed with is shown this once:");
    Ok(said(&format!("{}\n", secret.reveal())))
}

async fn retry(
    webhooks: &WebhookStore,
    id: i64,
    now: OffsetDateTime,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let in_use = |webhook: &Webhook| webhook.id.get() == id && webhook.removed_at.is_none();
    if !webhooks.list().await?.iter().any(in_use) {
        return Ok(no_such(id));
    }
    let count = webhooks.retry(WebhookId::new(id), now).await?;
    Ok(said(&format!("{count} deliveries wait for another try\n")))
}

fn said(text: &str) -> ExitCode {
    print(text);
    ExitCode::SUCCESS
}

fn no_such(id: i64) -> ExitCode {
    eprintln!("framewitness: there is no webhook {id} in use; see `framewitness webhooks list`");
    ExitCode::from(FAILED)
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

fn line(webhook: &Webhook) -> String {
    let of = webhook.owner.map_or("all analyses".to_owned(), |key| {
        format!("those of key {key}")
    });
    let state = match webhook.removed_at {
        Some(at) => format!("removed {}", moment(at)),
        None => "in use".to_owned(),
    };
    let (id, url, made) = (webhook.id, &webhook.url, moment(webhook.created_at));
    format!("{id}\t{url}\t{of}\tmade {made}\t{state}\n")
}

fn log_line(delivery: &DeliveryEntry) -> String {
    let (ended, state) = (moment(delivery.created_at), delivery.state.as_str());
    let next = match delivery.state {
        DeliveryState::Waiting => format!("next try {}", moment(delivery.not_before)),
        DeliveryState::Delivered | DeliveryState::GivenUp => String::new(),
    };
    let answer = delivery
        .status
        .map_or("no answer".to_owned(), |status| format!("answer {status}"));
    let problem = delivery.problem.as_deref().unwrap_or_default();
    let (webhook, job, tries) = (delivery.webhook, &delivery.job, delivery.tries);
    format!(
        "{ended}\twebhook {webhook}\tjob {job}\t{state}\t{tries} tries\t{answer}\t{next}\t{}\n",
        problem.replace(['\t', '\n'], " ")
    )
}

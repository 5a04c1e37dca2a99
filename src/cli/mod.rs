//! Commands: what each takes, and who carries it out.

mod analyze;
mod evaluate;
mod jobs;
mod keys;
mod manual;
mod models;
mod output;
mod progress;
mod replay;
mod runtime;
mod serve;
mod signing;
mod start_over;
mod webhooks;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use framewitness::config::{Flags, Settings};
use framewitness::http;
use framewitness::telemetry;
use output::{USAGE, fail, print};
use start_over::start_over_where_needed;

/// Tells whether a video of a face was manipulated, shows why, and proves later which file it
/// looked at.
#[derive(Debug, Parser)]
#[command(name = "framewitness", version, about)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Flags every command knows; each outranks the environment and the settings file.
#[derive(Debug, Args)]
struct Common {
    /// Settings file (default: framewitness.toml in the working directory, if there).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory for records, artifacts, keys and uploads.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Directory with bundle.toml and the models it names.
    #[arg(long, global = true, value_name = "DIR")]
    models_dir: Option<String>,
    /// Where the networks run: auto, cpu, cuda or cuda:N.
    #[arg(long, global = true, value_name = "DEVICE")]
    device: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the page and the API.
    Serve {
        /// Address and port to listen on.
        #[arg(long, value_name = "ADDRESS")]
        bind: Option<String>,
    },
    /// Analyse videos and images.
    Analyze(analyze::Options),
    /// Measure the models on files whose truth is known.
    Evaluate(evaluate::Options),
    /// Print a base64 signature of a file.
    Sign {
        /// The file to sign.
        file: PathBuf,
    },
    /// Check a signature made by `sign` or by the service.
    Verify {
        /// The file that was signed.
        file: PathBuf,
        /// The signature: a file that holds it, or its base64 text.
        signature: String,
    },
    /// Make an analysis again and say whether the same comes out: exit code 0 the same, 1 not the
    /// same, 2 could not be tried.
    Replay(replay::Options),
    /// Make a new signing key; what the old one signed stays valid.
    RotateKey,
    /// Look at models, add your own, choose which serve.
    Models {
        #[command(subcommand)]
        command: models::Command,
    },
    /// Make, list and revoke API keys.
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// List the analyses in the queue, have one tried again, forget one.
    Jobs {
        #[command(subcommand)]
        command: jobs::Command,
    },
    /// Have a URL told when analyses from the queue end; see what became of it.
    Webhooks {
        #[command(subcommand)]
        command: webhooks::Command,
    },
    /// Print a script that completes commands and options in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, or write the page of every command into a folder.
    Man {
        /// The folder.
        dir: Option<PathBuf>,
    },
    /// Print every setting with its default and meaning.
    Settings,
    /// Print the OpenAPI document of every route, as the service answers it at /openapi.json.
    Openapi,
}

/// Runs a command to its exit code.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let Arguments { common, command } = arguments;
    let settings = match Settings::load(common.config.as_deref(), &flags(&common, &command)) {
        Ok(settings) => settings,
        Err(error) => return fail(USAGE, &error),
    };
    if let Err(error) = telemetry::start_logs(settings.log_format, &log_filter(&command, &settings))
    {
        return fail(USAGE, &error);
    }
    let runs_models = match &command {
        Command::Serve { .. } | Command::Analyze(_) | Command::Evaluate(_) | Command::Replay(_) => {
            true
        }
        Command::Models { command } => command.runs_models(),
        Command::Sign { .. }
        | Command::Verify { .. }
        | Command::RotateKey
        | Command::Keys { .. }
        | Command::Jobs { .. }
        | Command::Webhooks { .. }
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Settings
        | Command::Openapi => false,
    };
    if runs_models && let Err(error) = start_over_where_needed() {
        tracing::warn!(%error, "model threads spin while they wait, and memory is kept longer");
    }
    match command {
        Command::Serve { .. } => serve::run(settings),
        Command::Analyze(options) => analyze::run(settings, &options),
        Command::Evaluate(options) => evaluate::run(settings, &options),
        Command::Sign { file } => signing::sign(&settings, &file),
        Command::Verify { file, signature } => signing::verify(&settings, &file, &signature),
        Command::Replay(options) => replay::run(settings, &options),
        Command::RotateKey => signing::rotate(&settings),
        Command::Models { command } => models::run(&settings, command),
        Command::Keys { command } => keys::run(&settings, command),
        Command::Jobs { command } => jobs::run(&settings, command),
        Command::Webhooks { command } => webhooks::run(&settings, command),
        Command::Completions { shell } => manual::completions(shell, Arguments::command()),
        Command::Man { dir } => manual::pages(Arguments::command(), dir.as_deref()),
        Command::Settings => {
            print(&Settings::markdown_table());
            ExitCode::SUCCESS
        }
        Command::Openapi => {
            let document = http::openapi_document().to_pretty_json();
            let document = document.expect("a document of strings, numbers and lists");
            print(&format!("{document}\n"));
            ExitCode::SUCCESS
        }
    }
}

fn flags(common: &Common, command: &Command) -> Flags {
    let bind = match command {
        Command::Serve { bind } => bind.as_ref(),
        Command::Analyze(_)
        | Command::Evaluate(_)
        | Command::Replay(_)
        | Command::Sign { .. }
        | Command::Verify { .. }
        | Command::RotateKey
        | Command::Models { .. }
        | Command::Keys { .. }
        | Command::Jobs { .. }
        | Command::Webhooks { .. }
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Settings
        | Command::Openapi => None,
    };
    [
        ("data_dir", common.data_dir.as_ref()),
        ("models_dir", common.models_dir.as_ref()),
        ("device", common.device.as_ref()),
        ("bind", bind),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?.clone())))
    .collect()
}

/// One-off commands stay quiet: their results and errors are the output.
fn log_filter(command: &Command, settings: &Settings) -> String {
    match command {
        Command::Serve { .. } => settings.log_filter.clone(),
        Command::Analyze(_)
        | Command::Evaluate(_)
        | Command::Replay(_)
        | Command::Sign { .. }
        | Command::Verify { .. }
        | Command::RotateKey
        | Command::Models { .. }
        | Command::Keys { .. }
        | Command::Jobs { .. }
        | Command::Webhooks { .. }
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Settings
        | Command::Openapi => "warn".into(),
    }
}

//! The command line: reads flags and settings, then hands over to the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use framewitness::analysis::{WORKER_ARGUMENT, serve_decoding};

fn main() -> ExitCode {
    // Before anything else: a worker has no settings, no logs and nothing to parse.
    let argument = std::env::args_os().nth(1);
    if argument.is_some_and(|argument| argument == WORKER_ARGUMENT) {
        return serve_decoding();
    }
    cli::run(cli::Arguments::parse())
}

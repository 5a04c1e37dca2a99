//! Where the commands that wait for something run.

use std::error::Error;
use std::process::ExitCode;

use super::output::{FAILED, fail};

/// Runs `work` to its end; an error is told and fails the command.
pub(super) fn run(work: impl Future<Output = Result<ExitCode, Box<dyn Error>>>) -> ExitCode {
    let done = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(work));
    done.unwrap_or_else(|error| fail(FAILED, error.as_ref()))
}

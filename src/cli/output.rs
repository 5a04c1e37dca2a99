//! What a command says and how it ends: 0 done, 1 some input failed, 2 wrong usage or settings.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Exit code when an input failed.
pub(super) const FAILED: u8 = 1;
/// Exit code for wrong usage or settings; clap uses the same.
pub(super) const USAGE: u8 = 2;

/// Prints a result. A reader that closed the pipe (`| head`) has seen enough: that is a quiet end.
pub(super) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}

/// Says what went wrong, with its causes, and gives the exit code.
pub(super) fn fail(code: u8, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("framewitness: {}", describe(error));
    ExitCode::from(code)
}

/// An error and its causes in one line, without saying anything twice.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

/// An I/O error with the path it is about.
pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

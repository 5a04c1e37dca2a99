//! `framewitness-decode`: a decode worker and nothing else, which the service starts where this lies beside its own program.
//!
//! Nothing here reaches libtorch, so the linker leaves it out: a worker is ready in a third of the time and holds a
//! hundred megabytes less.

use std::process::ExitCode;

use framewitness::analysis::serve_decoding;

fn main() -> ExitCode {
    serve_decoding()
}

//! Tests of the whole service, as one binary: each starts the real server on its own port with
//! its own database and directories.

mod architecture;

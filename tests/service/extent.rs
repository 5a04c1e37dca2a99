//! How far the soaks, kills and corpora go: in every run as far as they need to be able to fail for
//! their reason, and as far as a release deserves where `scripts/hostile.sh` asks with
//! `HOSTILE=long`.

/// `short` in every run, `long` on demand.
pub(crate) fn of<T>(short: T, long: T) -> T {
    match std::env::var("HOSTILE").as_deref() {
        Ok("long") => long,
        Err(_) | Ok("") => short,
        Ok(other) => panic!("HOSTILE=long or nothing, not {other}"),
    }
}

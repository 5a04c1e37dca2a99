//! What is measured of the workers.

use metrics::{counter, describe_counter};

/// Counter: workers replaced, by `reason`.
const REPLACED_TOTAL: &str = "framewitness_decode_workers_replaced_total";

/// Why a worker is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    /// It served as many files as it may.
    WornOut,
    /// It ended by itself.
    Crashed,
    /// It answered what it must not, or failed inside.
    Misbehaved,
    /// Its caller left or its time was over.
    GivenUp,
}

/// Counts a worker that is replaced.
pub(super) fn count_replaced(reason: Replaced) {
    let reason = match reason {
        Replaced::WornOut => "worn-out",
        Replaced::Crashed => "crashed",
        Replaced::Misbehaved => "misbehaved",
        Replaced::GivenUp => "given-up",
    };
    counter!(REPLACED_TOTAL, "reason" => reason).increment(1);
}

/// Tells the installed metrics recorder what each name means; call once after installing it.
pub fn describe_metrics() {
    describe_counter!(REPLACED_TOTAL, "Decode workers replaced, by reason");
}

//! Names and meaning of what the model worker measures.

/// Gauge: frames waiting to be scored.
pub(super) const QUEUE_FRAMES: &str = "framewitness_inference_queue_frames";
/// Histogram: frames in a batch.
pub(super) const BATCH_FRAMES: &str = "framewitness_inference_batch_frames";
/// Histogram: seconds a batch took in the networks.
pub(super) const BATCH_SECONDS: &str = "framewitness_inference_batch_seconds";
/// Histogram: seconds a clip waited.
pub(super) const WAIT_SECONDS: &str = "framewitness_inference_wait_seconds";
/// Counter: clips refused because the queue was full.
pub(super) const OVERLOADED_TOTAL: &str = "framewitness_inference_overloaded_total";
/// Counter: clips dropped unscored because their caller had left or their deadline had passed.
pub(super) const DROPPED_TOTAL: &str = "framewitness_inference_dropped_total";
/// Counter: clips the networks failed on.
pub(super) const FAILED_TOTAL: &str = "framewitness_inference_failed_total";
/// Gauge: 1 when the model worker can be relied on, else 0.
pub(super) const READY: &str = "framewitness_inference_ready";

/// Tells the installed metrics recorder what each name means; call once after installing it.
pub fn describe_metrics() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_gauge!(QUEUE_FRAMES, "Frames waiting to be scored");
    describe_histogram!(BATCH_FRAMES, "Frames in a batch");
    describe_histogram!(BATCH_SECONDS, "Seconds a batch took in the networks");
    describe_histogram!(WAIT_SECONDS, "Seconds a clip waited to be scored");
    describe_counter!(OVERLOADED_TOTAL, "Clips refused because the queue was full");
    describe_counter!(
        DROPPED_TOTAL,
        "Clips dropped unscored: caller gone or deadline passed"
    );
    describe_counter!(FAILED_TOTAL, "Clips the networks failed on");
    describe_gauge!(READY, "1 when the model worker can be relied on");
}

//! What of the settings each part goes by.

use std::time::Duration;

use crate::analysis::{AnalysisSettings, WorkerSettings};
use crate::config::Settings;
use crate::http::{BodyLimits, GuardSettings, HttpSettings, JobLimits, UploadLimits};
use crate::media::{MediaLimits, SampleOptions};

/// Of the analysis, without the trust list, which is read from a file.
pub(super) fn analysis_settings(settings: &Settings) -> AnalysisSettings {
    let deadline = Duration::from_secs(settings.analysis_deadline_s);
    AnalysisSettings {
        sample: SampleOptions::even(settings.sample_frames),
        media: MediaLimits {
            max_duration_s: settings.max_duration_s,
            max_pixels: settings.max_pixels,
            max_frames: settings.max_frames,
            max_decoded_pixels: settings.max_decoded_pixels,
            max_streams: settings.max_streams,
            deadline,
            ..MediaLimits::default()
        },
        deadline,
        decode_threads: or_one_a_core(settings.decode_threads),
        waiting_places: settings.waiting_places,
        worker: WorkerSettings {
            memory_bytes: settings.worker_memory_bytes,
            requests: settings.worker_requests,
            allow_unsandboxed: settings.allow_unsandboxed,
        },
        min_face_px: settings.min_face_px,
        min_sharpness: settings.min_sharpness,
        min_scored_frames: settings.min_scored_frames,
        max_faces_per_frame: settings.max_faces_per_frame,
        max_tracks: settings.max_tracks,
        jpeg_quality: settings.jpeg_quality,
        check_stability: settings.check_stability,
        trust_list: None,
    }
}

/// Of the server.
pub(super) fn http_settings(settings: &Settings) -> HttpSettings {
    HttpSettings {
        public_path: settings.public_path.clone(),
        guard: GuardSettings {
            require_keys: settings.require_keys,
            max_headers: settings.max_headers,
            max_head_bytes: settings.max_head_bytes,
            per_address: settings.address_requests_per_minute,
            per_key: settings.key_requests_per_minute,
            trust_forwarded: settings.trust_forwarded,
            cors_origins: settings.cors_origins.clone(),
            keep_requests: Duration::from_secs(u64::from(settings.request_log_days) * 86_400),
        },
        head_timeout: Duration::from_secs(settings.head_timeout_s),
        body: BodyLimits {
            max_bytes: settings.max_body_bytes,
            idle_timeout: Duration::from_secs(settings.body_idle_timeout_s),
            whole_timeout: Duration::from_secs(settings.body_timeout_s),
            min_bytes_per_s: settings.body_min_bytes_per_s,
            max_parts: settings.max_parts,
            max_filename_chars: settings.max_filename_chars,
        },
        uploads: UploadLimits {
            max_uploads: settings.max_uploads,
            max_per_sender: settings.max_uploads_per_sender,
        },
        min_free_disk_bytes: settings.min_free_disk_bytes,
        jobs: JobLimits {
            max_queued: settings.max_queued_jobs,
            max_streams_per_sender: settings.max_event_streams_per_sender,
            lease: Duration::from_secs(settings.job_lease_s),
            max_tries: settings.job_attempts,
        },
        result_cache_entries: settings.result_cache_entries,
        artifacts_link: Duration::from_secs(settings.artifacts_link_s),
        shutdown_grace: Duration::from_secs(settings.shutdown_grace_s),
    }
}

/// As many as were named; 0: one for each core.
pub(super) fn or_one_a_core(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, Into::into),
        threads => threads,
    }
}

//! Probing, frame sampling, image decoding and encoding: the only place that names FFmpeg.

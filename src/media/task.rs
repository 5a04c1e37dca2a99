//! What one call takes a sample from, by which route it went, and what came of it.

use std::fs::File;

use super::decoder::{DecoderSettings, FrameDecoder, Scrutiny};
use super::index::PacketIndex;
use super::limits::{Deadline, MediaLimits};
use super::recognise::Recognised;
use super::render::Renderer;
use super::source::{Opening, VideoSource};
use super::{MediaError, SampleOptions, native};
use crate::domain::{SampleNote, SampledFrame};

/// Which route to take; tests force each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests force a route"))]
pub(super) enum Strategy {
    /// The cheapest that is exact.
    Automatic,
    /// By index, seeking wherever possible.
    Seek,
    /// By index, through.
    Through,
    /// By survey.
    Survey,
}

/// The route that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// By index, seeking.
    Seeking,
    /// By index, through.
    Through,
    /// By survey.
    Survey,
}

/// One call of [`sample`](super::sample).
pub(super) struct Task<'a> {
    pub(super) file: &'a File,
    pub(super) options: &'a SampleOptions,
    pub(super) limits: &'a MediaLimits,
    pub(super) deadline: Deadline,
    pub(super) recognised: Recognised,
    pub(super) strategy: Strategy,
}

impl Task<'_> {
    pub(super) fn open(&self) -> Result<VideoSource, MediaError> {
        let opening = Opening {
            limits: self.limits,
            deadline: self.deadline,
            recognised: self.recognised,
            stream: self.options.stream,
            is_described: false,
        };
        VideoSource::open(self.file, &opening)
    }

    /// Most frames that are held.
    fn wanted(&self) -> usize {
        self.options.most().max(1) as usize
    }

    /// Opens the file anew for a decoder run over its picture stream alone.
    pub(super) fn start_run(
        &self,
        index: &PacketIndex,
        scrutiny: Scrutiny,
        threads: u32,
    ) -> Result<(VideoSource, FrameDecoder), MediaError> {
        let mut source = self.open()?;
        let decoder = self.open_decoder(&mut source, index, (scrutiny, threads))?;
        Ok((source, decoder))
    }

    /// Winds `source` back for a decoder run where its container surely leads back to the first
    /// packet; else as [`Self::start_run`]. Opening a file takes decoding its first frames.
    pub(super) fn start_again(
        &self,
        mut source: VideoSource,
        index: &PacketIndex,
        scrutiny: Scrutiny,
    ) -> Result<(VideoSource, FrameDecoder), MediaError> {
        let threads = self.limits.decoder_threads;
        if !source.winds_back() || !source.seek_to(index.entries[index.first].seek_time())? {
            return self.start_run(index, scrutiny, threads);
        }
        let decoder = self.open_decoder(&mut source, index, (scrutiny, threads))?;
        Ok((source, decoder))
    }

    fn open_decoder(
        &self,
        source: &mut VideoSource,
        index: &PacketIndex,
        (scrutiny, threads): (Scrutiny, u32),
    ) -> Result<FrameDecoder, MediaError> {
        let settings = DecoderSettings {
            limits: self.limits,
            scrutiny,
            threads,
            x264_build: index.x264_build,
        };
        native::keep_only_stream(&mut source.input, source.stream_index);
        FrameDecoder::open(source, &settings)
    }

    /// Refuses to decode so many packets where that is plainly too much.
    pub(super) fn check_work(
        &self,
        source: &VideoSource,
        packets: usize,
    ) -> Result<(), MediaError> {
        let picture = u64::from(source.facts.width_px) * u64::from(source.facts.height_px);
        self.limits
            .check_decoded(picture.saturating_mul(packets as u64))
    }

    pub(super) fn renderer(&self, source: &VideoSource) -> Renderer {
        let max_frame_pixels = self.limits.max_sample_pixels / self.wanted() as u64;
        Renderer::new(
            source.orientation,
            source.facts.pixel_shape,
            max_frame_pixels.max(1),
        )
    }
}

/// Frames and what was noticed while decoding them.
pub(super) struct Found {
    pub(super) route: Route,
    pub(super) frames: Vec<SampledFrame>,
    /// Frames there were to choose from.
    pub(super) available: u64,
    pub(super) failures: u64,
    pub(super) has_broken_tail: bool,
    pub(super) has_size_change: bool,
}

impl Found {
    /// What is to be told about the sample.
    pub(super) fn notes(&self, index: &PacketIndex, options: &SampleOptions) -> Vec<SampleNote> {
        let is_damaged = self.failures > 0 && !(self.has_broken_tail && self.failures == 1);
        [
            (index.is_cut_short || self.has_broken_tail).then_some(SampleNote::BrokenTail),
            is_damaged.then_some(SampleNote::DamagedPackets {
                count: self.failures,
            }),
            (self.available < u64::from(options.frames)).then_some(SampleNote::FewFrames {
                available: self.available,
            }),
            self.has_size_change.then_some(SampleNote::SizeChange),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

//! Route 3: decoding everything once to learn what comes out, then again to keep the even frames.
//!
//! For streams whose packets do not tell which pictures they show, and for damaged ones. Only times
//! are kept from the first pass, so memory does not grow with the length of the video.

use ffmpeg_next::{Packet, frame};

use super::decoder::{FrameDecoder, FrameSink, Scrutiny};
use super::index::{PacketIndex, seconds};
use super::picker::{FrameName, Picker};
use super::plan;
use super::rendering::{Target, render_beside};
use super::source::{ReadOutcome, VideoSource};
use super::task::{Found, Route, Task};
use super::{MediaError, SampleOptions, clock};

/// Samples by survey.
pub(super) fn by_survey(task: &Task<'_>, index: &PacketIndex) -> Result<Found, MediaError> {
    let mut threads = task.limits.decoder_threads;
    let mut survey = Survey::take(task, index, threads)?;
    if survey.failures > 0 && threads > 1 {
        threads = 1;
        survey = Survey::take(task, index, threads)?;
    }
    let (mut source, mut decoder) = task.start_run(index, Scrutiny::Forgiving, threads)?;
    let targets = survey.targets(task.options, &source);
    let ((), rendered) = render_beside(task.renderer(&source), |catches| {
        let mut picker = Picker::new(FrameName::Ordinal, targets, catches);
        decode_all(&mut source, index, &mut decoder, &mut picker)?;
        picker.end_run()
    })?;
    Ok(Found {
        route: Route::Survey,
        frames: rendered.frames,
        available: survey.times.len() as u64,
        failures: survey.failures,
        has_broken_tail: survey.has_broken_tail,
        has_size_change: rendered.has_size_change,
    })
}

/// Decodes the whole stream. Returns whether its last packet led to nothing but a failure.
fn decode_all(
    source: &mut VideoSource,
    index: &PacketIndex,
    decoder: &mut FrameDecoder,
    sink: &mut impl FrameSink,
) -> Result<bool, MediaError> {
    let mut packet = Packet::empty();
    let mut position = 0;
    let mut failures_before_last = 0;
    while matches!(source.read(&mut packet)?, ReadOutcome::Packet) {
        if packet.stream() != source.stream_index || packet.size() == 0 {
            continue;
        }
        if position >= index.first {
            failures_before_last = decoder.failures();
            decoder.feed(&packet, sink)?;
        }
        position += 1;
    }
    decoder.finish_run(sink)?;
    Ok(decoder.failures() > failures_before_last)
}

/// What comes out of a stream when everything is decoded.
#[derive(Default)]
struct Survey {
    /// Best guess of each frame's time.
    times: Vec<Option<i64>>,
    failures: u64,
    has_broken_tail: bool,
}

impl FrameSink for Survey {
    fn accept(&mut self, frame: &frame::Video) -> Result<(), MediaError> {
        self.times.push(frame.pts().or(frame.timestamp()));
        Ok(())
    }
}

impl Survey {
    fn take(task: &Task<'_>, index: &PacketIndex, threads: u32) -> Result<Self, MediaError> {
        let (mut source, mut decoder) = task.start_run(index, Scrutiny::Forgiving, threads)?;
        task.check_work(&source, index.entries.len())?;
        let mut survey = Self::default();
        survey.has_broken_tail = decode_all(&mut source, index, &mut decoder, &mut survey)?;
        survey.failures = decoder.failures();
        Ok(survey)
    }

    /// The targets that `options` ask for, by true times if each frame has one, else by count and stated frame rate.
    fn targets(&self, options: &SampleOptions, source: &VideoSource) -> Vec<Target> {
        let times: Option<Vec<i64>> = self.times.iter().copied().collect();
        let times = match times {
            Some(times) if source.clock_may_jump() => {
                Some(clock::without_leaps(&times, f64::from(source.time_base())))
            }
            times => times,
        };
        let times = times.filter(|times| times.windows(2).all(|pair| pair[0] < pair[1]));
        let rate = source
            .frame_rate()
            .map(crate::domain::FrameRate::per_second);
        let count = i64::try_from(self.times.len()).unwrap_or(i64::MAX);
        let ordinals: Vec<i64> = (0..count).collect();
        let clock = times.as_ref().unwrap_or(&ordinals);
        plan::positions(clock, options)
            .into_iter()
            .map(|position| Target {
                name: position as i64,
                frame_index: position as u64,
                time_s: match &times {
                    Some(times) => Some(seconds(times[position] - times[0], source.time_base())),
                    None => rate.map(|rate| position as f64 / rate),
                },
            })
            .collect()
    }
}

//! Taking frames from a video: three routes to one result.
//!
//! 1. **By index, seeking.** The packet index says which frames lie at even times; the decoder runs
//!    only from the key frame before each of them. Chosen where it decodes clearly less.
//! 2. **By index, through.** The same frames, decoding from the start.
//! 3. **By survey.** Where times do not name frames (AVI with reordered frames), where a frame did
//!    not come out under its time, or where something failed to decode: decode everything once and
//!    note what comes out, then again and keep what lies at even times among that.
//!
//! The first two are checked: unless every frame came out under its own time and without a failure,
//! the next route is taken. So a route is only ever an economy, never a different answer.

use ffmpeg_next::{Packet, Rational};

use super::decoder::FrameDecoder;
use super::index::{PacketIndex, seconds};
use super::picker::{FrameName, Picker, Target};
use super::plan::{self, Segment};
use super::source::{ReadOutcome, VideoSource};
use super::task::{Found, Route, Strategy, Task};
use super::{MediaError, native, survey};
use crate::domain::Sample;

/// Takes the sample, and tells how.
pub(super) fn sample(task: &Task<'_>) -> Result<(Sample, Route), MediaError> {
    let mut source = task.open()?;
    super::probe::check_header(&source, task.limits)?;
    let index = PacketIndex::scan(&mut source, task.limits)?;
    let found = match by_index(task, &index, source.facts.is_interlaced)? {
        Some(found) => found,
        None => survey::by_survey(task, &index)?,
    };
    if found.frames.is_empty() {
        return Err(MediaError::NoFrames);
    }
    tracing::debug!(route = ?found.route, packets = index.entries.len(), "took a sample");
    let notes = found.notes(&index, task.options);
    let sample = Sample {
        frames: found.frames,
        decoded: None,
        notes,
        seen_s: index.seen_s,
    };
    Ok((sample, found.route))
}

/// Routes 1 and 2. `None` when neither is exact.
fn by_index(
    task: &Task<'_>,
    index: &PacketIndex,
    is_interlaced: bool,
) -> Result<Option<Found>, MediaError> {
    if !index.is_timed || task.strategy == Strategy::Survey {
        return Ok(None);
    }
    let times = index.times();
    let wanted = plan::positions(&times, task.options);
    let Some(through) = wanted.last().map(|last| run_through(index, *last)) else {
        return Ok(None);
    };
    let reach = usize::from(is_interlaced);
    let jumps = plan::segments(&index.entries, &index.shown, &wanted, reach)
        .filter(|_| index.may_seek)
        .filter(|runs| task.strategy == Strategy::Seek || plan::is_seeking_cheaper(runs))
        .filter(|_| task.strategy != Strategy::Through);
    if let Some(runs) = jumps
        && let Some(found) = decode_runs(task, index, &wanted, (Route::Seeking, &runs))?
    {
        return Ok(Some(found));
    }
    decode_runs(task, index, &wanted, (Route::Through, &[through]))
}

/// One run from the first useful packet until the frame at `last` and its neighbour are complete.
fn run_through(index: &PacketIndex, last: usize) -> Segment {
    let after = (last + 1).min(index.shown.len() - 1);
    let end = index.shown[..=after].iter().max().copied();
    Segment {
        start: index.first,
        end: end.unwrap_or(index.first),
    }
}

/// Decodes `runs` and catches the frames at `wanted`. `None` unless all came out exactly.
fn decode_runs(
    task: &Task<'_>,
    index: &PacketIndex,
    wanted: &[usize],
    (route, runs): (Route, &[Segment]),
) -> Result<Option<Found>, MediaError> {
    let (mut source, mut decoder) = task.start_run(index, task.limits.decoder_threads)?;
    let packets: usize = runs.iter().map(|run| run.end - run.start + 1).sum();
    task.check_work(&source, packets)?;
    let targets = targets_by_time(index, wanted, source.time_base());
    let mut picker = Picker::new(FrameName::Time, targets, task.renderer(&source));
    let mut position = 0;
    for run in runs {
        let arrived = advance(&mut source, index, &mut position, run.start)?;
        if !arrived || !decode_run(&mut source, index, run, (&mut decoder, &mut picker))? {
            return Ok(None);
        }
        position = run.end + 1;
    }
    // Deinterlacing needs the neighbours, which jumping leaves out unless the header told of fields.
    let has_neighbours = source.facts.is_interlaced || route == Route::Through;
    let is_exact = picker.is_exact() && picker.is_done() && decoder.failures() == 0;
    if !is_exact || picker.has_interlaced() && !has_neighbours {
        return Ok(None);
    }
    let (frames, has_size_change) = picker.into_frames();
    Ok(Some(Found {
        route,
        frames,
        available: index.shown.len() as u64,
        failures: 0,
        has_broken_tail: false,
        has_size_change,
    }))
}

fn targets_by_time(index: &PacketIndex, wanted: &[usize], time_base: Rational) -> Vec<Target> {
    let times = index.times();
    wanted
        .iter()
        .map(|position| Target {
            name: times[*position],
            frame_index: *position as u64,
            time_s: Some(seconds(times[*position] - times[0], time_base)),
        })
        .collect()
}

/// Jumps from packet `position` to shortly before packet `start`, where that saves reading.
/// `false` when the container does not lead there.
fn advance(
    source: &mut VideoSource,
    index: &PacketIndex,
    position: &mut usize,
    start: usize,
) -> Result<bool, MediaError> {
    if start <= *position || start == index.first {
        return Ok(true);
    }
    let entry = &index.entries[start];
    let Some(timestamp) = entry.dts.or(entry.pts) else {
        return Ok(false);
    };
    source.deadline.check()?;
    // From here on the position is unknown until a packet is recognised by its time.
    *position = start;
    Ok(native::seek_back_to(&mut source.input, source.stream_index, timestamp).is_ok())
}

/// Feeds the packets of `run`, which are recognised by their times. `false` when they do not come
/// as the index has them.
fn decode_run(
    source: &mut VideoSource,
    index: &PacketIndex,
    run: &Segment,
    (decoder, picker): (&mut FrameDecoder, &mut Picker),
) -> Result<bool, MediaError> {
    let mut packet = Packet::empty();
    let mut next = run.start;
    while next <= run.end {
        if !matches!(source.read(&mut packet)?, ReadOutcome::Packet) {
            return Ok(false);
        }
        if packet.stream() != source.stream_index || packet.size() == 0 {
            continue;
        }
        let is_expected = packet.pts() == index.entries[next].pts;
        if !is_expected && next == run.start {
            continue;
        }
        if !is_expected {
            return Ok(false);
        }
        decoder.feed(&packet, picker)?;
        next += 1;
    }
    decoder.finish_run(picker)?;
    picker.end_run()?;
    Ok(true)
}

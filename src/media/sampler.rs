//! Taking frames from a video: three routes to one result.
//!
//! 1. **By index, seeking.** The packet index says which frames lie at even times; the decoder runs
//!    only from the key frame before each of them. Chosen where it decodes clearly less.
//! 2. **By index, through.** The same frames, decoding from the start.
//!
//! 3. **By survey.** Where times do not name frames (AVI with reordered frames), where a frame did
//!    not come out under its time, or where something failed to decode: decode everything once and
//!    note what comes out, then again and keep what lies at even times among that.
//!
//! The first two leave out what no wanted frame refers to and decode on several threads, strictly: a
//! decoder that complains of anything is not believed ([`Scrutiny::Strict`]). What is left out is not
//! looked at, so damage there goes unnoticed: no frame that is judged rests on it.
//!
//! They are checked: unless every frame came out under its own time and without a failure,
//! the next route is taken. So a route is only ever an economy, never a different answer.

use ffmpeg_next::{Packet, Rational};

use super::decoder::{FrameDecoder, Scrutiny};
use super::index::{PacketIndex, seconds};
use super::picker::{FrameName, Picker};
use super::plan::{self, Segment};
use super::rendering::{Target, render_beside};
use super::source::{ReadOutcome, VideoSource};
use super::task::{Found, Route, Strategy, Task};
use super::{MediaError, survey};
use crate::domain::Sample;

/// Takes the sample, and tells how.
pub(super) fn sample(task: &Task<'_>) -> Result<(Sample, Route), MediaError> {
    let mut source = task.open()?;
    super::probe::check_header(&source, task.limits)?;
    let index = PacketIndex::scan(&mut source, task.limits)?;
    let found = match by_index(task, &index, source)? {
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
    source: VideoSource,
) -> Result<Option<Found>, MediaError> {
    if !index.is_timed || task.strategy == Strategy::Survey {
        return Ok(None);
    }
    let wanted = plan::positions(&index.times(), task.options);
    let Some(through) = wanted.last().map(|last| run_through(index, *last)) else {
        return Ok(None);
    };
    let is_interlaced = source.facts.is_interlaced;
    let reach = usize::from(is_interlaced);
    let jumps = plan::segments(&index.entries, &index.shown, &wanted, reach)
        .filter(|_| index.may_seek)
        .filter(|runs| task.strategy == Strategy::Seek || plan::is_seeking_cheaper(runs))
        .filter(|_| task.strategy != Strategy::Through);
    // Deinterlacing needs what lies between; a decoder that may not start afresh needs everything.
    let spares = index.may_seek && !is_interlaced;
    let fed = match spares {
        true => plan::needed(&index.entries, &index.shown, &wanted),
        false => vec![true; index.entries.len()],
    };
    let swift = Plan {
        route: jumps.as_ref().map_or(Route::Through, |_| Route::Seeking),
        runs: &jumps.unwrap_or_else(|| vec![through]),
        wanted: &wanted,
        fed: &fed,
    };
    let decoding = task.start_again(source, index, Scrutiny::Strict)?;
    match decode_runs(task, index, &swift, decoding)? {
        Outcome::Exact(found) => return Ok(Some(found)),
        Outcome::Damaged => return Ok(None),
        Outcome::Inexact => {}
    }
    let slow = Plan {
        route: Route::Through,
        runs: &[through],
        fed: &vec![true; index.entries.len()],
        ..swift
    };
    let decoding = task.start_run(index, Scrutiny::Forgiving, task.limits.decoder_threads)?;
    Ok(match decode_runs(task, index, &slow, decoding)? {
        Outcome::Exact(found) => Some(found),
        Outcome::Damaged | Outcome::Inexact => None,
    })
}

/// What a decoder is fed, and what is to come out.
#[derive(Clone, Copy)]
struct Plan<'a> {
    route: Route,
    runs: &'a [Segment],
    /// Positions of frames in [`PacketIndex::shown`].
    wanted: &'a [usize],
    /// Of each packet whether it is fed.
    fed: &'a [bool],
}

/// How a plan came out.
enum Outcome {
    /// Every wanted frame under its own name, and nothing failed.
    Exact(Found),
    /// Something did not decode.
    Damaged,
    /// Something is missing, out of place or complained of.
    Inexact,
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

/// Decodes as `plan` says and catches the wanted frames.
fn decode_runs(
    task: &Task<'_>,
    index: &PacketIndex,
    plan: &Plan<'_>,
    (mut source, mut decoder): (VideoSource, FrameDecoder),
) -> Result<Outcome, MediaError> {
    let packets = |run: &Segment| (run.start..=run.end).filter(|packet| plan.fed[*packet]);
    let fed = plan.runs.iter().flat_map(packets).count();
    task.check_work(&source, fed)?;
    let targets = targets_by_time(index, plan.wanted, source.time_base());
    let (has_interlaced, rendered) = render_beside(task.renderer(&source), |catches| {
        let mut picker = Picker::new(FrameName::Time, targets, catches);
        let mut position = 0;
        let mut is_whole = true;
        for run in plan.runs {
            let (decoder, picker) = (&mut decoder, &mut picker);
            is_whole = advance(&mut source, index, &mut position, run.start)?
                && decode_run(&mut source, index, (run, plan.fed), (decoder, picker))?;
            position = run.end + 1;
            if !is_whole {
                break;
            }
        }
        let is_exact = is_whole && picker.is_exact() && picker.is_done();
        Ok(is_exact.then(|| picker.has_interlaced()))
    })?;
    if decoder.failures() > 0 {
        return Ok(Outcome::Damaged);
    }
    // Deinterlacing needs the neighbours, which are left out unless the header told of fields.
    let has_neighbours = source.facts.is_interlaced
        || plan.route == Route::Through && plan.fed.iter().all(|fed| *fed);
    let is_exact = has_interlaced.is_some_and(|interlaced| !interlaced || has_neighbours);
    if !is_exact || !decoder.is_sound() {
        return Ok(Outcome::Inexact);
    }
    Ok(Outcome::Exact(Found {
        route: plan.route,
        frames: rendered.frames,
        available: index.shown.len() as u64,
        failures: 0,
        has_broken_tail: false,
        has_size_change: rendered.has_size_change,
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
    // From here on the position is unknown until a packet is recognised by its time.
    *position = start;
    source.seek_to(index.entries[start].seek_time())
}

/// Feeds those packets of `run` that are to be, recognised by their times. `false` when they do not come
/// as the index has them.
fn decode_run(
    source: &mut VideoSource,
    index: &PacketIndex,
    (run, fed): (&Segment, &[bool]),
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
        if fed[next] {
            decoder.feed(&packet, picker)?;
        }
        next += 1;
    }
    decoder.finish_run(picker)?;
    picker.end_run()?;
    Ok(true)
}

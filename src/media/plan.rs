//! Which frames to take and how to reach them: pure decisions over timestamps and packets.

use std::collections::BTreeSet;

use super::SampleOptions;
use super::index::{PacketEntry, end_of};

/// Packets between two wanted frames that are rather decoded than jumped over: a seek re-reads the
/// index, flushes the decoder's threads and refills them.
const SEEK_COST_PACKETS: usize = 12;

/// Packets from `start` to `end` (both included, decoding order) that one decoder run is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Picks the frames that `options` ask for of those shown at `times` (ascending): the ones at steps,
/// and as many at [even times](even_positions) as are missing to `options.frames`.
pub(super) fn positions(times: &[i64], options: &SampleOptions) -> Vec<usize> {
    let wanted = options.frames.max(1) as usize;
    let Some(steps) = options.steps else {
        return even_positions(times, wanted);
    };
    let (every, most) = (steps.every.get() as usize, steps.most.get() as usize);
    let there = times.len().div_ceil(every);
    let taken = there.min(most);
    let mut chosen: BTreeSet<usize> = (0..taken)
        .map(|place| place * there / taken * every)
        .collect();
    let missing = wanted.min(times.len()).saturating_sub(chosen.len());
    // Of `taken + missing` even ones at least `missing` are not at a step.
    let even = even_positions(times, chosen.len() + missing);
    let fresh: Vec<usize> = even.into_iter().filter(|at| !chosen.contains(at)).collect();
    chosen.extend((0..missing).map(|place| fresh[place * fresh.len() / missing]));
    chosen.into_iter().collect()
}

/// Picks `wanted` of the frames shown at `times` (ascending).
///
/// The stretch from the first frame to the [end of the last](end_of) is cut into equal slots, and of each slot the frame on
/// screen at its middle is taken. Where frames are sparse, neighbours step in, so that the result
/// always has `min(wanted, times.len())` strictly increasing positions.
pub(super) fn even_positions(times: &[i64], wanted: usize) -> Vec<usize> {
    let Some(first) = times.first() else {
        return Vec::new();
    };
    let count = wanted.min(times.len());
    let span = i128::from(end_of(times)) - i128::from(*first);
    let mut positions = Vec::with_capacity(count);
    for slot in 0..count {
        let middle = i128::from(*first) + span * (2 * slot as i128 + 1) / (2 * count as i128);
        let on_screen = times.partition_point(|time| i128::from(*time) <= middle) - 1;
        let lowest = positions.last().map_or(0, |taken| taken + 1);
        let highest = times.len() - (count - slot);
        positions.push(on_screen.clamp(lowest, highest));
    }
    positions
}

/// The runs of packets that show the frames at `wanted` (positions in `shown`, ascending), each
/// starting where decoding can start, together with `reach` neighbours on either side.
///
/// `shown` lists packets by presentation. `None` when some frame has no starting point before it.
pub(super) fn segments(
    entries: &[PacketEntry],
    shown: &[usize],
    wanted: &[usize],
    reach: usize,
) -> Option<Vec<Segment>> {
    let mut segments: Vec<Segment> = Vec::new();
    for position in wanted {
        let first = position.saturating_sub(reach);
        let last = (position + reach).min(shown.len() - 1);
        let group = &shown[first..=last];
        let start = starting_point(entries, group)?;
        let end = *group.iter().max()?;
        match segments.last_mut() {
            Some(run) if start <= run.end + SEEK_COST_PACKETS => run.end = run.end.max(end),
            _ => segments.push(Segment { start, end }),
        }
    }
    Some(segments)
}

/// Which packets the pictures at `wanted` (positions in `shown`) take to decode: themselves, and what
/// comes before them since a clean start and may be referred to.
///
/// Where nothing before a start is needed by what follows it, the pictures that lead it go too: they
/// refer to what was left out.
pub(super) fn needed(entries: &[PacketEntry], shown: &[usize], wanted: &[usize]) -> Vec<bool> {
    let mut needed = vec![false; entries.len()];
    wanted
        .iter()
        .for_each(|position| needed[shown[*position]] = true);
    // Of the wanted packets since the last start, walking backwards: the earliest time.
    let mut earliest: Option<Option<i64>> = None;
    let mut end = entries.len();
    for at in (0..entries.len()).rev() {
        let entry = &entries[at];
        if needed[at] {
            earliest = Some(earliest.map_or(entry.pts, |time| time.min(entry.pts)));
        }
        needed[at] |= earliest.is_some() && !entry.is_spare;
        let is_clean = entry.pts.is_some() && earliest.is_none_or(|time| time >= entry.pts);
        if entry.can_start && is_clean {
            let leads = |packet: &usize| {
                let time = entries[*packet].pts;
                time.is_some() && time < entry.pts
            };
            (at + 1..end)
                .filter(leads)
                .for_each(|packet| needed[packet] = false);
            (earliest, end) = (None, at);
        }
    }
    needed
}

/// The last packet from which every packet of `group` decodes: a key frame that precedes them all
/// both in decoding order and, so that none is a leading picture of it, in presentation.
fn starting_point(entries: &[PacketEntry], group: &[usize]) -> Option<usize> {
    let earliest_packet = *group.iter().min()?;
    let earliest_time = group
        .iter()
        .filter_map(|packet| entries[*packet].pts)
        .min()?;
    (0..=earliest_packet).rev().find(|packet| {
        let entry = &entries[*packet];
        entry.can_start && entry.pts.is_some_and(|pts| pts <= earliest_time)
    })
}

/// Whether jumping between `segments` decodes clearly less than running through to their end.
pub(super) fn is_seeking_cheaper(segments: &[Segment]) -> bool {
    let Some(last) = segments.last() else {
        return false;
    };
    let jumping: usize = segments
        .iter()
        .map(|run| run.end - run.start + 1 + SEEK_COST_PACKETS)
        .sum();
    jumping * 10 < (last.end + 1) * 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Steps;
    use super::*;

    /// A stream of closed groups of `group` packets, shown in decoding order.
    fn closed_groups(packets: usize, group: usize) -> (Vec<PacketEntry>, Vec<usize>) {
        let entry = |at: usize| PacketEntry {
            pts: Some(at as i64),
            dts: Some(at as i64),
            can_start: at.is_multiple_of(group),
            is_spare: false,
        };
        ((0..packets).map(entry).collect(), (0..packets).collect())
    }

    #[test]
    fn an_even_stream_is_sampled_at_the_middle_of_each_slot() {
        let times: Vec<i64> = (0..300).collect();
        assert_eq!(even_positions(&times, 3), [50, 150, 250]);
        assert_eq!(even_positions(&times, 30)[..3], [5, 15, 25]);
    }

    #[test]
    fn a_frame_that_stays_on_screen_is_taken_once_and_its_neighbours_fill_in() {
        assert_eq!(even_positions(&[0, 1, 2, 1000], 4), [0, 1, 2, 3]);
        assert_eq!(even_positions(&[0, 900, 950, 1000], 2), [0, 2]);
    }

    #[test]
    fn few_frames_are_all_taken_and_none_gives_none() {
        assert_eq!(even_positions(&[5, 6], 30), [0, 1]);
        assert!(even_positions(&[], 30).is_empty());
    }

    #[test]
    fn distant_groups_are_jumped_between_and_close_ones_decoded_through() {
        let (entries, shown) = closed_groups(1000, 50);
        let jump = segments(&entries, &shown, &[10, 520, 990], 0).unwrap();
        let expected = [(0, 10), (500, 520), (950, 990)];
        assert_eq!(jump, expected.map(|(start, end)| Segment { start, end }));
        assert!(is_seeking_cheaper(&jump));

        let close = segments(&entries, &shown, &[10, 40, 70, 95], 0).unwrap();
        assert_eq!(close, [Segment { start: 0, end: 95 }]);
        assert!(!is_seeking_cheaper(&close));
    }

    #[test]
    fn a_leading_picture_is_reached_from_the_key_frame_before() {
        // Decoding order I0 P3 B1 B2 | I6 B4 B5 with an open second group.
        let pts = [0, 3, 1, 2, 6, 4, 5];
        let entries: Vec<PacketEntry> = pts
            .iter()
            .enumerate()
            .map(|(at, pts)| PacketEntry {
                pts: Some(*pts),
                dts: None,
                can_start: at == 0 || at == 4,
                is_spare: false,
            })
            .collect();
        let shown = [0, 2, 3, 1, 5, 6, 4];
        let at = |position| segments(&entries, &shown, &[position], 0).unwrap()[0];
        assert_eq!(at(4), Segment { start: 0, end: 5 });
        assert_eq!(at(6), Segment { start: 4, end: 4 });
    }

    #[test]
    fn what_no_wanted_picture_refers_to_is_left_out() {
        // Decoding order I0 P3 b1 b2 | I4 P7 b5 b6, of which the second b is spare.
        let pts = [0, 3, 1, 2, 4, 7, 5, 6];
        let entry = |(at, pts): (usize, &i64)| PacketEntry {
            pts: Some(*pts),
            dts: None,
            can_start: at == 0 || at == 4,
            is_spare: at % 4 >= 2,
        };
        let entries: Vec<PacketEntry> = pts.iter().enumerate().map(entry).collect();
        let shown = [0, 2, 3, 1, 4, 6, 7, 5];
        let packets = |wanted: &[usize]| -> Vec<usize> {
            let needed = needed(&entries, &shown, wanted);
            (0..needed.len()).filter(|at| needed[*at]).collect()
        };
        assert_eq!(packets(&[2]), [0, 1, 3]);
        assert_eq!(packets(&[0, 5]), [0, 4, 5, 6]);
        assert_eq!(packets(&[]), [0_usize; 0]);
    }

    #[test]
    fn leading_pictures_are_left_out_where_what_they_refer_to_is() {
        // I0 P1 | I6 with b4 and b5 before it in time, referring to P1 too; then P7.
        let pts = [0, 1, 6, 4, 5, 7];
        let entry = |(at, pts): (usize, &i64)| PacketEntry {
            pts: Some(*pts),
            dts: None,
            can_start: at == 0 || at == 2,
            is_spare: false,
        };
        let entries: Vec<PacketEntry> = pts.iter().enumerate().map(entry).collect();
        let shown = [0, 1, 3, 4, 2, 5];
        assert_eq!(
            needed(&entries, &shown, &[0, 5]),
            [true, false, true, false, false, true]
        );
        assert_eq!(
            needed(&entries, &shown, &[3]),
            [true, true, true, true, true, false]
        );
    }

    fn steps(every: u32, most: u32) -> SampleOptions {
        let number = |n| std::num::NonZeroU32::new(n).unwrap();
        SampleOptions {
            frames: 4,
            steps: Some(Steps {
                every: number(every),
                most: number(most),
            }),
            stream: None,
        }
    }

    #[test]
    fn frames_at_steps_are_taken_and_even_ones_fill_up() {
        let times: Vec<i64> = (0..100).collect();
        assert_eq!(positions(&times, &steps(20, 50)), [0, 20, 40, 60, 80]);
        assert_eq!(positions(&times, &steps(60, 50)), [0, 12, 60, 62]);
        assert_eq!(positions(&times, &steps(10, 5)), [0, 20, 40, 60, 80]);
    }

    proptest! {
        #[test]
        fn frames_at_steps_are_all_there_up_to_the_most(
            count in 0usize..300, every in 1u32..400, most in 1u32..120
        ) {
            let times: Vec<i64> = (0..count as i64).collect();
            let found = positions(&times, &steps(every, most));
            let at_steps = found.iter().filter(|at| at.is_multiple_of(every as usize)).count();
            prop_assert!(at_steps >= count.div_ceil(every as usize).min(most as usize));
            prop_assert!(found.len() >= count.min(4) && found.len() <= count.min(most.max(4) as usize));
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(found.iter().all(|at| *at < count));
        }

        #[test]
        fn positions_are_distinct_ascending_and_as_many_as_there_can_be(
            gaps in proptest::collection::vec(0i64..1_000_000, 1..200),
            wanted in 1usize..60
        ) {
            let times: Vec<i64> = gaps.iter().scan(-5000, |t, gap| { *t += gap; Some(*t) }).collect();
            let positions = even_positions(&times, wanted);
            prop_assert_eq!(positions.len(), wanted.min(times.len()));
            prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(positions.iter().all(|p| *p < times.len()));
        }

        #[test]
        fn every_wanted_frame_lies_in_a_run_that_starts_at_a_key_frame(
            packets in 1usize..400, group in 1usize..60, reach in 0usize..2,
            picks in proptest::collection::btree_set(0usize..400, 1..30)
        ) {
            let (entries, shown) = closed_groups(packets, group);
            let wanted: Vec<usize> = picks.into_iter().filter(|p| *p < packets).collect();
            let runs = segments(&entries, &shown, &wanted, reach).unwrap();
            for position in &wanted {
                prop_assert!(runs.iter().any(|run| run.start + reach.min(*position) <= *position
                    && *position <= run.end));
            }
            prop_assert!(runs.iter().all(|run| entries[run.start].can_start));
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start));
        }

        #[test]
        fn extreme_timestamps_do_not_overflow(a in any::<i64>(), b in any::<i64>()) {
            let times = [a.min(b), a.max(b)];
            prop_assert_eq!(even_positions(&times, 2), vec![0, 1]);
        }
    }
}

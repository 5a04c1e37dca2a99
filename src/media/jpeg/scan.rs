//! The walk through one scan.

use std::ops::Range;

use super::super::MediaError;
use super::super::limits::Deadline;
use super::block::{Block, refine_ac, walk_ac, walk_dc};
use super::entropy::{Bits, Huffman, Stop};
use super::frame::Frame;

/// One component in a scan.
struct Part<'a> {
    index: usize,
    dc: Option<&'a Huffman>,
    ac: Option<&'a Huffman>,
}

/// What a scan header says.
pub(super) struct Scan<'a> {
    parts: Vec<Part<'a>>,
    /// First and last coefficient.
    first: u32,
    last: u32,
    /// Whether coefficients that were sent before get one more bit.
    refines: bool,
    /// Bits that later scans add.
    missing_bits: u8,
}

/// How a walk ended.
pub(super) struct Walked {
    pub(super) used_bytes: usize,
    pub(super) outcome: Outcome,
}

/// What came of a scan.
pub(super) enum Outcome {
    /// All of it is there.
    Whole,
    /// The file ends in it, after these rows of pixels.
    Cut { rows: u32 },
    /// Its data is wrong, perhaps from this row on.
    Damaged { rows: u32 },
}

impl<'a> Scan<'a> {
    pub(super) fn read(
        segment: &[u8],
        frame: &Frame,
        dc_tables: &'a [Option<Huffman>; 4],
        ac_tables: &'a [Option<Huffman>; 4],
    ) -> Option<Self> {
        let (count, rest) = segment.split_first()?;
        let (listed, &[first, last, bits]) = rest.split_last_chunk()?;
        let is_sized = (1..=4).contains(count) && listed.len() == 2 * usize::from(*count);
        let (refines, missing_bits) = (bits >> 4 != 0, bits & 15);
        let (first, last) = if frame.is_progressive {
            (u32::from(first), u32::from(last))
        } else {
            (0, 63)
        };
        // Of a progressive frame a scan holds DC of any components, or AC of one.
        let is_ordered = first <= last && last <= 63;
        let is_split = !frame.is_progressive || (first == 0) == (last == 0);
        let is_single = first == 0 || *count == 1;
        if !(is_sized && is_ordered && is_split && is_single) {
            return None;
        }
        let part = |entry: &[u8]| {
            let index = (frame.components.iter()).position(|c| c.number == entry[0])?;
            let table = |tables: &'a [Option<Huffman>; 4], number: u8| {
                tables.get(usize::from(number)).and_then(Option::as_ref)
            };
            Some(Part {
                index,
                dc: table(dc_tables, entry[1] >> 4),
                ac: table(ac_tables, entry[1] & 15),
            })
        };
        Some(Self {
            parts: listed.chunks_exact(2).map(part).collect::<Option<_>>()?,
            first,
            last,
            refines: frame.is_progressive && refines,
            missing_bits: if frame.is_progressive {
                missing_bits
            } else {
                0
            },
        })
    }

    /// Walks the scan at the start of `data`, whose units are counted from one restart marker to
    /// the next in `restart_interval` (0: none).
    pub(super) fn walk(
        &self,
        frame: &mut Frame,
        data: &[u8],
        restart_interval: usize,
        deadline: Deadline,
    ) -> Result<Walked, MediaError> {
        let grid = Grid::of(self, frame);
        let total = grid.across * grid.down;
        let interval = if restart_interval == 0 {
            total
        } else {
            restart_interval
        };
        let mut bits = Bits::new(data);
        let mut outcome = Outcome::Whole;
        for (number, begin) in (0..total).step_by(interval).enumerate() {
            let end = total.min(begin + interval);
            deadline.check()?;
            let walked = self.walk_interval(frame, &mut bits, &grid, begin..end);
            let is_at_end = bits.is_at_end();
            let used_up = walked.is_ok() && bits.is_used_up();
            let goes_on = end == total || bits.step_over_restart(number);
            outcome = match walked {
                Ok(()) if used_up && goes_on => continue,
                Ok(()) if used_up && bits.is_at_end() => Outcome::Cut {
                    rows: grid.rows(end),
                },
                Err((unit, Stop::RanOut)) if is_at_end => Outcome::Cut {
                    rows: grid.rows(unit),
                },
                Ok(()) | Err(_) => Outcome::Damaged {
                    rows: grid.rows(begin),
                },
            };
            break;
        }
        if self.missing_bits == 0 {
            let coefficients = u64::MAX >> (63 - (self.last - self.first)) << self.first;
            for part in &self.parts {
                frame.components[part.index].finished |= coefficients;
            }
        }
        Ok(Walked {
            used_bytes: bits.position(),
            outcome,
        })
    }

    /// Fails with the unit that could not be read.
    fn walk_interval(
        &self,
        frame: &mut Frame,
        bits: &mut Bits,
        grid: &Grid,
        units: Range<usize>,
    ) -> Result<(), (usize, Stop)> {
        let mut end_run = 0;
        for unit in units {
            let (row, column) = (unit / grid.across, unit % grid.across);
            for part in &self.parts {
                let component = &mut frame.components[part.index];
                let (h, v) = if grid.is_interleaved {
                    component.sampling
                } else {
                    (1, 1)
                };
                let (h, v) = (h as usize, v as usize);
                for place in 0..h * v {
                    let (x, y) = (column * h + place % h, row * v + place / h);
                    let block = y * component.blocks_across + x;
                    let known = component.known.get_mut(block);
                    self.walk_block(bits, part, known, &mut end_run)
                        .map_err(|stop| (unit, stop))?;
                }
            }
        }
        Ok(())
    }

    fn walk_block(
        &self,
        bits: &mut Bits,
        part: &Part,
        known: Option<&mut u64>,
        end_run: &mut u32,
    ) -> Result<(), Stop> {
        let has_runs = known.is_some();
        let mut none = 0;
        let mut block = Block {
            known: known.unwrap_or(&mut none),
            end_run,
            has_runs,
        };
        let band = self.first.max(1)..=self.last;
        if !has_runs {
            walk_dc(bits, part.dc)?;
            return walk_ac(bits, part.ac, band, &mut block);
        }
        match (self.first, self.refines) {
            (0, true) => bits.take(1).map(drop),
            (0, false) => walk_dc(bits, part.dc),
            (_, false) => walk_ac(bits, part.ac, band, &mut block),
            (_, true) => refine_ac(bits, part.ac, band, &mut block),
        }
    }
}

/// The units of a scan: blocks of a lone component, else the smallest areas that hold whole blocks
/// of all.
struct Grid {
    is_interleaved: bool,
    across: usize,
    down: usize,
    /// Rows of pixels that a row of units covers.
    unit_rows: u32,
}

impl Grid {
    fn of(scan: &Scan, frame: &Frame) -> Self {
        let most = frame.most;
        let lone = (scan.parts.len() == 1).then(|| frame.components[scan.parts[0].index].sampling);
        let (h, v) = lone.unwrap_or((1, 1));
        let (width, height) = (frame.width * h, frame.height * v);
        Self {
            is_interleaved: lone.is_none(),
            across: width.div_ceil(8 * most.0) as usize,
            down: height.div_ceil(8 * most.1) as usize,
            unit_rows: 8 * most.1 / v,
        }
    }

    /// Rows of pixels above the row in which `unit` lies.
    fn rows(&self, unit: usize) -> u32 {
        (unit / self.across) as u32 * self.unit_rows
    }
}

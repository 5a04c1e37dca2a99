//! How much of a JPEG can be believed: its entropy-coded data is walked without making a picture.
//!
//! Decoders fill what is missing with grey and say nothing, and none tells up to which row it had
//! true data. Walking does: every code must exist, every interval must use up its bytes, and the
//! file must end with its end marker. Where bytes are simply missing, what came before them is
//! sound. Where bytes are wrong, codes may have been misread from anywhere in the interval on, so
//! nothing of it is believed.
//!
//! Baseline, extended and progressive frames in Huffman coding (ITU-T T.81); our decoder reads no
//! other.

mod block;
mod entropy;
mod frame;
mod scan;

use super::MediaError;
use super::limits::Deadline;
use entropy::Huffman;
use frame::{Component, Frame};
use scan::{Outcome, Scan};

/// What a walk through a JPEG found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    /// Rows from the top of the stored picture, in pixels, of which everything is there.
    pub(super) whole_rows: u32,
    /// The file ends before its end marker.
    pub(super) is_cut: bool,
    /// Scans with data that is wrong.
    pub(super) damaged_scans: u64,
}

/// Progressive files have about ten; our decoder stops at a hundred.
const MAX_SCANS: u32 = 100;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Walks `bytes`; of a progressive picture the size must be within the limits. `None` when the
/// headers are not understood, which is for the decoder to judge.
///
/// # Errors
/// [`MediaError::DeadlineExceeded`].
pub(super) fn condition(bytes: &[u8], deadline: Deadline) -> Result<Option<Condition>, MediaError> {
    // A download that was given its full length before it came ends in zeros, which are codes too.
    let end = (bytes.iter().rposition(|byte| *byte != 0)).map_or(0, |last| last + 1);
    let mut walk = Walk {
        data: &bytes[..end],
        at: 2,
        dc_tables: Default::default(),
        ac_tables: Default::default(),
        restart_interval: 0,
        frame: None,
        whole_rows: u32::MAX,
        is_cut: false,
        damaged_scans: 0,
    };
    let understood = walk.run(deadline)?;
    Ok(understood.map(|()| walk.conclude()))
}

struct Walk<'a> {
    data: &'a [u8],
    at: usize,
    dc_tables: [Option<Huffman>; 4],
    ac_tables: [Option<Huffman>; 4],
    /// Units from one restart marker to the next; 0 for none.
    restart_interval: usize,
    frame: Option<Frame>,
    whole_rows: u32,
    is_cut: bool,
    damaged_scans: u64,
}

impl<'a> Walk<'a> {
    /// Through all segments up to the end marker; `None` where one is not understood.
    fn run(&mut self, deadline: Deadline) -> Result<Option<()>, MediaError> {
        let mut scans = 0;
        loop {
            deadline.check()?;
            let marker = match self.next_marker() {
                Some(END_OF_IMAGE) => return Ok(Some(())),
                // Without a segment: temporary, restarts that a damaged scan left, another start.
                Some(0x01 | 0xd0..=0xd8) => continue,
                Some(marker) => marker,
                None => {
                    self.is_cut = true;
                    return Ok(Some(()));
                }
            };
            let Some(segment) = self.segment() else {
                self.is_cut = true;
                return Ok(Some(()));
            };
            let understood = match marker {
                0xc0..=0xc2 => self.read_frame(segment, marker == 0xc2),
                0xc4 => self.read_tables(segment),
                // Lossless, hierarchical and arithmetic coding.
                0xc3 | 0xc5..=0xcf => None,
                0xdd => self.read_restart_interval(segment),
                START_OF_SCAN if scans == MAX_SCANS => None,
                START_OF_SCAN => {
                    scans += 1;
                    self.walk_scan(segment, deadline)?
                }
                _ => Some(()),
            };
            if understood.is_none() {
                return Ok(None);
            }
        }
    }

    /// The next marker, past whatever lies before it.
    fn next_marker(&mut self) -> Option<u8> {
        loop {
            let pair = self.data.get(self.at..self.at + 2)?;
            self.at += 1;
            if pair[0] == 0xff && !matches!(pair[1], 0 | 0xff) {
                self.at += 1;
                return Some(pair[1]);
            }
        }
    }

    /// What the segment here holds; `None` when the file ends in it.
    fn segment(&mut self) -> Option<&'a [u8]> {
        let length = self.data.get(self.at..self.at + 2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let segment = self.data.get(self.at + 2..self.at + length.max(2))?;
        self.at += length.max(2);
        Some(segment)
    }

    fn read_frame(&mut self, segment: &[u8], is_progressive: bool) -> Option<()> {
        if self.frame.is_some() {
            return None;
        }
        self.frame = Some(Frame::read(segment, is_progressive)?);
        Some(())
    }

    fn read_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&class, rest)) = segment.split_first() {
            let (table, rest) = Huffman::read(rest)?;
            let tables = match class >> 4 {
                0 => &mut self.dc_tables,
                1 => &mut self.ac_tables,
                _ => return None,
            };
            *tables.get_mut(usize::from(class & 15))? = Some(table);
            segment = rest;
        }
        Some(())
    }

    fn read_restart_interval(&mut self, segment: &[u8]) -> Option<()> {
        let units: [u8; 2] = segment.try_into().ok()?;
        self.restart_interval = usize::from(u16::from_be_bytes(units));
        Some(())
    }

    fn walk_scan(&mut self, segment: &[u8], deadline: Deadline) -> Result<Option<()>, MediaError> {
        let Some(frame) = &mut self.frame else {
            return Ok(None);
        };
        let Some(scan) = Scan::read(segment, frame, &self.dc_tables, &self.ac_tables) else {
            return Ok(None);
        };
        let data = &self.data[self.at..];
        let walked = scan.walk(frame, data, self.restart_interval, deadline)?;
        self.at += walked.used_bytes;
        match walked.outcome {
            Outcome::Whole => {}
            // Later scans refine what an earlier one gave: of a progressive picture nothing is whole.
            Outcome::Cut { .. } if frame.is_progressive => self.whole_rows = 0,
            Outcome::Cut { rows } => self.whole_rows = self.whole_rows.min(rows),
            Outcome::Damaged { rows } => {
                self.whole_rows = self.whole_rows.min(rows);
                self.damaged_scans += 1;
            }
        }
        Ok(Some(()))
    }

    fn conclude(&self) -> Condition {
        let frame = self.frame.as_ref();
        // Scans that never came leave coefficients unsent.
        let complete = frame.filter(|frame| frame.components.iter().all(Component::is_complete));
        Condition {
            whole_rows: complete.map_or(0, |frame| self.whole_rows.min(frame.height)),
            is_cut: self.is_cut || complete.is_none(),
            damaged_scans: self.damaged_scans,
        }
    }
}

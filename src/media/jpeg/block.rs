//! The codes of one block of 64 coefficients.

use std::ops::RangeInclusive;

use super::entropy::{Bits, Huffman, Stop};

/// What is known of a block, and of those after it.
pub(super) struct Block<'a> {
    /// Coefficients that are not zero so far.
    pub(super) known: &'a mut u64,
    /// Blocks from this one on without another new coefficient.
    pub(super) end_run: &'a mut u32,
    /// Whether one code may end several blocks, as in progressive frames.
    pub(super) has_runs: bool,
}

/// The first coefficient of a block.
pub(super) fn walk_dc(bits: &mut Bits, table: Option<&Huffman>) -> Result<(), Stop> {
    let size = bits.symbol(table.ok_or(Stop::Invalid)?)?;
    if size > 15 {
        return Err(Stop::Invalid);
    }
    bits.take(size.into()).map(drop)
}

/// Coefficients that are sent for the first time (T.81, F.2.2.2 and G.1.2.2).
pub(super) fn walk_ac(
    bits: &mut Bits,
    table: Option<&Huffman>,
    band: RangeInclusive<u32>,
    block: &mut Block,
) -> Result<(), Stop> {
    if *block.end_run > 0 {
        *block.end_run -= 1;
        return Ok(());
    }
    let table = table.ok_or(Stop::Invalid)?;
    let (mut k, last) = band.into_inner();
    while k <= last {
        let symbol = bits.symbol(table)?;
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (run, size) {
            (15, 0) => k += 16,
            (_, 0) => {
                if block.has_runs {
                    *block.end_run = (1 << run) - 1 + bits.take(run)?;
                } else if run > 0 {
                    return Err(Stop::Invalid);
                }
                return Ok(());
            }
            _ => {
                k += run;
                if k > last {
                    return Err(Stop::Invalid);
                }
                bits.take(size)?;
                *block.known |= 1 << k;
                k += 1;
            }
        }
    }
    Ok(())
}

/// One more bit for each coefficient that is not zero, and new ones between them (T.81, G.1.2.3).
pub(super) fn refine_ac(
    bits: &mut Bits,
    table: Option<&Huffman>,
    band: RangeInclusive<u32>,
    block: &mut Block,
) -> Result<(), Stop> {
    let table = table.ok_or(Stop::Invalid)?;
    let (mut k, last) = band.into_inner();
    while *block.end_run == 0 && k <= last {
        let symbol = bits.symbol(table)?;
        let (mut zeros, size) = (u32::from(symbol >> 4), symbol & 15);
        match size {
            0 if zeros < 15 => {
                *block.end_run = (1 << zeros) + bits.take(zeros)?;
                break;
            }
            0 => {}
            1 => drop(bits.take(1)?),
            _ => return Err(Stop::Invalid),
        }
        while k <= last {
            if *block.known >> k & 1 == 1 {
                bits.take(1)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            k += 1;
        }
        if size == 1 {
            if k > last {
                return Err(Stop::Invalid);
            }
            *block.known |= 1 << k;
        }
        k += 1;
    }
    if *block.end_run > 0 {
        let rest = (k..=last).filter(|k| *block.known >> k & 1 == 1).count();
        (0..rest).try_for_each(|_| bits.take(1).map(drop))?;
        *block.end_run -= 1;
    }
    Ok(())
}

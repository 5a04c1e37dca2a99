//! Bits and Huffman codes of entropy-coded JPEG data.

/// Why a walk cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end here, at a marker or with the file.
    RanOut,
    /// A code that does not exist, or a coefficient past the last.
    Invalid,
}

/// Reads bits up to the next marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The last `count` bits of it are still to be read.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            held: 0,
            count: 0,
        }
    }

    /// Bytes that were taken from the data.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The byte of data here and how many bytes it is written in; `None` at a marker and at the end.
    fn next_byte(&self) -> Option<(u8, usize)> {
        match *self.data.get(self.at..)? {
            [0xff, 0, ..] => Some((0xff, 2)),
            [0xff, ..] | [] => None,
            [byte, ..] => Some((byte, 1)),
        }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some((byte, width)) = self.next_byte() else {
                return;
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
            self.at += width;
        }
    }

    /// The next `count` bits, at most 16.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Stop> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count).ok_or(Stop::RanOut)?;
        let mask = (1_u64 << count) - 1;
        Ok((self.held >> self.count & mask) as u32)
    }

    /// The next 16 bits, with zeros where there are fewer; they stay to be read.
    fn peek(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        let bits = if self.count >= 16 {
            self.held >> (self.count - 16)
        } else {
            self.held << (16 - self.count)
        };
        (bits & 0xffff) as u32
    }

    /// The symbol that the next bits stand for.
    pub(super) fn symbol(&mut self, table: &Huffman) -> Result<u8, Stop> {
        let bits = self.peek();
        let (length, symbol) = match table.find(bits) {
            Some(found) => found,
            None if self.count < 16 => return Err(Stop::RanOut),
            None => return Err(Stop::Invalid),
        };
        self.count = self.count.checked_sub(length).ok_or(Stop::RanOut)?;
        Ok(symbol)
    }

    /// Whether no more than the padding of the last byte is left before a marker. Some cameras pad
    /// with whole bytes, all zeros or all ones.
    pub(super) fn is_used_up(&mut self) -> bool {
        self.count -= self.count % 8;
        let left = self.count / 8;
        let held = (0..left).map(|index| (self.held >> (8 * index)) as u8);
        let mut padding = held.collect::<Vec<_>>();
        self.count = 0;
        while let Some((byte, width)) = self.next_byte() {
            padding.push(byte);
            if padding.len() > MAX_PADDING_BYTES {
                return false;
            }
            self.at += width;
        }
        padding.iter().all(|byte| *byte == 0) || padding.iter().all(|byte| *byte == 0xff)
    }

    /// Whether the data ends here, without another marker.
    pub(super) fn is_at_end(&self) -> bool {
        let rest = self.data.get(self.at..).unwrap_or_default();
        rest.iter().all(|byte| *byte == 0xff)
    }

    /// Steps over the restart marker of this number; `false` when something else is here.
    pub(super) fn step_over_restart(&mut self, number: usize) -> bool {
        let rest = self.data.get(self.at..).unwrap_or_default();
        // A marker may have any number of 0xff before it.
        let filling = rest.iter().take_while(|byte| **byte == 0xff).count();
        let wanted = 0xd0 + (number % 8) as u8;
        if filling == 0 || rest.get(filling) != Some(&wanted) {
            return false;
        }
        self.at += filling + 1;
        self.held = 0;
        self.count = 0;
        true
    }
}

const MAX_PADDING_BYTES: usize = 4096;

/// A canonical Huffman code of at most 16 bits.
pub(super) struct Huffman {
    /// By the first [`FAST_BITS`] bits: length and symbol of a code that is no longer, else zero.
    fast: Vec<(u8, u8)>,
    /// For each length: its first code, how many codes it has, and where their symbols begin.
    lengths: [(u32, u32, usize); 17],
    symbols: Vec<u8>,
}

const FAST_BITS: u32 = 9;

impl Huffman {
    /// Reads a table (T.81, B.2.4.2) after its class byte; also gives what follows it.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = bytes.split_at_checked(16)?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let mut lengths = [(0, 0, 0); 17];
        let (mut code, mut begin) = (0_u32, 0);
        for (length, count) in (1..).zip(counts) {
            let count = u32::from(*count);
            if code + count > 1 << length {
                return None;
            }
            lengths[length] = (code, count, begin);
            begin += count as usize;
            code = (code + count) << 1;
        }
        let mut table = Self {
            fast: Vec::new(),
            lengths,
            symbols: symbols.to_vec(),
        };
        table.fast = (0..1 << FAST_BITS)
            .map(|first| {
                let (length, symbol) = table.search(first << (16 - FAST_BITS)).unwrap_or((17, 0));
                if length <= FAST_BITS {
                    (length as u8, symbol)
                } else {
                    (0, 0)
                }
            })
            .collect();
        Some((table, rest))
    }

    /// Length and symbol of the code that 16 bits begin with.
    fn find(&self, bits: u32) -> Option<(u32, u8)> {
        match self.fast[(bits >> (16 - FAST_BITS)) as usize] {
            (0, _) => self.search(bits),
            (length, symbol) => Some((u32::from(length), symbol)),
        }
    }

    fn search(&self, bits: u32) -> Option<(u32, u8)> {
        (1..=16).find_map(|length| {
            let (first, count, begin) = self.lengths[length as usize];
            let place = (bits >> (16 - length)).checked_sub(first)?;
            let symbol = self.symbols.get(begin + place as usize)?;
            (place < count).then_some((length, *symbol))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes 0, 10 and 110 for 5, 6 and 7.
    fn table() -> Huffman {
        let bytes = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7];
        Huffman::read(&bytes).unwrap().0
    }

    #[test]
    fn codes_and_bits_are_read_in_turn_up_to_a_marker() {
        let mut bits = Bits::new(&[0b1001_1010, 0xff, 0, 0xff, 0xd9]);
        let table = table();
        assert_eq!(bits.symbol(&table), Ok(6));
        assert_eq!(bits.symbol(&table), Ok(5));
        assert_eq!(bits.symbol(&table), Ok(7));
        assert_eq!(bits.take(2), Ok(0b10));
        assert_eq!(bits.symbol(&table), Err(Stop::RanOut));
        assert_eq!(bits.take(9), Err(Stop::RanOut));
    }

    #[test]
    fn a_table_with_more_codes_than_bits_allow_is_refused() {
        let bytes = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7];
        assert!(Huffman::read(&bytes).is_none());
    }

    #[test]
    fn padding_is_no_data_that_was_left_over() {
        let table = table();
        for (data, is_used_up) in [
            (&[0b0111_1111, 0xff, 0xd9][..], true),
            (&[0b0111_1111, 0, 0, 0xff, 0xd9], true),
            (&[0b0111_1111, 0x5a, 0xff, 0xd9], false),
        ] {
            let mut bits = Bits::new(data);
            assert_eq!(bits.symbol(&table), Ok(5));
            assert_eq!(bits.is_used_up(), is_used_up, "{data:?}");
        }
    }
}

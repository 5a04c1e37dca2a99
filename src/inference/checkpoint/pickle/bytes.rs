//! Reading a pickle's arguments, never past its end.

/// Where in the pickle the machine is.
pub(super) struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn left(&self) -> usize {
        self.all.len() - self.at
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self.all[self.at..].get(..count);
        let taken = taken.ok_or("it ends in the middle of a value")?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned little-endian number of `width` bytes, at most 8.
    pub(super) fn unsigned(&mut self, width: usize) -> Result<u64, String> {
        let mut padded = [0; 8];
        padded[..width].copy_from_slice(self.take(width)?);
        Ok(u64::from_le_bytes(padded))
    }

    /// Bytes after their count, which is `width` bytes wide.
    pub(super) fn counted(&mut self, width: usize) -> Result<&'a [u8], String> {
        let count = self.unsigned(width)?;
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    pub(super) fn text(&mut self, width: usize) -> Result<&'a str, String> {
        utf8(self.counted(width)?)
    }

    /// Text up to a line end, which is taken too.
    pub(super) fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.all[self.at..];
        let length = rest.iter().position(|b| *b == b'\n');
        let line = self.take(length.ok_or("it ends in the middle of a name")?)?;
        self.at += 1;
        utf8(line)
    }
}

/// Two's complement, little-endian, any width; `None` when it needs more than 64 bits.
pub(super) fn signed(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|b| *b >= 0x80);
    let mut padded = [if negative { 0xff } else { 0 }; 8];
    padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(padded))
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8".into())
}

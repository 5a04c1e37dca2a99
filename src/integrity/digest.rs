//! SHA-256 over files of any size in constant memory.

use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::IntegrityError;

const BUFFER_BYTES: usize = 64 * 1024;

/// A SHA-256 digest. Printed and parsed as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// Digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl std::fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl std::fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sha256Digest({self})")
    }
}

impl FromStr for Sha256Digest {
    type Err = hex::FromHexError;

    /// Reads 64 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Sha256Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A file told by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileDigest {
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Number of its bytes.
    pub size_bytes: u64,
}

/// Hashes a file that arrives in pieces, such as an upload.
#[derive(Debug, Clone, Default)]
pub struct FileHasher {
    state: Sha256,
    size_bytes: u64,
}

impl FileHasher {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.state.update(piece);
        self.size_bytes += piece.len() as u64;
    }

    /// The digest of all pieces in order.
    pub fn finish(self) -> FileDigest {
        FileDigest {
            sha256: Sha256Digest(self.state.finalize().into()),
            size_bytes: self.size_bytes,
        }
    }
}

/// SHA-1 of what arrives in pieces: good against accidents of transport, against nobody's malice.
#[derive(Debug, Clone, Default)]
pub struct Sha1Hasher(Sha1);

impl Sha1Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces in order.
    pub fn finish(self) -> [u8; 20] {
        self.0.finalize().into()
    }
}

/// Hashes what `reader` gives until its end, 64 KiB at a time.
///
/// # Errors
/// [`IntegrityError::Read`]; an interrupted read is tried again.
pub fn hash_reader(mut reader: impl Read) -> Result<FileDigest, IntegrityError> {
    let mut hasher = FileHasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
            Err(other) => return Err(IntegrityError::Read(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_digests_of_the_standard_come_out() {
        // FIPS 180-2, appendix B.1 and B.3.
        let abc = hash_reader(&b"abc"[..]).unwrap();
        assert_eq!(
            abc.sha256.to_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(abc.size_bytes, 3);
        let million = hash_reader(io::repeat(b'a').take(1_000_000)).unwrap();
        assert_eq!(
            million.sha256.to_hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
        assert_eq!(million.size_bytes, 1_000_000);
    }

    #[test]
    fn a_reader_that_fails_gives_no_digest() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let error = hash_reader((&b"abc"[..]).chain(Failing)).unwrap_err();
        assert_eq!(error.code(), "hash-read-failed");
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_digest_of_the_whole(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)
        ) {
            let mut hasher = FileHasher::new();
            pieces.iter().for_each(|piece| hasher.update(piece));
            let whole = pieces.concat();
            prop_assert_eq!(hasher.finish(), hash_reader(&whole[..]).unwrap());
            prop_assert_eq!(hash_reader(&whole[..]).unwrap().sha256, Sha256Digest::of(&whole));
        }

        #[test]
        fn hex_reads_back_and_anything_else_is_refused(bytes in any::<[u8; 32]>(), text in ".{0,70}") {
            let digest = Sha256Digest(bytes);
            prop_assert_eq!(digest.to_hex().parse::<Sha256Digest>(), Ok(digest));
            if let Ok(parsed) = text.parse::<Sha256Digest>() {
                prop_assert_eq!(parsed.to_hex(), text.to_lowercase());
            }
        }
    }
}

//! `Upload-Checksum`: an algorithm and the digest of a body in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::TusError;
use crate::integrity::{FileHasher, Sha1Hasher};

/// What a body is to have, and what of it came so far.
#[derive(Debug)]
pub(super) struct Checksum {
    wanted: Vec<u8>,
    hasher: Hasher,
}

#[derive(Debug)]
enum Hasher {
    Sha1(Sha1Hasher),
    Sha256(FileHasher),
}

impl Checksum {
    /// Reads the header.
    ///
    /// # Errors
    /// [`TusError::Header`], also for another algorithm.
    pub(super) fn parse(text: &str) -> Result<Self, TusError> {
        let wrong = |problem| TusError::Header {
            name: "Upload-Checksum",
            problem,
        };
        let (algorithm, digest) = text.trim().split_once(' ').unwrap_or((text, ""));
        let hasher = match algorithm {
            "sha1" => Hasher::Sha1(Sha1Hasher::default()),
            "sha256" => Hasher::Sha256(FileHasher::new()),
            _ => return Err(wrong(UNKNOWN)),
        };
        let wanted = STANDARD.decode(digest.trim());
        let wanted = wanted.map_err(|_| wrong("the digest must be in base64"))?;
        let length = match &hasher {
            Hasher::Sha1(_) => 20,
            Hasher::Sha256(_) => 32,
        };
        match wanted.len() == length {
            true => Ok(Self { wanted, hasher }),
            false => Err(wrong("the digest is not as long as one of this algorithm")),
        }
    }

    /// Takes the next piece of the body.
    pub(super) fn update(&mut self, piece: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha1(hasher) => hasher.update(piece),
            Hasher::Sha256(hasher) => hasher.update(piece),
        }
    }

    /// Whether the pieces were those that the client meant.
    pub(super) fn holds(self) -> bool {
        match self.hasher {
            Hasher::Sha1(hasher) => hasher.finish()[..] == self.wanted[..],
            Hasher::Sha256(hasher) => hasher.finish().sha256.as_bytes()[..] == self.wanted[..],
        }
    }
}

const UNKNOWN: &str = "it must begin with sha1 or sha256, the algorithms that are known here";

#[cfg(test)]
mod tests {
    use super::super::headers::ALGORITHMS;
    use super::*;

    /// Of `abc`, FIPS 180-2, appendix A.1 and B.1.
    const SHA1: &str = "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";
    const SHA256: &str = "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    #[test]
    fn a_body_has_the_checksum_of_its_bytes_and_of_no_others() {
        for text in [SHA1, SHA256] {
            for (pieces, holds) in [(["a", "bc"], true), (["ab", "d"], false)] {
                let mut checksum = Checksum::parse(text).unwrap();
                for piece in pieces {
                    checksum.update(piece.as_bytes());
                }
                assert_eq!(checksum.holds(), holds, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_checksum_of_a_known_algorithm_is_refused() {
        for text in [
            "",
            "sha1",
            "sha1 ?",
            "sha1 YWJj",
            "md5 kAFQmDzST7DWlj99KOF/cg==",
            "SHA1 x",
        ] {
            assert!(Checksum::parse(text).is_err(), "{text:?}");
        }
        for algorithm in ALGORITHMS.split(',') {
            assert!(UNKNOWN.contains(algorithm), "{algorithm}");
        }
    }
}

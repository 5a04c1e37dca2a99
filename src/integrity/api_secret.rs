//! The secret half of an API key.

use std::fmt;

use rand::RngCore;
use rand::rngs::OsRng;

use super::digest::Sha256Digest;

const PREFIX: &str = "fw_";
const RANDOM_BYTES: usize = 32;

/// `fw_` and 64 hexadecimal digits: 256 random bits. The prefix lets scanners of leaked secrets find
/// it. Shown by [`ApiSecret::reveal`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiSecret(String);

impl ApiSecret {
    /// Makes a new one from the system's randomness.
    pub fn generate() -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        OsRng.fill_bytes(&mut bytes);
        Self(format!("{PREFIX}{}", hex::encode(bytes)))
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn sha256(&self) -> Sha256Digest {
        Sha256Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiSecret({PREFIX}…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_new_each_time_and_shows_itself_only_when_asked() {
        let (first, second) = (ApiSecret::generate(), ApiSecret::generate());
        assert_ne!(first, second);
        assert_eq!(first.reveal().len(), 67);
        assert!(first.reveal().starts_with("fw_"));
        assert!(!format!("{first:?}").contains(&first.reveal()[3..]));
        assert_ne!(first.sha256(), second.sha256());
    }
}

//! Who reads: the number of an API key, and whose records it opens.

use serde::{Deserialize, Serialize};

/// Number of an API key, given by the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(i64);

impl KeyId {
    /// Wraps a number the database gave.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose records somebody may read. Others do not exist for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Everybody's: an open service, an administrator, the command line.
    Unrestricted,
    /// Those sent with this key.
    Key(KeyId),
}

impl Reader {
    /// The key whose records are read; `None` for all of them.
    pub fn key(self) -> Option<KeyId> {
        match self {
            Self::Unrestricted => None,
            Self::Key(key) => Some(key),
        }
    }

    /// Whether a record of this owner may be read.
    pub fn may_read(self, owner: Option<KeyId>) -> bool {
        self.key().is_none_or(|key| owner == Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_its_own_records_and_no_others() {
        let (mine, other) = (KeyId::new(1), KeyId::new(2));
        assert!(Reader::Key(mine).may_read(Some(mine)));
        assert!(!Reader::Key(mine).may_read(Some(other)));
        assert!(!Reader::Key(mine).may_read(None));
        assert!(Reader::Unrestricted.may_read(None));
        assert!(Reader::Unrestricted.may_read(Some(other)));
    }
}

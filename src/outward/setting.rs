//! The setting that says whether files are fetched.

use std::str::FromStr;

use thiserror::Error;

use super::url::Reach;

/// Whether files are fetched from URLs that clients name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FetchUrls {
    /// Never.
    #[default]
    Off,
    /// From public addresses.
    Public,
    /// From any, those of one's own network too.
    Any,
}

/// A word that says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected off, public or any")]
pub struct FetchUrlsError;

impl FetchUrls {
    /// How far is spoken for it; `None`: nothing is fetched.
    pub fn reach(self) -> Option<Reach> {
        match self {
            Self::Off => None,
            Self::Public => Some(Reach::Public),
            Self::Any => Some(Reach::Any),
        }
    }
}

impl FromStr for FetchUrls {
    type Err = FetchUrlsError;

    fn from_str(word: &str) -> Result<Self, FetchUrlsError> {
        match word {
            "off" => Ok(Self::Off),
            "public" => Ok(Self::Public),
            "any" => Ok(Self::Any),
            _ => Err(FetchUrlsError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_words_read_and_others_are_refused() {
        let reach = |word: &str| word.parse::<FetchUrls>().map(FetchUrls::reach);
        assert_eq!(reach("off"), Ok(None));
        assert_eq!(reach("public"), Ok(Some(Reach::Public)));
        assert_eq!(reach("any"), Ok(Some(Reach::Any)));
        for word in ["", "true", "false", "Public"] {
            assert_eq!(reach(word), Err(FetchUrlsError), "{word:?}");
        }
    }
}

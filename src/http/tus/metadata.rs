//! `Upload-Metadata`: pairs of a key and a value in base64, with commas between them. The value, and the
//! space before it, may be left out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::TusError;

/// It is given back with every HEAD.
const MAX_CHARS: usize = 8_192;
/// Under which clients say the name of the file.
const NAMES: [&str; 2] = ["filename", "name"];

/// What a client says of its file: keys are unique, values any bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Metadata(Vec<(String, Vec<u8>)>);

impl Metadata {
    /// Reads the header; one that is empty says nothing.
    ///
    /// # Errors
    /// [`TusError::Header`].
    pub(super) fn parse(text: &str) -> Result<Self, TusError> {
        let wrong = |problem| TusError::Header {
            name: "Upload-Metadata",
            problem,
        };
        if text.len() > MAX_CHARS {
            return Err(wrong("it has more than 8192 characters"));
        }
        let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
        if text.trim().is_empty() {
            return Ok(Self(pairs));
        }
        for pair in text.split(',') {
            let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
            let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_key {
                return Err(wrong("each key must be of visible ASCII characters"));
            }
            if pairs.iter().any(|(other, _)| other == key) {
                return Err(wrong("each key may come once"));
            }
            let value = STANDARD.decode(value.trim());
            let value = value.map_err(|_| wrong("each value must be in base64"))?;
            pairs.push((key.to_owned(), value));
        }
        Ok(Self(pairs))
    }

    /// The name of the file; empty where none is said.
    pub(super) fn filename(&self) -> String {
        let value = |name: &&str| {
            let named = self.0.iter().find(|(key, _)| key == name);
            named.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        NAMES.iter().find_map(value).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_read_with_and_without_values() {
        let read = Metadata::parse("filename d29ybGQgZG9taW5hdGlvbiBwbGFuLnBkZg==,is_confidential");
        let read = read.unwrap();
        assert_eq!(read.filename(), "world domination plan.pdf");
        assert_eq!(read.0[1], ("is_confidential".to_owned(), Vec::new()));
        assert_eq!(Metadata::parse("").unwrap(), Metadata::default());
        let spaced = Metadata::parse("filetype dmlkZW8vbXA0, name 0LAubXA0").unwrap();
        assert_eq!(spaced.filename(), "а.mp4");
        assert_eq!(Metadata::parse("filetype dmlk").unwrap().filename(), "");
    }

    #[test]
    fn what_is_no_list_of_pairs_is_refused() {
        for text in [
            ",",
            "a YQ==,",
            "a YQ==,,b",
            "a YQ",
            "a ?",
            "a YQ== YQ==",
            "a YQ==,a",
            "\u{7} YQ==",
        ] {
            assert!(Metadata::parse(text).is_err(), "{text:?}");
        }
        assert!(Metadata::parse(&"a".repeat(MAX_CHARS + 1)).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_written_by_the_rule_reads_back(
            pairs in proptest::collection::btree_map("[!-+\\--~]{1,12}", any::<Vec<u8>>(), 1..8)
        ) {
            let written: Vec<String> = (pairs.iter())
                .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
                .collect();
            let read = Metadata::parse(&written.join(",")).unwrap();
            prop_assert_eq!(read.0, Vec::from_iter(pairs));
        }

        #[test]
        fn any_text_is_read_or_refused_and_every_key_comes_once(text in any::<String>()) {
            if let Ok(Metadata(pairs)) = Metadata::parse(&text) {
                let mut keys: Vec<_> = pairs.iter().map(|(key, _)| key).collect();
                keys.sort_unstable();
                keys.dedup();
                prop_assert_eq!(keys.len(), pairs.len());
            }
        }
    }
}

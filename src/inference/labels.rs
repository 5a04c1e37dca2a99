//! `labels.txt`: what the outputs of a user's image model mean, one label a line.
//!
//! Only the letters of a line count, in either case; the words are those of
//! [`Truth::from_word`].
//!
//! A label is one of these words, alone or with its number (`0 real`, `1: fake`). Anything else is
//! an error that shows the lines that were read.

use std::fs;
use std::path::Path;

use super::manifest::Label;
use crate::domain::Truth;

/// Nothing longer is a list of labels.
const LONGEST_BYTES: u64 = 4096;

/// Reads the labels of one or two outputs, in their order.
///
/// # Errors
/// A sentence with the lines that were read; the caller names the file.
pub(super) fn read(path: &Path) -> Result<Vec<Label>, String> {
    let size = fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?;
    if size.len() > LONGEST_BYTES {
        return Err(format!("has {} bytes: no list of labels", size.len()));
    }
    let text = fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Label>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let labels: Option<Vec<Label>> = lines.iter().map(|line| label(line)).collect();
    let refuse = |what: &str| {
        Err(format!(
            "{what}; read {lines:?}; write one label a line, such as REAL and FAKE, in the order of the outputs"
        ))
    };
    match labels.as_deref() {
        None => refuse("has a line that says neither fake nor real"),
        Some([a, b]) if a == b => refuse("has two labels of one meaning"),
        Some(labels @ ([_] | [_, _])) => Ok(labels.to_vec()),
        Some(_) => refuse("must have one or two labels"),
    }
}

fn label(line: &str) -> Option<Label> {
    let word: String = (line.chars())
        .filter(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    Truth::from_word(&word).map(|truth| match truth {
        Truth::Manipulated => Label::Fake,
        Truth::Genuine => Label::Real,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_known_by_their_usual_words_and_keep_their_order() {
        for (text, expected) in [
            ("real\ndeepfake\n", [Label::Real, Label::Fake]),
            ("\u{feff}FAKE\r\nREAL\r\n", [Label::Fake, Label::Real]),
            ("0 Real\n1: Fake\n\n", [Label::Real, Label::Fake]),
            ("bona fide\nspoof", [Label::Real, Label::Fake]),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text:?}");
        }
        assert_eq!(parse("fake").unwrap(), [Label::Fake]);
    }

    #[test]
    fn anything_else_is_refused_with_the_lines_that_were_read() {
        for text in [
            "cat\ndog",
            "real\nreal",
            "",
            "real\nfake\nother",
            "real fake",
            "0\n1",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("one label a line"), "{error}");
        }
        assert!(parse("cat\ndog").unwrap_err().contains(r#"["cat", "dog"]"#));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}

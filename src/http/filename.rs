//! A client's file name, made safe to show.
//!
//! The name is never a path on this machine: uploads are stored under names the service makes.
//! It is shown in pages, logs, CSV files and signed statements, so it must not move a cursor,
//! reverse the reading direction, or fill a screen.

/// Longest name shown, in characters, where no setting says otherwise.
pub(super) const MAX_NAME_CHARS: usize = 150;

/// Longest ending (`.mpeg`) kept whole when a name is cut.
const MAX_ENDING_CHARS: usize = 12;

/// Shown when a client gives no usable name.
const NAMELESS: &str = "unnamed";

/// A file name without path, control characters or direction overrides; 1 to
/// [`MAX_NAME_CHARS`] characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DisplayName(String);

impl DisplayName {
    /// Makes any text a name. Never fails: what cannot be shown is left out, and a name of which
    /// nothing is left becomes `unnamed`.
    pub(super) fn from_client(text: &str) -> Self {
        Self::within(text, MAX_NAME_CHARS)
    }

    /// The same of at most `max_chars` characters, which are more than those of the longest ending.
    pub(super) fn within(text: &str, max_chars: usize) -> Self {
        let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let shown: String = last.chars().filter(|c| is_shown(*c)).collect();
        let shown = shown.trim();
        if shown.is_empty() || shown.chars().all(|c| c == '.') {
            return Self(NAMELESS.into());
        }
        Self(shorten(shown, max_chars))
    }

    /// The name of a file derived from this one, in ASCII for a `Content-Disposition` header:
    /// `holiday (1).mp4` and `csv` give `holiday_1_.csv`.
    pub(super) fn derived(&self, ending: &str) -> String {
        let stem = self.0.rsplit_once('.').map_or(self.0.as_str(), |(s, _)| s);
        let mut plain = String::new();
        for c in stem.chars() {
            let kept = c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            match (kept, plain.ends_with('_')) {
                (true, _) => plain.push(c),
                (false, false) => plain.push('_'),
                (false, true) => {}
            }
        }
        format!("{plain}.{ending}")
    }
}

/// The parameter `filename` of a `Content-Disposition` header. A backslash stands for itself unless
/// a quotation mark or another one follows: browsers write `"C:\fakepath\x.jpg"` without escapes,
/// curl writes `"a \"quoted\" name"` with them.
pub(super) fn plain_filename(header: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = parameter_value(value.trim_start());
        if name.trim().eq_ignore_ascii_case("filename") {
            return Some(value);
        }
        rest = after.split_once(';')?.1;
    }
}

/// The value at the start of `text`, quoted or up to the next semicolon, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let escaped = |next: &(usize, char)| matches!(next.1, '"' | '\\');
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.push(chars.next_if(escaped).map_or('\\', |(_, next)| next)),
            _ => value.push(c),
        }
    }
    (value, "")
}

impl std::fmt::Display for DisplayName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character stands for something a person sees, or is a plain space.
fn is_shown(c: char) -> bool {
    let invisible = matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}' | '\u{FFFD}'
        | '\u{200B}'..='\u{200F}'   // zero widths, left-to-right and right-to-left marks
        | '\u{2028}'..='\u{202E}'   // line and paragraph ends, direction overrides
        | '\u{2060}'..='\u{206F}'   // joiners, direction isolates
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}');
    !c.is_control() && !invisible
}

/// Cuts the middle out of a long name, keeping its ending: that is what people look at.
fn shorten(name: &str, max_chars: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= max_chars {
        return name.to_owned();
    }
    let ending = (chars.iter().rposition(|c| *c == '.'))
        .map(|dot| &chars[dot..])
        .filter(|ending| ending.len() <= MAX_ENDING_CHARS)
        .unwrap_or_default();
    let kept = max_chars.saturating_sub(1 + ending.len());
    let start: String = chars[..kept].iter().collect();
    format!("{}…{}", start.trim_end(), String::from_iter(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        DisplayName::from_client(text).to_string()
    }

    #[test]
    fn a_plain_name_stays_as_it_is() {
        assert_eq!(shown("clip.mp4"), "clip.mp4");
        assert_eq!(shown("видео №1.mov"), "видео №1.mov");
    }

    #[test]
    fn a_path_loses_its_folders() {
        assert_eq!(shown("../../etc/passwd"), "passwd");
        assert_eq!(shown(r"C:\Users\me\clip.mp4"), "clip.mp4");
        assert_eq!(shown(r"C:\fakepath\x.jpg"), "x.jpg");
        assert_eq!(shown("folder/"), "unnamed");
        assert_eq!(shown(".."), "unnamed");
    }

    #[test]
    fn a_header_names_the_file_with_or_without_escapes() {
        let named = |parameters: &str| plain_filename(&format!("form-data; {parameters}"));
        for (parameters, expected) in [
            (r#"name="file"; filename="clip.mp4""#, "clip.mp4"),
            (
                r#"filename="C:\fakepath\x.jpg"; name="file""#,
                r"C:\fakepath\x.jpg",
            ),
            (
                r#"name="a;filename=b"; FileName = "a \"best\" \\ b""#,
                r#"a "best" \ b"#,
            ),
            ("name=file; filename=clip.mp4 ; x=y", "clip.mp4"),
            (r#"name="file"; filename="no end"#, "no end"),
            (r#"name="file"; filename="""#, ""),
        ] {
            assert_eq!(named(parameters).as_deref(), Some(expected), "{parameters}");
        }
        for parameters in ["", "name=\"file\"", "name", "filename*=UTF-8''x", "=;=;="] {
            assert_eq!(named(parameters), None, "{parameters}");
        }
    }

    #[test]
    fn a_name_cannot_reverse_or_break_the_line_it_is_shown_in() {
        assert_eq!(shown("exe\u{202E}4pm.\r\n\u{7}x"), "exe4pm.x");
    }

    #[test]
    fn a_long_name_is_cut_in_the_middle() {
        let name = shown(&format!("{}.mp4", "a".repeat(5000)));
        assert_eq!(name.chars().count(), MAX_NAME_CHARS);
        assert!(name.ends_with("a….mp4"), "{name}");
    }

    #[test]
    fn a_derived_name_is_plain_ascii() {
        let name = DisplayName::from_client("holiday \"(1)\".mp4");
        assert_eq!(name.derived("csv"), "holiday_1_.csv");
    }

    proptest! {
        #[test]
        fn every_text_becomes_a_bounded_visible_name(text in any::<String>()) {
            let name = shown(&text);
            prop_assert!((1..=MAX_NAME_CHARS).contains(&name.chars().count()));
            prop_assert!(name.chars().all(is_shown));
            prop_assert!(!name.contains(['/', '\\']));
            prop_assert_eq!(shown(&name), name);
        }

        #[test]
        fn every_derived_name_fits_a_header(text in any::<String>()) {
            let name = DisplayName::from_client(&text).derived("csv");
            prop_assert!(name.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
        }
    }
}

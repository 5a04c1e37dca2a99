//! How wide text is, and where it breaks.

use std::sync::LazyLock;

use rustybuzz::{Face, UnicodeBuffer};

/// The three faces of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typeface {
    Regular,
    Bold,
    Mono,
}

impl Typeface {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Regular, Self::Bold, Self::Mono];

    /// The font file.
    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => dejavu::sans::regular(),
            Self::Bold => dejavu::sans::bold(),
            Self::Mono => dejavu::sans_mono::regular(),
        }
    }

    fn face(self) -> &'static Face<'static> {
        static FACES: LazyLock<[Face<'static>; 3]> = LazyLock::new(|| {
            Typeface::ALL.map(|typeface| {
                Face::from_slice(typeface.bytes(), 0).expect("a font that is built in")
            })
        });
        let [regular, bold, mono] = &*FACES;
        match self {
            Self::Regular => regular,
            Self::Bold => bold,
            Self::Mono => mono,
        }
    }

    /// Width of a line in points.
    pub(super) fn width(self, text: &str, size: f32) -> f32 {
        let face = self.face();
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = rustybuzz::shape(face, &[], buffer);
        let units: i32 = shaped.glyph_positions().iter().map(|p| p.x_advance).sum();
        units as f32 / face.units_per_em() as f32 * size
    }

    /// `text` with a number in place of what the face has no picture of: a name in another script
    /// can then still be told from others.
    pub(super) fn shown(self, text: &str) -> String {
        let face = self.face();
        let mut shown = String::new();
        for c in text.chars() {
            if c.is_control() {
                shown.push(' ');
            } else if c == ' ' || face.glyph_index(c).is_some() {
                shown.push(c);
            } else {
                shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
            }
        }
        shown
    }

    /// `text` as lines that fit into `width`; words that do not are broken anywhere.
    pub(super) fn wrapped(self, text: &str, size: f32, width: f32) -> Vec<String> {
        let text = self.shown(text);
        let mut lines = vec![String::new()];
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let line = lines.last_mut().expect("there is always a line");
            let longer = match line.is_empty() {
                true => word.to_owned(),
                false => format!("{line} {word}"),
            };
            if self.width(&longer, size) <= width {
                *line = longer;
                continue;
            }
            let mut pieces = self.broken(word, size, width);
            if line.is_empty() {
                *line = pieces.remove(0);
            }
            lines.extend(pieces);
        }
        lines
    }

    /// A word in pieces that fit; one piece when it fits as it is.
    fn broken(self, word: &str, size: f32, width: f32) -> Vec<String> {
        if self.width(word, size) <= width {
            return vec![word.to_owned()];
        }
        let mut pieces = vec![String::new()];
        let mut used = 0.0;
        for c in word.chars() {
            let advance = self.width(c.encode_utf8(&mut [0; 4]), size);
            if used + advance > width && used > 0.0 {
                pieces.push(String::new());
                used = 0.0;
            }
            used += advance;
            pieces.last_mut().expect("there is always a piece").push(c);
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_nothing_is_lost() {
        let text = "Some words and one_that_is_much_longer_than_a_line_of_this_width at the end";
        for typeface in Typeface::ALL {
            let lines = typeface.wrapped(text, 9.0, 80.0);
            assert!(lines.len() > 4, "{lines:?}");
            for line in &lines {
                assert!(typeface.width(line, 9.0) <= 80.5, "{line}");
            }
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }

    #[test]
    fn what_the_face_does_not_have_is_numbered() {
        let shown = Typeface::Regular.shown("é–Ж 𝕏 人");
        assert!(shown.starts_with("é–Ж "), "{shown}");
        assert!(shown.ends_with("<U+4EBA>"), "{shown}");
    }
}

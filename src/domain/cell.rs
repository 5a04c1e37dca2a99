//! Text of others in the cells of a table.
//!
//! Spreadsheets run what begins like a formula, also in a file of plain values (OWASP, "CSV
//! Injection"): a file named `=HYPERLINK(…)` would act on whoever opens the table. An apostrophe in
//! front makes it text.

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula, or skips before one; the wide forms are
/// read as the plain ones by East Asian editions.
const FORMULA_STARTS: [char; 11] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

/// `text` as a cell that no spreadsheet runs. For text of others; numbers need no such care and
/// would stop being numbers.
pub fn inert_cell(text: &str) -> Cow<'_, str> {
    if text.trim_start_matches(' ').starts_with(FORMULA_STARTS) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_begins_like_a_formula_becomes_text_and_other_text_stays() {
        for formula in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1",
        ] {
            assert_eq!(inert_cell(formula), format!("'{formula}"));
        }
        for text in ["", "clip.mp4", "a=b", "x-1", "'=1", "é", " clip"] {
            assert!(matches!(inert_cell(text), Cow::Borrowed(same) if same == text));
        }
    }
}

//! The report before it is a page or a PDF: what is said, in order.

use super::drawing::Drawing;
use crate::domain::VerdictLabel;

/// A whole report.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document<'a> {
    /// What the window and the PDF are called.
    pub(super) title: String,
    /// Language, program and moment, under the title.
    pub(super) byline: String,
    pub(super) sections: Vec<Section<'a>>,
    /// The signed statement, also kept where programs find it.
    pub(super) token: &'a str,
}

/// A heading and what stands under it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section<'a> {
    pub(super) heading: &'static str,
    pub(super) blocks: Vec<Block<'a>>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block<'a> {
    /// The answer in large letters.
    Answer {
        label: VerdictLabel,
        sentence: String,
    },
    Paragraph(String),
    List(Vec<String>),
    /// Names and values, a line each.
    Facts(Vec<(&'static str, String)>),
    Table {
        header: Vec<&'static str>,
        rows: Vec<Vec<String>>,
    },
    /// Drawings beside each other, with a caption.
    Figure {
        drawings: Vec<Drawing<'a>>,
        caption: String,
    },
    /// Lines of a shell.
    Commands(Vec<String>),
    /// Text to copy, broken anywhere.
    Verbatim(&'a str),
}

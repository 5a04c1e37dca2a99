//! The report as one page that asks for nothing and runs nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::document::{Block, Document, Section};
use super::embedded::{HTML_ID, HTML_TYPE};
use super::svg::svg;
use crate::domain::VerdictLabel;
use crate::integrity::Sha256Digest;

const STYLE: &str = include_str!("report.css");

/// The whole page.
pub(super) fn page(document: &Document<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (document.title) }
                // Ours, so that it need not be escaped; the policy holds its digest.
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (document.title) }
                    p.byline { (document.byline) }
                    @for section in &document.sections { (section_of(section)) }
                }
                // Data for programs: no browser knows the type, so none runs it. A token is letters,
                // digits, dots, dashes and underscores.
                script type=(HTML_TYPE) id=(HTML_ID) { (document.token) }
            }
        }
    };
    page.into_string()
}

/// What the page may load: its pictures, which it holds, and its one style.
pub(super) fn policy() -> String {
    let digest = STANDARD.encode(Sha256Digest::of(STYLE.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
}

fn section_of(section: &Section<'_>) -> Markup {
    html! {
        section {
            h2 { (section.heading) }
            @for block in &section.blocks { (block_of(block)) }
        }
    }
}

fn block_of(block: &Block<'_>) -> Markup {
    match block {
        Block::Answer { label, sentence } => html! {
            div.answer.(class_of(*label)) {
                strong { (label.as_str()) }
                span { (sentence) }
            }
        },
        Block::Paragraph(text) => html! { p { (text) } },
        Block::List(items) => html! { ul { @for item in items { li { (item) } } } },
        Block::Facts(facts) => html! {
            dl { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
        },
        Block::Table { header, rows } => html! {
            div.table {
                table {
                    thead { tr { @for name in header { th scope="col" { (name) } } } }
                    tbody {
                        @for row in rows { tr { @for cell in row { td { (cell) } } } }
                    }
                }
            }
        },
        Block::Figure { drawings, caption } => html! {
            figure {
                div { @for drawing in drawings { (svg(drawing)) } }
                figcaption { (caption) }
            }
        },
        Block::Commands(lines) => html! { pre.commands { (lines.join("\n")) } },
        Block::Verbatim(text) => html! { pre.verbatim { (text) } },
    }
}

fn class_of(label: VerdictLabel) -> &'static str {
    match label {
        VerdictLabel::Fake => "fake",
        VerdictLabel::Real => "real",
        VerdictLabel::Inconclusive => "inconclusive",
    }
}

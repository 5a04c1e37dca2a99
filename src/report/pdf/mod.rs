//! The report as a PDF: laid out on pages first, then drawn.
//!
//! Fonts are DejaVu (of the crate of that name), of which only the glyphs that occur are embedded.
//! The signed statement is attached as it is, uncompressed, so that it is found without a reader of
//! PDF.

mod blocks;
mod draw;
mod font;
mod layout;

use krilla::Document as PdfDocument;
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;

use super::ReportError;
use super::document::Document;
use super::embedded::{ATTACHMENT, HTML_TYPE};
use draw::Ink;
use layout::{Layout, PAGE_HEIGHT, PAGE_WIDTH};

/// The whole file.
pub(super) fn file(document: &Document<'_>) -> Result<Vec<u8>, ReportError> {
    let mut layout = Layout::new();
    blocks::place(&mut layout, document);
    let pages = layout.finish(&document.title);
    let ink = Ink::new()?;
    let mut pdf = PdfDocument::new();
    for page in &pages {
        let settings = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT)
            .expect("A4 is a size, which a test of every page shows");
        let mut sheet = pdf.start_page_with(settings);
        let mut surface = sheet.surface();
        ink.draw(&mut surface, page);
        surface.finish();
        sheet.finish();
    }
    attach(&mut pdf, document.token)?;
    pdf.set_metadata(
        Metadata::new()
            .title(document.title.clone())
            .creator("Framewitness".into())
            .language("en".into()),
    );
    pdf.finish()
        .map_err(|error| ReportError::Pdf(format!("{error:?}")))
}

fn attach(pdf: &mut PdfDocument, token: &str) -> Result<(), ReportError> {
    let attached = pdf.embed_file(EmbeddedFile {
        path: ATTACHMENT.into(),
        mime_type: MimeType::new(HTML_TYPE),
        description: Some("The signed statement about this analysis".into()),
        association_kind: AssociationKind::Data,
        data: token.as_bytes().to_vec().into(),
        modification_date: None,
        compress: Some(false),
        location: None,
    });
    attached.ok_or_else(|| ReportError::Pdf("the statement could not be attached".into()))
}

//! One analysis as a document to hand on: a page that needs nothing but a browser, and a PDF.
//!
//! ```text
//! Material ─▶ compose: sections of blocks ─┬▶ html (maud, SVG)    ─▶ one page
//!                                          └▶ pdf  (krilla, fonts) ─▶ one file
//! ```
//!
//! Both say the same, because both are laid out from one `document::Document`. Nothing is read
//! here and nothing is asked: whoever wants a report brings the analysis, its pictures
//! ([`wanted_pictures`] says which), what is known of the models' errors, and the signed statement.
//! A picture that is not there any more is said so in its place.
//!
//! The page asks for nothing from elsewhere, runs nothing, and says so in a policy of its own. Text
//! of others (file names, tags) is escaped by the template. The signed statement stands in the page
//! as text and in an element that no browser runs, and in the PDF as text and as the attached,
//! uncompressed file `statement.jws`; [`statement_in`] finds it in either.
//!
//! Rendering computes for up to a second: do it on a blocking thread.

mod checking;
mod compose;
mod conditions;
mod credentials;
mod document;
mod drawing;
mod embedded;
mod error;
mod evidence;
mod figures;
mod file_facts;
mod html;
mod limits;
mod material;
mod models;
mod numbers;
mod pdf;
mod people;
mod plot;
mod svg;
#[cfg(test)]
mod tests;
mod verdict;

pub use embedded::{ATTACHMENT, MAX_REPORT_BYTES, statement_in};
pub use error::ReportError;
pub use evidence::wanted_pictures;
pub use material::{Links, Material, Place, SignedStatement};

/// What the page of a report may load, as a `Content-Security-Policy`; it says so itself, too.
pub fn page_policy() -> String {
    html::policy()
}

/// The report as one HTML page.
pub fn html(material: &Material<'_>) -> String {
    html::page(&compose::document(material))
}

/// The report as a PDF.
///
/// # Errors
/// [`ReportError`] when the PDF cannot be written.
pub fn pdf(material: &Material<'_>) -> Result<Vec<u8>, ReportError> {
    pdf::file(&compose::document(material))
}

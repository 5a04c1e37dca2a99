//! One analysis as a document to hand on: a page that needs nothing but a browser, and a PDF.
//!
//! ```text
//! Material ─▶ compose: sections of blocks ─┬▶ html (maud, SVG)    ─▶ one page
//!                                          └▶ pdf  (krilla, fonts) ─▶ one file
//! ```
//!
//! Both say the same, because both are laid out from one [`document::Document`]. Nothing is read
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
mod document;
mod drawing;
mod embedded;
mod error;
mod evidence;
mod figures;
mod file_facts;
mod html;
mod limits;
mod models;
mod numbers;
mod pdf;
mod people;
mod plot;
mod svg;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;

pub use embedded::{MAX_REPORT_BYTES, statement_in};
pub use error::ReportError;
pub use evidence::wanted_pictures;

use crate::domain::{Analysis, Measured};

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The stored analysis.
    pub analysis: &'a Analysis,
    /// JPEGs by their artifact names; a name that is wanted and not here is said to be gone.
    pub pictures: &'a BTreeMap<String, Vec<u8>>,
    /// How often the models that took part were right; empty where that is not known.
    pub measured: &'a [Measured],
    /// The signed statement.
    pub statement: &'a SignedStatement,
    /// Where the service has the same analysis in other forms.
    pub links: &'a Links,
}

/// A signed statement and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    /// Compact JWS.
    pub token: String,
    /// Name of the key: its thumbprint (RFC 7638).
    pub key_id: String,
}

/// Paths at the service that made the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// The analysis as JSON.
    pub json: String,
    /// The scores of every face in every frame as a table.
    pub csv: String,
    /// The signed statement.
    pub statement: String,
    /// The public keys, as a JSON Web Key Set.
    pub public_keys: String,
    /// The public key in PEM.
    pub public_key_pem: String,
}

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

//! Where clients find an analysis in the forms that are handed on.

use super::public_path::PublicPath;
use crate::domain::AnalysisId;
use crate::report::{Links, Place};

/// The addresses of the reports of one analysis, for a client that reaches the service under a
/// certain path.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportLinks<'a> {
    at: &'a PublicPath,
    id: AnalysisId,
}

impl<'a> ReportLinks<'a> {
    /// For a client under `at`.
    pub(super) fn new(at: &'a PublicPath, id: AnalysisId) -> Self {
        Self { at, id }
    }

    /// The address of one form.
    pub(super) fn to(self, form: &str) -> String {
        let id = self.id;
        self.at.link(&format!("/api/v1/predictions/{id}/{form}"))
    }

    /// What a report says of its other forms.
    pub(super) fn in_report(self) -> Links {
        let id = self.id;
        Links {
            place: Place::Service,
            json: self.at.link(&format!("/api/v1/predictions/{id}")),
            csv: self.to("report.csv"),
            statement: self.to("statement"),
            public_keys: self.at.link("/.well-known/jwks.json"),
            public_key_pem: self.at.link("/integrity/public-key?format=pem"),
        }
    }
}

//! Where clients find the pictures of an analysis.

use super::public_path::PublicPath;
use crate::domain::AnalysisId;

/// The addresses of the pictures of one analysis, for a client that reaches the service under a
/// certain path.
#[derive(Debug, Clone, Copy)]
pub(super) struct PictureLinks<'a> {
    at: &'a PublicPath,
    id: AnalysisId,
}

impl<'a> PictureLinks<'a> {
    /// For a client under `at`.
    pub(super) fn new(at: &'a PublicPath, id: AnalysisId) -> Self {
        Self { at, id }
    }

    /// The address of the picture with this name.
    pub(super) fn to(self, name: &str) -> String {
        let id = self.id;
        self.at.link(&format!("/static/artifacts/{id}/{name}"))
    }
}

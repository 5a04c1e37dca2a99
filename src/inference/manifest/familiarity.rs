//! Which features are compared with the training data, and how far they may lie from it.

use serde::Deserialize;

use super::super::weight_files::{is_plain_name, is_sha256};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct FamiliarityTable {
    /// Where the training data lies; see [`crate::inference::familiarity`].
    pub(in crate::inference) file: String,
    pub(in crate::inference) sha256: String,
    /// A distance above this is unlike the training data.
    pub(in crate::inference) limit: f32,
    /// Stage of the trunk whose pooled features are compared, counted from 1; the last by default.
    stage: Option<usize>,
    /// Whether a track's feature is scaled to unit length first, which leaves its pattern and
    /// takes its strength away.
    #[serde(default)]
    pub(in crate::inference) unit_length: bool,
}

impl FamiliarityTable {
    /// The stage in force in a trunk of `stages`.
    pub(in crate::inference) fn stage(&self, stages: usize) -> usize {
        self.stage.unwrap_or(stages)
    }

    pub(super) fn problems(&self, stages: usize) -> Vec<String> {
        if stages == 0 {
            return vec!["familiarity is for sequence models only".into()];
        }
        let checks = [
            (
                is_plain_name(&self.file),
                "familiarity.file must be a plain file name".to_owned(),
            ),
            (
                is_sha256(&self.sha256),
                "familiarity.sha256 must be 64 lower-case hex digits".into(),
            ),
            (
                self.limit.is_finite() && self.limit > 0.0,
                "familiarity.limit must be above 0".into(),
            ),
            (
                (1..=stages).contains(&self.stage(stages)),
                format!("familiarity.stage must lie between 1 and {stages}"),
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        failed.map(|(_, problem)| problem).collect()
    }
}

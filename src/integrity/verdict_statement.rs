//! What an analysis found, to be signed: enough to make it again and to see whether the same comes
//! out.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;

use super::Sha256Digest;
use super::statement::Claims;
use crate::domain::{
    Analysis, AnalysisId, Conditions, ModelIdentity, ModelRole, Probability, VerdictLabel,
};

/// Which file was looked at, by which models, where and under which settings, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictStatement {
    /// Name of the analysis.
    pub analysis_id: AnalysisId,
    /// When it ended, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub analyzed_at: OffsetDateTime,
    /// When this was signed, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub signed_at: OffsetDateTime,
    /// The file.
    pub file: StatedFile,
    /// Every model that took part.
    pub models: Vec<StatedModel>,
    /// Positions in the stream of the frames that were looked at.
    pub frames: Vec<u64>,
    /// Under which settings; `None` of analyses from before they were kept.
    pub conditions: Option<Conditions>,
    /// The answer.
    pub verdict: VerdictLabel,
    /// Calibrated P(manipulated); `None` when nothing could be scored.
    pub probability_fake: Option<Probability>,
    /// Codes of the reasons, most important first.
    pub reasons: Vec<String>,
}

impl Claims for VerdictStatement {
    const TYPE: &'static str = "verdict-statement+jws";
}

/// A file told by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedFile {
    /// Its name as the client gave it, made safe to show.
    pub filename: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Number of its bytes.
    pub size_bytes: u64,
}

/// A model told by its weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedModel {
    /// Name from its manifest.
    pub name: String,
    /// Version from its manifest.
    pub version: String,
    /// Its part.
    pub role: ModelRole,
    /// SHA-256 of its weights, lower-case hex.
    pub sha256: String,
    /// SHA-256 of the pre-trained weights it rests on; `None` where its own file holds all.
    pub foundation_sha256: Option<String>,
}

/// An analysis of which nothing can be stated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the record of analysis {id} names no SHA-256 of its file")]
pub struct VerdictStatementError {
    /// Its name.
    pub id: AnalysisId,
}

impl VerdictStatementError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        "record-without-digest"
    }
}

impl VerdictStatement {
    /// What `analysis` found, stated at `now`.
    ///
    /// # Errors
    /// [`VerdictStatementError`] when the record's digest of the file is none.
    pub fn of(analysis: &Analysis, now: OffsetDateTime) -> Result<Self, VerdictStatementError> {
        let no_digest = |_| VerdictStatementError { id: analysis.id };
        Ok(Self {
            analysis_id: analysis.id,
            analyzed_at: analysis.analyzed_at,
            signed_at: now,
            file: StatedFile {
                filename: analysis.filename.clone(),
                sha256: analysis.sha256.parse().map_err(no_digest)?,
                size_bytes: analysis.media.size_bytes,
            },
            models: (analysis.models.iter())
                .map(|model| StatedModel::from(&model.identity()))
                .collect(),
            frames: analysis.frames.iter().map(|f| f.frame_index).collect(),
            conditions: analysis.conditions.clone(),
            verdict: analysis.verdict.label,
            probability_fake: analysis.verdict.probability_fake,
            reasons: (analysis.verdict.reasons.iter())
                .map(|reason| reason.code().to_owned())
                .collect(),
        })
    }

    /// What keeps an analysis by `models` from being this one made again: models that are not the
    /// stated ones, a line each; empty when all are the same.
    pub fn other_models(&self, models: &[StatedModel]) -> Vec<String> {
        let absent = (self.models.iter())
            .filter(|stated| !models.contains(stated))
            .map(|stated| format!("stated, not here: {}", stated.in_words()));
        let added = (models.iter())
            .filter(|here| !self.models.contains(here))
            .map(|here| format!("here, not stated: {}", here.in_words()));
        absent.chain(added).collect()
    }

    /// How another outcome of the same analysis differs, a line each. Probabilities differ when they
    /// are further apart than `tolerance`.
    pub fn differences(&self, again: &Self, tolerance: f32) -> Vec<String> {
        let mut found = Vec::new();
        if self.verdict != again.verdict {
            let (then, now) = (self.verdict.as_str(), again.verdict.as_str());
            found.push(format!("verdict: {then} then, {now} now"));
        }
        let (then, now) = (self.probability_fake, again.probability_fake);
        let is_near = match (then, now) {
            (Some(then), Some(now)) => (then.get() - now.get()).abs() <= tolerance,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_near {
            let (then, now) = (in_percent(then), in_percent(now));
            found.push(format!(
                "probability of manipulation: {then} then, {now} now"
            ));
        }
        if self.frames != again.frames {
            let (then, now) = (self.frames.len(), again.frames.len());
            found.push(format!("frames: others ({then} then, {now} now)"));
        }
        found
    }
}

fn in_percent(probability: Option<Probability>) -> String {
    probability.map_or("no score".into(), |p| {
        format!("{:.2} %", f64::from(p.get()) * 100.0)
    })
}

impl StatedModel {
    fn in_words(&self) -> String {
        let Self {
            name,
            version,
            sha256,
            ..
        } = self;
        let foundation = self.foundation_sha256.as_ref();
        let foundation = foundation.map_or(String::new(), |digest| format!(" on {digest}"));
        format!("{name} {version}, sha256 {sha256}{foundation}")
    }
}

impl From<&ModelIdentity> for StatedModel {
    fn from(model: &ModelIdentity) -> Self {
        Self {
            name: model.name.clone(),
            version: model.version.clone(),
            role: model.role,
            sha256: model.sha256.clone(),
            foundation_sha256: model.foundation.as_ref().map(|f| f.sha256.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::super::signer::tests::{other_test_signer, test_signer};
    use super::super::{Keyring, PublicKeys, Statement};
    use super::*;
    use crate::domain::conditions;

    fn statement() -> VerdictStatement {
        VerdictStatement {
            analysis_id: AnalysisId::new(Uuid::from_u128(7)),
            analyzed_at: OffsetDateTime::UNIX_EPOCH,
            signed_at: OffsetDateTime::UNIX_EPOCH,
            file: StatedFile {
                filename: "v – \"1\".mp4".into(),
                sha256: Sha256Digest::of(b"a file"),
                size_bytes: 6,
            },
            models: vec![StatedModel {
                name: "frame-s".into(),
                version: "1".into(),
                role: ModelRole::Frame,
                sha256: "ab".repeat(32),
                foundation_sha256: Some("cd".repeat(32)),
            }],
            frames: vec![2, 6, 10],
            conditions: Some(conditions()),
            verdict: VerdictLabel::Fake,
            probability_fake: Probability::new(0.999_724).ok(),
            reasons: vec!["above-fake-threshold".into()],
        }
    }

    fn keyring() -> Keyring {
        Keyring::with_signer(Arc::new(test_signer())).unwrap()
    }

    #[test]
    fn a_statement_reads_back_to_the_last_bit_by_the_keyring_and_by_its_public_half() {
        let keyring = keyring();
        let token = keyring.sign_verdict(&statement()).unwrap();
        assert_eq!(keyring.verify_verdict(&token), Ok(statement()));
        let jwks = serde_json::to_string(&keyring.jwks()).unwrap();
        for text in [keyring.public_key_pem(), &jwks] {
            let keys = PublicKeys::parse(text).unwrap();
            assert_eq!(keys.verify_verdict(&token), Ok(statement()));
        }
    }

    #[test]
    fn a_statement_about_a_file_is_none_about_a_verdict_and_the_other_way_round() {
        let keyring = keyring();
        let of_a_file = Statement {
            filename: "v.mp4".into(),
            sha256: Sha256Digest::of(b"a file"),
            size_bytes: 6,
            signed_at: OffsetDateTime::UNIX_EPOCH,
        };
        let of_a_file = keyring.sign_statement(&of_a_file).unwrap();
        let of_a_verdict = keyring.sign_verdict(&statement()).unwrap();
        let refused = keyring.verify_verdict(&of_a_file).unwrap_err();
        assert_eq!(refused.code(), "statement-wrong-type");
        let refused = keyring.verify_statement(&of_a_verdict).unwrap_err();
        assert_eq!(refused.code(), "statement-wrong-type");
    }

    #[test]
    fn changed_bytes_and_other_keys_do_not_hold() {
        let keyring = keyring();
        let token = keyring.sign_verdict(&statement()).unwrap();
        let mut real = statement();
        real.verdict = VerdictLabel::Real;
        let other = keyring.sign_verdict(&real).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        let others: Vec<_> = other.split('.').collect();
        let swapped = [parts[0], others[1], parts[2]].join(".");
        let refused = keyring.verify_verdict(&swapped).unwrap_err();
        assert_eq!(refused.code(), "statement-bad-signature");
        let stranger = Keyring::with_signer(Arc::new(other_test_signer())).unwrap();
        let refused = stranger.verify_verdict(&token).unwrap_err();
        assert_eq!(refused.code(), "statement-unknown-key");
    }

    #[test]
    fn what_differs_is_named() {
        let then = statement();
        let mut now = statement();
        assert_eq!(then.differences(&now, 0.02), Vec::<String>::new());
        assert_eq!(then.other_models(&now.models), Vec::<String>::new());
        now.probability_fake = Probability::new(0.985).ok();
        assert_eq!(then.differences(&now, 0.02), Vec::<String>::new());
        now.probability_fake = Probability::new(0.5).ok();
        now.verdict = VerdictLabel::Inconclusive;
        now.frames = vec![2];
        let found = then.differences(&now, 0.02);
        assert_eq!(found[0], "verdict: FAKE then, INCONCLUSIVE now");
        assert_eq!(found.len(), 3, "{found:?}");
        now.models[0].foundation_sha256 = None;
        assert_eq!(then.other_models(&now.models).len(), 2);
    }
}

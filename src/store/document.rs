//! A record as a row: the analysis as a JSON document, and back.

use crate::domain::{Analysis, AnalysisId};

use super::error::StoreError;
use super::history::{kind_word, unix_microseconds};
use super::pictures::Pictures;
use super::reader::KeyId;
use super::statement::{Statement, Value};
use super::submission::{Batch, BatchId, Stored, Submission};

/// Version of the JSON document a record is kept as. Raise it when [`Analysis`] changes in a way
/// that older documents do not read as, and teach the reader the older one.
pub const DOCUMENT_SCHEMA_VERSION: i64 = 1;

/// A record as the database holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct RecordRow {
    number: i64,
    id: String,
    schema_version: i64,
    document: String,
    submission: String,
}

/// A batch as the database holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct BatchRow {
    number: i64,
    id: String,
    owner: Option<i64>,
    total: i64,
    successful: i64,
    failed: i64,
}

/// Writes a record and answers its number.
pub(super) fn insert_statement(
    analysis: &Analysis,
    submission: &Submission,
) -> Result<Statement, StoreError> {
    let (document, submitted) = to_documents(analysis, submission)?;
    let probability_fake = analysis.verdict.probability_fake;
    let threshold = submission.threshold;
    let mut statement = Statement::new(
        "INSERT INTO analyses (id, analyzed_at_us, kind, verdict, probability_fake, \
         processing_time_s, sha256, filename, owner, batch, threshold, submission, \
         schema_version, document) VALUES (",
    );
    statement.values([
        analysis.id.to_string().into(),
        unix_microseconds(analysis.analyzed_at).into(),
        kind_word(analysis.media.kind).into(),
        analysis.verdict.label.as_str().into(),
        probability_fake.map(|p| f64::from(p.get())).into(),
        Value::from(analysis.processing_time_s),
        analysis.sha256.as_str().into(),
        analysis.filename.as_str().into(),
        submission.owner.map(KeyId::get).into(),
        submission.batch.map(|batch| batch.to_string()).into(),
        threshold.map(|p| f64::from(p.get())).into(),
        submitted.into(),
        DOCUMENT_SCHEMA_VERSION.into(),
        document.into(),
    ]);
    statement.push(") RETURNING number");
    Ok(statement)
}

/// The JSON documents, proven to read back: JSON has no word for NaN, and a record nobody can read
/// is noticed now rather than in a year.
pub(super) fn to_documents(
    analysis: &Analysis,
    submission: &Submission,
) -> Result<(String, String), StoreError> {
    let unstorable = |error: serde_json::Error| StoreError::UnstorableRecord {
        id: analysis.id,
        reason: error.to_string(),
    };
    let document = serde_json::to_string(analysis).map_err(unstorable)?;
    serde_json::from_str::<Analysis>(&document).map_err(unstorable)?;
    let submitted = serde_json::to_string(submission).map_err(unstorable)?;
    Ok((document, submitted))
}

impl RecordRow {
    pub(super) fn read(self) -> Result<Stored, StoreError> {
        let unreadable = |reason: String| StoreError::UnreadableRecord {
            id: self.id.clone(),
            reason,
        };
        if self.schema_version != DOCUMENT_SCHEMA_VERSION {
            return Err(unreadable(format!(
                "it has schema version {}, this program reads {DOCUMENT_SCHEMA_VERSION}",
                self.schema_version
            )));
        }
        let analysis: Analysis =
            serde_json::from_str(&self.document).map_err(|error| unreadable(error.to_string()))?;
        let submission: Submission = serde_json::from_str(&self.submission)
            .map_err(|error| unreadable(error.to_string()))?;
        if AnalysisId::parse(&self.id) != Some(analysis.id) {
            return Err(unreadable(format!("its document is of {}", analysis.id)));
        }
        Ok(Stored {
            number: self.number.unsigned_abs(),
            analysis,
            pictures: match submission.pictures_lost {
                true => Pictures::Lost,
                false => Pictures::Stored,
            },
            submission,
        })
    }
}

/// Writes a batch and answers its number.
pub(super) fn insert_batch_statement(batch: &Batch) -> Statement {
    let mut statement =
        Statement::new("INSERT INTO batches (id, owner, total, successful, failed) VALUES (");
    statement.values([
        Value::from(batch.id.to_string()),
        batch.owner.map(KeyId::get).into(),
        i64::from(batch.total).into(),
        i64::from(batch.successful).into(),
        i64::from(batch.failed).into(),
    ]);
    statement.push(") RETURNING number");
    statement
}

impl BatchRow {
    pub(super) fn read(self) -> Result<Batch, StoreError> {
        let unreadable = |reason: String| StoreError::UnreadableRecord {
            id: self.id.clone(),
            reason,
        };
        let id: BatchId = (self.id.parse())
            .map_err(|error: super::submission::BatchIdError| unreadable(error.to_string()))?;
        let count = |value: i64| {
            u32::try_from(value).map_err(|_| unreadable(format!("{value} is no number of files")))
        };
        Ok(Batch {
            number: self.number.unsigned_abs(),
            id,
            owner: self.owner.map(KeyId::new),
            total: count(self.total)?,
            successful: count(self.successful)?,
            failed: count(self.failed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::tests::fixture::{analysis, face};

    proptest! {
        /// Times and seconds are 64-bit numbers; scores and sizes are 32-bit ones.
        #[test]
        fn every_finite_number_survives_the_document(
            seconds in proptest::num::f64::NORMAL | proptest::num::f64::ZERO,
            measure in proptest::num::f32::NORMAL | proptest::num::f32::ZERO,
            probability in 0.0f32..=1.0,
            filename in any::<String>(),
        ) {
            let mut original = analysis(1);
            original.filename = filename;
            original.processing_time_s = seconds;
            original.frames[0].time_s = Some(seconds);
            original.frames[0].faces = vec![face(probability)];
            original.frames[0].faces[0].sharpness = measure;
            let (document, _) = to_documents(&original, &Submission::default()).unwrap();
            let read: Analysis = serde_json::from_str(&document).unwrap();
            prop_assert_eq!(read, original);
        }
    }
}

//! Questions about the history: which records, in what order, and what they amount to.
//!
//! A page is read through an index that holds its order, so that a cursor costs the same at the
//! beginning and at the millionth record; an offset walks over what it skips. Statistics read
//! totals that the database keeps by day, key, kind and verdict, and single records only where
//! the asked time begins or ends within a day.

use std::ops::Range;

use time::OffsetDateTime;

use crate::domain::{AnalysisId, MediaKind, VerdictLabel};

use super::reader::Reader;
use super::statement::Statement;

const DAY_US: i64 = 86_400_000_000;

/// Which records. What is `None` does not restrict.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryFilter {
    /// Whose.
    pub reader: Reader,
    /// With this verdict.
    pub label: Option<VerdictLabel>,
    /// Of videos or of images.
    pub kind: Option<MediaKind>,
    /// Analysed at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Analysed before this time.
    pub until: Option<OffsetDateTime>,
}

impl HistoryFilter {
    /// Everything `reader` may read.
    pub fn all(reader: Reader) -> Self {
        Self {
            reader,
            label: None,
            kind: None,
            since: None,
            until: None,
        }
    }
}

/// Where a page begins, counted from the newest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagePosition {
    /// At the newest.
    Newest,
    /// After this record: the last one of the page before.
    Before(AnalysisId),
    /// After so many. Walks over them: for short histories and old clients.
    Offset(u64),
}

/// What the records of a filter amount to. Means of nothing are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// All of them.
    pub total: u64,
    /// Called FAKE.
    pub fake: u64,
    /// Called REAL.
    pub real: u64,
    /// Called neither.
    pub inconclusive: u64,
    /// Those with a probability: a face could be scored.
    pub scored: u64,
    /// Those whose P(fake) reaches the threshold their client named, or one half.
    pub over_threshold: u64,
    /// Mean of P(fake).
    pub mean_probability: Option<f64>,
    /// Mean of the probability of the stated label, over FAKE and REAL.
    pub mean_confidence: Option<f64>,
    /// Mean seconds from the first byte analysed to the verdict.
    pub mean_processing_time_s: Option<f64>,
}

/// Sums over the records of one verdict.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Totals {
    verdict: String,
    total: i64,
    scored: i64,
    over_threshold: i64,
    probability_sum: f64,
    processing_time_sum_s: f64,
}

impl Statistics {
    /// Adds up the verdicts.
    pub(super) fn from_totals(by_verdict: &[Totals]) -> Self {
        let mut statistics = Self::default();
        let (mut probability, mut confidence, mut seconds) = (0.0, 0.0, 0.0);
        for sums in by_verdict {
            let (total, scored) = (sums.total.unsigned_abs(), sums.scored.unsigned_abs());
            statistics.total += total;
            statistics.scored += scored;
            statistics.over_threshold += sums.over_threshold.unsigned_abs();
            probability += sums.probability_sum;
            seconds += sums.processing_time_sum_s;
            match sums.verdict.as_str() {
                "FAKE" => {
                    statistics.fake += total;
                    confidence += sums.probability_sum;
                }
                "REAL" => {
                    statistics.real += total;
                    confidence += scored as f64 - sums.probability_sum;
                }
                _ => statistics.inconclusive += total,
            }
        }
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        statistics.mean_probability = mean(probability, statistics.scored);
        statistics.mean_confidence = mean(confidence, statistics.fake + statistics.real);
        statistics.mean_processing_time_s = mean(seconds, statistics.total);
        statistics
    }
}

/// The columns a record is read back from.
pub(super) const RECORD_COLUMNS: &str = "number, id, schema_version, document, submission";

/// Records of `filter`, newest first, from `after` on where given: time and id of the last record
/// of the page before.
pub(super) fn page_statement(
    filter: &HistoryFilter,
    after: Option<(i64, AnalysisId)>,
    (limit, offset): (u32, u64),
) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement
        .push(RECORD_COLUMNS)
        .push(" FROM analyses WHERE TRUE");
    restrict(&mut statement, filter, "owner");
    restrict_time(&mut statement, "analyzed_at_us", asked_time(filter));
    if let Some((analyzed_at_us, id)) = after {
        statement
            .push(" AND (analyzed_at_us, id) < (")
            .value(analyzed_at_us)
            .push(", ")
            .value(id.to_string())
            .push(")");
    }
    statement
        .push(" ORDER BY analyzed_at_us DESC, id DESC LIMIT ")
        .value(i64::from(limit));
    if offset > 0 {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        statement.push(" OFFSET ").value(offset);
    }
    statement
}

/// Totals of `filter`, a row for each verdict.
pub(super) fn statistics_statement(filter: &HistoryFilter) -> Statement {
    let time = split_into_days(asked_time(filter));
    let mut statement = Statement::new(
        "SELECT verdict, CAST(SUM(total) AS BIGINT) AS total, \
         CAST(SUM(scored) AS BIGINT) AS scored, \
         CAST(SUM(over_threshold) AS BIGINT) AS over_threshold, \
         CAST(SUM(probability_sum) AS DOUBLE PRECISION) AS probability_sum, \
         CAST(SUM(processing_time_sum_s) AS DOUBLE PRECISION) AS processing_time_sum_s \
         FROM (SELECT verdict, total, scored, over_threshold, probability_sum, \
         processing_time_sum_s FROM daily_totals WHERE TRUE",
    );
    restrict(&mut statement, filter, "owner");
    restrict_time(&mut statement, "day", time.whole_days);
    for edge in time.edges {
        statement.push(
            " UNION ALL SELECT verdict, 1, \
             CASE WHEN probability_fake IS NULL THEN 0 ELSE 1 END, \
             CASE WHEN probability_fake >= COALESCE(threshold, 0.5) THEN 1 ELSE 0 END, \
             COALESCE(probability_fake, 0.0), processing_time_s FROM analyses WHERE TRUE",
        );
        restrict(&mut statement, filter, "owner");
        restrict_time(
            &mut statement,
            "analyzed_at_us",
            (Some(edge.start), Some(edge.end)),
        );
    }
    statement.push(") AS parts GROUP BY verdict");
    statement
}

fn restrict(statement: &mut Statement, filter: &HistoryFilter, owner_column: &str) {
    if let Some(key) = filter.reader.key() {
        statement.push(" AND ").push(owner_column).push(" = ");
        statement.value(key.get());
    }
    if let Some(label) = filter.label {
        statement.push(" AND verdict = ").value(label.as_str());
    }
    if let Some(kind) = filter.kind {
        statement.push(" AND kind = ").value(kind_word(kind));
    }
}

/// From and until, either open.
type Span = (Option<i64>, Option<i64>);

fn restrict_time(statement: &mut Statement, column: &str, (from, until): Span) {
    if let Some(from) = from {
        statement
            .push(" AND ")
            .push(column)
            .push(" >= ")
            .value(from);
    }
    if let Some(until) = until {
        statement
            .push(" AND ")
            .push(column)
            .push(" < ")
            .value(until);
    }
}

fn asked_time(filter: &HistoryFilter) -> Span {
    (
        filter.since.map(unix_microseconds),
        filter.until.map(unix_microseconds),
    )
}

/// A span of time as the whole days in it and what is left over at its ends.
#[derive(Debug, PartialEq)]
struct Split {
    whole_days: Span,
    edges: Vec<Range<i64>>,
}

fn split_into_days((since, until): Span) -> Split {
    // The first day that begins at or after `since`, and the last that ends at or before `until`.
    let first_day = since.map(|at| at.div_euclid(DAY_US) + i64::from(at.rem_euclid(DAY_US) > 0));
    let end_day = until.map(|at| at.div_euclid(DAY_US));
    if let (Some(since), Some(until), Some(first), Some(end)) = (since, until, first_day, end_day)
        && first >= end
    {
        // Not a whole day between them.
        let edges = (since < until)
            .then_some(since..until)
            .into_iter()
            .collect();
        return Split {
            whole_days: (Some(first), Some(first)),
            edges,
        };
    }
    let before = since.zip(first_day).map(|(at, day)| at..day * DAY_US);
    let behind = until.zip(end_day).map(|(at, day)| day * DAY_US..at);
    let edges = before.into_iter().chain(behind);
    Split {
        whole_days: (first_day, end_day),
        edges: edges.filter(|edge| !edge.is_empty()).collect(),
    }
}

/// The word a kind is stored as.
pub(super) fn kind_word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Video => "video",
        MediaKind::Image => "image",
    }
}

/// Microseconds since 1970-01-01T00:00:00Z.
pub(super) fn unix_microseconds(at: OffsetDateTime) -> i64 {
    // `time` ends in the year 9999, far inside 64 bits of microseconds.
    (at.unix_timestamp_nanos() / 1_000) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(split: &Split, at: i64) -> usize {
        let day = at.div_euclid(DAY_US);
        let (from, until) = split.whole_days;
        let in_days = from.is_none_or(|from| day >= from) && until.is_none_or(|until| day < until);
        usize::from(in_days) + split.edges.iter().filter(|edge| edge.contains(&at)).count()
    }

    proptest! {
        #[test]
        fn every_moment_of_a_span_is_counted_once_and_none_outside(
            since in proptest::option::of(0..4 * DAY_US),
            until in proptest::option::of(0..4 * DAY_US),
            moments in proptest::collection::vec(0..4 * DAY_US, 1..50),
        ) {
            let split = split_into_days((since, until));
            let ends = since.into_iter().chain(until).flat_map(|at| [at - 1, at, at + 1]);
            for at in moments.into_iter().chain(ends) {
                let asked = since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until);
                prop_assert_eq!(covers(&split, at), usize::from(asked), "{} in {:?}", at, split);
            }
        }
    }

    #[test]
    fn a_span_of_whole_days_reads_no_single_record() {
        let split = split_into_days((Some(DAY_US), Some(3 * DAY_US)));
        assert_eq!(split.whole_days, (Some(1), Some(3)));
        assert_eq!(split.edges, []);
        assert_eq!(split_into_days((None, None)).edges, []);
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(Statistics::from_totals(&[]), Statistics::default());
    }
}

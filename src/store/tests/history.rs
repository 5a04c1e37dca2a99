//! Pages, filters and statistics.

use time::Duration;

use super::bench::Bench;
use super::fixture::{analysis, judged};
use crate::domain::{Analysis, AnalysisId, MediaKind, Probability, VerdictLabel};
use crate::store::{HistoryFilter, KeyId, PagePosition, Reader, Statistics, Stored, Submission};

const ALL: Reader = Reader::Unrestricted;

fn ids(page: &[Stored]) -> Vec<AnalysisId> {
    page.iter().map(Stored::id).collect()
}

async fn insert(bench: &Bench, analyses: &[Analysis]) {
    for analysis in analyses {
        let submission = Submission::default();
        bench.records.insert(analysis, &submission).await.unwrap();
    }
}

/// Seven of three verdicts over seven hours, one of them an image.
fn seven() -> Vec<Analysis> {
    let mut seven: Vec<Analysis> = [
        (VerdictLabel::Fake, 0.9),
        (VerdictLabel::Real, 0.1),
        (VerdictLabel::Inconclusive, 0.55),
        (VerdictLabel::Fake, 0.8),
        (VerdictLabel::Real, 0.2),
        (VerdictLabel::Inconclusive, 0.45),
        (VerdictLabel::Fake, 1.0),
    ]
    .into_iter()
    .zip(1..)
    .map(|((label, probability), number)| judged(number, label, probability))
    .collect();
    seven[5].verdict.probability_fake = None;
    seven[6].media.kind = MediaKind::Image;
    seven
}

pub(super) async fn pages_follow_each_other_from_the_newest_without_gap_or_repeat(bench: Bench) {
    // Of the same time and stored out of order: then the order of names counts.
    insert(&bench, &[5, 1, 4, 2, 3, 7, 6].map(analysis)).await;
    let mut seen = Vec::new();
    let mut position = PagePosition::Newest;
    loop {
        let all = HistoryFilter::all(ALL);
        let page = bench.records.page(&all, position, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        position = PagePosition::Before(last.id());
        seen.extend(ids(&page));
    }
    let expected: Vec<_> = (1..=7).rev().map(|number| analysis(number).id).collect();
    assert_eq!(seen, expected);
}

pub(super) async fn a_page_by_offset_is_the_page_by_cursor(bench: Bench) {
    insert(&bench, &seven()).await;
    let all = HistoryFilter::all(ALL);
    let first = bench
        .records
        .page(&all, PagePosition::Newest, 3)
        .await
        .unwrap();
    let cursor = PagePosition::Before(first[2].id());
    let by_cursor = bench.records.page(&all, cursor, 3).await.unwrap();
    let by_offset = bench.records.page(&all, PagePosition::Offset(3), 3).await;
    assert_eq!(by_offset.unwrap(), by_cursor);
    let beyond = bench
        .records
        .page(&all, PagePosition::Offset(u64::MAX), 3)
        .await;
    assert_eq!(beyond.unwrap(), []);
}

pub(super) async fn a_cursor_that_names_no_record_gives_an_empty_page(bench: Bench) {
    insert(&bench, &seven()).await;
    let cursor = PagePosition::Before(analysis(99).id);
    let page = bench
        .records
        .page(&HistoryFilter::all(ALL), cursor, 3)
        .await;
    assert_eq!(page.unwrap(), []);
}

pub(super) async fn each_filter_keeps_what_it_names(bench: Bench) {
    let seven = seven();
    insert(&bench, &seven).await;
    let owned = judged(8, VerdictLabel::Fake, 0.9);
    let submission = Submission {
        owner: Some(KeyId::new(4)),
        ..Submission::default()
    };
    bench.records.insert(&owned, &submission).await.unwrap();
    let all = HistoryFilter::all(ALL);
    let (label, kind) = (Some(VerdictLabel::Fake), Some(MediaKind::Image));
    let (since, until) = (Some(seven[2].analyzed_at), Some(seven[5].analyzed_at));
    for (filter, expected) in [
        (
            HistoryFilter {
                label,
                ..all.clone()
            },
            vec![8, 7, 4, 1],
        ),
        (
            HistoryFilter {
                kind,
                ..all.clone()
            },
            vec![7],
        ),
        (
            HistoryFilter {
                since,
                ..all.clone()
            },
            vec![8, 7, 6, 5, 4, 3],
        ),
        (
            HistoryFilter {
                until,
                ..all.clone()
            },
            vec![5, 4, 3, 2, 1],
        ),
        (
            HistoryFilter {
                label,
                since,
                until,
                ..all.clone()
            },
            vec![4],
        ),
        (HistoryFilter::all(Reader::Key(KeyId::new(4))), vec![8]),
        (
            HistoryFilter {
                since: until,
                until: since,
                ..all.clone()
            },
            vec![],
        ),
    ] {
        let page = bench.records.page(&filter, PagePosition::Newest, 10).await;
        let expected: Vec<_> = expected.into_iter().map(|n| analysis(n).id).collect();
        assert_eq!(ids(&page.unwrap()), expected, "{filter:?}");
        let count = bench.records.count(&filter).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{filter:?}");
    }
}

pub(super) async fn statistics_are_the_sums_of_the_records(bench: Bench) {
    let all = HistoryFilter::all(ALL);
    let nothing = bench.records.statistics(&all).await.unwrap();
    assert_eq!(nothing, Statistics::default());
    insert(&bench, &seven()).await;
    let strict = Submission {
        threshold: Probability::new(0.95).ok(),
        ..Submission::default()
    };
    let eighth = judged(8, VerdictLabel::Fake, 0.9);
    bench.records.insert(&eighth, &strict).await.unwrap();
    let sums = bench.records.statistics(&all).await.unwrap();
    assert_eq!((sums.total, sums.fake, sums.real), (8, 4, 2));
    assert_eq!((sums.inconclusive, sums.scored), (2, 7));
    // 0.9, 0.55, 0.8 and 1.0 reach one half; the 0.9 of the last does not reach 0.95.
    assert_eq!(sums.over_threshold, 4);
    let close = |mean: Option<f64>, expected: f64| (mean.unwrap() - expected).abs() < 1e-6;
    assert!(close(sums.mean_probability, 4.45 / 7.0), "{sums:?}");
    assert!(close(sums.mean_confidence, (3.6 + 1.7) / 6.0), "{sums:?}");
    assert!(
        close(sums.mean_processing_time_s, 1.234_567_890_123),
        "{sums:?}"
    );
}

pub(super) async fn statistics_follow_the_filter_to_the_microsecond(bench: Bench) {
    // Forty days, a record every eight hours: whole days, and ends within days.
    let analyses: Vec<Analysis> = (0..120)
        .map(|eighths| judged(eighths * 8, VerdictLabel::Real, 0.25))
        .collect();
    insert(&bench, &analyses).await;
    for (from, to) in [(0, 119), (1, 1), (4, 5), (10, 100), (11, 102)] {
        for late in [Duration::ZERO, Duration::microseconds(1)] {
            let filter = HistoryFilter {
                since: Some(analyses[from].analyzed_at + late),
                until: Some(analyses[to].analyzed_at + late),
                ..HistoryFilter::all(ALL)
            };
            let counted = bench.records.count(&filter).await.unwrap();
            assert_eq!(counted, (to - from) as u64, "{from}..{to} {late}");
        }
    }
}

pub(super) async fn statistics_forget_what_is_deleted(bench: Bench) {
    insert(&bench, &seven()).await;
    bench
        .tamper("DELETE FROM analyses WHERE verdict = 'FAKE'")
        .await;
    let sums = bench.records.statistics(&HistoryFilter::all(ALL)).await;
    let sums = sums.unwrap();
    assert_eq!((sums.total, sums.fake, sums.real), (4, 0, 2));
    assert_eq!((sums.scored, sums.over_threshold), (3, 1));
}

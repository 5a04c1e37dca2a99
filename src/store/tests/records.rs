//! Single records and batches.

use uuid::Uuid;

use super::bench::Bench;
use super::fixture::analysis;
use crate::domain::Probability;
use crate::store::row::Number;
use crate::store::statement::Statement;
use crate::store::{
    ArtifactName, Batch, BatchId, HistoryFilter, KeyId, PagePosition, Reader, Submission,
};

const ALL: Reader = Reader::Unrestricted;

fn of(key: i64) -> Submission {
    Submission {
        owner: Some(KeyId::new(key)),
        ..Submission::default()
    }
}

async fn count(bench: &Bench) -> u64 {
    let all = HistoryFilter::all(ALL);
    bench.records.count(&all).await.unwrap()
}

pub(super) async fn an_analysis_reads_back_exactly_also_after_a_restart(bench: Bench) {
    let submission = Submission::default();
    bench
        .records
        .insert(&analysis(1), &submission)
        .await
        .unwrap();
    let read = bench.records.get(analysis(1).id, ALL).await.unwrap();
    assert_eq!(read.unwrap().analysis, analysis(1));
    bench.records.close().await;
    let reopened = bench.another().await;
    let read = reopened.get(analysis(1).id, ALL).await.unwrap();
    assert_eq!(read.unwrap().analysis, analysis(1));
    assert_eq!(reopened.get(analysis(2).id, ALL).await.unwrap(), None);
}

pub(super) async fn records_are_numbered_in_the_order_of_storing(bench: Bench) {
    for (name, expected) in [(7, 1), (3, 2), (5, 3)] {
        let submission = Submission::default();
        let number = bench.records.insert(&analysis(name), &submission).await;
        assert_eq!(number.unwrap(), expected);
        let stored = bench.records.get_by_number(expected, ALL).await.unwrap();
        assert_eq!(stored.unwrap().analysis.id, analysis(name).id);
    }
    for absent in [0, 4, u64::MAX] {
        assert_eq!(
            bench.records.get_by_number(absent, ALL).await.unwrap(),
            None
        );
    }
}

pub(super) async fn how_it_was_asked_for_reads_back(bench: Bench) {
    let submission = Submission {
        owner: Some(KeyId::new(3)),
        batch: Some(BatchId::new(Uuid::from_u128(9))),
        threshold: Probability::new(0.35).ok(),
        model_type: Some("d3_clip".into()),
        result_image: Some(ArtifactName::parse("result.jpg").unwrap()),
        pictures_lost: true,
    };
    bench
        .records
        .insert(&analysis(1), &submission)
        .await
        .unwrap();
    let stored = bench.records.get(analysis(1).id, ALL).await.unwrap();
    assert_eq!(stored.unwrap().submission, submission);
}

pub(super) async fn recording_twice_is_refused_and_keeps_the_first(bench: Bench) {
    let submission = Submission::default();
    bench
        .records
        .insert(&analysis(1), &submission)
        .await
        .unwrap();
    let mut second = analysis(1);
    second.filename = "other.mp4".into();
    let error = bench
        .records
        .insert(&second, &submission)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "duplicate-record");
    let kept = bench.records.get(second.id, ALL).await.unwrap().unwrap();
    assert_eq!(kept.analysis.filename, analysis(1).filename);
    assert_eq!(count(&bench).await, 1);
}

pub(super) async fn an_analysis_that_would_not_read_back_is_refused(bench: Bench) {
    let mut broken = analysis(1);
    broken.frames[0].faces[0].sharpness = f32::NAN;
    let error = bench.records.insert(&broken, &Submission::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), "unstorable-record");
    assert!(
        error.to_string().contains(&broken.id.to_string()),
        "{error}"
    );
    assert_eq!(count(&bench).await, 0);
}

pub(super) async fn a_record_that_does_not_read_back_is_an_error_that_names_it(bench: Bench) {
    for (number, damage) in [
        (
            1,
            "UPDATE analyses SET document = '{\"id\":' WHERE number = 1",
        ),
        (2, "UPDATE analyses SET document = '{}' WHERE number = 2"),
        (
            3,
            "UPDATE analyses SET schema_version = 99 WHERE number = 3",
        ),
        (4, "UPDATE analyses SET submission = 'x' WHERE number = 4"),
    ] {
        let id = analysis(number).id;
        let (analysis, submission) = (analysis(number), Submission::default());
        bench.records.insert(&analysis, &submission).await.unwrap();
        bench.tamper(damage).await;
        let error = bench.records.get(id, ALL).await.unwrap_err();
        assert_eq!(error.code(), "unreadable-record", "{damage}");
        assert!(error.to_string().contains(&id.to_string()), "{error}");
    }
    let all = HistoryFilter::all(ALL);
    let page = bench.records.page(&all, PagePosition::Newest, 10).await;
    assert_eq!(page.unwrap_err().code(), "unreadable-record");
}

pub(super) async fn the_searched_columns_repeat_the_document(bench: Bench) {
    let mut submission = of(5);
    submission.threshold = Probability::new(0.25).ok();
    submission.batch = Some(BatchId::new(Uuid::from_u128(9)));
    bench
        .records
        .insert(&analysis(1), &submission)
        .await
        .unwrap();
    let statement = Statement::new(
        "SELECT count(*) AS number FROM analyses WHERE analyzed_at_us = 1763712000123456 \
         AND kind = 'video' AND verdict = 'FAKE' AND abs(probability_fake - 0.87) < 1e-6 \
         AND processing_time_s = 1.234567890123 AND sha256 LIKE 'abab%' \
         AND filename LIKE 'holiday%' AND owner = 5 AND threshold = 0.25 \
         AND batch = 'batch_00000000000000000000000000000009'",
    );
    let rows = bench.records.database.read::<Number>(statement).await;
    assert_eq!(rows.unwrap()[0].number, 1);
}

pub(super) async fn another_keys_record_is_not_there(bench: Bench) {
    let records = &bench.records;
    records.insert(&analysis(1), &of(1)).await.unwrap();
    records
        .insert(&analysis(2), &Submission::default())
        .await
        .unwrap();
    for (reader, sees) in [
        (Reader::Key(KeyId::new(1)), [true, false]),
        (Reader::Key(KeyId::new(2)), [false, false]),
        (ALL, [true, true]),
    ] {
        for (number, seen) in [1, 2].into_iter().zip(sees) {
            let by_name = records.get(analysis(number).id, reader).await.unwrap();
            let by_number = records.get_by_number(number as u64, reader).await.unwrap();
            assert_eq!(by_name.is_some(), seen, "{reader:?} {number}");
            assert_eq!(by_number.is_some(), seen, "{reader:?} {number}");
        }
        let filter = HistoryFilter::all(reader);
        let page = records
            .page(&filter, PagePosition::Newest, 10)
            .await
            .unwrap();
        let expected = sees.iter().filter(|seen| **seen).count();
        assert_eq!(page.len(), expected);
        assert_eq!(records.count(&filter).await.unwrap(), expected as u64);
    }
}

pub(super) async fn a_batch_reads_back_for_its_key_only(bench: Bench) {
    let mut batch = Batch {
        number: 0,
        id: BatchId::new(Uuid::from_u128(9)),
        owner: Some(KeyId::new(1)),
        total: 3,
        successful: 2,
        failed: 1,
    };
    batch.number = bench.records.insert_batch(&batch).await.unwrap();
    assert_eq!(batch.number, 1);
    for (reader, seen) in [
        (Reader::Key(KeyId::new(1)), true),
        (Reader::Key(KeyId::new(2)), false),
        (ALL, true),
    ] {
        let read = bench.records.batch(batch.id, reader).await.unwrap();
        assert_eq!(read, seen.then(|| batch.clone()));
    }
}

pub(super) async fn health_notices_a_database_that_is_gone(bench: Bench) {
    bench.records.health().await.unwrap();
    bench.tamper("ALTER TABLE analyses RENAME TO lost").await;
    let error = bench.records.health().await.unwrap_err();
    assert_eq!(error.code(), "database-failed");
}

pub(super) async fn many_writers_and_readers_at_once_all_get_through(bench: Bench) {
    // A second store stands for a second process, the command line beside the server.
    let other = bench.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..60 {
        let records = if number % 2 == 0 {
            &bench.records
        } else {
            &other
        };
        let records = records.clone();
        tasks.spawn(async move {
            let submission = Submission::default();
            records
                .insert(&analysis(number), &submission)
                .await
                .unwrap();
            let read = records.get(analysis(number).id, ALL).await.unwrap();
            assert!(read.is_some());
            let all = HistoryFilter::all(ALL);
            records.page(&all, PagePosition::Newest, 5).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(count(&bench).await, 60);
}

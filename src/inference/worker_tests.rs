//! Behaviour of queue and thread, on an engine that does what a test tells it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::bench::{Bench, POISON, Told, fusion};
use super::clip::{Clip, ClipScores};
use super::fixture::noise_clip;
use super::scorer::Facts;
use super::worker::Limits;
use super::{InferenceError, ModelWorker};

fn code(result: Result<ClipScores, InferenceError>) -> &'static str {
    result.map_or_else(|e| e.code(), |_| "scored")
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_takes_clips_again_when_it_empties() {
    let bench = Bench::new(false);
    let running = bench.send(5).await;
    bench.until_begun(1).await;
    let waiting = [bench.send(10).await, bench.send(10).await];
    assert_eq!(bench.scorer.waiting_frames(), 20);
    let refused = bench.send(1).await.await.unwrap();
    assert!(
        matches!(
            refused,
            Err(InferenceError::Overloaded {
                waiting_frames: 20,
                limit_frames: 20
            })
        ),
        "{refused:?}"
    );
    bench.let_run(4);
    for task in [running].into_iter().chain(waiting) {
        assert_eq!(code(task.await.unwrap()), "scored");
    }
    assert_eq!(code(bench.send(1).await.await.unwrap()), "scored");
    assert_eq!(bench.scorer.waiting_frames(), 0);
}

#[tokio::test]
async fn an_expired_clip_is_answered_in_time_and_never_run() {
    let bench = Bench::new(false);
    let running = bench.send(5).await;
    bench.until_begun(1).await;
    let late = bench.send_until(3, Duration::from_millis(30)).await;
    assert_eq!(code(late.await.unwrap()), "expired");
    bench.let_run(2);
    assert_eq!(code(running.await.unwrap()), "scored");
    assert_eq!(code(bench.send(4).await.await.unwrap()), "scored");
    assert_eq!(bench.batches(), [[5], [4]]);
    let past = bench.scorer.score(noise_clip(1, 1), Instant::now()).await;
    assert_eq!(code(past), "expired");
}

#[tokio::test]
async fn a_caller_who_leaves_frees_the_queue_and_is_never_run() {
    let bench = Bench::new(false);
    let running = bench.send(5).await;
    bench.until_begun(1).await;
    let leaving = [bench.send(10).await, bench.send(10).await];
    for task in leaving {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    let next = bench.send(12).await;
    bench.let_run(2);
    assert_eq!(code(running.await.unwrap()), "scored");
    assert_eq!(code(next.await.unwrap()), "scored");
    assert_eq!(bench.batches(), [[5], [12]]);
}

#[tokio::test]
async fn a_batch_takes_what_waits_up_to_its_limit_and_never_waits_for_more() {
    let bench = Bench::new(true);
    let first = bench.send(1).await;
    bench.until_begun(1).await;
    let tasks = [
        bench.send(3).await,
        bench.send(4).await,
        bench.send(2).await,
        bench.send(10).await,
    ];
    bench.let_run(4);
    for task in [first].into_iter().chain(tasks) {
        assert_eq!(code(task.await.unwrap()), "scored");
    }
    // 3 + 4 fit into 8; 2 does not any more; 10 is larger than a batch and still runs, alone.
    assert_eq!(bench.batches(), [vec![1], vec![3, 4], vec![2], vec![10]]);
}

#[tokio::test]
async fn each_clip_of_a_batch_gets_its_own_scores() {
    let bench = Bench::new(true);
    let first = bench.send(1).await;
    bench.until_begun(1).await;
    let tasks = [bench.send(3).await, bench.send(2).await];
    bench.let_run(2);
    first.await.unwrap().unwrap();
    for (task, frames) in tasks.into_iter().zip([3.0, 2.0]) {
        let scores = task.await.unwrap().unwrap();
        assert_eq!(scores.fused_track.get(), frames);
        assert_eq!(scores.fused_frames.len(), frames as usize);
        assert!(scores.queue_ms >= 0.0 && scores.inference_ms > 0.0);
    }
}

#[tokio::test]
async fn a_panic_fails_only_the_clip_at_fault_and_the_thread_goes_on() {
    let bench = Bench::new(true);
    let first = bench.send(1).await;
    bench.until_begun(1).await;
    let poisoned = bench.send(POISON).await;
    let beside = bench.send(2).await;
    // The first, the poisoned one, the one after it.
    bench.let_run(3);
    first.await.unwrap().unwrap();
    let failed = poisoned.await.unwrap().unwrap_err();
    assert_eq!(failed.code(), "model-failed");
    assert!(failed.to_string().contains("poisoned clip"), "{failed}");
    assert_eq!(code(beside.await.unwrap()), "scored");
    assert!(bench.scorer.is_ready());
}

#[tokio::test]
async fn readiness_is_off_while_a_batch_runs_that_nobody_waits_for_any_more() {
    let bench = Bench::new(false);
    let late = bench.send_until(3, Duration::from_millis(300)).await;
    bench.until_begun(1).await;
    assert!(bench.scorer.is_ready());
    assert_eq!(code(late.await.unwrap()), "expired");
    bench.until(|| !bench.scorer.is_ready()).await;
    bench.let_run(1);
    bench.until(|| bench.scorer.is_ready()).await;
}

#[tokio::test]
async fn clips_of_a_failed_batch_are_run_again_one_by_one() {
    let bench = Bench::new(true);
    bench.broken.store(true, Ordering::SeqCst);
    let first = bench.send(1).await;
    bench.until_begun(1).await;
    let tasks = [bench.send(3).await, bench.send(2).await];
    bench.let_run(2);
    bench.until_begun(3).await;
    bench.broken.store(false, Ordering::SeqCst);
    bench.let_run(2);
    assert_eq!(code(first.await.unwrap()), "model-failed");
    for task in tasks {
        assert_eq!(code(task.await.unwrap()), "scored");
    }
    assert_eq!(bench.batches(), [vec![1], vec![3, 2], vec![3], vec![2]]);
}

#[tokio::test]
async fn readiness_turns_off_after_repeated_failures_and_on_again_by_itself() {
    let bench = Bench::new(false);
    bench.broken.store(true, Ordering::SeqCst);
    for failure in 0..3 {
        assert!(bench.scorer.is_ready(), "after {failure} failures");
        bench.let_run(1);
        assert_eq!(code(bench.send(2).await.await.unwrap()), "model-failed");
    }
    bench.until(|| !bench.scorer.is_ready()).await;
    bench.broken.store(false, Ordering::SeqCst);
    bench.let_run(1);
    bench.until(|| bench.scorer.is_ready()).await;
}

#[tokio::test]
async fn dropping_the_worker_finishes_what_runs_and_refuses_what_waits() {
    let bench = Bench::new(false);
    let running = bench.send(5).await;
    bench.until_begun(1).await;
    let waiting = bench.send(6).await;
    let Bench {
        go_on,
        worker,
        scorer,
        ..
    } = bench;
    let dropping = tokio::task::spawn_blocking(move || drop(worker));
    assert_eq!(code(waiting.await.unwrap()), "closed");
    go_on.send(()).unwrap();
    assert_eq!(code(running.await.unwrap()), "scored");
    dropping.await.unwrap();
    assert!(!scorer.is_ready());
    let deadline = Instant::now() + Duration::from_secs(5);
    assert_eq!(
        code(scorer.score(noise_clip(1, 1), deadline).await),
        "closed"
    );
}

#[tokio::test]
async fn a_clip_that_can_never_run_is_refused_before_it_waits() {
    let bench = Bench::new(false);
    let deadline = Instant::now() + Duration::from_secs(5);
    let long = bench.scorer.score(noise_clip(1, 17), deadline).await;
    assert!(matches!(
        long,
        Err(InferenceError::ClipTooLong {
            frames: 17,
            limit: 16
        })
    ));
    let empty = Clip {
        crops: vec![],
        is_still: false,
    };
    assert_eq!(
        code(bench.scorer.score(empty, deadline).await),
        "empty-clip"
    );
    let small = crate::domain::Rgb8Image::new(2, 2, vec![0; 12]).unwrap();
    let small = Clip {
        crops: vec![small],
        is_still: true,
    };
    assert_eq!(code(bench.scorer.score(small, deadline).await), "crop-size");
    assert!(bench.batches().is_empty());
}

#[test]
fn models_that_fail_or_panic_while_loading_are_an_error_of_start() {
    let limits = || Limits {
        queue_frames: 1,
        batch_frames: 1,
        patience: Duration::from_secs(1),
    };
    let panics = || -> Result<(Told, Facts), InferenceError> { panic!("out of memory") };
    let error = ModelWorker::spawn(limits(), fusion(), panics)
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "the models failed: out of memory");
    let refuses = || -> Result<(Told, Facts), InferenceError> { Err(InferenceError::Expired) };
    let error = ModelWorker::spawn(limits(), fusion(), refuses)
        .err()
        .unwrap();
    assert_eq!(error.code(), "expired");
}

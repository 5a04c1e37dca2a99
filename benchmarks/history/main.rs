//! How long pages and statistics of a long history take, on SQLite and on PostgreSQL.
//!
//! `cargo bench --bench history [-- ROWS]` fills each database with ROWS records (a million unless
//! told), asks it what the service asks, and prints medians, ratios within the same run and the
//! databases' own plans. It needs 4 GB of disk under `TMPDIR` and `scripts/setup.sh --test`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use framewitness::domain::{AnalysisId, VerdictLabel};
use framewitness::store::{HistoryFilter, KeyId, PagePosition, Reader, RecordStore};
use time::OffsetDateTime;

#[path = "../../tests/support/kept.rs"]
#[allow(dead_code, reason = "the benchmark has a server of its own")]
mod kept;
#[path = "../../tests/support/postgres.rs"]
#[allow(dead_code, reason = "the benchmark has a server of its own")]
mod postgres;

const ROWS: u64 = 1_000_000;
const PAGE: u32 = 20;
const REPEATS: usize = 21;
/// A record every half minute: a million are most of a year.
const STEP_US: u64 = 30_000_000;
const FIRST_US: u64 = 1_735_689_600_000_000;

#[tokio::main]
async fn main() {
    let rows = std::env::args().filter_map(|text| text.parse().ok()).next();
    let rows = rows.unwrap_or(ROWS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    measure(&Sqlite(path.display().to_string()), rows).await;
    drop(folder);
    let server = postgres::Postgres::start();
    measure(&Postgres(server.url()), rows).await;
}

/// A database to measure.
trait Bench {
    fn name(&self) -> &'static str;
    fn url(&self) -> String;
    /// SQL that fills `analyses` with rows 0 to `rows`.
    fn fill(&self, rows: u64) -> String;
    async fn run(&self, sql: String) -> Duration;
}

struct Sqlite(String);
struct Postgres(String);

/// Columns of row `n`, which `text` and `hex` make into text and hexadecimal digits.
fn columns(series: &str, hex: impl Fn(&str, usize) -> String) -> String {
    let id = format!(
        "({}) || '-0000-7000-8000-' || ({})",
        hex("n", 8),
        hex("n", 12)
    );
    let document = document().replace("'", "''");
    format!(
        "INSERT INTO analyses (id, analyzed_at_us, kind, verdict, probability_fake, \
         processing_time_s, sha256, filename, owner, submission, schema_version, document) \
         SELECT {id}, {FIRST_US} + n * {STEP_US}, \
         CASE WHEN n % 4 = 0 THEN 'image' ELSE 'video' END, \
         CASE n % 3 WHEN 0 THEN 'FAKE' WHEN 1 THEN 'REAL' ELSE 'INCONCLUSIVE' END, \
         CASE n % 3 WHEN 0 THEN 0.9 WHEN 1 THEN 0.1 ELSE NULL END, 1.5, \
         '{}', 'clip.mp4', 1 + n % 10, '{{}}', 1, \
         replace('{document}', '00000000-0000-0000-0000-000000000000', {id}) FROM {series}",
        "ab".repeat(32)
    )
}

impl Bench for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.0)
    }

    fn fill(&self, rows: u64) -> String {
        let last = rows - 1;
        let series = format!(
            "(WITH RECURSIVE series (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series \
             WHERE n < {last}) SELECT n FROM series) AS series"
        );
        let hex = |value: &str, digits: usize| format!("printf('%0{digits}x', {value})");
        columns(&series, hex)
    }

    async fn run(&self, sql: String) -> Duration {
        let pool = sqlx::SqlitePool::connect(&self.url()).await.unwrap();
        let started = Instant::now();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&pool)
            .await
            .unwrap();
        let took = started.elapsed();
        pool.close().await;
        took
    }
}

impl Bench for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn url(&self) -> String {
        self.0.clone()
    }

    fn fill(&self, rows: u64) -> String {
        let series = format!("generate_series(0::bigint, {}) AS series (n)", rows - 1);
        columns(&series, |value, digits| {
            format!("lpad(to_hex({value}), {digits}, '0')")
        })
    }

    async fn run(&self, sql: String) -> Duration {
        let pool = sqlx::PgPool::connect(&self.url()).await.unwrap();
        let started = Instant::now();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&pool)
            .await
            .unwrap();
        let took = started.elapsed();
        pool.close().await;
        took
    }
}

/// A small but whole analysis; the rows differ in its id.
fn document() -> String {
    let picture = r#"{"codec":"h264","width_px":1280,"height_px":720,"rotation":"0","frame_rate":null,"frame_count":null,"pixel_format":null}"#;
    let device = r#"{"make":null,"model":null,"software":null,"encoder":null,"location":null}"#;
    format!(
        r#"{{"id":"00000000-0000-0000-0000-000000000000","filename":"clip.mp4","sha256":"{}","analyzed_at":"2025-01-01T00:00:00Z","processing_time_s":1.5,"media":{{"kind":"video","container":"QuickTime / MOV","size_bytes":1,"duration_s":10.0,"bit_rate_bps":null,"creation_time":null,"device":{device},"picture":{picture},"has_audio":true}},"verdict":{{"label":"FAKE","probability_fake":0.9,"reasons":[{{"code":"no-face"}}]}},"models":[],"tracks":[],"frames":[],"notes":[]}}"#,
        "ab".repeat(32)
    )
}

fn id(row: u64) -> AnalysisId {
    AnalysisId::parse(&format!("{row:08x}-0000-7000-8000-{row:012x}")).unwrap()
}

fn at(row: u64) -> OffsetDateTime {
    let at_us = i128::from(FIRST_US + row * STEP_US);
    OffsetDateTime::from_unix_timestamp_nanos(at_us * 1000).unwrap()
}

async fn measure(bench: &impl Bench, rows: u64) {
    let records = RecordStore::open(&bench.url()).await.unwrap();
    let filled = bench.run(bench.fill(rows)).await;
    bench.run("ANALYZE".into()).await;
    println!(
        "## {}, {rows} records, filled in {} s",
        bench.name(),
        filled.as_secs()
    );
    let (all, few) = (HistoryFilter::all(Reader::Unrestricted), rows / 100);
    let count = records.count(&all).await.unwrap();
    assert_eq!(count, rows);
    println!("| page of {PAGE} | by cursor | by offset | offset ÷ cursor |\n|---|---|---|---|");
    for (place, skipped) in [
        ("newest", PAGE.into()),
        ("middle", rows / 2),
        ("oldest 1 %", rows - few),
    ] {
        let cursor = PagePosition::Before(id(rows - skipped));
        let offset = PagePosition::Offset(skipped);
        let both = [
            page(&records, &all, cursor).await,
            page(&records, &all, offset).await,
        ];
        assert_eq!(both[0].1, both[1].1, "the same page both ways");
        row(place, both[0].0, both[1].0);
    }
    let label = Some(VerdictLabel::Real);
    for (place, filter) in [
        (
            "middle, one label",
            HistoryFilter {
                label,
                ..all.clone()
            },
        ),
        (
            "middle, one key",
            HistoryFilter::all(Reader::Key(KeyId::new(3))),
        ),
        (
            "a day of it",
            HistoryFilter {
                since: Some(at(rows / 4)),
                until: Some(at(rows / 4 + 2880)),
                ..all.clone()
            },
        ),
    ] {
        let (took, _) = page(&records, &filter, PagePosition::Before(id(rows / 2))).await;
        println!("| {place} | {} | | |", shown(took));
    }
    statistics(bench, &records, rows).await;
    for (what, plan) in [
        (
            "page by cursor",
            records
                .page_plan(&all, PagePosition::Before(id(rows / 2)), PAGE)
                .await,
        ),
        (
            "page by offset",
            records
                .page_plan(&all, PagePosition::Offset(rows / 2), PAGE)
                .await,
        ),
        ("statistics", records.statistics_plan(&all).await),
    ] {
        println!("{what}:\n```text\n{}\n```", plan.unwrap().join("\n"));
    }
    records.close().await;
}

async fn page(
    records: &RecordStore,
    filter: &HistoryFilter,
    position: PagePosition,
) -> (Duration, Vec<AnalysisId>) {
    let mut found = Vec::new();
    let took = median(async || {
        let page = records.page(filter, position, PAGE).await.unwrap();
        found = page.iter().map(|stored| stored.analysis.id).collect();
    })
    .await;
    (took, found)
}

/// What the service asks, against the same sums over the records themselves.
async fn statistics(bench: &impl Bench, records: &RecordStore, rows: u64) {
    const OVER_RECORDS: &str = "SELECT verdict, count(*), count(probability_fake), \
        sum(CASE WHEN probability_fake >= coalesce(threshold, 0.5) THEN 1 ELSE 0 END), \
        sum(probability_fake), sum(processing_time_s) FROM analyses GROUP BY verdict";
    const COVERING: &str = "CREATE INDEX bench_covering ON analyses \
        (verdict, probability_fake, threshold, processing_time_s)";
    let all = HistoryFilter::all(Reader::Unrestricted);
    let part = HistoryFilter {
        since: Some(at(rows / 3)),
        until: Some(at(rows / 2)),
        ..all.clone()
    };
    let totals = median(async || _ = records.statistics(&all).await.unwrap()).await;
    let within = median(async || _ = records.statistics(&part).await.unwrap()).await;
    let bare = bench.run(OVER_RECORDS.into()).await;
    bench.run(COVERING.into()).await;
    bench.run("ANALYZE".into()).await;
    let covered = bench.run(OVER_RECORDS.into()).await;
    bench.run("DROP INDEX bench_covering".into()).await;
    println!("\n| statistics | time | ÷ totals by day |\n|---|---|---|");
    for (what, took) in [
        ("totals by day", totals),
        ("a time that begins and ends within days", within),
        ("over the records by a covering index", covered),
        ("over the records without one", bare),
    ] {
        let ratio = took.as_secs_f64() / totals.as_secs_f64();
        println!("| {what} | {} | {ratio:.1} |", shown(took));
    }
    println!();
}

async fn median(mut work: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let started = Instant::now();
        work().await;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[REPEATS / 2]
}

fn row(place: &str, cursor: Duration, offset: Duration) {
    let ratio = offset.as_secs_f64() / cursor.as_secs_f64();
    println!(
        "| {place} | {} | {} | {ratio:.1} |",
        shown(cursor),
        shown(offset)
    );
}

fn shown(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1000.0)
}

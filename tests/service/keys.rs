//! Keys, scopes, rates, quotas, the request log and other sites' pages.

use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::home::{Backend, Home};
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const CLIP: &str = "videos/genuine.mp4";
const RECENT: &str = "/api/v1/predictions/recent";
const ROUTE: (Method, &str) = (Method::GET, RECENT);

/// Makes a key on the database of a running server; its secret.
pub(crate) fn make_key(server: &Server, arguments: &[&str]) -> String {
    let arguments = [&["keys", "create"], arguments].concat();
    let output = server.run_beside(&arguments);
    assert!(output.status.success(), "{output:?}");
    let secret = String::from_utf8(output.stdout).expect("text");
    secret.trim().to_owned()
}

pub(crate) async fn get_with(server: &Server, path: &str, secret: &str) -> Response {
    let request = server.client().get(server.url(path));
    request.bearer_auth(secret).send().await.expect("an answer")
}

async fn predict_with(server: &Server, secret: &str) -> Response {
    let form = reqwest::multipart::Form::new();
    let form = form.file("file", repository(CLIP)).await.expect("a clip");
    let request = server.client().post(server.url("/predict"));
    let request = request.header("x-api-key", secret).multipart(form);
    request.send().await.expect("an answer")
}

async fn analysed(server: &Server, secret: &str) -> Value {
    let response = predict_with(server, secret).await;
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn the_first_key_closes_the_service_at_once_and_what_is_open_stays_open() {
    let server = Server::start_quick().await;
    assert_eq!(server.get(RECENT).await.status(), 200);
    // Nobody ever made a key, so nobody looks at one: clients of older services send theirs.
    assert_eq!(get_with(&server, RECENT, "theirs").await.status(), 200);
    let secret = make_key(&server, &["first"]);
    let closed = server.get(RECENT).await;
    let challenge = closed.headers()["www-authenticate"].clone();
    assert_eq!(challenge, "Bearer realm=\"framewitness\"");
    expect_problem(&server, ROUTE, closed, (401, "key-missing")).await;
    assert_eq!(get_with(&server, RECENT, &secret).await.status(), 200);
    for open in [
        "/",
        "/static/app.js",
        "/livez",
        "/readyz",
        "/health",
        "/openapi.json",
        "/docs",
        "/apidocs",
        "/integrity/public-key",
    ] {
        assert_eq!(server.get(open).await.status(), 200, "{open}");
    }
    for spelling in [
        "/%61pi/v1/predictions/recent",
        "//api/v1/predictions/recent/",
    ] {
        assert_eq!(server.get(spelling).await.status(), 401, "{spelling}");
    }
}

#[tokio::test]
async fn a_service_that_requires_keys_asks_for_one_before_the_first_is_made() {
    let server = Server::start_quick_with(&[("require_keys", "true")]).await;
    let refused = server.post_file("/predict", &repository(CLIP)).await;
    let route = (Method::POST, "/predict");
    expect_problem(&server, route, refused, (401, "key-missing")).await;
}

async fn a_wrong_and_a_revoked_key_are_refused_in_the_same_words(backend: Backend) {
    let server = Server::start_in(Home::on(backend).quick(), &[]).await;
    let secret = make_key(&server, &["one"]);
    assert_eq!(get_with(&server, RECENT, &secret).await.status(), 200);
    let wrong = get_with(&server, RECENT, &format!("{secret}0")).await;
    let wrong = expect_problem(&server, ROUTE, wrong, (401, "key-refused")).await;
    let revoked = server.run_beside(&["keys", "revoke", "1"]);
    assert!(revoked.status.success(), "{revoked:?}");
    let refused = get_with(&server, RECENT, &secret).await;
    let refused = expect_problem(&server, ROUTE, refused, (401, "key-refused")).await;
    assert_eq!(refused["detail"], wrong["detail"]);
    let missing = server.get(RECENT).await;
    assert_eq!(missing.status(), 401, "revoking the last key opens nothing");
    let list = server.run_beside(&["keys", "list"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(
        list.starts_with("1\tone\t") && list.contains("revoked 2"),
        "{list}"
    );
    for place in [list, server.log()] {
        assert!(!place.contains(&secret[3..]), "{place}");
    }
}

#[tokio::test]
async fn a_wrong_and_a_revoked_key_are_refused_in_the_same_words_on_sqlite() {
    a_wrong_and_a_revoked_key_are_refused_in_the_same_words(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn a_wrong_and_a_revoked_key_are_refused_in_the_same_words_on_postgres() {
    a_wrong_and_a_revoked_key_are_refused_in_the_same_words(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn a_key_is_refused_by_the_scope_it_lacks() {
    let server = Server::start_quick().await;
    let history = make_key(&server, &["reader", "--scope", "history"]);
    let refused = predict_with(&server, &history).await;
    let route = (Method::POST, "/predict");
    let problem = expect_problem(&server, route, refused, (403, "scope-missing")).await;
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("`analyse`"), "{detail}");
    let refused = get_with(&server, "/metrics", &history).await;
    let route = (Method::GET, "/metrics");
    expect_problem(&server, route, refused, (403, "scope-missing")).await;
    let wrong_word = server.run_beside(&["keys", "create", "x", "--scope", "everything"]);
    assert_eq!(wrong_word.status.code(), Some(2), "{wrong_word:?}");
}

async fn another_keys_analysis_is_not_there(backend: Backend) {
    let server = Server::start_in(Home::on(backend).quick(), &[]).await;
    let (mine, theirs) = (make_key(&server, &["mine"]), make_key(&server, &["theirs"]));
    let admin = make_key(&server, &["admin", "--scope", "admin"]);
    let answer = analysed(&server, &mine).await;
    let id = answer["id"].as_str().expect("an id");
    let record = format!("/api/v1/predictions/{id}");
    let picture = answer["frames"][0]["url"].as_str().expect("a url");
    for path in [record.as_str(), picture] {
        assert_eq!(get_with(&server, path, &mine).await.status(), 200);
        assert_eq!(get_with(&server, path, &admin).await.status(), 200);
    }
    let route = (Method::GET, "/api/v1/predictions/{id}");
    let hidden = get_with(&server, &record, &theirs).await;
    let hidden = expect_problem(&server, route.clone(), hidden, (404, "not-found")).await;
    let absent = record.replace(id, "0197a1b2-5b4e-7c3a-9f00-1d2e3f405162");
    let absent = get_with(&server, &absent, &theirs).await;
    let absent = expect_problem(&server, route, absent, (404, "not-found")).await;
    assert_eq!(hidden["detail"], absent["detail"]);
    assert_eq!(get_with(&server, picture, &theirs).await.status(), 404);
    for (secret, expected) in [(&mine, 1), (&theirs, 0), (&admin, 1)] {
        let page = get_with(&server, RECENT, secret).await;
        let page: Value = page.json().await.expect("JSON");
        let found = page["predictions"].as_array().map(Vec::len);
        assert_eq!(found, Some(expected));
    }
}

#[tokio::test]
async fn another_keys_analysis_is_not_there_on_sqlite_and_disk() {
    another_keys_analysis_is_not_there(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn another_keys_analysis_is_not_there_on_postgres_and_s3() {
    another_keys_analysis_is_not_there(Backend::PostgresAndS3).await;
}

fn number(headers: &HeaderMap, name: &str) -> u64 {
    let text = headers[name].to_str().expect("ASCII");
    text.parse().expect("a number")
}

#[tokio::test]
async fn too_many_requests_of_an_address_are_told_when_to_come_back() {
    let server = Server::start_quick_with(&[("address_requests_per_minute", "5")]).await;
    for left in (0..5).rev() {
        let answer = server.get(RECENT).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(number(answer.headers(), "ratelimit-limit"), 5);
        assert_eq!(number(answer.headers(), "ratelimit-remaining"), left);
        assert!(number(answer.headers(), "ratelimit-reset") <= 60);
    }
    let refused = server.get(RECENT).await;
    let headers = refused.headers();
    assert!((1..=12).contains(&number(headers, "retry-after")));
    assert_eq!(number(headers, "ratelimit-limit"), 5);
    assert_eq!(number(headers, "ratelimit-remaining"), 0);
    assert_eq!(
        number(headers, "ratelimit-reset"),
        number(headers, "retry-after")
    );
    let problem: Value = refused.json().await.expect("a problem");
    assert_eq!(
        (&problem["code"], &problem["status"]),
        (&"rate-limited".into(), &429.into())
    );
    // Another entry of the header is only believed where a proxy is said to write it.
    let request = server.client().get(server.url(RECENT));
    let forwarded = request.header("x-forwarded-for", "192.0.2.7").send().await;
    assert_eq!(forwarded.expect("an answer").status(), 429);
    assert_eq!(
        server.get("/livez").await.status(),
        200,
        "probes are not counted"
    );
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_rate_of_its_own() {
    let settings = [
        ("address_requests_per_minute", "1"),
        ("trust_forwarded", "true"),
    ];
    let server = Server::start_quick_with(&settings).await;
    for (forwarded, status) in [
        ("192.0.2.1", 200),
        ("192.0.2.2", 200),
        ("192.0.2.1", 429),
        // Whatever the client itself put before it.
        ("192.0.2.9, 192.0.2.2", 429),
    ] {
        let request = server.client().get(server.url(RECENT));
        let answer = request.header("x-forwarded-for", forwarded).send().await;
        assert_eq!(answer.expect("an answer").status(), status, "{forwarded}");
    }
}

#[tokio::test]
async fn each_key_has_a_rate_of_its_own() {
    let server = Server::start_quick_with(&[("key_requests_per_minute", "2")]).await;
    let (one, two) = (make_key(&server, &["one"]), make_key(&server, &["two"]));
    for (secret, status) in [(&one, 200), (&one, 200), (&one, 429), (&two, 200)] {
        assert_eq!(get_with(&server, RECENT, secret).await.status(), status);
    }
}

#[tokio::test]
async fn a_quota_is_used_up_by_analyses_and_outlives_a_restart() {
    let server = Server::start_quick().await;
    let secret = make_key(&server, &["small", "--quota-per-day", "1"]);
    analysed(&server, &secret).await;
    let server = Server::start_in(server.give_up_home(), &[]).await;
    let refused = predict_with(&server, &secret).await;
    let wait_s = number(refused.headers(), "retry-after");
    assert!((1..=86_400).contains(&wait_s), "{wait_s}");
    let route = (Method::POST, "/predict");
    expect_problem(&server, route, refused, (429, "quota-spent")).await;
    assert_eq!(get_with(&server, RECENT, &secret).await.status(), 200);
}

async fn preflight(server: &Server, origin: &str) -> Response {
    let request = server
        .client()
        .request(Method::OPTIONS, server.url("/predict"));
    let request = request
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn pages_of_stated_sites_may_ask_and_no_others() {
    let settings = [
        ("cors_origins", "https://news.example"),
        ("require_keys", "true"),
    ];
    let server = Server::start_quick_with(&settings).await;
    let allowed = preflight(&server, "https://news.example").await;
    assert_eq!(allowed.status(), 200);
    let headers = allowed.headers();
    assert_eq!(
        headers["access-control-allow-origin"],
        "https://news.example"
    );
    assert!(
        headers["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("POST")
    );
    let refused = preflight(&server, "https://evil.example").await;
    assert!(
        !refused
            .headers()
            .contains_key("access-control-allow-origin")
    );
    // A refusal can be read by the page that asked.
    let request = server.client().get(server.url(RECENT));
    let refused = request
        .header("origin", "https://news.example")
        .send()
        .await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        "https://news.example"
    );
}

#[tokio::test]
async fn without_the_setting_no_other_sites_page_may_ask() {
    let server = Server::shared().await;
    let refused = preflight(&server, "https://news.example").await;
    assert!(
        !refused
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

/// Method, route, status and key of a logged request.
type Logged = (String, String, i64, Option<i64>);

async fn logged(server: &Server) -> Vec<Logged> {
    let path = server.data_dir().join("framewitness.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options)
        .await
        .expect("the database");
    let query = "SELECT method, route, status, key FROM request_log \
                 WHERE latency_us > 0 AND at_us > 0 AND address = '127.0.0.1' ORDER BY number";
    let rows = sqlx::query_as(query).fetch_all(&pool).await;
    pool.close().await;
    rows.expect("the log")
}

#[tokio::test]
async fn answered_requests_are_in_the_log_by_route_and_without_contents() {
    let server = Server::start_in(Home::on(Backend::SqliteAndDisk).quick(), &[]).await;
    let secret = make_key(&server, &["one"]);
    assert_eq!(
        server.get("/api/v1/predictions/secret-path").await.status(),
        401
    );
    get_with(&server, &format!("{RECENT}?limit=7"), &secret).await;
    server.get("/livez").await;
    server.get("/no/such/page?with=a-query").await;
    let expected: Vec<Logged> = [
        ("/api/v1/predictions/{id}", 401, None),
        (RECENT, 200, Some(1)),
        ("unmatched", 401, None),
    ]
    .map(|(route, status, key)| ("GET".to_owned(), route.to_owned(), status, key))
    .into();
    let started = Instant::now();
    while logged(&server).await != expected {
        let found = logged(&server).await;
        assert!(started.elapsed() < Duration::from_secs(20), "{found:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn the_last_requests_before_the_end_are_in_the_log_and_none_without_the_setting() {
    for (days, expected) in [("30", 1), ("0", 0)] {
        let home = Home::on(Backend::SqliteAndDisk);
        let mut server = Server::start_in(home, &[("request_log_days", days)]).await;
        server.get(RECENT).await;
        server.signal("TERM");
        let ended = server.wait(Duration::from_secs(30)).await;
        assert_eq!(ended.code(), Some(0), "{}", server.log());
        assert_eq!(logged(&server).await.len(), expected);
    }
}

#[tokio::test]
async fn a_service_that_others_reach_warns_until_there_is_a_key() {
    const WARNING: &str = "anybody who reaches this address";
    let server = Server::start_quick().await;
    assert!(!server.log().contains(WARNING), "{}", server.log());
    let everywhere = [("bind", "0.0.0.0:0")];
    let server = Server::start_in(server.give_up_home(), &everywhere).await;
    assert!(server.log().contains(WARNING), "{}", server.log());
    make_key(&server, &["one"]);
    let server = Server::start_in(server.give_up_home(), &everywhere).await;
    assert!(!server.log().contains(WARNING), "{}", server.log());
}

//! What a person does on the page, from dropping films to taking the report away, on a desktop and on a phone; and
//! whether anything on the way stands in the way of somebody who cannot see or point.

use serde_json::{Value, json};

use crate::browser::{Browser, Screen};
use crate::server::{Server, cached, repository};

const FILMS: [&str; 3] = [
    "videos/manipulated.mp4",
    "videos/genuine.mp4",
    "videos/two-people.mp4",
];

/// axe-core, which `scripts/setup.sh --test` fetches.
fn axe() -> String {
    let path = cached("tools/axe.min.js");
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run scripts/setup.sh --test", path.display()))
}

/// Fails where axe finds something serious or critical on the page as it stands.
async fn expect_no_obstacles(browser: &Browser, axe: &str, place: &str) {
    browser.js(axe).await;
    let begin = "window.obstacles = null;
        axe.run(document, { resultTypes: ['violations'] }).then((found) => {
            const looked = found.passes.length > 5 ? [] : [['axe looked at nothing', '', []]];
            window.obstacles = found.violations
                .filter((one) => ['serious', 'critical'].includes(one.impact))
                .map((one) => [one.id, one.help, one.nodes.map((node) => node.html.slice(0, 200))]).concat(looked);
        }, (problem) => { window.obstacles = [['axe failed', String(problem), []]]; })";
    browser.js(begin).await;
    browser.wait_until("return window.obstacles !== null").await;
    let obstacles = browser.js("return window.obstacles").await;
    assert_eq!(obstacles, json!([]), "{place}: {obstacles:#}");
}

/// Drops files as a hand would: a real input takes them from the disk, and an event carries them to the zone.
async fn drop_files(browser: &Browser, files: &[&str]) {
    let paths: Vec<String> = files
        .iter()
        .map(|file| repository(file).to_str().expect("a UTF-8 path").to_owned())
        .collect();
    let hand = "const hand = document.createElement('input');
        hand.type = 'file'; hand.multiple = true; hand.id = 'hand';
        document.body.append(hand)";
    browser.js(hand).await;
    browser.enter("#hand", &paths.join("\n")).await;
    let drop = "const hand = document.querySelector('#hand');
        const carried = new DataTransfer();
        for (const file of hand.files) carried.items.add(file);
        const zone = document.querySelector('.drop');
        for (const type of ['dragenter', 'dragover', 'drop'])
            zone.dispatchEvent(new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
        hand.remove()";
    browser.js(drop).await;
}

async fn is_wider_than_the_screen(browser: &Browser) -> Value {
    browser
        .js("return document.documentElement.scrollWidth > window.innerWidth")
        .await
}

async fn journey(screen: Screen, name: &str) {
    let server = Server::shared().await;
    let axe = axe();
    let browser = Browser::open_on(screen, &server.url("/")).await;
    expect_no_obstacles(&browser, &axe, "the empty page").await;

    drop_files(&browser, &FILMS).await;
    let all = "return document.querySelectorAll('.queue-row[data-state=done]').length === 3";
    browser.wait_until(all).await;
    browser.wait_for("#verdict").await;
    browser.glance(&format!("journey-{name}-list.png")).await;
    assert_eq!(is_wider_than_the_screen(&browser).await, false);

    // The last of the list is opened.
    browser
        .js("document.querySelectorAll('.queue-open')[2].click()")
        .await;
    let last =
        "return document.querySelector('.queue-row.chosen')?.innerText.includes('two-people.mp4')";
    browser.wait_until(last).await;
    browser
        .wait_until("return document.querySelectorAll('.face-strip').length === 2")
        .await;
    browser
        .js("document.querySelector('#verdict').scrollIntoView()")
        .await;
    browser.glance(&format!("journey-{name}-verdict.png")).await;
    expect_no_obstacles(&browser, &axe, "an answer").await;
    assert_eq!(is_wider_than_the_screen(&browser).await, false);

    let report = "const link = [...document.querySelectorAll('a[download]')].find((a) => a.pathname.endsWith('/report.pdf'));
        link.scrollIntoView({ block: 'center' });
        link.click()";
    browser.js(report).await;
    let pdf = browser.downloaded().await;
    assert!(pdf.starts_with(b"%PDF-"), "{} bytes", pdf.len());

    browser.click("#tab-recent").await;
    browser
        .wait_until("return document.querySelectorAll('.recent li').length >= 3")
        .await;
    browser.glance(&format!("journey-{name}-history.png")).await;
    expect_no_obstacles(&browser, &axe, "the history").await;
    assert_eq!(is_wider_than_the_screen(&browser).await, false);
    browser.close().await;
}

#[tokio::test]
async fn three_films_are_dropped_on_a_desktop_and_a_report_is_taken_away() {
    journey(Screen::Desktop, "desktop").await;
}

#[tokio::test]
async fn three_films_are_dropped_on_a_phone_and_a_report_is_taken_away() {
    journey(Screen::Phone, "phone").await;
}

/// Before media: what a visitor has to load, as sent. How soon something is seen is told and not judged, for it is the
/// machine's; `scripts/bench.sh page` measures it.
async fn expect_a_light_page(screen: Screen) {
    let server = Server::shared().await;
    let browser = Browser::open_on(screen, &server.url("/")).await;
    let painted = "return performance.getEntriesByName('first-contentful-paint').length === 1";
    browser.wait_until(painted).await;
    let cost = "const entries = performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'));
        return {
            paint_ms: Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime),
            bytes: entries.reduce((bytes, entry) => bytes + entry.transferSize, 0),
            requests: entries.length,
        }";
    let cost = browser.js(cost).await;
    let bytes = cost["bytes"].as_f64().expect("bytes");
    println!(
        "{screen:?}: first contentful paint after {} ms, {bytes} bytes in {} requests",
        cost["paint_ms"], cost["requests"]
    );
    assert!(bytes > 20_000.0 && bytes < 300_000.0, "{bytes}");
    browser.close().await;
}

#[tokio::test]
async fn the_page_is_light_on_a_desktop() {
    expect_a_light_page(Screen::Desktop).await;
}

#[tokio::test]
async fn the_page_is_light_on_a_phone() {
    expect_a_light_page(Screen::Phone).await;
}

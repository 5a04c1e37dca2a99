//! The page at `/` in a real browser, against the real service.

use fantoccini::key::Key;
use serde_json::Value;

use crate::browser::Browser;
use crate::server::{Server, repository};

fn path_of(video: &str) -> String {
    repository(video).to_str().expect("a UTF-8 path").to_owned()
}

/// Opens the page, gives it a video and waits for the verdict.
async fn analysed(server: &Server, video: &str) -> Browser {
    let browser = Browser::open(&server.url("/")).await;
    browser.enter("#analyse-file", &path_of(video)).await;
    browser.wait_for("#verdict").await;
    browser
}

/// The record that the page links to.
async fn record(server: &Server, browser: &Browser) -> Value {
    let path = browser
        .js("return document.querySelector('a[href^=\"api/v1/predictions/\"]').pathname")
        .await;
    let response = server
        .get(path.as_str().expect("a link to the record"))
        .await;
    response.json().await.expect("JSON")
}

fn list<'a>(json: &'a Value, name: &str) -> &'a [Value] {
    json[name].as_array().map_or(&[], Vec::as_slice)
}

#[tokio::test]
async fn a_video_given_to_the_page_gets_its_verdict_reasons_plot_frames_and_crops() {
    let server = Server::shared().await;
    let browser = analysed(&server, "videos/manipulated.mp4").await;
    let record = record(&server, &browser).await;

    assert_eq!(
        browser.text("#verdict").await,
        record["verdict"].as_str().expect("a verdict")
    );
    assert_eq!(
        browser.count("#verdict svg").await,
        1,
        "an icon beside the word"
    );
    for reason in list(&record, "reasons") {
        let shown = browser
            .text(&format!("[data-code={}]", reason["code"]))
            .await;
        assert_eq!(shown, reason["message"].as_str().expect("a sentence"));
    }

    let frames = list(&record, "frames");
    let faces = || frames.iter().flat_map(|frame| list(frame, "faces"));
    let scored = faces()
        .filter(|face| face["probability_fake"].is_number())
        .count() as u64;
    assert!(scored > 0, "the demo clip shows a face that is scored");
    assert_eq!(browser.count(".plot-point").await, scored);
    assert_eq!(
        browser.count(".strip [role=option]").await,
        frames.len() as u64
    );

    browser
        .wait_until("return document.querySelector('.frame-image').naturalWidth > 0")
        .await;
    browser.wait_for(".face-box .edge").await;
    let box_inside_frame = "const frame = document.querySelector('.frame-image').getBoundingClientRect();
        const face = document.querySelector('.face-box .edge').getBoundingClientRect();
        return face.width > 10 && face.left < frame.right && face.right > frame.left && face.bottom > frame.top";
    assert_eq!(browser.js(box_inside_frame).await, Value::Bool(true));
    browser
        .wait_until("return document.querySelector('.crop img').naturalWidth > 0")
        .await;

    let elsewhere = "return performance.getEntriesByType('resource').map((e) => e.name)
        .filter((name) => !name.startsWith(location.origin + '/'))";
    assert_eq!(
        browser.js(elsewhere).await,
        Value::Array(Vec::new()),
        "nothing comes from another host"
    );
    browser.screenshot("page-analysis.png").await;
    browser.close().await;
}

#[tokio::test]
async fn a_picture_given_to_the_page_is_answered_in_full_like_a_video() {
    let server = Server::shared().await;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let picture = folder.path().join("face.jpg");
    std::fs::write(&picture, crate::picture::face()).expect("a picture");
    let browser = Browser::open(&server.url("/")).await;
    let path = picture.to_str().expect("a UTF-8 path");
    browser.enter("#analyse-file", path).await;
    browser.wait_for("#verdict").await;
    let record = record(&server, &browser).await;
    assert_eq!(record["metadata"]["kind"], "image");
    let verdict = record["verdict"].as_str().expect("a verdict");
    assert_eq!(browser.text("#verdict").await, verdict);
    browser.close().await;
}

#[tokio::test]
async fn the_page_is_operated_with_the_keyboard_alone() {
    let server = Server::shared().await;
    let browser = Browser::open(&server.url("/")).await;
    browser.tab_to("#tab-analyse").await;
    browser.press(Key::Right).await;
    browser.wait_for("#panel-integrity").await;
    browser.press(Key::Home).await;
    browser.wait_for("#panel-analyse").await;
    browser.tab_to("#analyse-file").await;
    let outlined = "return getComputedStyle(document.querySelector('.drop')).outlineStyle";
    assert_eq!(browser.js(outlined).await, "solid", "the focus can be seen");

    browser
        .enter("#analyse-file", &path_of("videos/genuine.mp4"))
        .await;
    browser.wait_for("#verdict").await;
    let focus = "return document.activeElement.id";
    assert_eq!(
        browser.js(focus).await,
        "verdict",
        "the answer is read out where it appears"
    );

    browser.tab_to(".plot-point").await;
    browser.press(Key::Home).await;
    browser.press(Key::Right).await;
    let second_point =
        "return document.activeElement === document.querySelectorAll('.plot-point')[1]";
    assert_eq!(browser.js(second_point).await, Value::Bool(true));
    browser.press(Key::Enter).await;
    let same_frame = "return document.activeElement.dataset.frame ===
        String([...document.querySelectorAll('.strip [role=option]')].findIndex((o) => o.ariaSelected === 'true'))";
    assert_eq!(
        browser.js(same_frame).await,
        Value::Bool(true),
        "Enter shows the point's frame"
    );

    browser.tab_to(".strip [role=option]").await;
    browser.press(Key::End).await;
    let last = browser.count(".strip [role=option]").await;
    let caption = browser.text(".frame-caption").await;
    assert!(
        caption.starts_with(&format!("{last} of {last}")),
        "{caption}"
    );
    browser.press(Key::Left).await;
    let caption = browser.text(".frame-caption").await;
    assert!(
        caption.starts_with(&format!("{} of {last}", last - 1)),
        "{caption}"
    );
    browser.close().await;
}

#[tokio::test]
async fn a_file_signed_on_the_page_is_valid_there_and_a_changed_copy_is_not() {
    let server = Server::shared().await;
    let browser = Browser::open(&server.url("/#integrity")).await;
    browser
        .enter("#sign-file", &path_of("videos/genuine.mp4"))
        .await;
    browser.click("#sign-submit").await;
    browser.wait_for("#verify-this").await;
    let line = browser.text("#openssl-line").await;
    assert!(
        line.ends_with("-signature genuine.mp4.sig genuine.mp4"),
        "{line}"
    );

    browser.click("#verify-this").await;
    browser.click("#verify-submit").await;
    browser.wait_for(".outcome.good").await;
    assert_eq!(browser.text("#verify-outcome").await, "Valid");
    browser.screenshot("page-integrity.png").await;

    let mut bytes = std::fs::read(repository("videos/genuine.mp4")).expect("the demo clip");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let changed = folder.path().join("genuine.mp4");
    std::fs::write(&changed, bytes).expect("a changed copy");
    browser
        .enter("#verify-file", changed.to_str().expect("a UTF-8 path"))
        .await;
    browser.click("#verify-submit").await;
    browser.wait_for(".outcome.bad").await;
    assert_eq!(browser.text("#verify-outcome").await, "Not valid");
    browser.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_video_brings_an_alert_and_the_form_stays_usable() {
    let server = Server::shared().await;
    let browser = Browser::open(&server.url("/")).await;
    let folder = tempfile::tempdir().expect("a temporary directory");
    // The name is markup, and must stay a name.
    let text = folder
        .path()
        .join("<img src=x onerror=document.title='owned'>.mp4");
    std::fs::write(&text, "This is a text, whatever its name says.\n").expect("a text file");
    browser
        .enter("#analyse-file", text.to_str().expect("a UTF-8 path"))
        .await;
    browser.wait_for("#analyse-alert [role=alert]").await;
    let alert = browser.text("#analyse-alert [role=alert]").await;
    assert!(
        alert.contains("415") && alert.contains("unsupported-media"),
        "{alert}"
    );
    assert!(
        browser.text(".drop-chosen").await.contains("<img src=x"),
        "shown as it is"
    );
    assert_eq!(browser.js("return document.title").await, "Framewitness");

    browser
        .enter("#analyse-file", &path_of("videos/genuine.mp4"))
        .await;
    browser.wait_for("#verdict").await;
    assert_eq!(
        browser.count("[role=alert]").await,
        0,
        "the old alert is gone"
    );
    browser.close().await;
}

#[tokio::test]
async fn a_cancelled_analysis_leaves_the_page_ready_for_the_next() {
    let server = Server::start().await;
    let browser = Browser::open(&server.url("/")).await;
    browser
        .enter("#analyse-file", &path_of("videos/genuine.mp4"))
        .await;
    browser.click("#cancel").await;
    browser
        .wait_until("return document.querySelector('#analyse-status').textContent === 'Cancelled.'")
        .await;
    assert_eq!(browser.count("#verdict").await, 0);
    browser
        .enter("#analyse-file", &path_of("videos/genuine.mp4"))
        .await;
    browser.wait_for("#verdict").await;

    browser.click("#tab-recent").await;
    browser.wait_for(".recent a").await;
    browser.click(".recent a").await;
    browser.wait_for("#verdict").await;
    browser.close().await;
}

#[tokio::test]
async fn a_service_that_asks_for_a_key_is_used_from_the_page_with_one() {
    let server = Server::start().await;
    let made = server.run_beside(&["keys", "create", "page"]);
    assert!(made.status.success(), "{made:?}");
    let secret = String::from_utf8(made.stdout).expect("text");

    let browser = Browser::open(&server.url("/")).await;
    browser.wait_for("#key-form").await;
    browser.enter("#key-value", "not-a-key").await;
    browser.click("#key-form button").await;
    let refused = "return document.querySelector('#key-words').textContent.includes('not accept')";
    browser.wait_until(refused).await;
    browser.enter("#key-value", secret.trim()).await;
    browser.click("#key-form button").await;
    let let_in = "return document.querySelector('#key-form').hidden
        && document.querySelector('#analyse-drop').innerText.includes('at most')";
    browser.wait_until(let_in).await;

    let clip = path_of("videos/genuine.mp4");
    browser.enter("#analyse-file", &clip).await;
    browser.wait_for("#verdict").await;
    browser
        .wait_until("return document.querySelector('.frame-image').naturalWidth > 0")
        .await;
    browser
        .wait_until("return document.querySelector('.crop img').naturalWidth > 0")
        .await;
    browser.click("#key-forget").await;
    browser.wait_for("#key-form").await;
}

#[tokio::test]
async fn the_heat_map_is_drawn_over_face_and_frame_when_it_is_switched_on_and_not_before() {
    let server = Server::shared().await;
    let browser = analysed(&server, "videos/manipulated.mp4").await;
    let with_map = "return [...document.querySelectorAll('.thumb')].length";
    assert!(browser.js(with_map).await.as_u64() > Some(1));
    assert_eq!(browser.count(".crop .heat-map").await, 0);
    browser.click("#heat-map").await;
    // The frame that speaks loudest need not be one that the frame model looked at.
    let step = "for (const thumb of document.querySelectorAll('.thumb')) {
        thumb.click();
        if (document.querySelector('.crop .heat-map')) return true;
    } return false";
    assert_eq!(browser.js(step).await, Value::Bool(true));
    let inked = "return document.querySelector('.crop .heat-map').getContext('2d')
        .getImageData(0, 0, 256, 256).data.some((value, at) => at % 4 === 3 && value > 60)";
    assert_eq!(browser.js(inked).await, Value::Bool(true));
    let over_frame = "const heat = document.querySelector('.frame-heat');
        return !heat.hidden && heat.width > 50 && heat.getContext('2d')
            .getImageData(0, 0, heat.width, heat.height).data.some((value, at) => at % 4 === 3 && value > 60)";
    browser.wait_until(over_frame).await;
    browser.click("#heat-map").await;
    assert_eq!(browser.count(".crop .heat-map").await, 0);
}

/// JavaScript that is true when so many rows are in a state.
fn rows_are(state: &str, count: usize) -> String {
    format!("return document.querySelectorAll('.queue-row[data-state={state}]').length === {count}")
}

#[tokio::test]
async fn several_files_given_at_once_are_a_list_with_a_verdict_or_a_problem_each() {
    let server = Server::shared().await;
    let browser = Browser::open(&server.url("/")).await;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let text = folder.path().join("note.mp4");
    std::fs::write(&text, "This is a text.\n").expect("a text file");
    // WebDriver gives several files to an input as lines.
    let files = [
        path_of("videos/genuine.mp4"),
        path_of("videos/no-face.mp4"),
        text.to_str().expect("a UTF-8 path").to_owned(),
    ];
    browser.enter("#analyse-file", &files.join("\n")).await;
    browser.wait_until(&rows_are("done", 2)).await;
    browser.wait_until(&rows_are("failed", 1)).await;
    assert_eq!(
        browser.text("#queue-count").await,
        "2 of 3 analysed · 1 failed"
    );
    let problem = browser.text(".queue-row[data-state=failed]").await;
    assert!(problem.contains("not a supported video"), "{problem}");
    assert_eq!(browser.count("#verdict").await, 1, "the first one is shown");

    let press_second = "document.querySelectorAll('.queue-open')[1].focus()";
    browser.js(press_second).await;
    browser.press(Key::Enter).await;
    browser
        .wait_until("return document.querySelector('#verdict').innerText === 'INCONCLUSIVE'")
        .await;
    let chosen = browser.text(".queue-row.chosen").await;
    assert!(chosen.contains("no-face.mp4"), "{chosen}");
    browser.screenshot("page-queue.png").await;

    browser.click("#queue-clear").await;
    browser
        .wait_until("return document.querySelector('#analyse-queue').hidden")
        .await;
    browser.close().await;
}

#[tokio::test]
async fn a_row_that_is_cancelled_ends_alone_and_can_be_tried_again() {
    let server = Server::start().await;
    let browser = Browser::open(&server.url("/")).await;
    let clips = ["videos/manipulated.mp4", "videos/two-people.mp4"].map(path_of);
    browser.enter("#analyse-file", &clips.join("\n")).await;
    // The last row is the last to be begun.
    let cancel = "document.querySelectorAll('[data-action=cancel]')[1].click()";
    browser.js(cancel).await;
    browser.wait_until(&rows_are("cancelled", 1)).await;
    browser.wait_until(&rows_are("done", 1)).await;
    browser
        .click(".queue-row[data-state=cancelled] [data-action=retry]")
        .await;
    browser.wait_until(&rows_are("done", 2)).await;
    browser.close().await;
}

#[tokio::test]
async fn the_video_goes_along_with_the_plot_and_the_rows_of_faces() {
    let server = Server::shared().await;
    let browser = analysed(&server, "videos/two-people.mp4").await;
    browser
        .wait_until("return document.querySelector('#player').readyState >= 2")
        .await;
    assert_eq!(browser.count(".face-strip").await, 2, "a row a person");
    let choose = "const face = document.querySelectorAll('.face-option')[3];
        face.click();
        return document.querySelector('.strip [aria-selected=true] .thumb-text').firstChild.textContent";
    let time = browser.js(choose).await;
    let seconds: f64 = time
        .as_str()
        .and_then(|text| text.trim_end_matches(" s").parse().ok())
        .expect("a time in seconds");
    let there = format!(
        "return Math.abs(document.querySelector('#player').currentTime - {seconds}) < 0.05"
    );
    browser.wait_until(&there).await;

    browser
        .js("document.querySelector('#player').currentTime = 3")
        .await;
    let nearest = "const caption = document.querySelector('.frame-caption').innerText;
        return Math.abs(Number(/([\\d.]+) s/.exec(caption)[1]) - 3) < 0.2";
    browser.wait_until(nearest).await;
    browser.close().await;
}

#[tokio::test]
async fn the_history_is_filtered_and_two_of_it_are_compared() {
    let server = Server::start().await;
    let browser = analysed(&server, "videos/manipulated.mp4").await;
    browser
        .enter("#analyse-file", &path_of("videos/no-face.mp4"))
        .await;
    browser
        .wait_until("return document.querySelector('#verdict')?.innerText === 'INCONCLUSIVE'")
        .await;
    browser.click("#tab-recent").await;
    browser
        .wait_until("return document.querySelectorAll('.recent li').length === 2")
        .await;

    browser.enter("#recent-name", "NO-FACE").await;
    let shown =
        "return [...document.querySelectorAll('.recent li')].filter((row) => !row.hidden).length";
    assert_eq!(browser.js(shown).await, 1, "whatever the case");
    browser
        .js("const name = document.querySelector('#recent-name');
            name.value = ''; name.dispatchEvent(new Event('input'))")
        .await;

    for position in [0, 1] {
        let pick = format!("document.querySelectorAll('.recent-pick')[{position}].click()");
        browser.js(&pick).await;
    }
    browser.click("#recent-compare").await;
    browser.wait_for("#compare-heading").await;
    let sides = browser.text("#compare").await;
    assert!(
        sides.contains("manipulated.mp4") && sides.contains("no-face.mp4"),
        "{sides}"
    );
    assert!(sides.contains("People"), "what differs is told: {sides}");
    browser.screenshot("page-compare.png").await;
    browser.click("#compare-close").await;

    browser
        .js("const verdict = document.querySelector('#recent-verdict');
            verdict.value = 'INCONCLUSIVE'; verdict.dispatchEvent(new Event('change'))")
        .await;
    browser
        .wait_until("return document.querySelectorAll('.recent li').length === 1")
        .await;
    let badge = browser.text(".recent .badge").await;
    assert_eq!(badge, "INCONCLUSIVE");
    browser.close().await;
}

//! What the page says stands in one file, `static/strings.js`, so that a translation is one file.
//!
//! The rules are lexical. A literal of another module is for people when it holds two words, begins like a sentence, or
//! stands where an element's text or a label stands; what a protocol calls so is on a list. Of `index.html` every text
//! is a key. And keys and uses belong together: each key that is used exists, each that exists is used.

mod javascript;

use std::collections::BTreeSet;
use std::fs;

use javascript::{Literal, read};

use crate::browser::Browser;
use crate::server::{Server, repository};

/// Where every string is.
const STRINGS: &str = "strings.js";

/// Looks keys up by their names, which it reads from index.html.
const BY_NAME: &str = "texts.js";

/// Names that look like words and are the same in every language: headers, keys of a keyboard, what a drop holds, values of a
/// table for machines, a file's ending, a digest, a command line.
const NAMES: &[&str] = &[
    ".sig",
    "Accept",
    "ArrowDown",
    "ArrowLeft",
    "ArrowRight",
    "ArrowUp",
    "Authorization",
    "Bearer ",
    "End",
    "Enter",
    "Files",
    "Home",
    "Idempotency-Key",
    "Last-Event-ID",
    "PageDown",
    "PageUp",
    "Retry-After",
    "SHA-256",
    "Server-Timing",
    "Unknown",
    "openssl dgst -sha256 -verify ",
];

/// What stands before a text that is shown or read aloud.
const BEFORE_TEXT: &[&str] = &[
    "\"aria-label\":",
    "\"aria-description\":",
    "title:",
    "alt:",
    "placeholder:",
    "label:",
    "prompt:",
    "hint:",
    "},",
    ".textContent =",
    ".innerText =",
    ".placeholder =",
    ".title =",
    ".alt =",
];

/// Names and texts of the page's files that end in `ending`.
fn page_files(ending: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(repository("static")).expect("the folder of the page");
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("a text");
            (name.into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

/// Whether a person would read a literal.
fn is_for_people(literal: &Literal) -> bool {
    let Literal { before, text, .. } = literal;
    let is_class = before
        .rfind("class:")
        .is_some_and(|at| !before[at..].contains([',', '{', '(']));
    if is_class || NAMES.contains(&text.as_str()) {
        return false;
    }
    let is_text = BEFORE_TEXT.iter().any(|place| before.ends_with(place));
    (is_text && text.contains(char::is_alphabetic))
        || has_two_words(text)
        || is_piece_of_a_sentence(text)
        || begins_like_a_sentence(text)
}

fn has_two_words(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(2).any(|pair| {
        let first = pair[0].trim_end_matches([',', '.', ';', '!', '?', '…', '”', ')']);
        let second = pair[1].trim_start_matches(['“', '(']);
        is_word(first.chars().rev()) && is_word(second.chars())
    })
}

/// Whether it begins (or, read backwards, ends) with a word.
fn is_word(characters: impl Iterator<Item = char>) -> bool {
    characters
        .take(2)
        .filter(|character| character.is_alphabetic())
        .count()
        == 2
}

/// ` fake`, ` of `: a word that is set beside a value.
fn is_piece_of_a_sentence(text: &str) -> bool {
    let word = text.trim_matches([' ', '·', ',', '.', ';']);
    let is_beside = text.starts_with(' ') || text.ends_with(' ');
    is_beside && word.len() >= 2 && word.chars().all(char::is_alphabetic)
}

/// `Cancel`, but not `FAKE`, which is a value.
fn begins_like_a_sentence(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(char::is_uppercase)
        && characters.next().is_some_and(char::is_lowercase)
}

/// The literals of a module that should be keys.
fn strays(text: &str) -> Vec<String> {
    read(text)
        .literals
        .iter()
        .filter(|literal| is_for_people(literal))
        .map(|literal| format!("{}: {:?}", literal.line, literal.text))
        .collect()
}

/// `section.key` of every string.
fn keys(strings: &str) -> BTreeSet<String> {
    let (_, table) = strings.split_once("frozen({\n").expect("the table");
    let mut section = "";
    let mut keys = BTreeSet::new();
    for line in table.lines() {
        let name = line.split_once(':').map(|(name, _)| name.trim());
        match (line.len() - line.trim_start().len(), name) {
            (2, Some(name)) => section = name,
            (4, Some(name)) => assert!(keys.insert(format!("{section}.{name}")), "twice: {line}"),
            (4, None) => assert!(line.starts_with("    }"), "no key: {line}"),
            _ => {}
        }
    }
    keys
}

/// `section.key` of every `strings.section.key` in code, or the code that says something else.
fn uses(code: &str) -> Vec<Result<String, String>> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices("strings")
        .filter(|(at, _)| !code[..*at].ends_with(|before| is_name(before) || before == '/'))
        .map(|(at, found)| &code[at + found.len()..])
        .filter(|rest| !rest.starts_with(" }") && !rest.starts_with(is_name))
        .map(|rest| {
            let path = rest.split(|end: char| !is_name(end) && end != '.').next();
            let parts: Vec<&str> = path.unwrap_or_default().split('.').collect();
            match parts.as_slice() {
                ["", section, key, ..] => Ok(format!("{section}.{key}")),
                _ => Err(format!(
                    "strings{}",
                    rest.lines().next().unwrap_or_default()
                )),
            }
        })
        .collect()
}

/// The values of an attribute in HTML.
fn attribute<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!(" {name}=\"");
    html.split(&begin)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// HTML without what may hold words: its title, what is shown without scripts, and pictures.
fn without_exceptions(html: &str) -> String {
    let mut html = html.to_owned();
    for element in ["title", "noscript", "svg"] {
        while let Some(start) = html.find(&format!("<{element}")) {
            let end = format!("</{element}>");
            let length = html[start..].find(&end).expect("an end tag") + end.len();
            html.replace_range(start..start + length, "");
        }
    }
    html
}

#[test]
fn no_module_but_the_one_of_strings_holds_words_for_people() {
    let modules = page_files(".js");
    assert!(modules.len() > 20, "{}", modules.len());
    let mut found = Vec::new();
    for (name, text) in modules.iter().filter(|(name, _)| name != STRINGS) {
        found.extend(strays(text).iter().map(|one| format!("{name}:{one}")));
    }
    assert!(found.is_empty(), "these belong into {STRINGS}: {found:#?}");
}

#[test]
fn words_for_people_are_told_from_what_programs_say_to_each_other() {
    for words in [
        r#"h("p", {}, "not scored")"#,
        r#"h("button", { type: "button" }, "Cancel")"#,
        r#"h("dd", {}, "yes")"#,
        r#"h("section", { class: "card", "aria-label": "files" })"#,
        r#"box.textContent = "gone""#,
        "say(`${percent(score)} fake`)",
        "say(`Track ${id}`)",
        r#"say(isValid ? "It is, byte for byte, the same." : problem)"#,
        r#"facts([["Codec", codec]])"#,
    ] {
        assert_eq!(strays(words).len(), 1, "{words}");
    }
    for machine in [
        r#"h("p", { class: "muted small tabular" }, name)"#,
        r#"h("p", { class: isSmall ? "button small-button" : "button" })"#,
        "h(`p`, { class: `crop track-${colour} wide open` })",
        r#"svg("path", { d: "M0 5.5L5 4H-5z", viewBox: "0 0 24 24" })"#,
        r#"matchMedia("(prefers-reduced-motion: reduce)")"#,
        r#"request.setRequestHeader("Accept", "application/json")"#,
        "node.setAttribute(`transform`, `translate(${x} ${y})`)",
        r#"// A comment says "what it likes""#,
        "/* And `so does` this. */",
        r#"const safe = /^["'] Two words/.test(name)"#,
    ] {
        assert_eq!(strays(machine), Vec::<String>::new(), "{machine}");
    }
}

#[test]
fn the_document_holds_no_words_of_its_own() {
    let html = fs::read_to_string(repository("static/index.html")).expect("the document");
    let html = without_exceptions(&html);
    let texts: Vec<&str> = html
        .split('>')
        .filter_map(|rest| rest.split('<').next())
        .map(str::trim)
        .filter(|text| text.contains(char::is_alphabetic))
        .collect();
    assert_eq!(texts, ["Framewitness"], "the name alone");
    for name in ["aria-label", "title", "placeholder", "alt"] {
        let words = attribute(&html, name);
        assert!(
            words.iter().all(|word| word.is_empty()),
            "{name}: {words:?}"
        );
    }
}

#[test]
fn every_string_is_used_and_every_used_one_exists() {
    let mut used = BTreeSet::new();
    for (name, text) in page_files(".js") {
        if name == STRINGS || name == BY_NAME {
            continue;
        }
        for found in uses(&read(&text).code) {
            used.insert(found.unwrap_or_else(|code| panic!("{name}: no test can follow `{code}`")));
        }
    }
    let html = fs::read_to_string(repository("static/index.html")).expect("the document");
    for name in ["data-text", "data-label"] {
        for path in attribute(&html, name) {
            let parts: Vec<&str> = path.split('.').take(2).collect();
            used.insert(parts.join("."));
        }
    }
    used.insert("language.code".to_owned());

    let strings = fs::read_to_string(repository("static").join(STRINGS)).expect("the strings");
    let keys = keys(&strings);
    assert!(keys.len() > 200, "{}", keys.len());
    let missing: Vec<_> = used.difference(&keys).collect();
    let unused: Vec<_> = keys.difference(&used).collect();
    assert!(missing.is_empty(), "used and not there: {missing:?}");
    assert!(unused.is_empty(), "there and not used: {unused:?}");
}

#[tokio::test]
async fn what_the_document_leaves_out_is_there_when_a_person_sees_it() {
    let server = Server::shared().await;
    let browser = Browser::open(&server.url("/")).await;
    let empty = "return [...document.querySelectorAll('[data-text], [data-label]')]
        .filter((one) => (one.dataset.text && !one.textContent.trim())
            || (one.dataset.label && !one.getAttribute('aria-label')))
        .map((one) => one.outerHTML)";
    assert_eq!(browser.js(empty).await, serde_json::json!([]));
    assert_eq!(browser.text("#tab-integrity").await, "Sign & verify");
    let language = browser.js("return document.documentElement.lang").await;
    assert_eq!(language, "en");
    browser.click("#tab-integrity").await;
    let code = browser.text("#panel-integrity .key-card code").await;
    assert_eq!(code, "openssl", "between backticks");
    browser.close().await;
}

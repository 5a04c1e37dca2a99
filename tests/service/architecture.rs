//! The dependency rule of the design, read from the sources.
//!
//! `main → cli → app → config → {http, jobs} → analysis → {media, faces, inference, isolation,
//! credentials} → domain`; `store` and
//! `integrity` are leaves too, used by `http`, `jobs` and above. A module may name those the table below
//! gives it and no others, a native library is named by its owner only, and no file grows past
//! [`MAX_LINES`]. Comments and strings do not count; test code does.
//!
//! Files never import each other in a loop: what two need of each other belongs in a third, or in one
//! of them ([`loops`]). There test code does not count.

mod loops;
mod loops_tests;
mod source;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use source::{PathUse, path_uses};

/// Most lines of a source file; the aim is 300.
const MAX_LINES: usize = 400;

const LEAVES: &[&str] = &[
    "media",
    "faces",
    "inference",
    "integrity",
    "isolation",
    "credentials",
    "store",
];

/// Top-level modules, each with those it may name besides itself. A new module gets a line here
/// when it gets a place in the design.
const MODULES: &[(&str, &[&[&str]])] = &[
    ("domain", &[]),
    ("media", &[&["domain"]]),
    ("faces", &[&["domain"]]),
    ("inference", &[&["domain"]]),
    ("integrity", &[&["domain"]]),
    ("isolation", &[&["domain"]]),
    ("credentials", &[&["domain"]]),
    ("store", &[&["domain"]]),
    ("outward", &[]),
    ("telemetry", &[]),
    (
        "analysis",
        &[&[
            "domain",
            "media",
            "faces",
            "inference",
            "isolation",
            "credentials",
        ]],
    ),
    ("report", &[&["domain", "integrity"]]),
    (
        "http",
        &[&["domain", "analysis", "outward", "report"], LEAVES],
    ),
    ("jobs", &[&["domain", "analysis"], LEAVES]),
    ("webhooks", &[&["domain", "integrity", "outward", "store"]]),
    ("evaluation", &[&["domain", "analysis", "integrity"]]),
    (
        "config",
        &[
            &["domain", "analysis", "http", "outward", "telemetry"],
            LEAVES,
        ],
    ),
    (
        "app",
        &[
            &[
                "domain",
                "analysis",
                "http",
                "jobs",
                "outward",
                "webhooks",
                "telemetry",
                "config",
            ],
            LEAVES,
        ],
    ),
    (
        "cli",
        &[
            &[
                "domain",
                "analysis",
                "evaluation",
                "outward",
                "report",
                "http",
                "webhooks",
                "telemetry",
                "config",
                "app",
            ],
            LEAVES,
        ],
    ),
    ("decode_worker", &[&["analysis"]]),
    (
        "main",
        &[
            &[
                "domain",
                "analysis",
                "http",
                "telemetry",
                "config",
                "app",
                "cli",
            ],
            LEAVES,
        ],
    ),
    (
        "fuzzing",
        &[&["analysis", "http", "inference", "integrity", "media"]],
    ),
    ("lib", &[]),
];

/// Libraries that only their owners may name. Faces and inference hash the weights they load.
const OWNERS: &[(&str, &[&str])] = &[
    ("ffmpeg_next", &["media"]),
    ("libheif_sys", &["media"]),
    ("c2pa", &["credentials"]),
    ("image", &["media"]),
    ("jpeg_encoder", &["media"]),
    ("opencv", &["faces"]),
    ("ort", &["faces"]),
    ("tch", &["inference"]),
    ("safetensors", &["inference"]),
    ("zip", &["inference"]),
    ("tract_onnx", &["inference"]),
    ("raw_cpuid", &["inference"]),
    ("plotters", &["evaluation"]),
    ("sha1", &["cli", "integrity"]),
    ("rsa", &["integrity"]),
    ("base64", &["http", "integrity", "report"]),
    ("krilla", &["report"]),
    ("rustybuzz", &["report"]),
    ("dejavu", &["report"]),
    ("imagesize", &["report"]),
    ("maud", &["report"]),
    ("sha2", &["integrity", "faces", "inference"]),
    ("sqlx", &["store"]),
    ("object_store", &["store"]),
    ("http_client", &["cli", "outward", "store", "webhooks"]),
    ("hmac", &["integrity"]),
    ("rustls", &["http", "outward", "store"]),
    ("governor", &["http"]),
    ("actix_cors", &["http"]),
    ("actix_web", &["http"]),
    ("actix_multipart", &["http"]),
    ("utoipa", &["http"]),
    ("landlock", &["isolation"]),
    ("seccompiler", &["isolation"]),
    ("rustix", &["isolation", "store"]),
    ("libc", &["cli", "inference", "isolation", "media"]),
    ("clap", &["main", "cli", "app", "config"]),
];

/// What is wrong with one source file, one line each; `file` is relative to `src`.
fn violations(file: &Path, text: &str) -> Vec<String> {
    let module_path = module_path(file);
    let top = module_path[0].as_str();
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{lines} lines, at most {MAX_LINES}"));
    }
    match MODULES.iter().find(|(name, _)| *name == top) {
        None => found.push(format!("`{top}` has no place in the dependency rule")),
        Some((_, allowed)) => {
            for used in path_uses(text, &module_path) {
                found.extend(objection(&used, top, &allowed.concat()));
            }
        }
    }
    // One `use` of three names is one violation.
    found.dedup();
    let file = file.display();
    found
        .iter()
        .map(|what| format!("src/{file}: {what}"))
        .collect()
}

/// Why module `top` may not write this path; `None` when it may.
fn objection(used: &PathUse, top: &str, allowed: &[&str]) -> Option<String> {
    let line = used.line();
    match used {
        PathUse::OwnCrate { module, .. } => {
            let permitted = module == top || allowed.contains(&module.as_str());
            (!permitted).then(|| format!("line {line}: `{top}` may not name `{module}`"))
        }
        PathUse::Other { name, .. } => {
            let (library, owners) = OWNERS.iter().find(|(library, _)| library == name)?;
            let permitted = owners.contains(&top);
            (!permitted).then(|| {
                let owners = owners.join(", ");
                format!("line {line}: `{library}` belongs to {owners}, not to `{top}`")
            })
        }
    }
}

/// `store/sqlite.rs` is `[store, sqlite]`, `store/mod.rs` is `[store]`, and `store/sqlite_tests.rs`
/// is by this crate's custom the module `[store, sqlite, tests]`.
fn module_path(file: &Path) -> Vec<String> {
    let text = file.with_extension("").display().to_string();
    let text = text.strip_suffix("/mod").unwrap_or(&text);
    let mut path: Vec<String> = text.split('/').map(str::to_owned).collect();
    if let Some(stem) = path.last().and_then(|name| name.strip_suffix("_tests")) {
        let stem = stem.to_owned();
        path.pop();
        path.extend([stem, "tests".to_owned()]);
    }
    path
}

/// Every `.rs` file below `folder`, in order.
fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the sources can be listed") {
        let path = entry.expect("the sources can be listed").path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Every source file of the service: its path below `src`, and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = source_files(&src);
    assert!(files.contains(&src.join("store/sqlite.rs")), "{files:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("the sources can be read");
        let below = path.strip_prefix(&src).expect("a file of the folder");
        (below.to_owned(), text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn the_sources_follow_the_dependency_rule_of_the_design() {
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|(file, text)| violations(file, text))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn planted_violations_are_found_however_they_are_written() {
    for (file, text, expected) in [
        (
            "store/a.rs",
            "use crate::http::Server;",
            "line 1: `store` may not name `http`",
        ),
        (
            "store/a.rs",
            "use crate::{domain::Analysis,\n faces::{Detector}};",
            "line 2: `store` may not name `faces`",
        ),
        (
            "media/a.rs",
            "fn f() { crate::faces::track(&[]) }",
            "`media` may not name `faces`",
        ),
        (
            "media/mod.rs",
            "use super::faces;",
            "`media` may not name `faces`",
        ),
        (
            "media/a/b.rs",
            "use super::super::super::faces::Face;",
            "`media` may not name `faces`",
        ),
        (
            "media/a.rs",
            "mod tests { use super::super::super::store::X; }",
            "`media` may not name `store`",
        ),
        (
            "media/a_tests.rs",
            "use super::super::super::store::X;",
            "`media` may not name `store`",
        ),
        (
            "media/a.rs",
            "mod tests { fn f() {} } use super::super::store::X;",
            "`media` may not name `store`",
        ),
        (
            "faces/a.rs",
            "pub(crate) use crate::inference as eyes;",
            "`faces` may not name `inference`",
        ),
        ("faces/a.rs", "use crate::*;", "`faces` may not name `*`"),
        (
            "domain/a.rs",
            "type T = Vec<crate::store::StoreError>;",
            "`domain` may not name `store`",
        ),
        (
            "analysis/a.rs",
            "use crate::integrity::Keyring;",
            "`analysis` may not name `integrity`",
        ),
        (
            "http/a.rs",
            "use crate::app::App;",
            "`http` may not name `app`",
        ),
        (
            "telemetry.rs",
            "use crate::config::Config;",
            "`telemetry` may not name `config`",
        ),
        (
            "http/upload.rs",
            "use sha2::{Digest, Sha256};",
            "`sha2` belongs to integrity, faces, inference",
        ),
        (
            "jobs/a.rs",
            "let x = ::base64::encode(y);",
            "`base64` belongs to http, integrity, report",
        ),
        ("media/a.rs", "use tch;", "`tch` belongs to inference"),
        (
            "media/a.rs",
            "use {std::fs, opencv::core as cv};",
            "`opencv` belongs to faces",
        ),
        (
            "faces/a.rs",
            "impl From<ffmpeg_next::Error> for E {}",
            "`ffmpeg_next` belongs to media",
        ),
        (
            "domain/a.rs",
            "#[derive(Clone, sqlx::FromRow)] struct R;",
            "`sqlx` belongs to store",
        ),
        (
            "main.rs",
            "#[actix_web::main] async fn main() {}",
            "`actix_web` belongs to http",
        ),
        (
            "analysis/a.rs",
            "#[derive(clap::Parser)] struct R;",
            "`clap` belongs to main",
        ),
        (
            "store/a.rs",
            "/* rsa */ extern crate rsa;",
            "`rsa` belongs to integrity",
        ),
        ("utils/mod.rs", "", "`utils` has no place"),
        ("faces/a.rs", &"\n".repeat(401), "401 lines, at most 400"),
    ] {
        let found = violations(Path::new(file), text);
        assert_eq!(found.len(), 1, "{file}: {text}: {found:?}");
        assert!(
            found[0].contains(expected),
            "{found:?} should say {expected}"
        );
    }
}

#[test]
fn what_the_rule_allows_passes() {
    for (file, text) in [
        (
            "store/a.rs",
            "use crate::domain::Analysis; use super::error::StoreError; use sqlx::Row;",
        ),
        (
            "store/a.rs",
            "mod tests { use super::*; use super::super::error::E; }",
        ),
        ("store/a_tests.rs", "use super::super::error::E;"),
        (
            "store/mod.rs",
            "use self::disk::Disk; use crate::store::disk;",
        ),
        (
            "http/a.rs",
            "use crate::{analysis::Analyzer, integrity::Keyring, store::RecordStore};",
        ),
        (
            "faces/a.rs",
            "let image = picture.image; self.image::<u8>(); use sha2::Sha256;",
        ),
        (
            "domain/a.rs",
            "// use crate::http::X\n/* crate::http::X /* nested */ sqlx::Y */",
        ),
        (
            "domain/a.rs",
            r##"let s = "crate::http::X \" sqlx::Y"; let r = r#"a " tch::Z"#;"##,
        ),
        (
            "domain/a.rs",
            "fn f<'a>(x: &'a str) -> char { '\"' } // \"\nfn g() -> char { '\\'' }",
        ),
        ("main.rs", "use framewitness::cli; use clap::Parser;"),
        ("faces/a.rs", &"\n".repeat(400)),
    ] {
        assert_eq!(
            violations(Path::new(file), text),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

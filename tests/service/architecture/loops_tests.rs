//! Loops planted among sources must be found and named; what only looks like one must not.

use std::path::{Path, PathBuf};

use super::loops::loops;
use super::sources;

/// The loops among these sources, each a path below `src` and its text; folders that are not among
/// them declare nothing.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let is_given = |name: &str| files.iter().any(|(file, _)| *file == name);
    let folders = [("lib.rs", ""), ("a/mod.rs", "")];
    let folders = folders.iter().filter(|(name, _)| !is_given(name));
    let files: Vec<(PathBuf, String)> = folders
        .chain(files)
        .map(|(file, text)| (PathBuf::from(file), (*text).to_owned()))
        .collect();
    loops(&files)
}

#[test]
fn no_files_of_the_service_import_each_other_in_a_loop() {
    let found = loops(&sources());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_loop_planted_in_the_real_sources_is_found() {
    let mut sources = sources();
    let row = sources
        .iter_mut()
        .find(|(file, _)| file.as_path() == Path::new("store/row.rs"));
    let (_, text) = row.expect("`store/row.rs` is a file that others rest on");
    let line = text.lines().count() + 1;
    text.push_str("use super::RecordStore;\n");
    let found = loops(&sources);
    let [planted] = found.as_slice() else {
        panic!("one loop: {found:?}");
    };
    for told in [
        format!("src/store/row.rs needs of src/store/records.rs: RecordStore (line {line})"),
        "src/store/records.rs needs of src/store/row.rs: Number (line ".to_owned(),
    ] {
        assert!(planted.contains(&told), "{planted} should say {told}");
    }
}

#[test]
fn each_file_of_a_loop_is_named_with_the_names_that_tie_it() {
    let found = found(&[
        (
            "media/index.rs",
            "use super::plan;\n\nfn f() { plan::end_of() }\nstruct Entry;",
        ),
        (
            "media/plan.rs",
            "use super::index::Entry;\nfn end_of() {}\nfn g(_: Entry) {}",
        ),
        (
            "media/mod.rs",
            "mod index;\nmod plan;\npub use plan::end_of;",
        ),
    ]);
    assert_eq!(
        found,
        [
            "src/media/index.rs, src/media/plan.rs import each other:\n    \
          src/media/index.rs needs of src/media/plan.rs: end_of (line 3)\n    \
          src/media/plan.rs needs of src/media/index.rs: Entry (line 1)"
        ]
    );
}

#[test]
fn planted_loops_are_found_however_they_are_written() {
    for (way, files) in [
        (
            "through a group, under another name",
            &[
                ("a/b.rs", "use super::{c::{self, Y as Z}};\npub struct X;"),
                ("a/c.rs", "use crate::a::b::X;\npub struct Y;"),
            ][..],
        ),
        (
            "through a re-export of the folder and of the root",
            &[
                ("lib.rs", "mod a;\npub use a::Y;"),
                ("a/mod.rs", "mod b;\nmod c;\npub use b::X;\npub use c::*;"),
                ("a/b.rs", "use crate::Y;\npub struct X;"),
                ("a/c.rs", "use super::X;\npub struct Y;"),
            ],
        ),
        (
            "through what the folder imports for itself",
            &[
                ("a/mod.rs", "mod b;\nmod c;\nuse b::X;\nuse c::Y;"),
                ("a/b.rs", "fn f(_: super::Y) {}\npub struct X;"),
                ("a/c.rs", "use super::*;\nfn f(_: X) {}\npub struct Y;"),
            ],
        ),
        (
            "by paths in the middle of code",
            &[
                (
                    "a/b.rs",
                    "pub struct X;\nimpl X { fn f() { super::c::g::<u8>() } }",
                ),
                ("a/c.rs", "pub fn g<T>() -> Vec<crate::a::b::X> { vec![] }"),
            ],
        ),
        (
            "from an inline module and from a block",
            &[
                (
                    "a/b.rs",
                    "mod inner { use super::super::c::Y; }\npub struct X;",
                ),
                ("a/c.rs", "fn f() { use super::b::*; }\npub struct Y;"),
            ],
        ),
        (
            "between a folder and a file in it",
            &[
                ("a/mod.rs", "mod b;\npub use b::X;\npub struct Y(X);"),
                ("a/b.rs", "use super::Y;\npub struct X;"),
            ],
        ),
        (
            "by a name that a macro makes",
            &[
                ("a/b.rs", "make! { X }\nuse super::c::Y;"),
                ("a/c.rs", "pub struct Y;\nfn f() { super::b::X::new() }"),
            ],
        ),
        (
            "in code beside what is for tests",
            &[
                (
                    "a/b.rs",
                    "#[cfg(test)]\nuse super::c::T;\nuse super::c::Y;\npub struct X;",
                ),
                (
                    "a/c.rs",
                    "#[cfg(test)] mod tests { pub struct T; }\npub struct Y { #[cfg(test)] a: u8, x: super::b::X }",
                ),
            ],
        ),
        (
            "in the program",
            &[
                (
                    "main.rs",
                    "mod cli;\nfn main() { cli::run() }\npub struct X;",
                ),
                ("cli/mod.rs", "pub fn run() { crate::X; }"),
            ],
        ),
        (
            "over three files",
            &[
                ("a/b.rs", "use super::c::Y;\npub struct X;"),
                ("a/c.rs", "use super::d::Z;\npub struct Y;"),
                ("d.rs", "use crate::a::b::X;"),
                ("a/d.rs", "use super::b::X;\npub struct Z;"),
            ],
        ),
    ] {
        let found = found(files);
        assert_eq!(found.len(), 1, "{way}: {found:?}");
        assert!(!found[0].contains("src/d.rs"), "{way}: {found:?}");
    }
}

#[test]
fn loops_that_share_no_file_are_told_apart() {
    let found = found(&[
        ("a/b.rs", "use super::c::Y;\npub struct X;"),
        ("a/c.rs", "use super::{b::X, d::Z};\npub struct Y;"),
        ("a/d.rs", "use super::e::V;\npub struct Z;"),
        ("a/e.rs", "use super::d::Z;\npub struct V;"),
    ]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn what_is_no_loop_passes() {
    for (what, files) in [
        (
            "a folder that declares and hands on, whose children use each other by it",
            &[
                (
                    "a/mod.rs",
                    "mod b;\nmod c;\npub use b::X;\npub(crate) use c::{Y, Z};\npub struct W;",
                ),
                ("a/b.rs", "use super::{W, Y};\npub struct X;"),
                ("a/c.rs", "use super::W;\npub struct Y;\npub struct Z;"),
            ][..],
        ),
        (
            "a child that uses what its folder defines and does not need",
            &[
                (
                    "a/mod.rs",
                    "mod b;\npub struct Y;\nimpl Y { fn x(x: u8) { let b = x; b.X() } }",
                ),
                ("a/b.rs", "use super::Y;\npub struct X;"),
            ],
        ),
        (
            "tests beside the code, in files of their own and in folders",
            &[
                (
                    "a/mod.rs",
                    "mod b;\nmod c;\n#[cfg(test)]\nmod tests;\n#[cfg(test)] mod bench;",
                ),
                (
                    "a/b.rs",
                    "pub struct X;\n#[cfg(all(test, unix))] mod tests { use super::super::c::Y; }",
                ),
                ("a/b_tests.rs", "use super::c::Y; pub struct T;"),
                (
                    "a/c.rs",
                    "use super::b::X;\npub struct Y;\n#[cfg(test)] fn f() { super::bench::g(); super::tests::T }",
                ),
                ("a/tests/mod.rs", "use super::c::Y; pub struct T;"),
                ("a/bench.rs", "use super::c::Y; pub fn g() {}"),
            ],
        ),
        (
            "items that are there in tests alone",
            &[
                (
                    "a/b.rs",
                    "#[cfg(test)]\n#[derive(Debug)]\npub(crate) struct T<A, B>(super::c::Y);\npub struct X;",
                ),
                (
                    "a/c.rs",
                    "use super::b::X;\npub enum Y { #[cfg(test)] A(super::b::T), B }\n#[cfg(test)] use super::b::{T, X};",
                ),
            ],
        ),
        (
            "comments, texts, and other crates and variables of the same name",
            &[
                (
                    "a/b.rs",
                    "// super::c::Y\nfn f() { let c = \"super::c::Y\"; c.Y; other::c::Y }\npub struct X;",
                ),
                ("a/c.rs", "use super::b::X;\npub struct Y;"),
            ],
        ),
        (
            "a name that goes round in a loop of imports",
            &[
                ("a/b.rs", "pub use super::c::X;"),
                ("a/c.rs", "pub use super::b::X;"),
                ("a/d.rs", "use super::b::X;"),
            ],
        ),
    ] {
        assert_eq!(found(files), Vec::<String>::new(), "{what}");
    }
}

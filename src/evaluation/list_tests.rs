use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn folder_with(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"bytes").unwrap();
    }
    folder
}

fn table_with(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn told(items: &[Item]) -> Vec<(&str, Truth, &str, &str)> {
    items
        .iter()
        .map(|item| {
            (
                item.name.as_str(),
                item.truth,
                item.method.as_str(),
                item.group.as_str(),
            )
        })
        .collect()
}

#[test]
fn folders_say_what_is_real_and_how_the_rest_was_made() {
    let folder = folder_with(&[
        "real/a.mp4",
        "fake/b.mp4",
        "fake/swap/c.mp4",
        "fake/labels.csv",
        ".hidden/real/d.mp4",
    ]);
    let items = read_items(folder.path()).unwrap();
    assert_eq!(
        told(&items),
        [
            ("fake/b.mp4", Truth::Manipulated, "fake", "fake/b.mp4"),
            (
                "fake/swap/c.mp4",
                Truth::Manipulated,
                "swap",
                "fake/swap/c.mp4"
            ),
            ("real/a.mp4", Truth::Genuine, "genuine", "real/a.mp4"),
        ]
    );
}

#[test]
fn the_layouts_of_the_usual_data_sets_read_as_they_are() {
    for (file, truth, method) in [
        (
            "original_sequences/youtube/c23/videos/000.mp4",
            Truth::Genuine,
            "genuine",
        ),
        (
            "manipulated_sequences/Deepfakes/c40/videos/000_003.mp4",
            Truth::Manipulated,
            "Deepfakes",
        ),
        ("Celeb-real/id0_0000.mp4", Truth::Genuine, "genuine"),
        (
            "Celeb-synthesis/id0_id1_0000.mp4",
            Truth::Manipulated,
            "Celeb-synthesis",
        ),
        ("YouTube-real/00000.mp4", Truth::Genuine, "genuine"),
        ("fakes/x.mp4", Truth::Manipulated, "fakes"),
    ] {
        let folder = folder_with(&[file]);
        let items = read_items(folder.path()).unwrap();
        assert_eq!(told(&items), [(file, truth, method, file)], "{file}");
    }
}

#[test]
fn a_file_that_no_folder_speaks_for_is_named_with_what_to_do() {
    let folder = folder_with(&["real/a.mp4", "b.mp4", "real-and-fake/c.mp4"]);
    let error = read_items(folder.path()).unwrap_err();
    assert_eq!(error.code(), "evaluation-list");
    let text = error.to_string();
    assert!(text.contains("b.mp4: no folder"), "{text}");
    assert!(text.contains("real-and-fake/c.mp4"), "{text}");
    assert!(!text.contains("real/a.mp4"), "{text}");
}

#[test]
fn a_table_gives_labels_methods_and_groups() {
    let (folder, table) = table_with(
        "Video, label, family, person, remark\n\
         clips/a.mp4, real, , anna,\n\
         clips/b.mp4, FAKE, swap, anna, x\n\
         clips/c.mp4, 1, , ,\n",
    );
    let items = read_items(&table).unwrap();
    assert_eq!(
        told(&items),
        [
            ("clips/a.mp4", Truth::Genuine, "genuine", "anna"),
            ("clips/b.mp4", Truth::Manipulated, "swap", "anna"),
            ("clips/c.mp4", Truth::Manipulated, "fake", "clips/c.mp4"),
        ]
    );
    assert_eq!(items[0].path, folder.path().join("clips/a.mp4"));
}

#[test]
fn every_bad_line_of_a_table_is_named_at_once() {
    let (_folder, table) = table_with("path,label\na.mp4,maybe\n,real\nb.mp4,real\nb.mp4,fake\n");
    let text = read_items(&table).unwrap_err().to_string();
    assert!(text.contains("line 2: \"maybe\" is no label"), "{text}");
    assert!(text.contains("line 3: the path is empty"), "{text}");
    assert!(text.contains("line 5: b.mp4 stands twice"), "{text}");
}

#[test]
fn a_table_without_the_columns_says_which_are_missing() {
    let (_folder, table) = table_with("name,label\na.mp4,real\n");
    let text = read_items(&table).unwrap_err().to_string();
    assert!(text.contains("path, file, video"), "{text}");
    assert!(text.contains("\"name\""), "{text}");
}

#[test]
fn an_empty_folder_and_a_missing_one_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        read_items(folder.path()).unwrap_err().code(),
        "evaluation-list"
    );
    let missing = folder.path().join("nowhere");
    let error = read_items(&missing).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

proptest! {
    #[test]
    fn no_table_makes_the_reader_fail(text in "(path|label|,|\n|\"|real|x){0,40}") {
        let (_folder, table) = table_with(&text);
        let _ = read_items(&table);
    }
}

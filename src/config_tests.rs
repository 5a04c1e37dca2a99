//! Reading settings, and what is said of those that cannot be used.

use super::*;

fn with_file(text: &str) -> Result<Settings, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Settings::load(Some(file.path()), &Flags::new())
}

#[test]
fn every_default_is_a_value_its_own_setting_accepts() {
    let settings = with_file("").unwrap();
    assert_eq!(settings.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.sample_frames, 30);
}

#[test]
fn every_problem_is_named_at_once() {
    let error = with_file("sample_frames = 0\nbind = \"nowhere\"\ntypo = 1\nmax_pixels = [1]\n");
    let problems = error.unwrap_err().problems().join("\n");
    for name in ["sample_frames", "bind", "typo", "max_pixels"] {
        assert!(problems.contains(&format!("- {name}:")), "{problems}");
    }
    assert_eq!(problems.lines().count(), 4, "{problems}");
}

#[test]
fn a_flag_outranks_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sample_frames = 12\njpeg_quality = 70").unwrap();
    let flags = Flags::from([("sample_frames", "20".to_owned())]);
    let settings = Settings::load(Some(file.path()), &flags).unwrap();
    assert_eq!((settings.sample_frames, settings.jpeg_quality), (20, 70));
}

#[test]
fn a_named_file_that_is_missing_is_said_so() {
    let error = Settings::load(Some(Path::new("/no/such/file.toml")), &Flags::new());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("/no/such/file.toml")
    );
}

#[test]
fn the_readme_shows_the_table_of_the_code() {
    let readme = include_str!("../README.md");
    assert!(
        readme.contains(&Settings::markdown_table()),
        "put the output of `framewitness settings` into README.md"
    );
}

//! Claims of a manifest that anybody may have written.

use super::*;

fn made(digital_source_type: &str) -> Action {
    Action {
        action: "c2pa.created".into(),
        digital_source_type: Some(digital_source_type.into()),
        ..Action::default()
    }
}

fn claiming(actions: Vec<Action>) -> Manifest {
    Manifest {
        generator: Some(Program {
            name: "Maker".into(),
            version: None,
        }),
        actions,
        ..Manifest::default()
    }
}

#[test]
fn texts_are_short_and_move_no_cursor_and_lists_are_short() {
    let long = "\u{1b}[31m\u{202e}a\nb".to_owned() + &"é".repeat(1000);
    let ingredient = Ingredient {
        title: Some(long.clone()),
        relationship: long.clone(),
        format: Some("\u{7}\u{200f}".into()),
    };
    let manifest = Manifest {
        title: Some(long.clone()),
        generator: Some(Program {
            name: long.clone(),
            version: Some(long.clone()),
        }),
        actions: vec![made(&long); 1000],
        ingredients: vec![ingredient; 1000],
        failures: vec![
            Failure {
                code: long.clone(),
                explanation: Some(long.clone()),
            };
            1000
        ],
        ..Manifest::default()
    };
    let bounded = ContentCredentials::Invalid(manifest).bounded();
    let text = serde_json::to_string(&bounded).unwrap();
    assert!(text.len() < 100_000, "{} bytes", text.len());
    assert!(!text.contains("\\u") && !text.contains("\\n"), "{text}");
    assert!(!text.contains('\u{202e}'));
    let manifest = bounded.manifest().unwrap();
    assert_eq!(
        manifest.title.as_ref().map(|t| t.chars().count()),
        Some(200)
    );
    assert!(
        manifest
            .title
            .as_ref()
            .is_some_and(|t| t.starts_with("[31mabé"))
    );
    assert_eq!(manifest.actions.len(), 32);
    assert_eq!(manifest.ingredients[31].format, None);
    assert_eq!(bounded.clone().bounded(), bounded);
}

#[test]
fn the_state_is_told_beside_the_claims() {
    let stored = serde_json::to_value(ContentCredentials::None).unwrap();
    assert_eq!(stored, serde_json::json!({"state": "none"}));
    let untrusted = ContentCredentials::Untrusted(claiming(vec![made("digitalCapture")]));
    let stored = serde_json::to_value(&untrusted).unwrap();
    assert_eq!(stored["state"], untrusted.state());
    assert_eq!(
        stored["actions"][0]["digital_source_type"],
        "digitalCapture"
    );
    let read: ContentCredentials = serde_json::from_value(stored).unwrap();
    assert_eq!(read, untrusted);
}

#[test]
fn that_nobody_looked_who_signed_is_said_and_so_is_a_signer_who_is_not_listed() {
    let unlisted = ContentCredentials::Untrusted(Manifest {
        has_trust_list: true,
        ..Manifest::default()
    });
    assert!(unlisted.to_string().contains("not on the trust list"));
    let unchecked = ContentCredentials::Untrusted(Manifest::default());
    assert!(unchecked.to_string().contains("no trust list is installed"));
    let broken = ContentCredentials::Invalid(Manifest {
        failures: vec![Failure {
            code: "assertion.bmffHash.mismatch".into(),
            explanation: None,
        }],
        ..Manifest::default()
    });
    assert!(broken.to_string().contains("assertion.bmffHash.mismatch"));
}

#[test]
fn a_file_declares_itself_generated_only_by_credentials_that_hold() {
    let manifest = || {
        claiming(vec![
            made("digitalCapture"),
            made("trainedAlgorithmicMedia"),
        ])
    };
    let expected = |signer_is_trusted| DeclaredGenerated {
        part: GeneratedPart::Whole,
        generator: Some("Maker".into()),
        signer_is_trusted,
    };
    let valid = ContentCredentials::Valid(manifest());
    assert_eq!(valid.declared_generated(), Some(expected(true)));
    let untrusted = ContentCredentials::Untrusted(manifest());
    assert_eq!(untrusted.declared_generated(), Some(expected(false)));
    let invalid = ContentCredentials::Invalid(manifest());
    assert_eq!(invalid.declared_generated(), None);
    assert_eq!(ContentCredentials::None.declared_generated(), None);
}

#[test]
fn all_of_a_file_counts_for_more_than_part_of_it_and_a_camera_for_nothing() {
    let part_of = |actions| {
        let credentials = ContentCredentials::Untrusted(claiming(actions));
        credentials
            .declared_generated()
            .map(|declared| declared.part)
    };
    let composite = || made("compositeWithTrainedAlgorithmicMedia");
    assert_eq!(part_of(vec![composite()]), Some(GeneratedPart::Some));
    assert_eq!(
        part_of(vec![composite(), made("algorithmicMedia")]),
        Some(GeneratedPart::Whole)
    );
    for other in [
        "digitalCapture",
        "humanEdits",
        "",
        "TRAINEDALGORITHMICMEDIA",
    ] {
        assert_eq!(part_of(vec![made(other)]), None, "{other}");
    }
    assert_eq!(part_of(Vec::new()), None);
}

#[test]
fn the_sentence_says_that_it_is_the_files_own_word() {
    let declared = DeclaredGenerated {
        part: GeneratedPart::Some,
        generator: Some("Maker".into()),
        signer_is_trusted: false,
    };
    let sentence = declared.to_string();
    assert!(sentence.starts_with("The file itself states"), "{sentence}");
    assert!(sentence.contains("part of it was made by a generator (Maker)"));
    assert!(sentence.contains("not confirmed"), "{sentence}");
}

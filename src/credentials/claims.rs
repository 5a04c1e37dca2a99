//! The claims of a manifest, in this program's words.

use c2pa::validation_status::SIGNING_CREDENTIAL_UNTRUSTED;
use c2pa::{Reader, ValidationState};
use serde_json::Value;

use crate::domain::{
    Action, ContentCredentials, Failure, Ingredient, Manifest, Program, Signature,
};

/// Manifests that are looked at, from the latest back through its parents.
const MAX_LINEAGE: usize = 16;
/// Assertions about what was done, of either version.
const ACTIONS: &str = "c2pa.actions";

/// What the latest manifest says, and whether all of it holds.
pub(super) fn credentials_of(reader: &Reader, has_trust_list: bool) -> ContentCredentials {
    let Some(latest) = reader.active_manifest() else {
        return unreadable("none of the manifests in the file is the latest");
    };
    let actions = (lineage(reader, latest).into_iter())
        .flat_map(c2pa::Manifest::assertions)
        .filter(|assertion| assertion.label().starts_with(ACTIONS))
        .filter_map(|assertion| assertion.value().ok());
    let manifest = Manifest {
        has_trust_list,
        title: latest.title().map(str::to_owned),
        generator: generator_of(latest),
        signature: latest.signature_info().map(signature).unwrap_or_default(),
        actions: actions.flat_map(actions_of).collect(),
        ingredients: latest.ingredients().iter().map(ingredient).collect(),
        failures: failures(reader),
    };
    match reader.validation_state() {
        ValidationState::Trusted => ContentCredentials::Valid(manifest),
        ValidationState::Valid => ContentCredentials::Untrusted(manifest),
        ValidationState::Invalid => ContentCredentials::Invalid(manifest),
    }
}

/// Nothing can be said of what the file claims, because of `reason`.
pub(super) fn unreadable(reason: &str) -> ContentCredentials {
    ContentCredentials::Unreadable {
        reason: reason.into(),
    }
}

/// The manifest, and those of what the file was derived from as a whole. What went into it as a part
/// says nothing of the file.
fn lineage<'a>(reader: &'a Reader, latest: &'a c2pa::Manifest) -> Vec<&'a c2pa::Manifest> {
    let parent = |manifest: &&'a c2pa::Manifest| {
        let label = manifest.parent()?.active_manifest()?;
        reader.get_manifest(label)
    };
    (std::iter::successors(Some(latest), parent))
        .take(MAX_LINEAGE)
        .collect()
}

fn generator_of(manifest: &c2pa::Manifest) -> Option<Program> {
    let told = manifest.claim_generator_info.as_ref();
    let told = told.and_then(|infos| infos.first()).map(|info| Program {
        name: info.name.clone(),
        version: info.version.clone(),
    });
    // Older claims have one text for both.
    told.or_else(|| {
        let name = manifest.claim_generator()?.to_owned();
        Some(Program {
            name,
            version: None,
        })
    })
}

fn signature(info: &c2pa::SignatureInfo) -> Signature {
    Signature {
        issuer: info.issuer.clone(),
        common_name: info.common_name.clone(),
        algorithm: info.alg.map(|alg| alg.to_string()),
        time: info.time.clone(),
    }
}

fn ingredient(ingredient: &c2pa::Ingredient) -> Ingredient {
    Ingredient {
        title: ingredient.title().map(str::to_owned),
        relationship: ingredient.relationship().as_str().to_owned(),
        format: ingredient.format().map(str::to_owned),
    }
}

/// What does not hold. That a signer is not on a list is no failure of the file; the state says it.
fn failures(reader: &Reader) -> Vec<Failure> {
    let told = reader.validation_status().unwrap_or_default().iter();
    let failed = told.filter(|status| status.code() != SIGNING_CREDENTIAL_UNTRUSTED);
    let mut failures: Vec<Failure> = failed
        .map(|status| Failure {
            code: status.code().to_owned(),
            explanation: status.explanation().map(str::to_owned),
        })
        .collect();
    failures.dedup();
    failures
}

/// The actions of an assertion. Whatever has another form than the specification's is passed over.
fn actions_of(assertion: &Value) -> Vec<Action> {
    let listed = assertion["actions"].as_array();
    let listed = listed.into_iter().flatten();
    listed
        .filter_map(|action| {
            Some(Action {
                action: action["action"].as_str()?.to_owned(),
                software_agent: software_agent(action, assertion),
                digital_source_type: action["digitalSourceType"].as_str().map(last_part),
                when: action["when"].as_str().map(str::to_owned),
            })
        })
        .collect()
}

/// Named by a text, by a table, or by its position in the list of the assertion.
fn software_agent(action: &Value, assertion: &Value) -> Option<String> {
    let named = match action["softwareAgentIndex"].as_u64() {
        Some(position) => &assertion["softwareAgents"][usize::try_from(position).ok()?],
        None => &action["softwareAgent"],
    };
    let Some(name) = named["name"].as_str() else {
        return named.as_str().map(str::to_owned);
    };
    match named["version"].as_str() {
        Some(version) => Some(format!("{name} {version}")),
        None => Some(name.to_owned()),
    }
}

/// `…/digitalsourcetype/trainedAlgorithmicMedia` is `trainedAlgorithmicMedia`.
fn last_part(address: &str) -> String {
    let address = address.trim_end_matches('/');
    let last = address.rsplit('/').next().unwrap_or(address);
    last.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn actions_are_read_in_every_form_that_is_in_use() {
        let assertion = json!({
            "softwareAgents": [{"name": "Maker", "version": "3"}],
            "actions": [
                {"action": "c2pa.created", "softwareAgentIndex": 0, "when": "2026-01-02T03:04:05Z",
                 "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"},
                {"action": "c2pa.edited", "softwareAgent": "Editor 1.0"},
                {"action": "c2pa.placed", "softwareAgent": {"name": "Placer"}},
                {"action": "c2pa.opened", "softwareAgentIndex": 7, "digitalSourceType": 3},
                {"when": "an action without its name"},
                "no action",
            ],
        });
        let actions = actions_of(&assertion);
        assert_eq!(actions.len(), 4);
        let first = &actions[0];
        assert_eq!(first.software_agent.as_deref(), Some("Maker 3"));
        let source = first.digital_source_type.as_deref();
        assert_eq!(source, Some("trainedAlgorithmicMedia"));
        assert_eq!(first.when.as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!(actions[1].software_agent.as_deref(), Some("Editor 1.0"));
        assert_eq!(actions[2].software_agent.as_deref(), Some("Placer"));
        assert_eq!(actions[3].software_agent, None);
        assert_eq!(actions[3].digital_source_type, None);
    }

    #[test]
    fn an_assertion_of_another_form_has_no_actions() {
        for other in [
            json!(null),
            json!([]),
            json!({"actions": {}}),
            json!("c2pa"),
        ] {
            assert_eq!(actions_of(&other), [], "{other}");
        }
    }
}

//! What the content credentials of a file say, in JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain;

/// The C2PA manifest in a file. Whatever it claims is the word of whoever signed it, and no part of the
/// verdict.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ContentCredentials {
    /// Whether they hold.
    state: CredentialsState,
    /// What was checked and what came out, in a sentence.
    #[schema(example = "The file carries no content credentials.")]
    message: String,
    /// What they claim, whether they hold or not; left out where there are none or they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<CredentialsClaims>,
}

/// Whether content credentials hold.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CredentialsState {
    /// The file carries none.
    None,
    /// Whether it carries any, or what they say, could not be told.
    Unreadable,
    /// The bytes are the signed ones, the signature is right, and the signer is on the installed trust list.
    Valid,
    /// The bytes are the signed ones and the signature is right; the signer is not on a trust list, or none
    /// is installed.
    Untrusted,
    /// They do not hold: other bytes, a wrong signature, an expired certificate (`failures`).
    Invalid,
}

/// The claims of a manifest. At most 32 of each kind; texts are cut at 200 characters.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CredentialsClaims {
    /// What the signer calls the file.
    title: Option<String>,
    /// The program that made the claims, by its own account.
    generator: Option<CredentialsProgram>,
    /// What the signature says of its maker.
    signature: CredentialsSignature,
    /// What was done to the file: as the latest manifest says, then as those of its parents say.
    actions: Vec<CredentialsAction>,
    /// What the file was made from.
    ingredients: Vec<CredentialsIngredient>,
    /// What does not hold; empty where everything does.
    failures: Vec<CredentialsFailure>,
}

/// A program by its own account.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CredentialsProgram {
    /// Its name.
    name: String,
    /// Its version.
    version: Option<String>,
}

/// What a signature says of its maker. True only in so far as the certificate is trusted.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CredentialsSignature {
    /// Organisation of the certificate.
    issuer: Option<String>,
    /// Common name of the certificate.
    common_name: Option<String>,
    /// Algorithm.
    #[schema(example = "es256")]
    algorithm: Option<String>,
    /// When it was signed, by a time stamp in the file.
    #[schema(example = "2026-11-21T09:30:00+00:00")]
    time: Option<String>,
}

/// Something that was done to the file.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CredentialsAction {
    /// What, in the words of C2PA.
    #[schema(example = "c2pa.created")]
    action: String,
    /// By which program.
    software_agent: Option<String>,
    /// What kind of source it had, in the words of IPTC's Digital Source Type.
    #[schema(example = "trainedAlgorithmicMedia")]
    digital_source_type: Option<String>,
    /// When, as the manifest says it.
    when: Option<String>,
}

/// Something the file was made from.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CredentialsIngredient {
    /// What the signer calls it.
    title: Option<String>,
    /// `parentOf`, `componentOf` or `inputTo`.
    #[schema(example = "parentOf")]
    relationship: String,
    /// Its media type.
    format: Option<String>,
}

/// Something that does not hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CredentialsFailure {
    /// Code of the C2PA specification.
    #[schema(example = "assertion.bmffHash.mismatch")]
    code: String,
    /// In words.
    explanation: Option<String>,
}

impl From<&domain::ContentCredentials> for ContentCredentials {
    fn from(credentials: &domain::ContentCredentials) -> Self {
        use domain::ContentCredentials as Found;
        Self {
            state: match credentials {
                Found::None => CredentialsState::None,
                Found::Unreadable { .. } => CredentialsState::Unreadable,
                Found::Valid(_) => CredentialsState::Valid,
                Found::Untrusted(_) => CredentialsState::Untrusted,
                Found::Invalid(_) => CredentialsState::Invalid,
            },
            message: credentials.to_string(),
            claims: credentials.manifest().map(CredentialsClaims::from),
        }
    }
}

impl From<&domain::Manifest> for CredentialsClaims {
    fn from(manifest: &domain::Manifest) -> Self {
        let domain::Manifest {
            has_trust_list: _,
            title,
            generator,
            signature,
            actions,
            ingredients,
            failures,
        } = manifest.clone();
        Self {
            title,
            generator: generator.map(|program| CredentialsProgram {
                name: program.name,
                version: program.version,
            }),
            signature: CredentialsSignature {
                issuer: signature.issuer,
                common_name: signature.common_name,
                algorithm: signature.algorithm,
                time: signature.time,
            },
            actions: actions.into_iter().map(CredentialsAction::from).collect(),
            ingredients: (ingredients.into_iter())
                .map(|ingredient| CredentialsIngredient {
                    title: ingredient.title,
                    relationship: ingredient.relationship,
                    format: ingredient.format,
                })
                .collect(),
            failures: (failures.into_iter())
                .map(|failure| CredentialsFailure {
                    code: failure.code,
                    explanation: failure.explanation,
                })
                .collect(),
        }
    }
}

impl From<domain::Action> for CredentialsAction {
    fn from(action: domain::Action) -> Self {
        Self {
            action: action.action,
            software_agent: action.software_agent,
            digital_source_type: action.digital_source_type,
            when: action.when,
        }
    }
}

//! What the content credentials of a file say, and whether they hold.
//!
//! Content credentials are a C2PA manifest that travels in the file: who made it with what, out of
//! what, signed. Every word of it is a claim of whoever signed; what can be checked is that these bytes
//! are the signed ones, that the signature is right, and, where a trust list is installed, who signed.
//! None of it is evidence for or against the detector's verdict, and it never changes one.

use serde::{Deserialize, Serialize};

/// Longest text that is kept, characters.
const MAX_TEXT_CHARS: usize = 200;
/// Most actions, ingredients and failures that are kept, of each.
const MAX_ITEMS: usize = 32;

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum ContentCredentials {
    /// It carries none.
    None,
    /// Whether it carries any, or what they say, could not be told.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// They hold, and who signed is on the installed trust list.
    Valid(Manifest),
    /// They hold, but who signed is not on a trust list, or none is installed.
    Untrusted(Manifest),
    /// They do not hold: other bytes, a wrong signature, an expired certificate.
    Invalid(Manifest),
}

/// The claims of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Whether there was a trust list to look the signer up on.
    pub has_trust_list: bool,
    /// What the signer calls the file.
    pub title: Option<String>,
    /// The program that made the claims.
    pub generator: Option<Program>,
    /// By whom they are signed.
    pub signature: Signature,
    /// What was done to the file, the latest manifest's first, then its parents'.
    pub actions: Vec<Action>,
    /// What the file was made from.
    pub ingredients: Vec<Ingredient>,
    /// What does not hold; empty where everything does.
    pub failures: Vec<Failure>,
}

/// A program by its own account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// What a signature says of its maker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signature {
    /// Organisation of the certificate.
    pub issuer: Option<String>,
    /// Common name of the certificate.
    pub common_name: Option<String>,
    /// Algorithm (`es256`, `ps256`, `ed25519` …).
    pub algorithm: Option<String>,
    /// When it was signed, RFC 3339, by a time stamp in the file.
    pub time: Option<String>,
}

/// Something that was done to the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Action {
    /// `c2pa.created`, `c2pa.edited` …
    pub action: String,
    /// By which program.
    pub software_agent: Option<String>,
    /// What kind of source it had: the last part of the IPTC address (`trainedAlgorithmicMedia`).
    pub digital_source_type: Option<String>,
    /// When, as the manifest says it.
    pub when: Option<String>,
}

/// Something the file was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ingredient {
    /// What the signer calls it.
    pub title: Option<String>,
    /// `parentOf`, `componentOf` or `inputTo`.
    pub relationship: String,
    /// Its media type.
    pub format: Option<String>,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// Code of the C2PA specification (`assertion.bmffHash.mismatch`).
    pub code: String,
    /// In words.
    pub explanation: Option<String>,
}

impl ContentCredentials {
    /// `none`, `unreadable`, `valid`, `untrusted` or `invalid`.
    pub fn state(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unreadable { .. } => "unreadable",
            Self::Valid(_) => "valid",
            Self::Untrusted(_) => "untrusted",
            Self::Invalid(_) => "invalid",
        }
    }

    /// The claims, where they could be read, whether they hold or not.
    pub fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Valid(manifest) | Self::Untrusted(manifest) | Self::Invalid(manifest) => {
                Some(manifest)
            }
            Self::None | Self::Unreadable { .. } => None,
        }
    }

    /// Cut to what can be kept and shown: short lists of short texts without control characters. Of texts
    /// that anybody may have written into a file, nothing else gets past this.
    pub fn bounded(mut self) -> Self {
        match &mut self {
            Self::None => {}
            Self::Unreadable { reason } => bound(reason),
            Self::Valid(manifest) | Self::Untrusted(manifest) | Self::Invalid(manifest) => {
                manifest.bound();
            }
        }
        self
    }

    /// That the file states it was generated, where its credentials hold.
    pub fn declared_generated(&self) -> Option<DeclaredGenerated> {
        let (manifest, signer_is_trusted) = match self {
            Self::Valid(manifest) => (manifest, true),
            Self::Untrusted(manifest) => (manifest, false),
            Self::None | Self::Unreadable { .. } | Self::Invalid(_) => return None,
        };
        let declared = |part| move |action: &&Action| generated_part(action) == Some(part);
        let of = |part| manifest.actions.iter().find(declared(part));
        let (part, action) = (of(GeneratedPart::Whole).map(|a| (GeneratedPart::Whole, a)))
            .or_else(|| of(GeneratedPart::Some).map(|a| (GeneratedPart::Some, a)))?;
        let maker = || manifest.generator.as_ref().map(|g| g.name.clone());
        Some(DeclaredGenerated {
            part,
            generator: action.software_agent.clone().or_else(maker),
            signer_is_trusted,
        })
    }
}

impl std::fmt::Display for ContentCredentials {
    /// One sentence that says what was checked and what came out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const HOLD: &str = "These bytes are the signed ones, and the signature is right";
        match self {
            Self::None => write!(f, "The file carries no content credentials."),
            Self::Unreadable { reason } => {
                write!(f, "Content credentials could not be read: {reason}.")
            }
            Self::Valid(_) => write!(f, "{HOLD}; the signer is on the installed trust list."),
            Self::Untrusted(Manifest {
                has_trust_list: true,
                ..
            }) => write!(f, "{HOLD}, but the signer is not on the trust list."),
            Self::Untrusted(_) => write!(
                f,
                "{HOLD}. Who signed was not checked: no trust list is installed."
            ),
            Self::Invalid(Manifest { failures, .. }) => {
                let codes: Vec<&str> = failures.iter().map(|f| f.code.as_str()).collect();
                let codes = match codes.is_empty() {
                    true => "signature not validated".into(),
                    false => codes.join(", "),
                };
                write!(f, "The content credentials do not hold: {codes}.")
            }
        }
    }
}

impl Manifest {
    fn bound(&mut self) {
        let Self {
            has_trust_list: _,
            title,
            generator,
            signature,
            actions,
            ingredients,
            failures,
        } = self;
        actions.truncate(MAX_ITEMS);
        ingredients.truncate(MAX_ITEMS);
        failures.truncate(MAX_ITEMS);
        bound_where_stated(title);
        if let Some(Program { name, version }) = generator {
            bound(name);
            bound_where_stated(version);
        }
        signature.bound();
        actions.iter_mut().for_each(Action::bound);
        for ingredient in ingredients {
            bound(&mut ingredient.relationship);
            bound_where_stated(&mut ingredient.title);
            bound_where_stated(&mut ingredient.format);
        }
        for failure in failures {
            bound(&mut failure.code);
            bound_where_stated(&mut failure.explanation);
        }
    }
}

impl Signature {
    fn bound(&mut self) {
        let Self {
            issuer,
            common_name,
            algorithm,
            time,
        } = self;
        for text in [issuer, common_name, algorithm, time] {
            bound_where_stated(text);
        }
    }
}

impl Action {
    fn bound(&mut self) {
        bound(&mut self.action);
        for text in [
            &mut self.software_agent,
            &mut self.digital_source_type,
            &mut self.when,
        ] {
            bound_where_stated(text);
        }
    }
}

fn bound_where_stated(text: &mut Option<String>) {
    if let Some(stated) = text {
        bound(stated);
    }
    text.take_if(|stated| stated.is_empty());
}

fn bound(text: &mut String) {
    let visible = text.chars().filter(|c| !is_invisible(*c));
    *text = visible.take(MAX_TEXT_CHARS).collect();
}

/// Control characters, and those that turn the direction of the text around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How much of a file is said to be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GeneratedPart {
    /// All of it.
    Whole,
    /// Something in it.
    Some,
}

/// What an action says of the source, in the words of IPTC's Digital Source Type.
fn generated_part(action: &Action) -> Option<GeneratedPart> {
    match action.digital_source_type.as_deref()? {
        "trainedAlgorithmicMedia" | "algorithmicMedia" => Some(GeneratedPart::Whole),
        "compositeWithTrainedAlgorithmicMedia" | "compositeSynthetic" => Some(GeneratedPart::Some),
        _ => None,
    }
}

/// That the content credentials of a file, which hold, state that it was generated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredGenerated {
    /// All of it, or something in it.
    pub part: GeneratedPart,
    /// By which program.
    pub generator: Option<String>,
    /// Whether the signer is on the installed trust list.
    pub signer_is_trusted: bool,
}

impl std::fmt::Display for DeclaredGenerated {
    /// One sentence for a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.part {
            GeneratedPart::Whole => "it was made",
            GeneratedPart::Some => "part of it was made",
        };
        let generator =
            (self.generator.as_ref()).map_or(String::new(), |name| format!(" ({name})"));
        let signer = match self.signer_is_trusted {
            true => "the signer is on the trust list",
            false => "who signed that was not confirmed",
        };
        write!(
            f,
            "The file itself states, in its content credentials, that {what} by a generator{generator}; {signer}. The models' verdict does not rest on this."
        )
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;

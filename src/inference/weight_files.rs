//! `[weights]` of a manifest: which files hold a network's tensors, and their digests.
//!
//! Most networks are one file. A head published apart from its backbone is a further one, whose
//! names get a prefix:
//!
//! ```toml
//! [weights]
//! file = "ViT-L-14.pt"
//! sha256 = "b8cc…"
//! [[weights.more]]
//! file = "classifier.pth"
//! sha256 = "…"
//! prefix = "attention_head."
//! ```

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The files of a network.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Weights {
    pub(super) file: String,
    pub(super) sha256: String,
    #[serde(default)]
    more: Vec<Further>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Further {
    file: String,
    sha256: String,
    #[serde(default)]
    prefix: String,
}

/// One file.
#[derive(Debug, Clone, Copy)]
pub(super) struct WeightFile<'a> {
    /// In the manifest's folder.
    pub(super) name: &'a str,
    pub(super) sha256: &'a str,
    /// Put before the names of its tensors.
    pub(super) prefix: &'a str,
}

impl Weights {
    /// Every file, the main one first.
    pub(super) fn files(&self) -> impl Iterator<Item = WeightFile<'_>> {
        let main = WeightFile {
            name: &self.file,
            sha256: &self.sha256,
            prefix: "",
        };
        let more = self.more.iter().map(|further| WeightFile {
            name: &further.file,
            sha256: &further.sha256,
            prefix: &further.prefix,
        });
        std::iter::once(main).chain(more)
    }

    /// What tells these weights from all others: the digest of the file; of several, the SHA-256
    /// of their digests, one a line in their order (`printf '%s\n' A B | sha256sum`).
    pub(super) fn identity(&self) -> String {
        if self.more.is_empty() {
            return self.sha256.clone();
        }
        let lines: String = self.files().map(|f| format!("{}\n", f.sha256)).collect();
        hex::encode(Sha256::digest(lines))
    }

    /// Everything that is wrong with the table, a sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (index, file) in self.files().enumerate() {
            let table = match index {
                0 => "weights".to_owned(),
                _ => format!("weights.more[{}]", index - 1),
            };
            let checks = [
                (
                    is_plain_name(file.name),
                    "file must be a plain file name".to_owned(),
                ),
                (
                    is_sha256(file.sha256),
                    "sha256 must be 64 lower-case hex digits".to_owned(),
                ),
                (
                    file.prefix.is_empty() || file.prefix.ends_with('.'),
                    format!("prefix must end in a dot, got {:?}", file.prefix),
                ),
            ];
            let failed = checks.into_iter().filter(|(holds, _)| !holds);
            problems.extend(failed.map(|(_, problem)| format!("{table}.{problem}")));
        }
        problems
    }
}

/// Whether `name` names something directly in its folder.
pub(super) fn is_plain_name(name: &str) -> bool {
    std::path::Path::new(name).file_name() == Some(name.as_ref())
}

/// Whether `text` is a digest as manifests write it.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(text: &str) -> Weights {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn weights_in_one_file_are_known_by_its_digest_and_in_several_by_all_of_them() {
        let one = "file = \"a\"\nsha256 = \"aa\"\n";
        assert_eq!(weights(one).identity(), "aa");
        let two = |sha256: &str| {
            let more = format!("[[more]]\nfile = \"b\"\nsha256 = \"{sha256}\"\n");
            weights(&format!("{one}{more}")).identity()
        };
        // printf 'aa\nbb\n' | sha256sum
        let expected = "329d670e59ead1543a2d36865895972560bc434204c5f4a0c8219005dd312719";
        assert_eq!(two("bb"), expected);
        assert_ne!(two("bb"), two("bc"));
    }
}

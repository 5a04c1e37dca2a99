//! Signed statements: a JWS in compact form (RFC 7515, section 3.1).
//!
//! `BASE64URL(header) . BASE64URL(statement) . BASE64URL(signature)`, signed with PS256 (RFC 7518,
//! section 3.5) over the first two parts and the dot between them. The reader knows the one
//! header it accepts: algorithm and type are compared with what this service writes, never chosen by
//! what came (RFC 8725, sections 3.1 and 3.11); the key's name picks one of this service's own. The signature is checked before the
//! statement is looked at.
//!
//! There are two types, each a [`Claims`]: [`Statement`] about a file and
//! [`VerdictStatement`](super::VerdictStatement) about an analysis. Neither is taken for the other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPublicKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;

use super::signer::{Scheme, Signer, is_signed};
use super::{IntegrityError, Sha256Digest};

/// Signature algorithm of statements.
pub(super) const ALGORITHM: &str = "PS256";

/// Longest token that is read or written.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What a statement says.
pub(super) trait Claims: Serialize + DeserializeOwned {
    /// Type of the signed object, so that a statement is never taken for something else.
    const TYPE: &'static str;
}

/// What the service saw: a file of this content, name and size, at this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Name of the file as the client gave it.
    pub filename: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Number of its bytes.
    pub size_bytes: u64,
    /// When it was signed, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub signed_at: OffsetDateTime,
}

impl Claims for Statement {
    const TYPE: &'static str = "file-statement+jws";
}

/// Why a token is not a statement of this service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatementError {
    /// Longer than any statement.
    #[error("the statement has {got} bytes; at most {MAX_TOKEN_BYTES} are read")]
    TooLong {
        /// Its length.
        got: usize,
    },
    /// Not three base64url parts holding what they should.
    #[error("the statement is malformed: {what}")]
    Malformed {
        /// Which part, and why.
        what: String,
    },
    /// Another algorithm, `none` included, or another type.
    #[error("the statement must be signed with {ALGORITHM} and be of type {wanted}")]
    NotAStatement {
        /// The type that was asked for.
        wanted: &'static str,
    },
    /// Another key.
    #[error("the statement was signed with the key {kid}, which is not this service's")]
    UnknownKey {
        /// The key it names.
        kid: String,
    },
    /// The signature does not hold.
    #[error("the signature of the statement does not hold: it was changed or made by another key")]
    BadSignature,
}

impl StatementError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "statement-too-long",
            Self::Malformed { .. } => "statement-malformed",
            Self::NotAStatement { .. } => "statement-wrong-type",
            Self::UnknownKey { .. } => "statement-unknown-key",
            Self::BadSignature => "statement-bad-signature",
        }
    }
}

/// The protected header. Fields beyond these three, `crit` included, are refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// Signs `claims` into a compact JWS.
pub(super) fn sign<C: Claims>(
    signer: &dyn Signer,
    kid: &str,
    claims: &C,
) -> Result<String, IntegrityError> {
    let header = Header {
        alg: ALGORITHM.into(),
        kid: kid.into(),
        typ: C::TYPE.into(),
    };
    let signed_part = format!("{}.{}", encode_json(&header)?, encode_json(claims)?);
    let digest = Sha256Digest::of(signed_part.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(Scheme::Pss, &digest)?);
    let token = format!("{signed_part}.{signature}");
    if token.len() > MAX_TOKEN_BYTES {
        return Err(IntegrityError::Signing {
            reason: "the file name is too long for a statement".into(),
        });
    }
    Ok(token)
}

/// The claims in `token`, when one of this service's keys signed them; `key_of` knows the keys by name.
pub(super) fn verify<'k, C: Claims>(
    key_of: impl Fn(&str) -> Option<&'k RsaPublicKey>,
    token: &str,
) -> Result<C, StatementError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(StatementError::TooLong { got: token.len() });
    }
    let malformed = |what: &str| StatementError::Malformed { what: what.into() };
    let (signed_part, signature) = token
        .rsplit_once('.')
        .ok_or_else(|| malformed("it has no parts"))?;
    let (header, claims) = signed_part
        .split_once('.')
        .ok_or_else(|| malformed("it has two parts instead of three"))?;
    let header = decode_json::<Header>("header", header)?;
    if header.alg != ALGORITHM || header.typ != C::TYPE {
        return Err(StatementError::NotAStatement { wanted: C::TYPE });
    }
    let key = key_of(&header.kid).ok_or(StatementError::UnknownKey { kid: header.kid })?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| malformed("the signature is not base64url"))?;
    let digest = Sha256Digest::of(signed_part.as_bytes());
    if !is_signed(key, Scheme::Pss, &digest, &signature) {
        return Err(StatementError::BadSignature);
    }
    decode_json("statement", claims)
}

fn encode_json(value: &impl Serialize) -> Result<String, IntegrityError> {
    let json = serde_json::to_vec(value).map_err(|error| IntegrityError::Signing {
        reason: error.to_string(),
    })?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn decode_json<T: DeserializeOwned>(part: &str, text: &str) -> Result<T, StatementError> {
    let malformed = |why: String| StatementError::Malformed {
        what: format!("the {part} {why}"),
    };
    let json = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| malformed("is not base64url".into()))?;
    serde_json::from_slice(&json).map_err(|error| malformed(format!("does not read: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use proptest::prelude::*;

    use super::super::signer::LocalSigner;
    use super::super::signer::tests::test_signer;
    use super::*;

    const KID: &str = "the-key";

    fn signer() -> &'static LocalSigner {
        static SIGNER: OnceLock<LocalSigner> = OnceLock::new();
        SIGNER.get_or_init(test_signer)
    }

    fn statement() -> Statement {
        Statement {
            filename: "v – \"1\".mp4".into(),
            sha256: Sha256Digest::of(b"a file"),
            size_bytes: 6,
            signed_at: OffsetDateTime::from_unix_timestamp(1_763_712_000).unwrap(),
        }
    }

    fn read(token: &str) -> Result<Statement, StatementError> {
        verify(|kid| (kid == KID).then(|| signer().public_key()), token)
    }

    /// A token with a true signature over `header` and `payload`, whatever they say.
    fn forge(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed_part = format!("{}.{}", part(header), part(payload));
        let digest = Sha256Digest::of(signed_part.as_bytes());
        let signature = signer().sign(Scheme::Pss, &digest).unwrap();
        format!("{signed_part}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_statement_reads_back_from_its_token() {
        let token = sign(signer(), KID, &statement()).unwrap();
        assert_eq!(read(&token), Ok(statement()));
        let payload = URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(json["sha256"], statement().sha256.to_hex());
        assert_eq!(json["signed_at"], "2025-11-21T08:00:00Z");
        assert_eq!(json["size_bytes"], 6);
        assert_eq!(json["filename"], statement().filename);
    }

    #[test]
    fn the_token_cannot_choose_how_it_is_checked() {
        let payload = serde_json::to_string(&statement()).unwrap();
        let good = r#"{"alg":"PS256","kid":"the-key","typ":"file-statement+jws"}"#;
        assert!(read(&forge(good, &payload)).is_ok());
        for (header, code) in [
            (
                r#"{"alg":"none","kid":"the-key","typ":"file-statement+jws"}"#,
                "statement-wrong-type",
            ),
            (
                r#"{"alg":"HS256","kid":"the-key","typ":"file-statement+jws"}"#,
                "statement-wrong-type",
            ),
            (
                r#"{"alg":"RS256","kid":"the-key","typ":"file-statement+jws"}"#,
                "statement-wrong-type",
            ),
            (
                r#"{"alg":"PS256","kid":"the-key","typ":"JWT"}"#,
                "statement-wrong-type",
            ),
            (
                r#"{"alg":"PS256","kid":"other","typ":"file-statement+jws"}"#,
                "statement-unknown-key",
            ),
            (r#"{"alg":"PS256","kid":"the-key"}"#, "statement-malformed"),
            (
                r#"{"alg":"PS256","kid":"the-key","typ":"file-statement+jws","crit":["b64"]}"#,
                "statement-malformed",
            ),
            (
                r#"{"alg":"PS256","kid":"the-key","typ":"file-statement+jws","jwk":{}}"#,
                "statement-malformed",
            ),
            (
                r#"{"alg":"PS256","alg":"none","kid":"the-key","typ":"file-statement+jws"}"#,
                "statement-malformed",
            ),
        ] {
            assert_eq!(
                read(&forge(header, &payload)).unwrap_err().code(),
                code,
                "{header}"
            );
        }
    }

    #[test]
    fn a_changed_statement_or_a_borrowed_signature_does_not_hold() {
        let token = sign(signer(), KID, &statement()).unwrap();
        let mut larger = statement();
        larger.size_bytes = 7;
        let other = sign(signer(), KID, &larger).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        let others: Vec<_> = other.split('.').collect();
        let swapped = [parts[0], others[1], parts[2]].join(".");
        assert_eq!(read(&swapped), Err(StatementError::BadSignature));
        let empty = [parts[0], parts[1], ""].join(".");
        assert_eq!(read(&empty), Err(StatementError::BadSignature));
    }

    #[test]
    fn what_is_not_a_token_is_malformed_or_too_long() {
        let token = sign(signer(), KID, &statement()).unwrap();
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            &format!("{token}.x"),
            &format!("{token}="),
        ] {
            assert_eq!(
                read(text).unwrap_err().code(),
                "statement-malformed",
                "{text}"
            );
        }
        let long = "a".repeat(MAX_TOKEN_BYTES + 1);
        assert_eq!(read(&long).unwrap_err().code(), "statement-too-long");
    }

    #[test]
    fn a_file_name_too_long_to_verify_is_not_signed() {
        let mut endless = statement();
        endless.filename = "n".repeat(MAX_TOKEN_BYTES);
        assert_eq!(
            sign(signer(), KID, &endless).unwrap_err().code(),
            "signing-failed"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_changed_character_is_noticed(position in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
            static TOKEN: OnceLock<String> = OnceLock::new();
            let token = TOKEN.get_or_init(|| sign(signer(), KID, &statement()).unwrap());
            let at = position.index(token.len());
            prop_assume!(token[at..=at] != to);
            let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
            prop_assert!(read(&changed).is_err(), "{}", changed);
        }

        #[test]
        fn no_text_panics_the_reader(text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,3}"]) {
            prop_assert!(read(&text).is_err());
        }
    }
}

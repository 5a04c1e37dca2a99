//! Keys of another installation, to check its statements with: what `/integrity/public-key` and
//! `/.well-known/jwks.json` answer there.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use serde::Deserialize;
use thiserror::Error;

use super::jwks::Jwk;
use super::signer::ACCEPTED_KEY_BITS;
use super::statement::{self, StatementError};
use super::verdict_statement::VerdictStatement;

/// Text that holds no public key that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublicKeysError {
    /// Neither PEM nor a key set.
    #[error("it holds neither a public key in PEM nor a JSON Web Key Set: {0}")]
    Unreadable(String),
    /// Not a size that is accepted.
    #[error("a key has {bits} bits; RSA keys of 3072 to 4096 bits are accepted")]
    KeySize {
        /// Its size.
        bits: usize,
    },
    /// A set without any.
    #[error("the key set holds no RSA key")]
    Empty,
}

impl PublicKeysError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "public-key-unreadable",
            Self::KeySize { .. } => "public-key-size",
            Self::Empty => "public-key-none",
        }
    }
}

/// Public keys by their names, at least one.
#[derive(Debug, Clone)]
pub struct PublicKeys(Vec<(String, RsaPublicKey)>);

#[derive(Deserialize)]
struct KeySetFile {
    keys: Vec<KeyFile>,
}

/// The members that make a key; what a set says beside them does not matter, its name least of all.
#[derive(Deserialize)]
struct KeyFile {
    kty: String,
    n: Option<String>,
    e: Option<String>,
}

impl PublicKeys {
    /// Reads a public key in PEM (SubjectPublicKeyInfo) or a JSON Web Key Set. A key's name is its
    /// thumbprint, whatever the set calls it.
    ///
    /// # Errors
    /// [`PublicKeysError`].
    pub fn parse(text: &str) -> Result<Self, PublicKeysError> {
        let keys = match text.trim_start().starts_with('{') {
            true => of_key_set(text)?,
            false => vec![of_pem(text)?],
        };
        if keys.is_empty() {
            return Err(PublicKeysError::Empty);
        }
        let named = |key: RsaPublicKey| {
            check_size(key.n())?;
            Ok((Jwk::of(&key).kid, key))
        };
        let keys = keys.into_iter().map(named).collect::<Result<_, _>>()?;
        Ok(Self(keys))
    }

    /// What an analysis found, in a compact JWS that one of these keys signed.
    ///
    /// # Errors
    /// [`StatementError`] for anything else.
    pub fn verify_verdict(&self, token: &str) -> Result<VerdictStatement, StatementError> {
        let key_of = |kid: &str| {
            let found = self.0.iter().find(|(name, _)| name == kid);
            found.map(|(_, key)| key)
        };
        statement::verify(key_of, token)
    }
}

fn check_size(modulus: &BigUint) -> Result<(), PublicKeysError> {
    let bits = modulus.bits();
    match ACCEPTED_KEY_BITS.contains(&bits) {
        true => Ok(()),
        false => Err(PublicKeysError::KeySize { bits }),
    }
}

fn of_pem(text: &str) -> Result<RsaPublicKey, PublicKeysError> {
    RsaPublicKey::from_public_key_pem(text.trim())
        .map_err(|error| PublicKeysError::Unreadable(error.to_string()))
}

fn of_key_set(text: &str) -> Result<Vec<RsaPublicKey>, PublicKeysError> {
    let unreadable = |error: String| PublicKeysError::Unreadable(error);
    let set: KeySetFile =
        serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let number = |text: Option<String>| {
        let text = text.ok_or_else(|| unreadable("an RSA key lacks n or e".into()))?;
        let digits = URL_SAFE_NO_PAD.decode(text);
        let digits = digits.map_err(|error| unreadable(error.to_string()))?;
        Ok(BigUint::from_bytes_be(&digits))
    };
    (set.keys.into_iter())
        .filter(|key| key.kty == "RSA")
        .map(|key| {
            let modulus = number(key.n)?;
            // First: what is no size at all is no key to the library either.
            check_size(&modulus)?;
            let key = RsaPublicKey::new(modulus, number(key.e)?);
            key.map_err(|error| unreadable(error.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_told_what_is_wrong_with_it() {
        for (text, code) in [
            ("", "public-key-unreadable"),
            ("-----BEGIN PUBLIC KEY-----", "public-key-unreadable"),
            ("{", "public-key-unreadable"),
            ("{\"keys\": []}", "public-key-none"),
            ("{\"keys\": [{\"kty\": \"EC\"}]}", "public-key-none"),
            ("{\"keys\": [{\"kty\": \"RSA\"}]}", "public-key-unreadable"),
            (
                "{\"keys\": [{\"kty\": \"RSA\", \"n\": \"wL0\", \"e\": \"AQAB\"}]}",
                "public-key-size",
            ),
        ] {
            assert_eq!(PublicKeys::parse(text).unwrap_err().code(), code, "{text}");
        }
    }
}

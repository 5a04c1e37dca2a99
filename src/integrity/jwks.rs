//! The public key as JOSE libraries read it (RFC 7517, RFC 7518 section 6.3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPublicKey;
use rsa::traits::PublicKeyParts;
use serde::Serialize;

use super::Sha256Digest;
use super::statement::ALGORITHM;

/// One public RSA key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Key type, `RSA`.
    pub kty: &'static str,
    /// What it is for, `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// Algorithm of the statements, `PS256`.
    pub alg: &'static str,
    /// Thumbprint of the key (RFC 7638), the `kid` of its statements.
    pub kid: String,
    /// Modulus, big-endian, base64url.
    pub n: String,
    /// Public exponent, big-endian, base64url.
    pub e: String,
}

/// The body of `/.well-known/jwks.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The key that signs, then those that only check any more.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    pub(super) fn of(key: &RsaPublicKey) -> Self {
        let n = URL_SAFE_NO_PAD.encode(key.n().to_bytes_be());
        let e = URL_SAFE_NO_PAD.encode(key.e().to_bytes_be());
        Self {
            kty: "RSA",
            usage: "sig",
            alg: ALGORITHM,
            kid: thumbprint(&n, &e),
            n,
            e,
        }
    }
}

/// RFC 7638: SHA-256 of the required members in alphabetical order, without white space.
fn thumbprint(n: &str, e: &str) -> String {
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256Digest::of(members.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7638_has_its_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(
            thumbprint(n, "AQAB"),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }
}

//! Fuzzing the checking of signatures and statements, with a key that is the same in every run.
//!
//! An attacker may send anything; so the inputs are any text, the true signature with some bytes
//! changed, and other numbers that are the same modulo the key's.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use serde_json::json;
use time::OffsetDateTime;

use super::Sha256Digest;
use super::signature;
use super::signer::{LocalSigner, Scheme, Signer};
use super::statement::{self, Statement};

const KID: &str = "the-key";
const NEVER_FAILS: &str = "the key of this module signs";

/// What was signed, once. Nothing else ever was with this key.
struct Case {
    signer: LocalSigner,
    digest: Sha256Digest,
    /// PKCS #1 v1.5 over `digest`.
    signature: Vec<u8>,
    token: String,
}

impl Case {
    fn key_of(&self, kid: &str) -> Option<&RsaPublicKey> {
        (kid == KID).then(|| self.signer.public_key())
    }
}

fn case() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| {
        // A seed whose primes are found quickly.
        let signer = LocalSigner::generate(&mut StdRng::seed_from_u64(42)).expect(NEVER_FAILS);
        let modulus = signer.public_key().n();
        let (digest, signature) = (0..u8::MAX)
            .map(|content| Sha256Digest::of(&[content]))
            .map(|digest| (digest, signer.sign(Scheme::Pkcs1v15, &digest)))
            .map(|(digest, signature)| (digest, signature.expect(NEVER_FAILS)))
            .find(|(_, signature)| has_twin(signature, modulus))
            .expect("a third of all signatures have one");
        let statement = Statement {
            filename: "v.mp4".into(),
            sha256: digest,
            size_bytes: 6,
            signed_at: OffsetDateTime::UNIX_EPOCH,
        };
        let payload = serde_json::to_string(&statement).expect("a statement is JSON");
        let token = (0..u64::MAX)
            .map(|salt| signed(&signer, &header().to_string(), &payload, salt))
            .find(|token| has_twin(&signature_of(token), modulus))
            .expect("a third of all signatures have one");
        Case {
            signer,
            digest,
            signature,
            token,
        }
    })
}

fn header() -> serde_json::Value {
    json!({"alg": "PS256", "kid": KID, "typ": "file-statement+jws"})
}

/// Whether the number plus the modulus is as long: then it is another signature to whoever forgets
/// that a signature is less than the modulus (RFC 8017, section 5.2.2).
fn has_twin(signature: &[u8], modulus: &BigUint) -> bool {
    (BigUint::from_bytes_be(signature) + modulus).bits() <= signature.len() * 8
}

fn signature_of(token: &str) -> Vec<u8> {
    let (_, signature) = token.rsplit_once('.').expect("a token has parts");
    URL_SAFE_NO_PAD
        .decode(signature)
        .expect("it was encoded here")
}

/// A token whose signature is the same in every run.
fn signed(signer: &LocalSigner, header: &str, payload: &str, salt: u64) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed_part = format!("{}.{}", part(header), part(payload));
    let digest = Sha256Digest::of(signed_part.as_bytes());
    let mut salt = StdRng::seed_from_u64(salt);
    let signature = signer.sign_with_rng(&mut salt, Scheme::Pss, &digest);
    let signature = URL_SAFE_NO_PAD.encode(signature.expect(NEVER_FAILS));
    format!("{signed_part}.{signature}")
}

/// Checks a `signature_base64`. The first byte tells what the rest is: the text itself, changes to
/// the true signature, the signature's bytes, or how many times the modulus is added.
pub fn signature(input: &[u8]) {
    let case = case();
    let [kind, rest @ ..] = input else { return };
    let text = match kind % 4 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => STANDARD.encode(changed(&case.signature, rest)),
        2 => STANDARD.encode(rest),
        _ => STANDARD.encode(congruent(&case.signature, rest)),
    };
    let found = signature::verify(case.signer.public_key(), &case.digest, &text);
    // Longer texts are not read, however much of them is white space.
    let is_short = text.len() <= signature::MAX_TEXT_BYTES;
    let compact: String = text.split_ascii_whitespace().collect();
    let of_urls = URL_SAFE.encode(&case.signature);
    let is_own_of_urls = compact.contains(['-', '_'])
        && of_urls.starts_with(&compact)
        && compact.len() >= of_urls.trim_end_matches('=').len();
    let is_own = is_short && (is_own_of_urls || compact == STANDARD.encode(&case.signature));
    assert_eq!(found.is_valid(), is_own, "{found:?} for {text:?}");
    assert!(!found.is_valid() || found.error().is_none());
}

/// Reads a token. The first byte tells what the rest is: the token itself, changes to the true one,
/// a header and (after a line end) a statement that are then truly signed, or how many times the
/// modulus is added to the true signature.
pub fn statement(input: &[u8]) {
    let case = case();
    let [kind, rest @ ..] = input else { return };
    let token = match kind % 4 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => String::from_utf8_lossy(&changed(case.token.as_bytes(), rest)).into_owned(),
        2 => return forge(case, &String::from_utf8_lossy(rest)),
        _ => {
            let (signed_part, _) = case.token.rsplit_once('.').expect("a token has parts");
            let other = URL_SAFE_NO_PAD.encode(congruent(&signature_of(&case.token), rest));
            format!("{signed_part}.{other}")
        }
    };
    let read = statement::verify::<Statement>(|kid| case.key_of(kid), &token);
    assert_eq!(read.is_ok(), token == case.token, "{read:?} for {token:?}");
}

/// Of what the key did sign, only a statement under our one header is read, and reads back.
fn forge(case: &Case, text: &str) {
    let (claimed, payload) = text.split_once('\n').unwrap_or((text, ""));
    let token = signed(&case.signer, claimed, payload, 1);
    let Ok(read) = statement::verify::<Statement>(|kid| case.key_of(kid), &token) else {
        return;
    };
    let claimed: serde_json::Value = serde_json::from_str(claimed).expect("an accepted header");
    assert_eq!(claimed, header());
    let written = serde_json::to_string(&read).expect("what was read can be written");
    let again: Statement = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(again, read);
}

/// `bytes` with changes: two bytes for the place, one to combine by exclusive or.
fn changed(bytes: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] ^= change[2];
    }
    bytes
}

/// The number of `signature` plus the modulus, some times over; as long as it or longer.
fn congruent(signature: &[u8], times: &[u8]) -> Vec<u8> {
    let times = BigUint::from_bytes_be(times.get(..2).unwrap_or(times));
    let modulus = case().signer.public_key().n();
    let sum = BigUint::from_bytes_be(signature) + modulus * times;
    let digits = sum.to_bytes_be();
    let zeros = signature.len().saturating_sub(digits.len());
    [vec![0; zeros], digits].concat()
}

/// The true signature, and each kind of change to it.
#[cfg(test)]
pub(crate) fn signature_seeds() -> Vec<Vec<u8>> {
    let own = STANDARD.encode(&case().signature);
    vec![
        [b"\0", own.as_bytes()].concat(),
        [
            b"\0 ",
            &own.as_bytes()[..76],
            b"\r\n",
            &own.as_bytes()[76..],
        ]
        .concat(),
        [b"\0", &own.as_bytes()[..100]].concat(),
        b"\x01".to_vec(),
        b"\x01\x05\x00\x80\x07\x01\x01".to_vec(),
        [b"\x02", &case().signature[..]].concat(),
        b"\x03\x00".to_vec(),
        b"\x03\x01".to_vec(),
    ]
}

/// The true token, each kind of change to it, and headers that ask for less.
#[cfg(test)]
pub(crate) fn statement_seeds() -> Vec<Vec<u8>> {
    let token = &case().token;
    let payload =
        r#"{"filename":"v","sha256":"HASH","size_bytes":6,"signed_at":"2025-11-21T08:00:00Z"}"#;
    let payload = payload.replace("HASH", &case().digest.to_hex());
    let forged = |header: &str| format!("\x02{header}\n{payload}").into_bytes();
    vec![
        [b"\0", token.as_bytes()].concat(),
        [b"\0", token.rsplit_once('.').unwrap().0.as_bytes(), b"."].concat(),
        b"\x01".to_vec(),
        b"\x01\x09\x00\x01".to_vec(),
        forged(&header().to_string()),
        forged(r#"{"alg":"none","kid":"the-key","typ":"file-statement+jws"}"#),
        forged(r#"{"alg":"PS256","kid":"the-key","typ":"file-statement+jws","crit":["b64"]}"#),
        b"\x03\x00".to_vec(),
        b"\x03\x01".to_vec(),
    ]
}

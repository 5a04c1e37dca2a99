//! Signatures of files as they travel: base64 (RFC 4648, section 4). What comes in may also be of
//! the alphabet for URLs (section 5), with or without its padding.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use rsa::RsaPublicKey;
use rsa::traits::PublicKeyParts;

use super::Sha256Digest;
use super::signer::{Scheme, is_signed};

/// Longest text that is decoded. The largest accepted key gives 684 characters; line breaks and
/// some slack are on top.
pub(super) const MAX_TEXT_BYTES: usize = 4 * 1024;

/// Libraries disagree about the padding of this alphabet.
const OF_URLS: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// RSASSA-PKCS1-v1_5 signature over the SHA-256 of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSignature(Vec<u8>);

impl FileSignature {
    /// Wraps raw bytes, of whatever origin; only checking tells whether they are a signature.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The raw bytes, as `openssl dgst -signature` reads them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value of `signature_base64`.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

/// What checking a signature found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The key signed exactly these bytes.
    Valid,
    /// A well-formed signature, but not of this key over these bytes.
    Mismatch,
    /// The text is not base64.
    NotBase64,
    /// The signature is not as long as this key's signatures are.
    WrongSize {
        /// Its length in bytes.
        got: usize,
        /// Length of this key's signatures in bytes.
        expected: usize,
    },
}

impl Verification {
    /// Whether the signature holds.
    pub fn is_valid(&self) -> bool {
        *self == Self::Valid
    }

    /// What is wrong with the form of the signature; `None` when it was checked.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Valid | Self::Mismatch => None,
            Self::NotBase64 => Some("Invalid base64 signature".into()),
            Self::WrongSize { got, expected } => Some(format!(
                "Signature size mismatch (got {got}, expected {expected})."
            )),
        }
    }
}

/// Checks the base64 `text` against `digest`. White space in the text, which `base64` and
/// `openssl base64` put there, is passed over. A text too long for any signature is measured, not
/// decoded.
pub(super) fn verify(key: &RsaPublicKey, digest: &Sha256Digest, text: &str) -> Verification {
    let expected = key.size();
    if text.len() > MAX_TEXT_BYTES {
        let got = text.len() / 4 * 3;
        return Verification::WrongSize { got, expected };
    }
    let compact: String = text.split_ascii_whitespace().collect();
    let alphabet = if compact.contains(['-', '_']) {
        OF_URLS
    } else {
        STANDARD
    };
    match alphabet.decode(compact) {
        Err(_) => Verification::NotBase64,
        Ok(bytes) if bytes.len() != expected => Verification::WrongSize {
            got: bytes.len(),
            expected,
        },
        Ok(bytes) if is_signed(key, Scheme::Pkcs1v15, digest, &bytes) => Verification::Valid,
        Ok(_) => Verification::Mismatch,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::signer::Signer;
    use super::super::signer::tests::test_signer;
    use super::*;

    #[test]
    fn the_messages_are_those_earlier_clients_know() {
        let key = test_signer().public_key().clone();
        let digest = Sha256Digest::of(b"a file");
        let check = |text: &str| verify(&key, &digest, text);
        let invalid = Some("Invalid base64 signature".to_owned());
        for text in ["%%%", "QUJ", "QUJD=", "QUI", "QU+-", "äöü", "QR=="] {
            assert_eq!(check(text).error(), invalid, "{text}");
        }
        for (text, got) in [("", 0), ("QUJD", 3), (&STANDARD.encode([7; 256]), 256)] {
            let message = format!("Signature size mismatch (got {got}, expected 384).");
            assert_eq!(check(text).error(), Some(message));
        }
        let zeros = check(&STANDARD.encode([0; 384]));
        assert_eq!((zeros.is_valid(), zeros.error()), (false, None));
        let ones = check(&STANDARD.encode([255; 384]));
        assert_eq!((ones.is_valid(), ones.error()), (false, None));
    }

    #[test]
    fn line_breaks_in_the_text_do_not_matter() {
        let signer = test_signer();
        let digest = Sha256Digest::of(b"a file");
        let signature = FileSignature::new(signer.sign(Scheme::Pkcs1v15, &digest).unwrap());
        let lines: Vec<_> = signature
            .to_base64()
            .as_bytes()
            .chunks(76)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        let wrapped = format!(" {}\r\n", lines.join("\r\n"));
        assert!(verify(signer.public_key(), &digest, &wrapped).is_valid());
    }

    #[test]
    fn the_alphabet_of_urls_says_the_same() {
        let signer = test_signer();
        // Among a few digests one has both of the alphabet's own characters in its signature.
        let found = (0_u8..40).find_map(|byte| {
            let digest = Sha256Digest::of(&[byte]);
            let signature = signer.sign(Scheme::Pkcs1v15, &digest).unwrap();
            let text = FileSignature::new(signature).to_base64();
            (text.contains('+') && text.contains('/')).then_some((digest, text))
        });
        let (digest, text) = found.expect("a signature with both characters");
        let of_urls = text.replace('+', "-").replace('/', "_");
        let check = |text: &str| verify(signer.public_key(), &digest, text);
        assert!(check(&of_urls).is_valid());
        assert!(check(of_urls.trim_end_matches('=')).is_valid());
        assert_eq!(check(&text.replace('+', "-")), Verification::NotBase64);
    }

    #[test]
    fn a_huge_text_is_refused_without_being_decoded() {
        let key = test_signer().public_key().clone();
        // Decoded, it would be no base64.
        let text = "%".repeat(64 * 1024 * 1024);
        let found = verify(&key, &Sha256Digest::of(b""), &text);
        assert_eq!(
            found,
            Verification::WrongSize {
                got: 48 * 1024 * 1024,
                expected: 384
            }
        );
    }

    #[test]
    fn any_changed_bit_of_the_signature_or_the_digest_breaks_it() {
        let signer = test_signer();
        let digest = Sha256Digest::of(b"a file");
        let signature = signer.sign(Scheme::Pkcs1v15, &digest).unwrap();
        let check = |bytes: &[u8], digest: &Sha256Digest| {
            verify(signer.public_key(), digest, &STANDARD.encode(bytes))
        };
        assert_eq!(check(&signature, &digest), Verification::Valid);
        for bit in (0..384 * 8).step_by(61) {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                check(&changed, &digest),
                Verification::Mismatch,
                "bit {bit}"
            );
        }
        let other = Sha256Digest::of(b"another file");
        assert_eq!(check(&signature, &other), Verification::Mismatch);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_is_valid_by_chance_and_none_panics(
            text in prop_oneof![any::<String>(), "[A-Za-z0-9+/=\\s]{0,800}"],
        ) {
            use std::sync::OnceLock;
            static KEY: OnceLock<RsaPublicKey> = OnceLock::new();
            let key = KEY.get_or_init(|| test_signer().public_key().clone());
            let found = verify(key, &Sha256Digest::of(b"a file"), &text);
            prop_assert!(!found.is_valid());
        }

        #[test]
        fn base64_carries_every_signature(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let text = FileSignature::new(bytes.clone()).to_base64();
            prop_assert_eq!(STANDARD.decode(text).unwrap(), bytes);
        }
    }
}

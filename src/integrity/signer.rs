//! Who holds the private key.

use std::ops::RangeInclusive;

use rand::rngs::OsRng;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::CryptoRngCore;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha2::Sha256;

use super::{IntegrityError, Sha256Digest};

/// Size of keys that are made here, in bits.
const NEW_KEY_BITS: usize = 3072;

/// Up to the largest modulus the `rsa` crate verifies with.
pub(super) const ACCEPTED_KEY_BITS: RangeInclusive<usize> = NEW_KEY_BITS..=RsaPublicKey::MAX_SIZE;

/// How a digest is padded before the key is applied (RFC 8017, sections 8.2 and 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 with SHA-256: the same digest gives the same signature.
    Pkcs1v15,
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 random bytes (JOSE `PS256`).
    Pss,
}

/// Something that signs with one RSA key: the key in a local file, or a key service.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The public half.
    fn public_key(&self) -> &RsaPublicKey;

    /// Signs a SHA-256 digest; the signature is as long as the modulus. May block for
    /// milliseconds (a local key) or a network round trip (a service).
    ///
    /// # Errors
    /// [`IntegrityError::Signing`].
    fn sign(&self, scheme: Scheme, digest: &Sha256Digest) -> Result<Vec<u8>, IntegrityError>;
}

/// A key in this process's memory; overwritten with zeros when dropped.
pub struct LocalSigner {
    private: RsaPrivateKey,
    public: RsaPublicKey,
}

impl LocalSigner {
    /// Wraps a key.
    pub(super) fn new(private: RsaPrivateKey) -> Self {
        let public = private.to_public_key();
        Self { private, public }
    }

    /// Makes a new RSA-3072 key; takes about a second.
    pub(super) fn generate(rng: &mut impl CryptoRngCore) -> Result<Self, IntegrityError> {
        RsaPrivateKey::new(rng, NEW_KEY_BITS)
            .map(Self::new)
            .map_err(failed)
    }

    /// The private key for its encoder.
    pub(super) fn private_key(&self) -> &impl EncodePrivateKey {
        &self.private
    }

    /// Signs with the randomness of `rng`, which blinds the key and salts PSS. Under one `rng`
    /// state the signature repeats.
    pub(super) fn sign_with_rng(
        &self,
        rng: &mut impl CryptoRngCore,
        scheme: Scheme,
        digest: &Sha256Digest,
    ) -> Result<Vec<u8>, IntegrityError> {
        let digest = digest.as_bytes();
        let signed = match scheme {
            // The crate blinds this one whenever it is given a random source.
            Scheme::Pkcs1v15 => {
                let padding = Pkcs1v15Sign::new::<Sha256>();
                self.private.sign_with_rng(rng, padding, digest)
            }
            // `Pss::new` would salt but not blind.
            Scheme::Pss => {
                let padding = Pss::new_blinded::<Sha256>();
                self.private.sign_with_rng(rng, padding, digest)
            }
        };
        signed.map_err(failed)
    }
}

impl Signer for LocalSigner {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn sign(&self, scheme: Scheme, digest: &Sha256Digest) -> Result<Vec<u8>, IntegrityError> {
        self.sign_with_rng(&mut OsRng, scheme, digest)
    }
}

impl std::fmt::Debug for LocalSigner {
    /// Says nothing about the private half.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalSigner(RSA-{})", self.public.n().bits())
    }
}

/// Whether `signature` over `digest` is of `key` under `scheme`. One number only is a signature: those
/// that are congruent to it, from the modulus upwards, are refused (RFC 8017, section 5.2.2), which the
/// crate does for PKCS #1 v1.5 alone.
pub(super) fn is_signed(
    key: &RsaPublicKey,
    scheme: Scheme,
    digest: &Sha256Digest,
    signature: &[u8],
) -> bool {
    let digest = digest.as_bytes();
    if BigUint::from_bytes_be(signature) >= *key.n() {
        return false;
    }
    match scheme {
        Scheme::Pkcs1v15 => key.verify(Pkcs1v15Sign::new::<Sha256>(), digest, signature),
        Scheme::Pss => key.verify(Pss::new::<Sha256>(), digest, signature),
    }
    .is_ok()
}

fn failed(error: rsa::Error) -> IntegrityError {
    IntegrityError::Signing {
        reason: error.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::OnceLock;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    /// A key of the tests: the same in every run, from a seed that finds its primes quickly.
    pub(in crate::integrity) fn test_signer() -> LocalSigner {
        static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
        LocalSigner::new(KEY.get_or_init(|| seeded(42).private).clone())
    }

    /// A second key of the tests.
    pub(in crate::integrity) fn other_test_signer() -> LocalSigner {
        seeded(4)
    }

    fn seeded(seed: u64) -> LocalSigner {
        LocalSigner::generate(&mut StdRng::seed_from_u64(seed)).unwrap()
    }

    #[test]
    fn each_scheme_accepts_its_own_signature_and_not_the_others() {
        let signer = test_signer();
        let digest = Sha256Digest::of(b"a file");
        for (scheme, other) in [
            (Scheme::Pkcs1v15, Scheme::Pss),
            (Scheme::Pss, Scheme::Pkcs1v15),
        ] {
            let signature = signer.sign(scheme, &digest).unwrap();
            assert_eq!(signature.len(), 384);
            let key = signer.public_key();
            assert!(is_signed(key, scheme, &digest, &signature));
            assert!(!is_signed(key, other, &digest, &signature));
            let another = Sha256Digest::of(b"another file");
            assert!(!is_signed(key, scheme, &another, &signature));
        }
    }

    #[test]
    fn a_signature_plus_the_modulus_is_none_though_it_is_as_long() {
        let signer = test_signer();
        let modulus = signer.public_key().n();
        for scheme in [Scheme::Pkcs1v15, Scheme::Pss] {
            // A third of all signatures leave room for it.
            let (digest, signature, twin) = (0..=u8::MAX)
                .map(|content| Sha256Digest::of(&[content]))
                .map(|digest| (digest, signer.sign(scheme, &digest).unwrap()))
                .map(|(digest, own)| (digest, BigUint::from_bytes_be(&own) + modulus, own))
                .find_map(|(digest, twin, own)| {
                    (twin.bits() <= 3072).then_some((digest, own, twin.to_bytes_be()))
                })
                .unwrap();
            assert_eq!(twin.len(), signature.len());
            let key = signer.public_key();
            assert!(is_signed(key, scheme, &digest, &signature));
            assert!(!is_signed(key, scheme, &digest, &twin), "{scheme:?}");
        }
    }

    #[test]
    fn numbers_that_are_powers_of_themselves_sign_nothing() {
        let key = test_signer().public_key().clone();
        let one = BigUint::from(1_u8);
        let last = key.n() - &one;
        for number in [BigUint::from(0_u8), one, last, key.n().clone()] {
            let digits = number.to_bytes_be();
            let signature = [vec![0; 384 - digits.len()], digits].concat();
            for scheme in [Scheme::Pkcs1v15, Scheme::Pss] {
                let digest = Sha256Digest::of(b"a file");
                assert!(
                    !is_signed(&key, scheme, &digest, &signature),
                    "{scheme:?} {number}"
                );
            }
        }
    }

    #[test]
    fn pkcs1_repeats_and_pss_is_salted_by_its_random_source() {
        let signer = test_signer();
        let digest = Sha256Digest::of(b"a file");
        let sign = |scheme, seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            signer.sign_with_rng(&mut rng, scheme, &digest).unwrap()
        };
        assert_eq!(sign(Scheme::Pkcs1v15, 1), sign(Scheme::Pkcs1v15, 2));
        assert_eq!(sign(Scheme::Pss, 1), sign(Scheme::Pss, 1));
        assert_ne!(sign(Scheme::Pss, 1), sign(Scheme::Pss, 2));
    }

    #[test]
    fn every_private_operation_draws_randomness_for_blinding() {
        let signer = test_signer();
        let digest = Sha256Digest::of(b"a file");
        for (scheme, salt_bytes) in [(Scheme::Pkcs1v15, 0), (Scheme::Pss, 32)] {
            let mut rng = Counting(StdRng::seed_from_u64(3), 0);
            signer.sign_with_rng(&mut rng, scheme, &digest).unwrap();
            assert!(rng.1 >= salt_bytes + 384, "{scheme:?} drew {} bytes", rng.1);
        }
    }

    #[test]
    fn debug_output_keeps_the_key_to_itself() {
        assert_eq!(format!("{:?}", test_signer()), "LocalSigner(RSA-3072)");
    }

    /// Counts the bytes drawn.
    struct Counting(StdRng, usize);

    impl rand::RngCore for Counting {
        fn next_u32(&mut self) -> u32 {
            self.1 += 4;
            self.0.next_u32()
        }
        fn next_u64(&mut self) -> u64 {
            self.1 += 8;
            self.0.next_u64()
        }
        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            self.1 += bytes.len();
            self.0.fill_bytes(bytes);
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand::Error> {
            self.fill_bytes(bytes);
            Ok(())
        }
    }

    impl rand::CryptoRng for Counting {}
}

//! The key of this service and what it does.

use std::path::Path;
use std::sync::Arc;

use rsa::RsaPublicKey;

use super::jwks::{Jwk, JwkSet};
use super::retired::retired_keys;
use super::rotation::{self, Rotation};
use super::signature::{self, FileSignature, Verification};
use super::signer::{Scheme, Signer};
use super::statement::{self, Statement, StatementError};
use super::verdict_statement::VerdictStatement;
use super::{IntegrityError, Sha256Digest, key_file};

/// Signs and checks. Clones share the key.
#[derive(Debug, Clone)]
pub struct Keyring {
    signer: Arc<dyn Signer>,
    public_key_pem: Arc<str>,
    jwk: Arc<Jwk>,
    retired: Arc<[RetiredKey]>,
}

/// A key that signed once, and only checks any more.
#[derive(Debug)]
struct RetiredKey {
    public: RsaPublicKey,
    jwk: Jwk,
}

impl Keyring {
    /// Reads `private.pem` (PKCS#8, mode 0600) in `dir`, or makes the folder (mode 0700) and a new
    /// RSA-3072 pair when there is none. Making one takes about a second.
    ///
    /// # Errors
    /// [`IntegrityError`] naming the file and the way out when the key is damaged, open to other
    /// users, too small, missing beside its public half, or cannot be read or written, and when a
    /// retired key is damaged. Nothing is replaced.
    pub fn open_or_create(dir: &Path) -> Result<Self, IntegrityError> {
        let keyring = Self::with_signer(Arc::new(key_file::load_or_create(dir)?))?;
        let retired = retired_keys(dir)?.into_iter();
        let retired = retired
            .map(|public| RetiredKey {
                jwk: Jwk::of(&public),
                public,
            })
            .filter(|key| key.jwk.kid != keyring.jwk.kid)
            .collect();
        Ok(Self { retired, ..keyring })
    }

    /// Makes a new pair in place of the one in `dir`. The public half of the old one is kept and goes
    /// on checking; its private half is gone. Keyrings that are open keep signing with the old key.
    ///
    /// # Errors
    /// As [`Self::open_or_create`], and [`IntegrityError::NothingToRotate`]; nothing is changed then.
    pub fn rotate(dir: &Path) -> Result<Rotation, IntegrityError> {
        rotation::rotate(dir)
    }

    /// Uses a key that lies elsewhere.
    ///
    /// # Errors
    /// [`IntegrityError::Signing`] when the public key cannot be encoded.
    pub fn with_signer(signer: Arc<dyn Signer>) -> Result<Self, IntegrityError> {
        Ok(Self {
            public_key_pem: key_file::public_pem(signer.as_ref())?.into(),
            jwk: Arc::new(Jwk::of(signer.public_key())),
            retired: Arc::new([]),
            signer,
        })
    }

    /// Signs a file, told by its digest, such that
    /// `openssl dgst -sha256 -verify public.pem -signature FILE.sig FILE` accepts it.
    ///
    /// # Errors
    /// [`IntegrityError::Signing`].
    pub fn sign_file_digest(&self, digest: &Sha256Digest) -> Result<FileSignature, IntegrityError> {
        self.signer
            .sign(Scheme::Pkcs1v15, digest)
            .map(FileSignature::new)
    }

    /// Checks a base64 signature of a file, told by its digest, with the current key and those
    /// before it.
    pub fn verify(&self, digest: &Sha256Digest, signature_base64: &str) -> Verification {
        let check = |key| signature::verify(key, digest, signature_base64);
        let found = check(self.signer.public_key());
        let is_of_an_earlier_key =
            || (self.retired.iter()).any(|key| check(&key.public) == Verification::Valid);
        if !found.is_valid() && is_of_an_earlier_key() {
            return Verification::Valid;
        }
        found
    }

    /// Signs a statement into a compact JWS (PS256).
    ///
    /// # Errors
    /// [`IntegrityError::Signing`], also for a file name of many thousand characters.
    pub fn sign_statement(&self, statement: &Statement) -> Result<String, IntegrityError> {
        statement::sign(self.signer.as_ref(), &self.jwk.kid, statement)
    }

    /// The statement in a compact JWS that this key or one before it signed.
    ///
    /// # Errors
    /// [`StatementError`] for anything else.
    pub fn verify_statement(&self, token: &str) -> Result<Statement, StatementError> {
        statement::verify(|kid| self.public_key(kid), token)
    }

    /// Signs what an analysis found into a compact JWS (PS256).
    ///
    /// # Errors
    /// [`IntegrityError::Signing`], also for a statement of more than 64 KiB.
    pub fn sign_verdict(&self, statement: &VerdictStatement) -> Result<String, IntegrityError> {
        statement::sign(self.signer.as_ref(), &self.jwk.kid, statement)
    }

    /// What an analysis found, in a compact JWS that this key or one before it signed.
    ///
    /// # Errors
    /// [`StatementError`] for anything else, statements about files included.
    pub fn verify_verdict(&self, token: &str) -> Result<VerdictStatement, StatementError> {
        statement::verify(|kid| self.public_key(kid), token)
    }

    fn public_key(&self, kid: &str) -> Option<&RsaPublicKey> {
        if kid == self.jwk.kid {
            return Some(self.signer.public_key());
        }
        let retired = self.retired.iter().find(|key| key.jwk.kid == kid);
        retired.map(|key| &key.public)
    }

    /// Name of the key: its thumbprint (RFC 7638).
    pub fn key_id(&self) -> &str {
        &self.jwk.kid
    }

    /// The public key as PEM (SubjectPublicKeyInfo).
    pub fn public_key_pem(&self) -> &str {
        &self.public_key_pem
    }

    /// The public keys for JOSE libraries: the one that signs, then those before it.
    pub fn jwks(&self) -> JwkSet {
        let retired = self.retired.iter().map(|key| &key.jwk);
        JwkSet {
            keys: [&*self.jwk].into_iter().chain(retired).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use time::OffsetDateTime;

    use super::super::hash_reader;
    use super::super::signer::tests::{other_test_signer, test_signer};
    use super::*;

    fn keyring() -> Keyring {
        Keyring::with_signer(Arc::new(test_signer())).unwrap()
    }

    /// Files for openssl: the public key, a message and its signature.
    struct OpensslCase(tempfile::TempDir);

    impl OpensslCase {
        fn new(keyring: &Keyring, message: &[u8], signature: &[u8]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("public.pem"), keyring.public_key_pem()).unwrap();
            fs::write(dir.path().join("file"), message).unwrap();
            fs::write(dir.path().join("sig.bin"), signature).unwrap();
            Self(dir)
        }

        /// What `openssl dgst` prints.
        fn verdict(&self, options: &[&str]) -> String {
            let output = Command::new("openssl")
                .current_dir(self.0.path())
                .args(["dgst", "-sha256"])
                .args(options)
                .args(["-verify", "public.pem", "-signature", "sig.bin", "file"])
                .output()
                .expect("this test runs openssl: `apt-get install openssl`");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
    }

    #[test]
    fn openssl_accepts_the_signature_of_a_file_and_refuses_it_for_another() {
        let keyring = keyring();
        let content: Vec<u8> = (0..200_000u32).map(|n| (n >> 3) as u8).collect();
        let digest = hash_reader(&content[..]).unwrap().sha256;
        let signature = keyring.sign_file_digest(&digest).unwrap();
        let case = OpensslCase::new(&keyring, &content, signature.as_bytes());
        assert_eq!(case.verdict(&[]), "Verified OK");
        let other = OpensslCase::new(&keyring, &content[1..], signature.as_bytes());
        assert_eq!(other.verdict(&[]), "Verification failure");
        assert!(keyring.verify(&digest, &signature.to_base64()).is_valid());
    }

    #[test]
    fn a_signature_made_by_openssl_with_the_key_file_is_accepted() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("keys");
        let keyring = Keyring::open_or_create(&dir).unwrap();
        fs::write(dir.join("file"), b"a file").unwrap();
        let signed = Command::new("openssl")
            .current_dir(&dir)
            .args([
                "dgst",
                "-sha256",
                "-sign",
                "private.pem",
                "-out",
                "sig.bin",
                "file",
            ])
            .status()
            .expect("this test runs openssl: `apt-get install openssl`");
        assert!(signed.success());
        let signature = FileSignature::new(fs::read(dir.join("sig.bin")).unwrap());
        let digest = Sha256Digest::of(b"a file");
        assert!(keyring.verify(&digest, &signature.to_base64()).is_valid());
        assert_eq!(
            fs::read_to_string(dir.join("public.pem")).unwrap(),
            keyring.public_key_pem()
        );
    }

    #[test]
    fn openssl_accepts_a_statement_as_ps256() {
        let keyring = keyring();
        let token = keyring
            .sign_statement(&Statement {
                filename: "v.mp4".into(),
                sha256: Sha256Digest::of(b"a file"),
                size_bytes: 6,
                signed_at: OffsetDateTime::UNIX_EPOCH,
            })
            .unwrap();
        let (signed_part, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let case = OpensslCase::new(&keyring, signed_part.as_bytes(), &signature);
        let ps256 = [
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            "rsa_pss_saltlen:32",
        ];
        assert_eq!(case.verdict(&ps256), "Verified OK");
        assert_eq!(keyring.verify_statement(&token).unwrap().filename, "v.mp4");
    }

    #[test]
    fn the_key_set_names_the_key_that_statements_name() {
        let keyring = keyring();
        let json = serde_json::to_value(keyring.jwks()).unwrap();
        let key = &json["keys"][0];
        assert_eq!(key["kid"], keyring.key_id());
        assert_eq!((&key["kty"], &key["use"]), (&"RSA".into(), &"sig".into()));
        assert_eq!((&key["alg"], &key["e"]), (&"PS256".into(), &"AQAB".into()));
        let modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap();
        assert_eq!((modulus.len(), modulus[0] >> 7), (384, 1));
    }

    #[test]
    fn another_key_accepts_nothing_of_this_one() {
        let digest = Sha256Digest::of(b"a file");
        let signature = keyring().sign_file_digest(&digest).unwrap();
        let other = Keyring::with_signer(Arc::new(other_test_signer())).unwrap();
        let found = other.verify(&digest, &signature.to_base64());
        assert_eq!(found, Verification::Mismatch);
    }
}

//! Keys, signatures and signed statements: the only place that names rsa and base64, and the
//! owner of SHA-256 over files.
//!
//! | what | how | who checks it |
//! |---|---|---|
//! | signature of a file | RSASSA-PKCS1-v1_5 over SHA-256 of the file's bytes ([`Keyring::sign_file_digest`]) | `openssl dgst -sha256 -verify public.pem -signature FILE.sig FILE` |
//! | statement about a file | JWS, PS256, over name, SHA-256, size and time ([`Keyring::sign_statement`]) | any JOSE library with [`Keyring::jwks`] |
//! | statement about a verdict | JWS, PS256, over file, models, frames, settings and verdict ([`Keyring::sign_verdict`]) | the same, or [`PublicKeys`] |
//! | message about a job that ended | HMAC-SHA256, Standard Webhooks ([`WebhookSecret`]) | any library of Standard Webhooks with the secret |
//!
//! One RSA-3072 key signs files and statements. It is made on first start and never replaced but by
//! [`Keyring::rotate`], which keeps the public half of the old one to check with: a key that is damaged
//! or readable by others is refused with an error that says what to do ([`Keyring::open_or_create`]).
//!
//! - **Signing** sits behind [`Signer`], so that a key service can take the local key's place.
//!   Every private operation of the local key is blinded: the `rsa` crate's arithmetic is not
//!   constant in time (RUSTSEC-2023-0071), and blinding takes the attacker's knowledge of the
//!   input away.
//! - **Checking** bounds its input before it looks at it, and takes neither the algorithm nor the
//!   key from the client.
//!
//! Calls that use the key compute for milliseconds: run them on a blocking thread.

mod api_secret;
mod digest;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod jwks;
mod key_file;
#[cfg(test)]
mod key_file_tests;
mod keyring;
mod pem_file;
mod public_keys;
mod retired;
mod rotation;
mod signature;
mod signer;
mod statement;
mod verdict_statement;
mod webhook_secret;

pub use api_secret::ApiSecret;
pub use digest::{FileDigest, FileHasher, Sha1Hasher, Sha256Digest, hash_reader};
pub use error::IntegrityError;
pub use jwks::{Jwk, JwkSet};
pub use keyring::Keyring;
pub use public_keys::{PublicKeys, PublicKeysError};
pub use rotation::Rotation;
pub use signature::{FileSignature, Verification};
pub use signer::{LocalSigner, Scheme, Signer};
pub use statement::{Statement, StatementError};
pub use verdict_statement::{StatedFile, StatedModel, VerdictStatement, VerdictStatementError};
pub use webhook_secret::WebhookSecret;

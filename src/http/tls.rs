//! TLS: certificate and key from PEM files, taken anew when the files change.
//!
//! [`Tls::open`] reads and checks both, so that a service that could not speak TLS does not start.
//! While it serves, [`Renewal`] reads them again every so often. A changed pair that is usable is
//! what every handshake shows from then on, and open connections go on as they are; one that is
//! not is said once in the log, and the pair before it goes on. Files are compared by what they
//! hold: a renewal may replace a link, a folder of links, or write the two one after the other.
//!
//! Only HTTP/1.1 is offered. There the framework bounds the time, the number and the size of the
//! headers; its HTTP/2 bounds none of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::header::HeaderValue;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, InconsistentKeys, RootCertStore, ServerConfig};
use thiserror::Error;
use tokio::task::JoinHandle;

use crate::integrity::Sha256Digest;

/// Where certificate and key are, and what clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM file: the server's certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM file: its private key, not encrypted.
    pub key: PathBuf,
    /// How often the files are read again.
    pub reload_interval: Duration,
    /// How long browsers shall use HTTPS only; zero: they are not told.
    pub hsts_max_age: Duration,
}

/// Why TLS cannot be spoken.
#[derive(Debug, Error)]
pub enum TlsError {
    /// One of the two settings alone.
    #[error("tls_certificate and tls_key belong together: set both, or neither")]
    Half,
    /// A file that cannot be read.
    #[error("{setting}: {} cannot be read", .path.display())]
    Read {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file that is not what its setting says.
    #[error(
        "{setting}: {} holds no {wanted} in PEM that can be read: {problem}",
        .path.display()
    )]
    Pem {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The key belongs to another certificate.
    #[error(
        "the key in {} (tls_key) is not that of the certificate in {} (tls_certificate)",
        .key.display(),
        .certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// No client would take the certificate today.
    #[error("tls_certificate: the certificate in {} {problem}", .path.display())]
    OutOfDate {
        /// The file.
        path: PathBuf,
        /// Since or until when.
        problem: String,
    },
    /// A pair that rustls does not take, as a curve it does not know.
    #[error(
        "the certificate in {} (tls_certificate) and its key cannot be used",
        .certificate.display()
    )]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl TlsError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Half => "tls-half-set",
            Self::Read { .. } => "tls-file-unreadable",
            Self::Pem { .. } => "tls-file-malformed",
            Self::Mismatch { .. } => "tls-key-of-another",
            Self::OutOfDate { .. } => "tls-certificate-out-of-date",
            Self::Unusable { .. } => "tls-pair-unusable",
        }
    }
}

impl TlsSettings {
    /// The same, checked for being whole; `None` where neither file is named.
    ///
    /// # Errors
    /// [`TlsError::Half`].
    pub fn if_named(self) -> Result<Option<Self>, TlsError> {
        let named = |path: &Path| !path.as_os_str().is_empty();
        match (named(&self.certificate), named(&self.key)) {
            (false, false) => Ok(None),
            (true, true) => Ok(Some(self)),
            (true, false) | (false, true) => Err(TlsError::Half),
        }
    }
}

/// A certificate with its key, ready for handshakes.
#[derive(Debug, Clone)]
pub struct Tls {
    settings: TlsSettings,
    shown: Arc<Shown>,
    seen: Sha256Digest,
}

/// What handshakes show.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A pointer is swapped whole, so a poisoned lock holds a whole one.
        let pair = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&pair))
    }
}

impl Tls {
    /// Reads and checks both files.
    ///
    /// # Errors
    /// [`TlsError`], naming the setting and the file.
    pub async fn open(settings: TlsSettings) -> Result<Self, TlsError> {
        let files = Files::read(&settings).await?;
        let pair = files.check(&settings)?;
        Ok(Self {
            shown: Arc::new(Shown(RwLock::new(Arc::new(pair)))),
            seen: files.digest(),
            settings,
        })
    }

    pub(super) fn server_config(&self) -> ServerConfig {
        let resolver: Arc<Shown> = Arc::clone(&self.shown);
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has suites for every version that rustls is built with")
            .with_no_client_auth()
            .with_cert_resolver(resolver)
    }

    /// `Strict-Transport-Security`.
    pub(super) fn hsts(&self) -> Option<HeaderValue> {
        let seconds = self.settings.hsts_max_age.as_secs();
        let value = || HeaderValue::from_str(&format!("max-age={seconds}")).ok();
        (seconds > 0).then(value).flatten()
    }

    /// Reads the files again; `true` when another pair is shown from now on. What is wrong with
    /// files is an error once, not each time that they are found so.
    async fn renew(&mut self) -> Result<bool, TlsError> {
        let files = Files::read(&self.settings).await?;
        let digest = files.digest();
        if digest == self.seen {
            return Ok(false);
        }
        self.seen = digest;
        let pair = Arc::new(files.check(&self.settings)?);
        *(self.shown.0.write()).unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(true)
    }
}

/// Looks for new files until it is dropped.
pub(super) struct Renewal(JoinHandle<()>);

impl Renewal {
    pub(super) fn start(mut tls: Tls) -> Self {
        Self(tokio::spawn(async move {
            let mut unreadable = false;
            loop {
                tokio::time::sleep(tls.settings.reload_interval).await;
                let renewed = tls.renew().await;
                // Files that cannot be read have no contents to tell apart: said once until they can.
                let again = unreadable && matches!(renewed, Err(TlsError::Read { .. }));
                unreadable = matches!(renewed, Err(TlsError::Read { .. }));
                match renewed {
                    Ok(false) => {}
                    Ok(true) => tracing::info!("the new certificate is shown from now on"),
                    Err(_) if again => {}
                    Err(error) => tracing::error!(
                        code = error.code(),
                        cause = cause(&error),
                        "the certificate in use stays: {error}"
                    ),
                }
            }
        }))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn cause(error: &TlsError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

/// What both files hold.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    async fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read("tls_certificate", &settings.certificate).await?,
            key: read("tls_key", &settings.key).await?,
        })
    }

    fn digest(&self) -> Sha256Digest {
        let each = [&self.certificate, &self.key].map(|bytes| Sha256Digest::of(bytes).to_hex());
        Sha256Digest::of(each.concat().as_bytes())
    }

    fn check(&self, settings: &TlsSettings) -> Result<CertifiedKey, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = (chain.and_then(|chain| match chain.is_empty() {
            true => Err(pem::Error::NoItemsFound),
            false => Ok(chain),
        }))
        .map_err(malformed(
            "tls_certificate",
            &settings.certificate,
            "certificate",
        ))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(malformed(
            "tls_key",
            &settings.key,
            "unencrypted private key",
        ))?;
        let provider = default_provider();
        expect_in_date(&chain[0], &provider, settings)?;
        CertifiedKey::from_der(chain, key, &provider).map_err(|error| unusable(settings, error))
    }
}

async fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    tokio::fs::read(path)
        .await
        .map_err(|source| TlsError::Read {
            setting,
            path: path.to_path_buf(),
            source,
        })
}

fn malformed<'a>(
    setting: &'static str,
    path: &'a Path,
    wanted: &'static str,
) -> impl FnOnce(pem::Error) -> TlsError + 'a {
    move |error| TlsError::Pem {
        setting,
        path: path.to_path_buf(),
        wanted,
        problem: if matches!(error, pem::Error::NoItemsFound) {
            "there is none in it".into()
        } else {
            error.to_string()
        },
    }
}

/// The dates are the first thing that a verification looks at; that no authority is known here is
/// found only after them.
fn expect_in_date(
    certificate: &CertificateDer<'_>,
    provider: &CryptoProvider,
    settings: &TlsSettings,
) -> Result<(), TlsError> {
    let parsed =
        ParsedCertificate::try_from(certificate).map_err(|error| unusable(settings, error))?;
    let algorithms = provider.signature_verification_algorithms.all;
    let nobody = RootCertStore::empty();
    let now = UnixTime::now();
    let verified =
        verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], now, algorithms);
    let problem = match verified {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after,
            ..
        })) => format!("expired at {}", moment(not_after)),
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) => format!("is not valid before {}", moment(not_before)),
        Ok(()) | Err(_) => return Ok(()),
    };
    Err(TlsError::OutOfDate {
        path: settings.certificate.clone(),
        problem,
    })
}

fn moment(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let moment = time::OffsetDateTime::from_unix_timestamp(seconds);
    moment.map_or_else(|_| "a far time".into(), super::answer::rfc3339)
}

fn unusable(settings: &TlsSettings, error: rustls::Error) -> TlsError {
    let certificate = settings.certificate.clone();
    if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        let key = settings.key.clone();
        return TlsError::Mismatch { certificate, key };
    }
    TlsError::Unusable {
        certificate,
        source: error,
    }
}

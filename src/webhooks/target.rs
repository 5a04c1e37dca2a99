//! The address of a webhook, looked at before anything is sent there.

use std::net::IpAddr;

use http_client::Url;
use thiserror::Error;

use crate::outward::{OutwardUrl, OutwardUrlError, Reach};

/// The setting that allows other addresses than public ones.
pub(super) const SETTING: &str = "webhook_private_addresses";

/// An `https` URL that does not name an address of a private network; with private addresses allowed,
/// any `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(OutwardUrl);

/// Why an address is no webhook's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// It does not read as a URL.
    #[error("this is no URL: {0}")]
    NoUrl(String),
    /// Something else than `https`.
    #[error("a webhook begins with https:// (http:// only where webhook_private_addresses is on)")]
    Scheme,
    /// User and password would lie in the database and in logs.
    #[error("a webhook's address holds no user and no password; its messages are signed")]
    Credentials,
    /// It names an address of a private network.
    #[error("{0} is no public address; webhook_private_addresses allows others")]
    Private(IpAddr),
}

impl WebhookUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(text: &str, allows_private: bool) -> Result<Self, TargetError> {
        if !OutwardUrl::parse(text, Reach::Any)?.is_https() && !allows_private {
            return Err(TargetError::Scheme);
        }
        Ok(Self(OutwardUrl::parse(text, reach(allows_private))?))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn url(&self) -> Url {
        self.0.url()
    }
}

/// How far webhooks may go.
pub(super) fn reach(allows_private: bool) -> Reach {
    match allows_private {
        true => Reach::Any,
        false => Reach::Public,
    }
}

impl From<OutwardUrlError> for TargetError {
    fn from(error: OutwardUrlError) -> Self {
        match error {
            OutwardUrlError::NoUrl(problem) => Self::NoUrl(problem),
            OutwardUrlError::Scheme => Self::Scheme,
            OutwardUrlError::Credentials => Self::Credentials,
            OutwardUrlError::Private(address) => Self::Private(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_an_https_url_of_a_public_host() {
        for good in [
            "https://hooks.example.org/a?b=c",
            "https://1.1.1.1/",
            "https://[2606:4700::1]:8443/x",
        ] {
            let parsed = WebhookUrl::parse(good, false).unwrap();
            assert_eq!(parsed.as_str(), good);
        }
    }

    #[test]
    fn an_address_that_is_none_or_private_however_it_is_written_is_refused() {
        let refused = |text: &str| WebhookUrl::parse(text, false).unwrap_err();
        let private = [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
        ];
        for text in private {
            assert!(matches!(refused(text), TargetError::Private(_)), "{text}");
        }
        for text in [
            "http://hooks.example.org/",
            "ftp://a/",
            "file:///etc/passwd",
        ] {
            assert_eq!(refused(text), TargetError::Scheme, "{text}");
        }
        assert_eq!(refused("https://a:b@c.org/"), TargetError::Credentials);
        for text in ["hooks.example.org", "https://", &"https://a/".repeat(300)] {
            assert!(matches!(refused(text), TargetError::NoUrl(_)), "{text}");
        }
    }

    #[test]
    fn where_private_addresses_are_allowed_so_is_http() {
        for good in ["http://127.0.0.1:9000/hook", "http://neighbour/"] {
            assert!(WebhookUrl::parse(good, true).is_ok(), "{good}");
        }
        let refused = WebhookUrl::parse("gopher://127.0.0.1/", true);
        assert_eq!(refused, Err(TargetError::Scheme));
    }
}

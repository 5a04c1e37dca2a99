//! The address of a webhook, looked at before anything is sent there.

use std::net::IpAddr;

use http_client::Url;
use thiserror::Error;

use super::address::is_public;

/// Longest address taken.
const MOST_CHARS: usize = 2_000;

/// An `https` URL that does not name an address of a private network; with private addresses allowed,
/// any `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

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
        if text.len() > MOST_CHARS {
            return Err(TargetError::NoUrl(format!(
                "it has more than {MOST_CHARS} characters"
            )));
        }
        let url = Url::parse(text).map_err(|error| TargetError::NoUrl(error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if allows_private => {}
            _ => return Err(TargetError::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        match named_address(&url) {
            Some(address) if !allows_private && !is_public(address) => {
                Err(TargetError::Private(address))
            }
            Some(_) | None => Ok(Self(url)),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }
}

/// The address that stands in a URL instead of a name; no resolver is asked for it.
fn named_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
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

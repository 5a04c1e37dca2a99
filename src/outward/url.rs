//! A URL that somebody else wrote, looked at before anything is sent there.

use std::net::IpAddr;

use http_client::Url;
use thiserror::Error;

use super::public::is_public;

/// Longest URL taken.
const MOST_CHARS: usize = 2_000;

/// How far the service may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To public addresses.
    Public,
    /// To any, those of its own network and of its own machine too.
    Any,
}

/// An `http` or `https` URL without user and password, that does not name an address out of reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutwardUrl(Url);

/// Why a URL is not spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutwardUrlError {
    /// It does not read as a URL.
    #[error("this is no URL: {0}")]
    NoUrl(String),
    /// Something else than `http` or `https`.
    #[error("a URL begins with https:// or http:// here")]
    Scheme,
    /// User and password would lie in requests and logs.
    #[error("a URL holds no user and no password here")]
    Credentials,
    /// It names an address out of reach.
    #[error("{0} is no public address")]
    Private(IpAddr),
}

impl OutwardUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`OutwardUrlError`].
    pub fn parse(text: &str, reach: Reach) -> Result<Self, OutwardUrlError> {
        if text.len() > MOST_CHARS {
            let problem = format!("it has more than {MOST_CHARS} characters");
            return Err(OutwardUrlError::NoUrl(problem));
        }
        let url = Url::parse(text).map_err(|error| OutwardUrlError::NoUrl(error.to_string()))?;
        Self::of(url, reach)
    }

    /// The target of a redirection, which may be said from where this URL is.
    ///
    /// # Errors
    /// [`OutwardUrlError`].
    pub(super) fn joined(&self, target: &str, reach: Reach) -> Result<Self, OutwardUrlError> {
        let url = self.0.join(target);
        let url = url.map_err(|error| OutwardUrlError::NoUrl(error.to_string()))?;
        Self::parse(url.as_str(), reach)
    }

    fn of(url: Url, reach: Reach) -> Result<Self, OutwardUrlError> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(OutwardUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutwardUrlError::Credentials);
        }
        match named_address(&url) {
            Some(address) if reach == Reach::Public && !is_public(address) => {
                Err(OutwardUrlError::Private(address))
            }
            Some(_) | None => Ok(Self(url)),
        }
    }

    /// Whether what is sent there is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// For a request.
    pub fn url(&self) -> Url {
        self.0.clone()
    }

    /// The last part of its path, as a person would write it; empty where there is none.
    pub fn filename(&self) -> String {
        let mut parts = self.0.path().rsplit('/');
        let last = parts.next().unwrap_or_default();
        percent_encoding::percent_decode_str(last)
            .decode_utf8_lossy()
            .into_owned()
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

    fn parsed(text: &str) -> Result<OutwardUrl, OutwardUrlError> {
        OutwardUrl::parse(text, Reach::Public)
    }

    #[test]
    fn a_url_of_a_public_host_is_taken_as_it_stands() {
        for good in [
            "https://media.example.org/a.mp4?token=b",
            "http://media.example.org/",
            "https://1.1.1.1/",
            "https://[2606:4700::1]:8443/x",
        ] {
            assert_eq!(parsed(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn an_address_out_of_reach_however_it_is_written_is_refused() {
        for text in [
            "http://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest",
        ] {
            let refused = parsed(text).unwrap_err();
            assert!(matches!(refused, OutwardUrlError::Private(_)), "{text}");
            assert!(OutwardUrl::parse(text, Reach::Any).is_ok(), "{text}");
        }
    }

    #[test]
    fn other_schemes_and_urls_with_users_are_refused_everywhere() {
        for reach in [Reach::Public, Reach::Any] {
            for text in ["ftp://a.org/", "file:///etc/passwd", "gopher://127.0.0.1/"] {
                let refused = OutwardUrl::parse(text, reach);
                assert_eq!(refused, Err(OutwardUrlError::Scheme), "{text}");
            }
            for text in ["https://a:b@c.org/", "https://a@c.org/"] {
                let refused = OutwardUrl::parse(text, reach);
                assert_eq!(refused, Err(OutwardUrlError::Credentials), "{text}");
            }
            for text in ["c.org", "https://", "", &"https://a/".repeat(300)] {
                let refused = OutwardUrl::parse(text, reach).unwrap_err();
                assert!(matches!(refused, OutwardUrlError::NoUrl(_)), "{text}");
            }
        }
    }

    #[test]
    fn a_redirection_is_read_from_where_it_was_met_and_looked_at_as_closely() {
        let first = parsed("https://a.org/x/y.mp4?z").unwrap();
        let joined = |target| first.joined(target, Reach::Public);
        assert_eq!(joined("b.mp4").unwrap().as_str(), "https://a.org/x/b.mp4");
        assert_eq!(joined("//c.org/").unwrap().as_str(), "https://c.org/");
        for target in [
            "http://10.0.0.1/",
            "//[::1]/",
            "file:///x",
            "https://a:b@c.org/",
        ] {
            assert!(joined(target).is_err(), "{target}");
        }
    }

    #[test]
    fn a_file_is_called_what_its_path_ends_with() {
        for (text, name) in [
            ("https://a.org/x/clip%201.mp4?token=b#c", "clip 1.mp4"),
            ("https://a.org/", ""),
            ("https://a.org", ""),
            ("https://a.org/x/", ""),
            ("https://a.org/%D0%B0.mp4", "а.mp4"),
            ("https://a.org/%2e%2e%2fx", "../x"),
            ("https://a.org/%ff", "\u{FFFD}"),
        ] {
            assert_eq!(parsed(text).unwrap().filename(), name, "{text}");
        }
    }
}

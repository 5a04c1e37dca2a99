//! Where to listen: an address or a name, and a port.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use thiserror::Error;

/// An address such as `127.0.0.1:8080`, or a name such as `localhost:8080`, which is looked up when
/// it is needed: a command that does not listen needs no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress(String);

/// A text that is no place to listen at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected an address or a name, and a port, such as 127.0.0.1:8080, [::]:8080 or localhost:8080"
)]
pub struct ListenAddressError;

impl ListenAddress {
    /// The address itself. Of those that a name stands for the first of IPv4, where it has one:
    /// whoever writes `localhost` goes on to ask `127.0.0.1`.
    ///
    /// # Errors
    /// When nobody knows the name.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        let addresses: Vec<_> = self.0.to_socket_addrs()?.collect();
        let of_ipv4 = addresses.iter().find(|address| address.is_ipv4());
        let none = || io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
        of_ipv4.or(addresses.first()).copied().ok_or_else(none)
    }
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        let text = text.trim();
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let named = || {
            let (name, port) = text.rsplit_once(':')?;
            let is_port = port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit());
            // Digits and points alone are an address with a mistake in it.
            let is_name = name.chars().all(is_of_name) && name.contains(char::is_alphabetic);
            (is_port && is_name).then_some(())
        };
        if text.parse::<SocketAddr>().is_ok() || named().is_some() {
            return Ok(Self(text.to_owned()));
        }
        Err(ListenAddressError)
    }
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_with_a_port_are_taken() {
        for text in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "localhost:0",
            "fw-1.example:80",
        ] {
            let address = text.parse::<ListenAddress>();
            assert_eq!(address.map(|a| a.to_string()).as_deref(), Ok(text));
        }
        for text in [
            "",
            "nowhere",
            "localhost",
            ":80",
            "a:",
            "a:+1",
            "a:70000",
            "::1:80",
            "127.0.0:80",
        ] {
            assert_eq!(
                text.parse::<ListenAddress>(),
                Err(ListenAddressError),
                "{text:?}"
            );
        }
    }

    #[test]
    fn localhost_is_the_loopback_of_ipv4() {
        let address: ListenAddress = "localhost:8080".parse().unwrap();
        assert_eq!(address.resolve().unwrap(), ([127, 0, 0, 1], 8080).into());
    }
}

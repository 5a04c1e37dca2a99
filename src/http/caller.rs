//! Who asks.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::store::{ApiKey, KeyId, Reader};

/// Who sent a request, as far as it was told; an argument of handlers. The default is anybody, who
/// on an open service may do everything; the guard has seen to it that there is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Caller {
    key: Option<KeyId>,
    reads_everything: bool,
}

impl Caller {
    /// Whoever holds this key.
    pub(super) fn with_key(key: &ApiKey) -> Self {
        Self {
            key: Some(key.id),
            reads_everything: key.is_admin(),
        }
    }

    /// The caller of a request.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let extensions = request.extensions();
        extensions.get::<Self>().copied().unwrap_or_default()
    }

    /// The key that owns what is stored on the caller's behalf.
    pub(super) fn key(self) -> Option<KeyId> {
        self.key
    }

    /// Whose records the caller may read.
    pub(super) fn reader(self) -> Reader {
        match self.key {
            Some(key) if !self.reads_everything => Reader::Key(key),
            Some(_) | None => Reader::Unrestricted,
        }
    }
}

/// Where a request comes from, kept with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

impl ClientAddress {
    /// The address of a request.
    pub(super) fn of(request: &HttpRequest) -> Option<IpAddr> {
        request.extensions().get::<Self>().map(|at| at.0)
    }
}

/// Whose uploads are counted together: those with one key, and without one those of one household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    /// Whoever holds this key, from wherever.
    Key(KeyId),
    /// An address as [`household`] gives it.
    Household(IpAddr),
}

impl Sender {
    /// The sender of a request.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let address = || ClientAddress::of(request).unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let key = Caller::of(request).key();
        key.map_or_else(|| Self::Household(household(address())), Self::Key)
    }
}

impl std::fmt::Display for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key {key}"),
            Self::Household(address) => write!(f, "address {address}"),
        }
    }
}

/// One customer has a whole /64 of IPv6, and could ask from each of its addresses once.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
    }
}

impl FromRequest for Caller {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

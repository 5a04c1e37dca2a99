//! Who asks.

use std::convert::Infallible;
use std::future::{Ready, ready};

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

impl FromRequest for Caller {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

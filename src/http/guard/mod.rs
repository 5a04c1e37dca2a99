//! Who is let in: size of the head → rate of the address → key → scope → rate of the key → quota.
//!
//! - No key has ever been made and `require_keys` is off: the service is open, and a key that is
//!   sent is not looked at. From the first key on, every path but the open ones of [`access`] asks
//!   for one, also after the last key is revoked.
//! - A key comes as `Authorization: Bearer KEY` or `X-API-Key: KEY`. A wrong and a revoked one are
//!   refused in the same words (401), one without the scope with 403. What another key owns is not
//!   there (404), which the stores see to by the [`Caller`].
//! - Guessing is held up by the rate of the address, which counts first.

pub(super) mod access;
mod cors;
mod describe;
mod head;
mod rates;
mod request_log;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use time::OffsetDateTime;

use self::access::Access;
use self::head::HeadLimits;
use self::rates::Rates;
use super::allowance::Allowance;
use super::caller::{Caller, ClientAddress};
use super::error::HttpError;
use crate::integrity::Sha256Digest;
use crate::store::{ApiKey, KeyStore, RequestEntry, Scope};

pub use cors::{CorsOrigins, CorsOriginsError};
pub(super) use describe::describe;
pub(super) use request_log::{RequestLogWriter, RequestLogger};

/// How requests are let in and remembered.
#[derive(Debug, Clone)]
pub struct GuardSettings {
    /// Ask for a key even where none was ever made.
    pub require_keys: bool,
    /// Lines in the head of a request, at most the 96 that the framework reads.
    pub max_headers: usize,
    /// Bytes in the head of a request, at most the 131,072 that the framework reads.
    pub max_head_bytes: usize,
    /// Requests a minute from one address; 0: no limit.
    pub per_address: u32,
    /// Requests a minute with one key; 0: no limit.
    pub per_key: u32,
    /// Take a client's address from the last entry of `X-Forwarded-For`.
    pub trust_forwarded: bool,
    /// Sites whose pages may ask.
    pub cors_origins: CorsOrigins,
    /// How long the request log is kept; zero: there is none.
    pub keep_requests: Duration,
}

/// Lets requests in, or says why not.
pub(super) struct Guard {
    doors: Doors,
    head: HeadLimits,
    rates: Rates,
    trust_forwarded: bool,
    logger: RequestLogger,
}

enum Doors {
    /// The application without its parts has no keys to ask for.
    #[cfg(test)]
    Open,
    /// Asked for from the first key on.
    Keys { keys: KeyStore, closed: AtomicBool },
}

/// What goes along with a request that is let in.
#[derive(Debug, Default)]
struct Pass {
    allowance: Option<Allowance>,
}

impl Guard {
    pub(super) fn new(keys: KeyStore, settings: &GuardSettings, logger: RequestLogger) -> Self {
        Self {
            doors: Doors::Keys {
                keys,
                closed: AtomicBool::new(settings.require_keys),
            },
            head: HeadLimits {
                max_headers: settings.max_headers,
                max_head_bytes: settings.max_head_bytes,
            },
            rates: Rates::new(settings.per_address, settings.per_key),
            trust_forwarded: settings.trust_forwarded,
            logger,
        }
    }

    #[cfg(test)]
    pub(super) fn open() -> Self {
        Self {
            doors: Doors::Open,
            head: HeadLimits {
                max_headers: usize::MAX,
                max_head_bytes: usize::MAX,
            },
            rates: Rates::new(0, 0),
            trust_forwarded: false,
            logger: RequestLogger::off(),
        }
    }

    /// See [`Rates::forget_the_idle`].
    pub(super) fn forget_the_idle(&self) {
        self.rates.forget_the_idle();
    }

    async fn check(&self, request: &ServiceRequest) -> Result<Pass, HttpError> {
        let access = access::of(request.match_info().as_str());
        if access == Access::Probe {
            return Ok(Pass::default());
        }
        self.head.check(request.request())?;
        let by_address = self.rates.take_address(self.address(request));
        let mut allowance = by_address.map_err(HttpError::RateLimited)?;
        if let Some(key) = self.identify(request, access).await? {
            let by_key = self.rates.take_key(key.id);
            let by_key = by_key.map_err(HttpError::RateLimited)?;
            allowance = by_key.map(|left| left.tighter(allowance)).or(allowance);
            // Asking how an analysis gets on is not having another made.
            if request.method() == Method::POST {
                self.charge(&key, access).await?;
            }
        }
        Ok(Pass { allowance })
    }

    /// The key of a request that needs one.
    async fn identify(
        &self,
        request: &ServiceRequest,
        access: Access,
    ) -> Result<Option<ApiKey>, HttpError> {
        let needed = match access {
            Access::Probe | Access::Open => return Ok(None),
            Access::AnyKey => None,
            Access::Needs(scope) => Some(scope),
        };
        let keys = match &self.doors {
            #[cfg(test)]
            Doors::Open => return Ok(None),
            Doors::Keys { keys, closed } if is_closed(keys, closed).await? => keys,
            Doors::Keys { .. } => return Ok(None),
        };
        let secret = secret_of(request.headers()).ok_or(HttpError::KeyMissing)?;
        let digest = Sha256Digest::of(secret).to_hex();
        let key = keys.find(&digest).await?.ok_or(HttpError::KeyRefused)?;
        request.extensions_mut().insert(Caller::with_key(&key));
        match needed {
            Some(scope) if !key.allows(scope) => Err(HttpError::ScopeMissing(scope)),
            Some(_) | None => Ok(Some(key)),
        }
    }

    /// Takes an analysis from the quota of a key that has one.
    async fn charge(&self, key: &ApiKey, access: Access) -> Result<(), HttpError> {
        let (Access::Needs(Scope::Analyse), Some(quota)) = (access, key.quota_per_day) else {
            return Ok(());
        };
        let keys = match &self.doors {
            #[cfg(test)]
            Doors::Open => return Ok(()),
            Doors::Keys { keys, .. } => keys,
        };
        let now = OffsetDateTime::now_utc();
        match keys.spend(key.id, quota, now).await? {
            Some(_) => Ok(()),
            None => Err(HttpError::QuotaSpent {
                quota,
                reset: until_midnight(now),
            }),
        }
    }

    /// Where a request comes from. The last entry of the header is the one that our own proxy
    /// wrote; those before it are whatever the client says.
    fn address(&self, request: &ServiceRequest) -> IpAddr {
        let forwarded = || {
            let entries = request.headers().get_all("x-forwarded-for").last()?;
            entries
                .to_str()
                .ok()?
                .rsplit(',')
                .next()?
                .trim()
                .parse()
                .ok()
        };
        let peer = request.peer_addr().map(|address| address.ip());
        let stated = self.trust_forwarded.then(forwarded).flatten();
        stated.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Remembers an answered request: its route, never its path, and nothing it held.
    pub(super) fn remember<B>(
        response: &ServiceResponse<B>,
        (method, route): (&'static str, &str),
        started: Instant,
    ) {
        let request = response.request();
        let guard = request.app_data::<Data<Self>>();
        let probe = access::of(request.match_info().as_str()) == Access::Probe;
        let (Some(guard), false) = (guard, probe || route == "/metrics") else {
            return;
        };
        let address = ClientAddress::of(request);
        guard.logger.take(RequestEntry {
            at: OffsetDateTime::now_utc(),
            method,
            route: route.to_owned(),
            status: response.status().as_u16(),
            latency: started.elapsed(),
            key: Caller::of(request).key(),
            address: address.map(|address| address.to_string()),
        });
    }
}

/// Lets a request in or answers it here.
pub(super) async fn admit<B: MessageBody + 'static>(
    guard: Data<Guard>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let address = guard.address(&request);
    request.extensions_mut().insert(ClientAddress(address));
    let pass = match guard.check(&request).await {
        Ok(pass) => pass,
        Err(error) => return Ok(request.error_response(error).map_into_right_body()),
    };
    let mut response = next.call(request).await?.map_into_left_body();
    if let Some(allowance) = pass.allowance {
        allowance.add_to(response.headers_mut());
    }
    Ok(response)
}

/// Once closed it stays so, because keys are never deleted; until then the database is asked, so
/// that the first key counts from the moment it is made.
async fn is_closed(keys: &KeyStore, closed: &AtomicBool) -> Result<bool, HttpError> {
    if closed.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let any = keys.any().await?;
    if any {
        closed.store(true, Ordering::Relaxed);
    }
    Ok(any)
}

/// The secret a request carries, whatever it looks like.
fn secret_of(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, rest) = value.as_bytes().split_at_checked(7)?;
        let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
        is_bearer.then_some(rest.trim_ascii())
    });
    bearer.or_else(|| headers.get("x-api-key").map(|value| value.as_bytes()))
}

fn until_midnight(now: OffsetDateTime) -> Duration {
    const DAY_S: i64 = 86_400;
    let seconds = DAY_S - now.unix_timestamp().rem_euclid(DAY_S);
    Duration::from_secs(seconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_key_is_read_from_either_header_and_from_no_other_scheme() {
        let read =
            |pairs: &[(&'static str, &'static str)]| secret_of(&headers(pairs)).map(<[u8]>::to_vec);
        let expected = Some(b"fw_1".to_vec());
        assert_eq!(read(&[("authorization", "Bearer fw_1")]), expected);
        assert_eq!(read(&[("authorization", "bearer  fw_1 ")]), expected);
        assert_eq!(read(&[("x-api-key", "fw_1")]), expected);
        let basic = ("authorization", "Basic dTpw");
        assert_eq!(read(&[basic, ("x-api-key", "fw_1")]), expected);
        assert_eq!(read(&[basic]), None);
        assert_eq!(read(&[("authorization", "Bearer")]), None);
    }

    #[test]
    fn a_quota_comes_back_at_midnight_utc() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        assert_eq!(until_midnight(at(86_400)).as_secs(), 86_400);
        assert_eq!(until_midnight(at(86_399)).as_secs(), 1);
    }
}

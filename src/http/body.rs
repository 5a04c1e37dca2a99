//! A request body that cannot grow, stall or trickle without end.
//!
//! The framework limits the time a client may take for the head of a request, but not for its
//! body, so every upload is read through [`guarded`]: a byte more than the limit, a silence longer
//! than the idle timeout, a trickle, or a body that is still arriving at its deadline ends the
//! stream.

use std::io;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

/// What an upload may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Largest body in bytes.
    pub max_bytes: u64,
    /// Longest silence of the sender.
    pub idle_timeout: Duration,
    /// Longest time from the first to the last byte.
    pub whole_timeout: Duration,
    /// Least bytes a second on average, asked for once the idle timeout has passed; 0: none.
    pub min_bytes_per_s: u64,
    /// Most parts of a multipart body. What the parser does for a part grows with the parts behind it,
    /// so a body of many empty ones costs the square of its size.
    pub max_parts: usize,
    /// Characters of a file name that are kept.
    pub max_filename_chars: usize,
}

/// Why a body was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum BodyCut {
    /// More bytes than the limit.
    #[error("the request is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The sender was silent for too long.
    #[error("no data arrived for {} s", idle_timeout.as_secs_f64())]
    Silent {
        /// The limit.
        idle_timeout: Duration,
    },
    /// The body took too long altogether.
    #[error("the request did not arrive within {} s", whole_timeout.as_secs_f64())]
    TooSlow {
        /// The limit.
        whole_timeout: Duration,
    },
    /// The body came too slowly.
    #[error("the request came at less than {min_bytes_per_s} bytes a second")]
    Trickle {
        /// The limit.
        min_bytes_per_s: u64,
    },
}

impl BodyCut {
    /// Finds the cut inside the error that the multipart parser passes on.
    pub(super) fn of(error: &PayloadError) -> Option<Self> {
        if let PayloadError::Io(error) = error {
            error.get_ref()?.downcast_ref().copied()
        } else {
            None
        }
    }
}

impl From<BodyCut> for PayloadError {
    fn from(cut: BodyCut) -> Self {
        PayloadError::Io(io::Error::other(cut))
    }
}

/// The same bytes, ended by an error that carries a [`BodyCut`] when a limit is passed.
pub(super) fn guarded<S>(
    body: S,
    limits: BodyLimits,
) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let begun = Instant::now();
    let deadline = begun + limits.whole_timeout;
    stream::try_unfold((body, 0_u64), move |(mut body, seen_bytes)| async move {
        let silence_ends = Instant::now() + limits.idle_timeout;
        let chunk = timeout_at(deadline.min(silence_ends), body.next())
            .await
            .map_err(|_| cut_by_time(limits, deadline <= silence_ends))?;
        let Some(chunk) = chunk.transpose()? else {
            return Ok(None);
        };
        let seen_bytes = seen_bytes.saturating_add(chunk.len() as u64);
        if seen_bytes > limits.max_bytes {
            let max_bytes = limits.max_bytes;
            return Err(BodyCut::TooLarge { max_bytes }.into());
        }
        if is_trickle(limits, seen_bytes, begun.elapsed()) {
            let min_bytes_per_s = limits.min_bytes_per_s;
            return Err(BodyCut::Trickle { min_bytes_per_s }.into());
        }
        Ok(Some((chunk, (body, seen_bytes))))
    })
}

/// Whether so few bytes in that time are those of a sender that only holds the connection.
fn is_trickle(limits: BodyLimits, seen_bytes: u64, elapsed: Duration) -> bool {
    let least = limits.min_bytes_per_s as f64 * elapsed.as_secs_f64();
    elapsed > limits.idle_timeout && (seen_bytes as f64) < least
}

fn cut_by_time(limits: BodyLimits, whole: bool) -> BodyCut {
    if whole {
        BodyCut::TooSlow {
            whole_timeout: limits.whole_timeout,
        }
    } else {
        BodyCut::Silent {
            idle_timeout: limits.idle_timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BodyLimits = BodyLimits {
        max_bytes: 8,
        idle_timeout: Duration::from_millis(100),
        whole_timeout: Duration::from_millis(300),
        min_bytes_per_s: 0,
        max_parts: 10,
        max_filename_chars: 150,
    };

    fn chunks(sizes: &[usize]) -> Vec<Result<Bytes, PayloadError>> {
        (sizes.iter())
            .map(|n| Ok(Bytes::from(vec![7; *n])))
            .collect()
    }

    async fn cut(body: impl Stream<Item = Result<Bytes, PayloadError>>) -> Option<BodyCut> {
        let body = Box::pin(body);
        let read: Vec<_> = guarded(body, LIMITS).collect().await;
        (read.last()?.as_ref().err()).and_then(BodyCut::of)
    }

    #[actix_web::test]
    async fn a_body_of_exactly_the_limit_passes_and_one_byte_more_is_cut() {
        assert_eq!(cut(stream::iter(chunks(&[4, 4]))).await, None);
        assert_eq!(
            cut(stream::iter(chunks(&[4, 5]))).await,
            Some(BodyCut::TooLarge { max_bytes: 8 })
        );
    }

    #[actix_web::test]
    async fn a_silent_sender_is_cut_off_at_the_idle_timeout() {
        let body = stream::iter(chunks(&[1])).chain(stream::pending());
        let idle_timeout = LIMITS.idle_timeout;
        assert_eq!(cut(body).await, Some(BodyCut::Silent { idle_timeout }));
    }

    #[test]
    fn a_trickle_is_one_only_after_the_grace_and_only_below_the_rate() {
        let limits = BodyLimits {
            min_bytes_per_s: 10,
            ..LIMITS
        };
        let (grace, later) = (LIMITS.idle_timeout, Duration::from_secs(2));
        assert!(!is_trickle(limits, 0, grace));
        assert!(is_trickle(limits, 19, later));
        assert!(!is_trickle(limits, 20, later));
        assert!(!is_trickle(LIMITS, 0, later));
    }

    #[actix_web::test]
    async fn a_sender_that_trickles_is_cut_off_at_the_deadline() {
        let body = stream::iter(chunks(&[1; 8])).then(|chunk| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            chunk
        });
        let whole_timeout = LIMITS.whole_timeout;
        assert_eq!(cut(body).await, Some(BodyCut::TooSlow { whole_timeout }));
    }
}

//! Tells others that a job ended: the other half of `framewitness webhooks create`.
//!
//! ```text
//! end of a job ─▶ delivery (in the same transaction) ─▶ claim ─▶ message, signed ─▶ POST ─▶ delivered
//!                                                          ▲                          └──▶ later, later still, given up
//! ```
//!
//! - **Standard Webhooks.** Headers, signature and message are those of
//!   <https://www.standardwebhooks.com>: whoever receives one checks it with a library.
//! - **At least once, in no order.** Any 2xx answer ends a delivery; anything else has it tried again
//!   after [`WebhookSettings::first_pause`], six times as long after each further try, [`MOST_TRIES`]
//!   times in all.
//! - **Public addresses only**, unless the settings allow others ([`outward`](crate::outward)).
//!   Redirections are not followed, proxies of the environment not used.
//! - **Any process** that shares the database may deliver.

mod client;
mod deliverer;
mod message;
mod pause;
mod target;

pub use deliverer::{Deliverer, WebhookSettings, describe_metrics};
pub use pause::MOST_TRIES;
pub use target::{TargetError, WebhookUrl};

//! Who is told when a job ends, and what became of telling.
//!
//! ```text
//! end of a job ─▶ waiting ──claim──▶ (a try) ──▶ delivered
//!                    ▲                  ├──────▶ waiting, until later
//!                    └──retry── given-up ◀──────┘
//! ```
//!
//! - **Nothing is lost.** A trigger writes what there is to deliver in the transaction that ends the
//!   job (`migrations`), for every webhook there is at that moment.
//! - **At least once.** A claim is a lease: a try of which nothing is heard is made again. Message and
//!   name stay the same, so that whoever receives them knows one that comes twice.
//! - **The number of the try fences:** what is written of an earlier one is refused.

mod deliveries;
mod hooks;

pub use deliveries::{Delivery, DeliveryEntry, DeliveryFailure, DeliveryState};
pub use hooks::{NewWebhook, Webhook, WebhookId};

use super::database::Database;

/// The webhooks and their deliveries. Clones share one store.
#[derive(Debug, Clone)]
pub struct WebhookStore {
    pub(super) database: Database,
}

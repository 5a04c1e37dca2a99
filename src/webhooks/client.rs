//! Sends a message to where it belongs and nowhere else.

use std::time::Duration;

use http_client::Client;

use super::message::Message;
use super::target::{SETTING, WebhookUrl};
use crate::outward::{self, Reach, in_words};
use crate::store::DeliveryFailure;

/// Longest time for a whole try: connection, message, answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// A client that speaks as far as webhooks may.
///
/// # Errors
/// What the TLS library says against it.
pub(super) fn client(reach: Reach) -> Result<Client, http_client::Error> {
    outward::client(reach, SETTING).timeout(PATIENCE).build()
}

/// Posts a message; the status of the answer that took it.
///
/// # Errors
/// Any answer but 2xx, and none.
pub(super) async fn post(
    client: &Client,
    url: &WebhookUrl,
    message: Message,
) -> Result<u16, DeliveryFailure> {
    let request = client
        .post(url.url())
        .header("content-type", "application/json")
        .header("webhook-id", message.id)
        .header("webhook-timestamp", message.timestamp_s.to_string())
        .header("webhook-signature", message.signature)
        .body(message.body);
    let answer = request.send().await.map_err(|error| DeliveryFailure {
        status: None,
        problem: in_words(error),
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(status.as_u16());
    }
    let problem = match status.is_redirection() {
        true => "it was answered with a redirection, which is not followed",
        false => "it was not taken",
    };
    Err(DeliveryFailure {
        status: Some(status.as_u16()),
        problem: problem.to_owned(),
    })
}

//! Sends a message to where it belongs and nowhere else.

use std::net::SocketAddr;
use std::time::Duration;

use http_client::dns::{Addrs, Name, Resolve, Resolving};
use http_client::{Client, redirect};

use super::address::is_public;
use super::message::Message;
use super::target::WebhookUrl;
use crate::store::DeliveryFailure;

/// Longest time for a whole try: connection, message, answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Looks names up and gives out public addresses only, so that the addresses that were looked at are
/// those a connection is made to.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|at| is_public(at.ip())).collect();
            if public.is_empty() {
                return Err(
                    "it has no public address; webhook_private_addresses allows others".into(),
                );
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// A client that speaks to public addresses only, or to any.
///
/// # Errors
/// What the TLS library says against it.
pub(super) fn client(allows_private: bool) -> Result<Client, http_client::Error> {
    // Whoever comes first chooses for the process; all of ours choose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("framewitness/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_PATIENCE)
        .timeout(PATIENCE);
    match allows_private {
        true => builder.build(),
        false => builder.dns_resolver(PublicOnly).build(),
    }
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
        problem: in_words(&error.without_url()),
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

/// An error with its causes, which say what happened.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

//! A client that speaks to addresses within reach and to no others.

use std::net::SocketAddr;
use std::time::Duration;

use http_client::dns::{Addrs, Name, Resolve, Resolving};
use http_client::{Client, ClientBuilder, redirect};

use super::public::is_public;
use super::url::Reach;

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Looks names up and gives out public addresses only, so that the addresses that were looked at are
/// those a connection is made to.
struct PublicOnly {
    /// The setting that lifts this.
    setting: &'static str,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let setting = self.setting;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|at| is_public(at.ip())).collect();
            if public.is_empty() {
                return Err(format!("it has no public address; {setting} allows others").into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// What a client is made of that speaks this far; `setting` is named where it does not. It follows no
/// redirection and uses no proxy.
pub fn client(reach: Reach, setting: &'static str) -> ClientBuilder {
    let builder = builder().redirect(redirect::Policy::none()).no_proxy();
    let builder = builder.connect_timeout(CONNECT_PATIENCE);
    match reach {
        Reach::Any => builder,
        Reach::Public => builder.dns_resolver(PublicOnly { setting }),
    }
}

/// What a client is made of that fetches what whoever runs the program named: it reaches any address, by the
/// proxy of the environment if there is one, and follows redirections.
pub fn client_for_the_operator() -> ClientBuilder {
    builder()
}

fn builder() -> ClientBuilder {
    // Whoever comes first chooses for the process; all of ours choose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().user_agent(concat!("framewitness/", env!("CARGO_PKG_VERSION")))
}

/// An error with its causes, which say what happened; no URL is among them.
pub fn in_words(error: http_client::Error) -> String {
    let error: &dyn std::error::Error = &error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

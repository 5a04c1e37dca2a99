//! Speaking to addresses that others name: webhooks, files to be fetched. (Whoever runs the program may name
//! any: [`client_for_the_operator`].)
//!
//! A service that speaks to whatever a name points at could be made to speak to the network it stands
//! in. So, unless its settings say otherwise:
//!
//! - **Public addresses only** (`public`). An address that stands in a URL is looked at when it is read
//!   ([`OutwardUrl`]); a name is looked up here, and the connection is made to the very addresses that
//!   were looked at ([`client()`]).
//! - **No redirection by itself.** Whoever follows one reads its target like the first URL
//!   ([`Fetcher`]).
//! - **No proxy** of the environment, which would do the looking up elsewhere.
//! - **No user and no password** in a URL, and no URL in a log: what stands in one may open a door.

mod client;
mod fetch;
mod fetch_error;
mod public;
mod setting;
mod url;

pub use client::{client, client_for_the_operator, in_words};
pub use fetch::{Fetched, Fetcher};
pub use fetch_error::FetchError;
pub use setting::{FetchUrls, FetchUrlsError};
pub use url::{OutwardUrl, OutwardUrlError, Reach};

//! Fetches a file from a URL that a client named.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use http_client::header::{ACCEPT_ENCODING, CONTENT_ENCODING, LOCATION};
use http_client::{Client, Response};
use tokio::time::timeout;

use super::client::{client, in_words};
use super::fetch_error::FetchError;
use super::url::{OutwardUrl, Reach};

/// Redirections that are followed.
const MOST_REDIRECTIONS: usize = 5;
/// Longest time to the head of an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Fetches files. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    reach: Reach,
}

/// The bytes of a file as they come.
type Pieces = Pin<Box<dyn Stream<Item = Result<Vec<u8>, FetchError>>>>;

/// A file that is coming.
pub struct Fetched {
    /// What the path of its URL ends with; whatever the sender of the URL or of a redirection wrote.
    pub filename: String,
    /// How long it is, where that is said.
    pub length_bytes: Option<u64>,
    /// Its bytes; how many there may be and how long they may take is for whoever takes them.
    pub pieces: Pieces,
}

impl Fetcher {
    /// A fetcher that speaks this far; `setting` is named where it does not.
    ///
    /// # Errors
    /// [`FetchError::NotReached`] with what the TLS library says against it.
    pub fn new(reach: Reach, setting: &'static str) -> Result<Self, FetchError> {
        let client = client(reach, setting).build();
        let client = client.map_err(|error| FetchError::NotReached(in_words(error)))?;
        Ok(Self { client, reach })
    }

    /// Asks for the file at `url`, through redirections of which each is looked at like the first.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self, url: &str) -> Result<Fetched, FetchError> {
        let mut url = OutwardUrl::parse(url, self.reach)?;
        for _ in 0..=MOST_REDIRECTIONS {
            let answer = self.ask(&url).await?;
            match self.redirection(&url, &answer)? {
                Some(next) if url.is_https() && !next.is_https() => {
                    return Err(FetchError::Downgraded);
                }
                Some(next) => url = next,
                None => return fetched(&url, answer),
            }
        }
        Err(FetchError::Redirections {
            most: MOST_REDIRECTIONS,
        })
    }

    async fn ask(&self, url: &OutwardUrl) -> Result<Response, FetchError> {
        let request = self.client.get(url.url());
        let request = request.header(ACCEPT_ENCODING, "identity");
        let patience_s = PATIENCE.as_secs();
        let answer = timeout(PATIENCE, request.send()).await;
        let answer = answer.map_err(|_| FetchError::Silent { patience_s })?;
        answer.map_err(|error| FetchError::NotReached(in_words(error)))
    }

    /// Where an answer leads on to.
    fn redirection(
        &self,
        url: &OutwardUrl,
        answer: &Response,
    ) -> Result<Option<OutwardUrl>, FetchError> {
        if !answer.status().is_redirection() {
            return Ok(None);
        }
        let place = answer.headers().get(LOCATION);
        let place = place.and_then(|place| place.to_str().ok());
        let place = place.ok_or(FetchError::Answered(answer.status().as_u16()))?;
        Ok(Some(url.joined(place, self.reach)?))
    }
}

fn fetched(url: &OutwardUrl, answer: Response) -> Result<Fetched, FetchError> {
    // A part of a file, or none, is no file.
    if answer.status().as_u16() != 200 {
        return Err(FetchError::Answered(answer.status().as_u16()));
    }
    let encoding = answer.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(FetchError::Encoded);
    }
    Ok(Fetched {
        filename: url.filename(),
        length_bytes: answer.content_length(),
        pieces: Box::pin(pieces(answer)),
    })
}

fn pieces(answer: Response) -> impl Stream<Item = Result<Vec<u8>, FetchError>> {
    stream::try_unfold(answer, |mut answer| async move {
        let piece = answer.chunk().await.map_err(|_| FetchError::Broken)?;
        Ok(piece.map(|piece| (piece.to_vec(), answer)))
    })
}

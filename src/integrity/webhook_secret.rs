//! What messages about ended jobs are signed with, as Standard Webhooks lays down
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>,
//! "Signature scheme"), so that whoever receives them checks them with a library.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::Sha256;

const PREFIX: &str = "whsec_";
const RANDOM_BYTES: usize = 32;

/// `whsec_` and base64. Shown by [`WebhookSecret::reveal`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    text: String,
    key: Vec<u8>,
}

impl WebhookSecret {
    /// Makes a new one, 256 bits from the system's randomness.
    pub fn generate() -> Self {
        let mut key = vec![0; RANDOM_BYTES];
        OsRng.fill_bytes(&mut key);
        Self {
            text: format!("{PREFIX}{}", STANDARD.encode(&key)),
            key,
        }
    }

    /// Reads what [`Self::reveal`] gave; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let key = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (!key.is_empty()).then(|| Self {
            text: text.to_owned(),
            key,
        })
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The header `webhook-signature` of a message: `v1,` and HMAC-SHA256 over `id.timestamp.body`
    /// in base64. `timestamp_s` are seconds since 1970, when this try was made.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &str) -> String {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key)
            .expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{timestamp_s}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecret({PREFIX}…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_libraries_of_standard_webhooks_sign_it() {
        // The example that those libraries test themselves with.
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            secret.sign(id, 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_is_new_each_time_reads_back_and_shows_itself_only_when_asked() {
        let (first, second) = (WebhookSecret::generate(), WebhookSecret::generate());
        assert_ne!(first, second);
        assert_eq!(WebhookSecret::parse(first.reveal()), Some(first.clone()));
        assert!(!format!("{first:?}").contains(&first.reveal()[6..]));
        for wrong in ["", "whsec_", "whsec_%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(WebhookSecret::parse(wrong), None, "{wrong}");
        }
    }
}

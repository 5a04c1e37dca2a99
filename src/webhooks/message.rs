//! What is told: the type of the event, when it happened, and what is known of the job.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::integrity::WebhookSecret;
use crate::store::Delivery;

/// A message as it goes out. Its name and body are the same at every try.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) timestamp_s: i64,
    pub(super) signature: String,
    pub(super) body: String,
}

impl Message {
    /// The message of a delivery, signed at `now`; `None` when the stored secret does not read.
    pub(super) fn of(delivery: &Delivery, now: OffsetDateTime) -> Option<Self> {
        let secret = WebhookSecret::parse(&delivery.secret)?;
        let id = format!("{}.{}", delivery.job, delivery.event);
        let (timestamp_s, body) = (now.unix_timestamp(), body(delivery));
        Some(Self {
            signature: secret.sign(&id, timestamp_s, &body),
            id,
            timestamp_s,
            body,
        })
    }
}

/// `{"type": "analysis.done", "timestamp": …, "data": {…}}`; `data` is what the event says, with the
/// paths where more can be asked for.
fn body(delivery: &Delivery) -> String {
    let mut data: Json = serde_json::from_str(&delivery.body).unwrap_or_default();
    if !data.is_object() {
        data = json!({});
    }
    data["id"] = json!(delivery.job);
    data["url"] = json!(format!("/api/v1/analyses/{}", delivery.job));
    if let Some(analysis) = data["analysis_id"].as_str() {
        data["result_url"] = json!(format!("/api/v1/predictions/{analysis}"));
    }
    let state = data["state"].as_str().unwrap_or("ended");
    let message = json!({
        "type": format!("analysis.{state}"),
        "timestamp": delivery.at.format(&Rfc3339).unwrap_or_default(),
        "data": data,
    });
    message.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WebhookId;

    fn delivery(body: &str) -> Delivery {
        Delivery {
            webhook: WebhookId::new(1),
            job: "01a2".into(),
            event: 12,
            body: body.into(),
            at: OffsetDateTime::from_unix_timestamp(1_763_712_000).unwrap(),
            tries: 1,
            url: "https://hooks.example.org".into(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        }
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn a_message_says_how_the_job_ended_and_where_more_is_known() {
        let ended = delivery(r#"{"state":"done","analysis_id":"77","verdict":"FAKE"}"#);
        let message = Message::of(&ended, at(5)).unwrap();
        let body: Json = serde_json::from_str(&message.body).unwrap();
        let expected = json!({
            "type": "analysis.done",
            "timestamp": "2025-11-21T08:00:00Z",
            "data": {
                "id": "01a2", "url": "/api/v1/analyses/01a2", "state": "done", "verdict": "FAKE",
                "analysis_id": "77", "result_url": "/api/v1/predictions/77",
            },
        });
        assert_eq!(body, expected);
        assert_eq!((&*message.id, message.timestamp_s), ("01a2.12", 5));
    }

    #[test]
    fn each_try_has_the_same_name_and_body_and_a_signature_of_its_own() {
        let ended = delivery(r#"{"state":"failed","reason":{"code":"no-frames"}}"#);
        let [first, second] = [5, 6].map(|now| Message::of(&ended, at(now)).unwrap());
        assert_eq!((&first.id, &first.body), (&second.id, &second.body));
        assert_ne!(first.signature, second.signature);
        let unreadable = Delivery {
            secret: "gone".into(),
            ..ended
        };
        assert_eq!(Message::of(&unreadable, at(5)), None);
    }
}

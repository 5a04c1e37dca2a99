//! Signing and checking files, and the key to check with.
//!
//! `signature_base64` is RSASSA-PKCS1-v1_5 over SHA-256 of the file's bytes, which openssl checks
//! in one line; `jws` is a statement about the file that any JOSE library checks with the JWKS.
//! A signature that does not hold is an answer (`valid: false`), not an error.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Service;
use super::answer::rfc3339;
use super::caller::Sender;
use super::error::HttpError;
use super::negotiate::{Form as AnswerForm, FormatQuery, wanted};
use super::problem::{Problem, UploadProblems};
use super::upload::{Form, receive};
use crate::integrity::{IntegrityError, Keyring, Statement, Verification};

const SIGN_FORM: Form = Form::of_one_file(&["file", "video"]);
/// A signature of the largest key, wrapped in lines, is well under a kilobyte.
const MAX_SIGNATURE_BYTES: usize = 16 * 1024;
const VERIFY_FORM: Form = Form {
    text_fields: &[("signature_base64", MAX_SIGNATURE_BYTES)],
    ..SIGN_FORM
};
/// The key of a service changes seldom, and only with the operator's hand.
const KEY_CACHE: (actix_web::http::header::HeaderName, &str) = (CACHE_CONTROL, "max-age=300");

/// Multipart body with one file of any kind.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(super) struct SignForm {
    /// The file; also accepted as `video`.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Multipart body with a file and its signature, in any order.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(super) struct VerifyForm {
    /// The file; also accepted as `video`.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The signature as `POST /integrity/sign` gave it; white space in it does not matter.
    signature_base64: String,
}

/// A signature of a file.
#[derive(Serialize, ToSchema)]
pub(super) struct SignAnswer {
    /// Name of the file as the client gave it, made safe to show.
    video_filename: String,
    /// RSASSA-PKCS1-v1_5 over SHA-256 of the file's bytes, base64.
    signature_base64: String,
    /// SHA-256 of the file's bytes, lower-case hex.
    sha256_hex: String,
    /// When, RFC 3339, UTC.
    signed_at: String,
    /// Size of the file in bytes.
    size_bytes: u64,
    /// Name of the key: its thumbprint (RFC 7638).
    key_id: String,
    /// A statement on name, SHA-256, size and time as a compact JWS (PS256); check it with
    /// `/.well-known/jwks.json`.
    jws: String,
}

/// Signs a file
#[utoipa::path(operation_id = "sign_file", tag = "integrity",
    request_body(content = SignForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The signature", body = SignAnswer),
        UploadProblems,
    ))]
#[post("/integrity/sign")]
pub(super) async fn sign(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<SignAnswer>, HttpError> {
    let _visit = service.reception.enter(Sender::of(&request))?;
    let limits = service.settings.body;
    let upload = receive(&request, body, SIGN_FORM, &service.uploads, limits).await?;
    let statement = Statement {
        filename: upload.file.filename.to_string(),
        sha256: upload.file.digest.sha256,
        size_bytes: upload.file.digest.size_bytes,
        signed_at: OffsetDateTime::now_utc(),
    };
    drop(upload);
    let keyring = service.keyring.clone();
    let signing = web::block(move || sign_both(&keyring, statement));
    let answer = signing.await.map_err(|_| HttpError::Interrupted)??;
    Ok(Json(answer))
}

fn sign_both(keyring: &Keyring, statement: Statement) -> Result<SignAnswer, IntegrityError> {
    let signature = keyring.sign_file_digest(&statement.sha256)?;
    let jws = keyring.sign_statement(&statement)?;
    Ok(SignAnswer {
        signature_base64: signature.to_base64(),
        sha256_hex: statement.sha256.to_hex(),
        signed_at: rfc3339(statement.signed_at),
        size_bytes: statement.size_bytes,
        key_id: keyring.key_id().to_owned(),
        jws,
        video_filename: statement.filename,
    })
}

/// What checking a signature found.
#[derive(Serialize, ToSchema)]
pub(super) struct VerifyAnswer {
    /// Name of the file as the client gave it, made safe to show.
    video_filename: String,
    /// Whether this service's key, or one it had before, signed exactly these bytes.
    valid: bool,
    /// SHA-256 of the file's bytes, lower-case hex.
    sha256_hex: String,
    /// When it was checked, RFC 3339, UTC.
    verified_at: String,
    /// What is wrong with the form of the signature; left out when it could be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Invalid base64 signature")]
    error: Option<String>,
}

/// Checks a signature of a file
#[utoipa::path(operation_id = "verify_signature", tag = "integrity",
    request_body(content = VerifyForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Valid or not; a signature of the wrong form is `valid: false` with `error`", body = VerifyAnswer),
        UploadProblems,
    ))]
#[post("/integrity/verify")]
pub(super) async fn verify(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<VerifyAnswer>, HttpError> {
    let _visit = service.reception.enter(Sender::of(&request))?;
    let limits = service.settings.body;
    let upload = receive(&request, body, VERIFY_FORM, &service.uploads, limits).await?;
    let signature = upload.texts.required("signature_base64")?;
    let found: Verification = service
        .keyring
        .verify(&upload.file.digest.sha256, signature);
    Ok(Json(VerifyAnswer {
        video_filename: upload.file.filename.to_string(),
        valid: found.is_valid(),
        sha256_hex: upload.file.digest.sha256.to_hex(),
        verified_at: rfc3339(OffsetDateTime::now_utc()),
        error: found.error(),
    }))
}

/// The public key.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicKeyAnswer {
    /// SubjectPublicKeyInfo as PEM.
    public_key_pem: String,
}

#[derive(Clone, Copy)]
enum KeyForm {
    Json,
    Pem,
}

const KEY_FORMS: [AnswerForm<KeyForm>; 2] = [
    AnswerForm {
        name: "json",
        media_type: "application/json",
        value: KeyForm::Json,
    },
    AnswerForm {
        name: "pem",
        media_type: "application/x-pem-file",
        value: KeyForm::Pem,
    },
];

/// The public key that signatures are checked with
///
/// JSON by default; the PEM file itself with `Accept: application/x-pem-file` or `?format=pem`.
#[utoipa::path(operation_id = "get_public_key", tag = "integrity", params(FormatQuery), responses(
    (status = 200, description = "The key",
        content((PublicKeyAnswer = "application/json"), (String = "application/x-pem-file"))),
    (status = 400, description = "`invalid-query`", content_type = "application/problem+json", body = Problem),
))]
#[get("/integrity/public-key")]
pub(super) async fn public_key(
    request: HttpRequest,
    service: Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let pem = service.keyring.public_key_pem().to_owned();
    let mut response = HttpResponse::Ok();
    response.insert_header(KEY_CACHE);
    match wanted(&request, &KEY_FORMS)? {
        KeyForm::Json => Ok(response.json(PublicKeyAnswer {
            public_key_pem: pem,
        })),
        KeyForm::Pem => Ok(response.content_type("application/x-pem-file").body(pem)),
    }
}

/// The public keys for JOSE libraries: the one that signs, then those before it
#[utoipa::path(operation_id = "get_jwks", tag = "integrity", responses(
    (status = 200, description = "A JSON Web Key Set (RFC 7517)", body = serde_json::Value),
))]
#[get("/.well-known/jwks.json")]
pub(super) async fn jwks(service: Data<Service>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header(KEY_CACHE);
    response.json(service.keyring.jwks())
}

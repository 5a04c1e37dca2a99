//! Media with content credentials, signed by a certificate made for it.

use std::io::Cursor;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use c2pa::{Builder, Context, EphemeralSigner, Signer};
use serde_json::{Value, json};

/// `source` with a manifest that says it was made by a kind of source (IPTC's `digitalCapture`,
/// `trainedAlgorithmicMedia` …), and the authority's certificate in PEM.
pub(crate) fn signed(source: &Path, media_type: &str, source_type: &str) -> (Vec<u8>, String) {
    let action = json!({
        "action": "c2pa.created",
        "softwareAgent": {"name": "Maker", "version": "3"},
        "digitalSourceType": format!("http://cv.iptc.org/newscodes/digitalsourcetype/{source_type}"),
    });
    signed_with(
        &std::fs::read(source).expect("a file to sign"),
        media_type,
        action,
    )
}

/// The same of bytes, with an action of one's own.
pub(crate) fn signed_with(source: &[u8], media_type: &str, action: Value) -> (Vec<u8>, String) {
    let signer = EphemeralSigner::new("test.example").expect("a certificate for a test");
    let definition = json!({
        "title": "A \u{1b}[31mclip",
        "claim_generator_info": [{"name": "framewitness tests", "version": "1"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    });
    let mut builder = (Builder::from_context(Context::new()).with_definition(definition))
        .expect("a manifest of the known form");
    let mut made = Cursor::new(Vec::new());
    (builder.sign(&signer, media_type, &mut Cursor::new(source), &mut made)).expect("a signature");
    let authority = signer
        .certs()
        .expect("a chain")
        .pop()
        .expect("its authority");
    (made.into_inner(), pem(&authority))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (text.as_bytes().chunks(64))
        .map(|line| std::str::from_utf8(line).expect("base64 is text"))
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

//! Finding the signed statement in a report.
//!
//! The file is somebody's, so nothing in it is parsed as HTML or PDF: the statement is looked for by
//! the marks that this module's renderers put around it, and the signature decides what it is worth.

use super::ReportError;

/// A larger file is no report.
pub const MAX_REPORT_BYTES: u64 = 64 * 1024 * 1024;

/// Around the statement in a page.
pub(super) const HTML_TYPE: &str = "application/jose";
/// Name of the element in a page.
pub(super) const HTML_ID: &str = "statement";
/// Name of the file attached to a PDF.
pub const ATTACHMENT: &str = "statement.jws";

/// What stands before and behind a stream of a PDF.
const STREAM_BEGINS: &[u8] = b"stream\n";
const STREAM_ENDS: &[u8] = b"endstream";

/// The compact JWS in a report of this program, HTML or PDF, or in a bare `.jws` file.
///
/// # Errors
/// [`ReportError::NoStatement`]; [`ReportError::ManyStatements`].
pub fn statement_in(bytes: &[u8]) -> Result<String, ReportError> {
    let mut found: Vec<String> = candidates(bytes);
    found.sort();
    found.dedup();
    match found.len() {
        0 => Err(ReportError::NoStatement),
        1 => Ok(found.remove(0)),
        several => Err(ReportError::ManyStatements(several)),
    }
}

fn candidates(bytes: &[u8]) -> Vec<String> {
    if bytes.starts_with(b"%PDF-") {
        return between(bytes, STREAM_BEGINS, STREAM_ENDS);
    }
    let opening = format!("<script type=\"{HTML_TYPE}\" id=\"{HTML_ID}\">");
    let in_page = between(bytes, opening.as_bytes(), b"</script>");
    match in_page.is_empty() {
        true => token(bytes).into_iter().collect(),
        false => in_page,
    }
}

/// Every token that alone stands between `begins` and `ends`.
fn between(bytes: &[u8], begins: &[u8], ends: &[u8]) -> Vec<String> {
    memchr::memmem::find_iter(bytes, begins)
        .filter_map(|at| {
            let rest = &bytes[at + begins.len()..];
            let end = memchr::memmem::find(rest, ends)?;
            token(&rest[..end])
        })
        .collect()
}

/// `text` as three base64url parts with dots between them, white space around them left out.
fn token(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let parts: Vec<&str> = text.split('.').collect();
    let is_part = |part: &&str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !part.is_empty() && part.bytes().all(allowed)
    };
    (parts.len() == 3 && parts.iter().all(is_part)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_token_is_found_with_white_space_around_it() {
        assert_eq!(statement_in(b" ab.c-d.e_f \n").unwrap(), "ab.c-d.e_f");
    }

    #[test]
    fn what_holds_no_token_or_several_says_so() {
        for text in ["", "a.b", "a.b.c.d", "a b.c.d", "a..c", "%PDF-1.7 nothing"] {
            let error = statement_in(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "no-statement", "{text}");
        }
        let element = |token: &str| {
            format!("<script type=\"application/jose\" id=\"statement\">{token}</script>")
        };
        let twice = element("a.b.c") + &element("a.b.c");
        assert_eq!(statement_in(twice.as_bytes()).unwrap(), "a.b.c");
        let two = element("a.b.c") + &element("a.b.d");
        let error = statement_in(two.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "many-statements");
    }
}

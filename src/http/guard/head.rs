//! How much may stand before the body of a request.
//!
//! The framework reads 96 lines and 131,072 bytes and refuses more by itself, without a body; these
//! limits can be lower.

use actix_web::HttpRequest;

use crate::http::error::HttpError;

/// What a line costs beside its name and value: `: ` and its end.
const LINE_BYTES: usize = 4;
/// ` ` between method and target, ` HTTP/1.1` after it, the line's end and the empty line.
const AROUND_BYTES: usize = 14;

/// Limits on the head of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    pub(super) max_headers: usize,
    pub(super) max_head_bytes: usize,
}

impl HeadLimits {
    /// Refuses a head beyond either limit.
    pub(super) fn check(self, request: &HttpRequest) -> Result<(), HttpError> {
        let (lines, bytes) = size_of(request);
        if lines > self.max_headers {
            let (limit, most) = ("max_headers", self.max_headers);
            return Err(HttpError::HeadTooLarge { limit, most });
        }
        if bytes > self.max_head_bytes {
            let (limit, most) = ("max_head_bytes", self.max_head_bytes);
            return Err(HttpError::HeadTooLarge { limit, most });
        }
        Ok(())
    }
}

/// Lines and bytes of a head, with single spaces.
fn size_of(request: &HttpRequest) -> (usize, usize) {
    let headers = request.headers();
    let of_lines = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + LINE_BYTES);
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let first = request.method().as_str().len() + target + AROUND_BYTES;
    (headers.len(), first + of_lines.sum::<usize>())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request() -> HttpRequest {
        let request = TestRequest::get().uri("/health?a=1");
        request
            .append_header(("host", "a"))
            .append_header(("x-b", "cd"))
            .to_http_request()
    }

    #[test]
    fn a_head_is_measured_as_it_is_sent() {
        let sent = "GET /health?a=1 HTTP/1.1\r\nhost: a\r\nx-b: cd\r\n\r\n";
        assert_eq!(size_of(&request()), (2, sent.len()));
    }

    #[test]
    fn one_line_or_byte_more_than_allowed_is_refused_by_the_name_of_the_limit() {
        let (max_headers, max_head_bytes) = size_of(&request());
        let check = |max_headers, max_head_bytes| {
            let limits = HeadLimits {
                max_headers,
                max_head_bytes,
            };
            limits.check(&request()).map_err(|error| error.to_string())
        };
        assert_eq!(check(max_headers, max_head_bytes), Ok(()));
        let refused = check(max_headers - 1, max_head_bytes).unwrap_err();
        assert!(refused.contains("max_headers"), "{refused}");
        let refused = check(max_headers, max_head_bytes - 1).unwrap_err();
        assert!(refused.contains("max_head_bytes"), "{refused}");
    }
}

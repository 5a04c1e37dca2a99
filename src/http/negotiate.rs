//! Which of several forms of an answer a client wants: `?format=` decides, else `Accept`.

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header};
use actix_web::mime::{self, Mime};
use actix_web::web::Query;
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::HttpError;

/// One form of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<T> {
    /// Its name in `?format=`.
    pub(super) name: &'static str,
    /// Its media type in `Accept`, without parameters.
    pub(super) media_type: &'static str,
    /// What the caller gets back.
    pub(super) value: T,
}

/// The query of routes that answer in several forms.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FormatQuery {
    /// Form of the answer; wins over `Accept`.
    format: Option<String>,
}

/// The form that `request` asks for, the first of `forms` when it asks for none of them.
///
/// # Errors
/// [`HttpError::Query`] when `?format=` names something else: a typing error there is better told
/// than answered in another form.
pub(super) fn wanted<T: Copy>(request: &HttpRequest, forms: &[Form<T>]) -> Result<T, HttpError> {
    let query = Query::<FormatQuery>::from_query(request.query_string())
        .map_err(|error| HttpError::Query(error.to_string()))?;
    if let Some(name) = &query.format {
        let form = forms.iter().find(|form| form.name == name);
        return form.map(|form| form.value).ok_or_else(|| unknown(forms));
    }
    let accepted = Accept::parse(request).map(|accept| accept.ranked());
    let accepted = accepted.unwrap_or_default();
    let first_match = accepted.iter().find_map(|range| in_range(forms, range));
    Ok(first_match.unwrap_or(forms[0].value))
}

/// The first form within a range such as `text/csv`, `text/*` or `*/*`.
fn in_range<T: Copy>(forms: &[Form<T>], range: &Mime) -> Option<T> {
    let any_subtype = range.subtype() == mime::STAR;
    let fits = |form: &&Form<T>| match (range.type_() == mime::STAR, any_subtype) {
        (true, _) => true,
        (false, true) => form.media_type.split('/').next() == Some(range.type_().as_str()),
        (false, false) => form.media_type == range.essence_str(),
    };
    forms.iter().find(fits).map(|form| form.value)
}

fn unknown<T>(forms: &[Form<T>]) -> HttpError {
    let names: Vec<_> = forms.iter().map(|form| form.name).collect();
    HttpError::Query(format!("format must be one of: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const FORMS: [Form<char>; 2] = [
        Form {
            name: "json",
            media_type: "application/json",
            value: 'j',
        },
        Form {
            name: "csv",
            media_type: "text/csv",
            value: 'c',
        },
    ];

    fn answer(uri: &str, accept: &str) -> Option<char> {
        let request = TestRequest::with_uri(uri).insert_header(("accept", accept));
        wanted(&request.to_http_request(), &FORMS).ok()
    }

    #[test]
    fn the_first_form_is_the_default() {
        let bare = TestRequest::with_uri("/").to_http_request();
        assert_eq!(wanted(&bare, &FORMS).ok(), Some('j'));
        assert_eq!(answer("/", "*/*"), Some('j'));
        assert_eq!(answer("/", "image/png"), Some('j'));
        assert_eq!(answer("/", "nonsense"), Some('j'));
    }

    #[test]
    fn accept_chooses_by_its_own_order_and_weights() {
        assert_eq!(answer("/", "text/csv"), Some('c'));
        assert_eq!(answer("/", "text/*"), Some('c'));
        assert_eq!(answer("/", "text/csv; charset=utf-8"), Some('c'));
        assert_eq!(answer("/", "text/csv;q=0.5, application/json"), Some('j'));
        assert_eq!(answer("/", "image/png, text/csv;q=0.5"), Some('c'));
    }

    #[test]
    fn the_query_wins_and_a_typing_error_in_it_is_told() {
        assert_eq!(answer("/?format=csv", "application/json"), Some('c'));
        assert_eq!(answer("/?format=cvs", "text/csv"), None);
    }
}

//! A build that reads no content credentials.

use std::fs::File;
use std::time::Duration;

use crate::domain::ContentCredentials;

const NOT_BUILT: &str = "this build reads no content credentials (feature `content-credentials`)";

/// Says that nothing was read. Nobody asks a build for what it does not do.
pub fn read(_file: &File, _trust_list: Option<&str>, _limit: Duration) -> ContentCredentials {
    ContentCredentials::Unreadable {
        reason: NOT_BUILT.into(),
    }
}

/// No list is of use here.
pub(super) fn why_no_trust_list(_pem: &str) -> Option<String> {
    Some(NOT_BUILT.into())
}

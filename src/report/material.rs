//! What a report is made of.

use std::collections::BTreeMap;

use crate::domain::{Analysis, Measured};

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The stored analysis.
    pub analysis: &'a Analysis,
    /// JPEGs by their artifact names; a name that is wanted and not here is said to be gone.
    pub pictures: &'a BTreeMap<String, Vec<u8>>,
    /// How often the models that took part were right; empty where that is not known.
    pub measured: &'a [Measured],
    /// The signed statement.
    pub statement: &'a SignedStatement,
    /// Where the same analysis lies in other forms.
    pub links: &'a Links,
}

/// A signed statement and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    /// Compact JWS.
    pub token: String,
    /// Name of the key: its thumbprint (RFC 7638).
    pub key_id: String,
}

/// What the paths of [`Links`] start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The service that made the report.
    Service,
    /// The folder in which the report lies.
    Folder,
}

/// Where the same analysis lies in other forms, and the keys that its statement is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// What the paths start from.
    pub place: Place,
    /// The analysis as JSON.
    pub json: String,
    /// The scores of every face in every frame as a table.
    pub csv: String,
    /// The signed statement.
    pub statement: String,
    /// The public keys, as a JSON Web Key Set.
    pub public_keys: String,
    /// The public key in PEM.
    pub public_key_pem: String,
}

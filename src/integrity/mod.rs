//! Keys, signatures and signed statements: the only place that names rsa, sha2 and base64.

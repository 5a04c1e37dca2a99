-- Who may ask, how much was asked, and what was asked without its contents. Keys are never deleted:
-- records name them, and a revoked key must stay refused. Only the SHA-256 of a secret is kept; a
-- secret has 256 random bits, so that a slow hash would add nothing.
CREATE TABLE api_keys (
    number        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    secret_sha256 TEXT    NOT NULL UNIQUE CHECK (length(secret_sha256) = 64),
    scopes        TEXT    NOT NULL, -- words with commas between them
    quota_per_day INTEGER CHECK (quota_per_day > 0),
    created_at_us INTEGER NOT NULL,
    revoked_at_us INTEGER
) STRICT;

CREATE TABLE key_usage (
    key      INTEGER NOT NULL REFERENCES api_keys (number),
    day      INTEGER NOT NULL, -- days since 1970-01-01, UTC
    analyses INTEGER NOT NULL,
    PRIMARY KEY (key, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_log (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_us      INTEGER NOT NULL,
    method     TEXT    NOT NULL,
    route      TEXT    NOT NULL, -- the pattern, never the path
    status     INTEGER NOT NULL,
    latency_us INTEGER NOT NULL,
    key        INTEGER,
    address    TEXT
) STRICT;

CREATE INDEX request_log_by_time ON request_log (at_us);

-- Who may ask, how much was asked, and what was asked without its contents. Keys are never deleted:
-- records name them, and a revoked key must stay refused. Only the SHA-256 of a secret is kept; a
-- secret has 256 random bits, so that a slow hash would add nothing.
CREATE TABLE api_keys (
    number        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          TEXT   NOT NULL,
    secret_sha256 TEXT   NOT NULL UNIQUE CHECK (length(secret_sha256) = 64),
    scopes        TEXT   NOT NULL, -- words with commas between them
    quota_per_day BIGINT CHECK (quota_per_day > 0),
    created_at_us BIGINT NOT NULL,
    revoked_at_us BIGINT
);

CREATE TABLE key_usage (
    key      BIGINT NOT NULL REFERENCES api_keys (number),
    day      BIGINT NOT NULL, -- days since 1970-01-01, UTC
    analyses BIGINT NOT NULL,
    PRIMARY KEY (key, day)
);

CREATE TABLE request_log (
    number     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_us      BIGINT NOT NULL,
    method     TEXT   NOT NULL,
    route      TEXT   NOT NULL, -- the pattern, never the path
    status     BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    key        BIGINT,
    address    TEXT
);

CREATE INDEX request_log_by_time ON request_log (at_us);

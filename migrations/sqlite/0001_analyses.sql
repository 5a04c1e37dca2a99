-- One row per analysis. `document` is the whole analysis as JSON and the only truth; the other
-- columns repeat what is searched and sorted by. `id` is a UUID version 7 in its hyphenated
-- lower-case form, so that the order of ids is the order of time.
CREATE TABLE analyses (
    id               TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    analyzed_at_us   INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    kind             TEXT    NOT NULL CHECK (kind IN ('video', 'image')),
    verdict          TEXT    NOT NULL CHECK (verdict IN ('FAKE', 'REAL', 'INCONCLUSIVE')),
    probability_fake REAL    CHECK (probability_fake BETWEEN 0.0 AND 1.0),
    sha256           TEXT    NOT NULL CHECK (length(sha256) = 64),
    filename         TEXT    NOT NULL,
    schema_version   INTEGER NOT NULL,
    document         TEXT    NOT NULL
) STRICT;

CREATE INDEX analyses_by_time ON analyses (analyzed_at_us);
CREATE INDEX analyses_by_kind ON analyses (kind, id);
CREATE INDEX analyses_by_verdict ON analyses (verdict, id);
CREATE INDEX analyses_by_probability ON analyses (probability_fake);
CREATE INDEX analyses_by_sha256 ON analyses (sha256);
CREATE INDEX analyses_by_filename ON analyses (filename);

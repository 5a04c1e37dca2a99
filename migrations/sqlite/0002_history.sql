-- Every record gets a number of its own, is somebody's, and is counted in totals by day.
-- SQLite cannot add a primary key to a table, so the records move to a new one, in the order of
-- their names. `submission` is JSON and the only truth; `owner`, `batch` and `threshold` repeat it.
CREATE TABLE numbered (
    number            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id                TEXT    NOT NULL UNIQUE CHECK (length(id) = 36),
    analyzed_at_us    INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    kind              TEXT    NOT NULL CHECK (kind IN ('video', 'image')),
    verdict           TEXT    NOT NULL CHECK (verdict IN ('FAKE', 'REAL', 'INCONCLUSIVE')),
    probability_fake  REAL    CHECK (probability_fake BETWEEN 0.0 AND 1.0),
    processing_time_s REAL    NOT NULL,
    sha256            TEXT    NOT NULL CHECK (length(sha256) = 64),
    filename          TEXT    NOT NULL,
    owner             INTEGER, -- number of the key; NULL: sent without one
    batch             TEXT,
    threshold         REAL    CHECK (threshold BETWEEN 0.0 AND 1.0),
    submission        TEXT    NOT NULL,
    schema_version    INTEGER NOT NULL,
    document          TEXT    NOT NULL
) STRICT;

INSERT INTO numbered (id, analyzed_at_us, kind, verdict, probability_fake, processing_time_s,
                      sha256, filename, submission, schema_version, document)
SELECT id, analyzed_at_us, kind, verdict, probability_fake,
       CASE WHEN json_valid(document)
            THEN coalesce(json_extract(document, '$.processing_time_s'), 0.0) ELSE 0.0 END,
       sha256, filename, '{}', schema_version, document
FROM analyses ORDER BY id;

DROP TABLE analyses;
ALTER TABLE numbered RENAME TO analyses;

-- A page is newest first, whatever it is filtered by.
CREATE INDEX analyses_by_time ON analyses (analyzed_at_us, id);
CREATE INDEX analyses_by_verdict ON analyses (verdict, analyzed_at_us, id);
CREATE INDEX analyses_by_kind ON analyses (kind, analyzed_at_us, id);
CREATE INDEX analyses_by_owner ON analyses (owner, analyzed_at_us, id) WHERE owner IS NOT NULL;
CREATE INDEX analyses_by_batch ON analyses (batch) WHERE batch IS NOT NULL;
CREATE INDEX analyses_by_sha256 ON analyses (sha256);

-- Kept by the triggers below, in the transaction of the record itself.
CREATE TABLE daily_totals (
    day                   INTEGER NOT NULL, -- days since 1970-01-01, UTC
    owner                 INTEGER NOT NULL, -- 0: without a key
    kind                  TEXT    NOT NULL,
    verdict               TEXT    NOT NULL,
    total                 INTEGER NOT NULL,
    scored                INTEGER NOT NULL, -- with a probability
    over_threshold        INTEGER NOT NULL, -- probability at or above the threshold, or one half
    probability_sum       REAL    NOT NULL,
    processing_time_sum_s REAL    NOT NULL,
    PRIMARY KEY (day, owner, kind, verdict)
) STRICT, WITHOUT ROWID;

INSERT INTO daily_totals
SELECT analyzed_at_us / 86400000000, 0, kind, verdict, count(*), count(probability_fake),
       count(CASE WHEN probability_fake >= 0.5 THEN 1 END),
       coalesce(sum(probability_fake), 0.0), sum(processing_time_s)
FROM analyses GROUP BY 1, 2, 3, 4;

CREATE TRIGGER analyses_counted AFTER INSERT ON analyses BEGIN
    INSERT INTO daily_totals VALUES (
        new.analyzed_at_us / 86400000000, coalesce(new.owner, 0), new.kind, new.verdict, 1,
        new.probability_fake IS NOT NULL,
        coalesce(new.probability_fake >= coalesce(new.threshold, 0.5), 0),
        coalesce(new.probability_fake, 0.0), new.processing_time_s)
    ON CONFLICT (day, owner, kind, verdict) DO UPDATE SET
        total = total + 1,
        scored = scored + excluded.scored,
        over_threshold = over_threshold + excluded.over_threshold,
        probability_sum = probability_sum + excluded.probability_sum,
        processing_time_sum_s = processing_time_sum_s + excluded.processing_time_sum_s;
END;

CREATE TRIGGER analyses_uncounted AFTER DELETE ON analyses BEGIN
    UPDATE daily_totals SET
        total = total - 1,
        scored = scored - (old.probability_fake IS NOT NULL),
        over_threshold =
            over_threshold - coalesce(old.probability_fake >= coalesce(old.threshold, 0.5), 0),
        probability_sum = probability_sum - coalesce(old.probability_fake, 0.0),
        processing_time_sum_s = processing_time_sum_s - old.processing_time_s
    WHERE day = old.analyzed_at_us / 86400000000 AND owner = coalesce(old.owner, 0)
        AND kind = old.kind AND verdict = old.verdict;
END;

-- Several files sent at once. Its analyses carry its name in `batch`.
CREATE TABLE batches (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    owner      INTEGER,
    total      INTEGER NOT NULL CHECK (total >= 0),
    successful INTEGER NOT NULL CHECK (successful >= 0),
    failed     INTEGER NOT NULL CHECK (failed >= 0)
) STRICT;

-- The tables of migrations/sqlite, as PostgreSQL has them. Names are text in the "C" collation: their
-- order is that of their bytes, as in SQLite.
CREATE TABLE analyses (
    number            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(id) = 36),
    analyzed_at_us    BIGINT NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    kind              TEXT   NOT NULL CHECK (kind IN ('video', 'image')),
    verdict           TEXT   NOT NULL CHECK (verdict IN ('FAKE', 'REAL', 'INCONCLUSIVE')),
    probability_fake  DOUBLE PRECISION CHECK (probability_fake BETWEEN 0.0 AND 1.0),
    processing_time_s DOUBLE PRECISION NOT NULL,
    sha256            TEXT   NOT NULL CHECK (length(sha256) = 64),
    filename          TEXT   NOT NULL,
    owner             BIGINT, -- number of the key; NULL: sent without one
    batch             TEXT,
    threshold         DOUBLE PRECISION CHECK (threshold BETWEEN 0.0 AND 1.0),
    submission        TEXT   NOT NULL,
    schema_version    BIGINT NOT NULL,
    document          TEXT   NOT NULL
);

-- A page is newest first, whatever it is filtered by.
CREATE INDEX analyses_by_time ON analyses (analyzed_at_us, id);
CREATE INDEX analyses_by_verdict ON analyses (verdict, analyzed_at_us, id);
CREATE INDEX analyses_by_kind ON analyses (kind, analyzed_at_us, id);
CREATE INDEX analyses_by_owner ON analyses (owner, analyzed_at_us, id) WHERE owner IS NOT NULL;
CREATE INDEX analyses_by_batch ON analyses (batch) WHERE batch IS NOT NULL;
CREATE INDEX analyses_by_sha256 ON analyses (sha256);

-- Kept by the triggers below, in the transaction of the record itself.
CREATE TABLE daily_totals (
    day                   BIGINT NOT NULL, -- days since 1970-01-01, UTC
    owner                 BIGINT NOT NULL, -- 0: without a key
    kind                  TEXT   NOT NULL,
    verdict               TEXT   NOT NULL,
    total                 BIGINT NOT NULL,
    scored                BIGINT NOT NULL, -- with a probability
    over_threshold        BIGINT NOT NULL, -- probability at or above the threshold, or one half
    probability_sum       DOUBLE PRECISION NOT NULL,
    processing_time_sum_s DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (day, owner, kind, verdict)
);

CREATE FUNCTION count_analysis(counted analyses, sign INTEGER) RETURNS VOID LANGUAGE SQL AS $$
    INSERT INTO daily_totals AS totals VALUES (
        counted.analyzed_at_us / 86400000000, coalesce(counted.owner, 0),
        counted.kind, counted.verdict, sign,
        CASE WHEN counted.probability_fake IS NULL THEN 0 ELSE sign END,
        CASE WHEN counted.probability_fake >= coalesce(counted.threshold, 0.5)
             THEN sign ELSE 0 END,
        sign * coalesce(counted.probability_fake, 0.0), sign * counted.processing_time_s)
    ON CONFLICT (day, owner, kind, verdict) DO UPDATE SET
        total = totals.total + excluded.total,
        scored = totals.scored + excluded.scored,
        over_threshold = totals.over_threshold + excluded.over_threshold,
        probability_sum = totals.probability_sum + excluded.probability_sum,
        processing_time_sum_s = totals.processing_time_sum_s + excluded.processing_time_sum_s;
$$;

CREATE FUNCTION count_analyses() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_analysis(new, 1);
    ELSE
        PERFORM count_analysis(old, -1);
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER analyses_counted AFTER INSERT OR DELETE ON analyses
    FOR EACH ROW EXECUTE FUNCTION count_analyses();

-- Several files sent at once. Its analyses carry its name in `batch`.
CREATE TABLE batches (
    number     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    owner      BIGINT,
    total      BIGINT NOT NULL CHECK (total >= 0),
    successful BIGINT NOT NULL CHECK (successful >= 0),
    failed     BIGINT NOT NULL CHECK (failed >= 0)
);

-- The queue of analyses. A job is claimed for a time (its lease) by a worker, which is named anew each
-- time a process starts. `attempt` counts the claims and is never lowered: what an earlier claimant
-- still writes carries an older one and is refused. `tries` counts those claims that speak against the
-- job; one that was given back does not. `payload` is JSON and names the upload by where it is kept
-- and by its digest; it holds no bytes of it.
CREATE TABLE jobs (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 36), -- UUID version 7
    owner           BIGINT, -- number of the key; NULL: sent without one
    state           TEXT    NOT NULL
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'set-aside')),
    attempt         BIGINT NOT NULL CHECK (attempt >= 0),
    tries           BIGINT NOT NULL CHECK (tries >= 0),
    worker          TEXT,
    lease_until_us  BIGINT,
    not_before_us   BIGINT NOT NULL, -- it waits until then before it is tried again
    payload         TEXT    NOT NULL,
    stage           TEXT    NOT NULL,
    progress        DOUBLE PRECISION NOT NULL CHECK (progress BETWEEN 0.0 AND 1.0),
    reason_code     TEXT,
    reason          TEXT,
    analysis        TEXT    UNIQUE, -- name of the record, once there is one
    idempotency_key TEXT    UNIQUE, -- the sender's number and the SHA-256 of the key
    fingerprint     TEXT,    -- of the request that came with the key
    events          BIGINT NOT NULL, -- number of the last one
    created_at_us   BIGINT NOT NULL,
    updated_at_us   BIGINT NOT NULL,
    CHECK ((state = 'running') = (lease_until_us IS NOT NULL)),
    CHECK ((state = 'done') = (analysis IS NOT NULL))
);

CREATE INDEX jobs_queued ON jobs (id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (lease_until_us) WHERE state = 'running';
CREATE INDEX jobs_ended ON jobs (updated_at_us) WHERE state NOT IN ('queued', 'running');

-- What happened to a job, for those who follow it. Only the latest of each job are kept.
CREATE TABLE job_events (
    job     TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number  BIGINT NOT NULL, -- 1, 2, 3 … within the job
    attempt BIGINT NOT NULL,
    at_us   BIGINT NOT NULL,
    kind    TEXT    NOT NULL,
    body    TEXT    NOT NULL, -- JSON
    PRIMARY KEY (job, number)
);

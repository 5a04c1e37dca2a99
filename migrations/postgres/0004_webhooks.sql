-- Who is told when a job ends, and what became of telling. A job's end and the deliveries it calls for
-- are written in one transaction, whoever ends the job: the trigger sees to it. Secrets are kept as they
-- are, because every message is signed with them; they sign messages and let nobody in.
CREATE TABLE webhooks (
    number        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url           TEXT   NOT NULL,
    secret        TEXT   NOT NULL,
    owner         BIGINT, -- number of a key: only jobs sent with it; NULL: all jobs
    created_at_us BIGINT NOT NULL,
    removed_at_us BIGINT
);

CREATE TABLE webhook_deliveries (
    webhook       BIGINT NOT NULL REFERENCES webhooks (number),
    job           TEXT COLLATE "C" NOT NULL,
    event         BIGINT NOT NULL, -- number of the event that ended the job; one tried again ends again
    body          TEXT   NOT NULL, -- of that event, JSON
    state         TEXT   NOT NULL CHECK (state IN ('waiting', 'delivered', 'given-up')),
    tries         BIGINT NOT NULL CHECK (tries >= 0),
    not_before_us BIGINT NOT NULL, -- of the next try; while one is made, when it counts as lost
    status        BIGINT, -- HTTP status of the last answer
    problem       TEXT,   -- why the last try failed
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (webhook, job, event)
);

CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (not_before_us) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (created_at_us);

CREATE FUNCTION announce_job_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_deliveries (webhook, job, event, body, state, tries, not_before_us, created_at_us, updated_at_us)
    SELECT webhooks.number, new.job, new.number, new.body, 'waiting', 0, new.at_us, new.at_us, new.at_us
    FROM webhooks JOIN jobs ON jobs.id = new.job
    WHERE webhooks.removed_at_us IS NULL AND (webhooks.owner IS NULL OR webhooks.owner = jobs.owner);
    RETURN NULL;
END
$$;

CREATE TRIGGER job_end AFTER INSERT ON job_events FOR EACH ROW WHEN (new.kind = 'end')
    EXECUTE FUNCTION announce_job_end();

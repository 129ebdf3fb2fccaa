-- Who may call, and what has been called for whom.

CREATE TABLE api_proxy.callers (
    component_appid text NOT NULL,
    caller_id       text NOT NULL,
    key_sha256      bytea NOT NULL UNIQUE,          -- finds the caller of an HTTP request
    key_sealed      bytea NOT NULL,                 -- under a master key; checks signatures of topic requests
    accounts        text[] NOT NULL,                -- appids, or '*'
    paths           text[] NOT NULL,                -- Weixin's paths; '*' at the end stands for any tail
    groups          text[] NOT NULL,                -- answers may go to <group>.results
    created_at      timestamptz NOT NULL DEFAULT now(),
    revoked_at      timestamptz,
    PRIMARY KEY (component_appid, caller_id)
);

-- One row for each request of the topic: it takes effect at most once, and its result stays the one result.
CREATE TABLE api_proxy.ledger (
    component_appid text NOT NULL,
    caller_id       text NOT NULL,
    request_id      text NOT NULL,
    state           text NOT NULL CHECK (state IN ('started', 'done')),
    owner           bigint NOT NULL,                -- random: tells whose unanswered INSERT this was
    started_at      timestamptz NOT NULL DEFAULT now(),
    deadline        timestamptz NOT NULL,           -- past it no call of a 'started' row is under way any more
    finished_at     timestamptz,
    result          json,
    PRIMARY KEY (component_appid, caller_id, request_id),
    CHECK ((state = 'done') = (result IS NOT NULL))
);

CREATE INDEX ledger_started_at ON api_proxy.ledger (started_at);

-- What the SDK keeps in the schema of each business that has one, beside the business's own tables.

-- One row for each event that had its effect, written in the effect's transaction. A replay that handles events
-- once more has a run of its own. The group is the schema.
CREATE TABLE sdk_once (
    event_id   text NOT NULL,
    run        text NOT NULL,
    settled_at timestamptz NOT NULL DEFAULT now(),
    verdict    text CHECK (verdict IN ('reply', 'none', 'empty')),
    reply      text,                                -- JSON; forgotten 10 minutes after it was sent
    calls      text,                                -- JSON; those that are not handed over yet
    sent_at    timestamptz,                         -- all of it; null again once it is forgotten
    PRIMARY KEY (event_id, run)
);

CREATE INDEX sdk_once_settled_at ON sdk_once (settled_at);
CREATE INDEX sdk_once_sent_at ON sdk_once (sent_at) WHERE sent_at IS NOT NULL;

-- Fans that are to be forgotten: their events from before that time are settled unhandled, for 30 days.
CREATE TABLE sdk_erased (
    appid    text NOT NULL,
    openid   text NOT NULL,
    before   timestamptz NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (appid, openid)
);

CREATE INDEX sdk_erased_noted_at ON sdk_erased (noted_at);

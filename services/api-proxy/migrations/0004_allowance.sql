-- What may still be sent to a fan as customer-service messages: one row for each account and fan, shared by all
-- callers. Times are microseconds since 1970. What is left is computed (below) from when the fan acted and when
-- we sent, so that events which come late, twice or in another order lead to the same row.
CREATE TABLE api_proxy.allowance (
    appid            text NOT NULL,
    openid           text NOT NULL,
    message_us       bigint NOT NULL DEFAULT 0,     -- the fan's last message, as ce_time tells it
    message_until_us bigint NOT NULL DEFAULT 0,
    message_count    int NOT NULL DEFAULT 0,
    action_us        bigint NOT NULL DEFAULT 0,     -- the last follow, scan or click
    action_until_us  bigint NOT NULL DEFAULT 0,
    action_count     int NOT NULL DEFAULT 0,
    closed_us        bigint NOT NULL DEFAULT 0,     -- Weixin said so: nothing is left before the fan acts again
    sent_us          bigint[] NOT NULL DEFAULT '{}',  -- the newest sends, sure failures taken out
    PRIMARY KEY (appid, openid)
);

CREATE INDEX allowance_message_until ON api_proxy.allowance (message_until_us);

-- The windows do not add up: the larger one counts. A fan's act in the second of a refusal stays closed, for
-- ce_time knows whole seconds only.
CREATE FUNCTION api_proxy.allowance_left(a api_proxy.allowance, now_us bigint) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT GREATEST(0,
        CASE WHEN now_us < a.message_until_us AND a.message_us > a.closed_us - a.closed_us % 1000000
            THEN a.message_count - (SELECT count(*)::int FROM unnest(a.sent_us) s WHERE s >= a.message_us) END,
        CASE WHEN now_us < a.action_until_us AND a.action_us > a.closed_us - a.closed_us % 1000000
            THEN a.action_count - (SELECT count(*)::int FROM unnest(a.sent_us) s WHERE s >= a.action_us) END)
$$;

-- How far each process has read what feeds the table: a row says "nothing left" with authority only while all
-- have read up to now.
CREATE TABLE api_proxy.allowance_feed (
    member  text PRIMARY KEY,
    behind  boolean NOT NULL,
    seen_at timestamptz NOT NULL
);

-- What was called for whom: one row for each call, without its body, kept for WXBUS_AUDIT_DAYS.

CREATE TABLE api_proxy.calls (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,           -- when it began
    component_appid text NOT NULL,
    caller_id       text NOT NULL,                  -- '': nobody's key was needed (a person's own token)
    appid           text NOT NULL,                  -- '': the platform itself
    door            text NOT NULL,                  -- 'http' or 'topic'
    method          text NOT NULL,
    path            text NOT NULL,
    outcome         text NOT NULL,                  -- 'ok', 'rejected', 'unknown'
    refusal         text,                           -- why we answered ourselves; NULL: Weixin's answer
    errcode         bigint NOT NULL,
    http_status     int NOT NULL,                   -- of Weixin's answer; 0: none
    attempts        int NOT NULL,
    ms              bigint NOT NULL
);

CREATE INDEX calls_at ON api_proxy.calls (at);
CREATE INDEX calls_account ON api_proxy.calls (component_appid, appid, at);

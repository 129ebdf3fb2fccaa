-- How much a caller may do; NULL: as much as it likes. account_...: the same, for each single account.
ALTER TABLE api_proxy.callers
    ADD COLUMN rate_per_s         bigint CHECK (rate_per_s > 0),
    ADD COLUMN calls_per_day      bigint CHECK (calls_per_day > 0),
    ADD COLUMN account_rate_per_s bigint CHECK (account_rate_per_s > 0),
    ADD COLUMN account_per_day    bigint CHECK (account_per_day > 0);

-- What of a day's number has been given out to processes. A day is one of Beijing's, as Weixin's quotas are.
CREATE TABLE api_proxy.day_used (
    component_appid text NOT NULL,
    caller_id       text NOT NULL,
    appid           text NOT NULL,                  -- '': all of the caller's accounts together
    day             date NOT NULL,
    used            bigint NOT NULL,
    given           bigint NOT NULL,                -- by the last statement
    PRIMARY KEY (component_appid, caller_id, appid, day)
);

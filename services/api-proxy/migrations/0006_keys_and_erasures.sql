-- When a master key was last in use: a retired one stays until nothing that it sealed is left.
CREATE TABLE api_proxy.key_use (
    kind    text NOT NULL CHECK (kind = 'master'),
    key_id  text NOT NULL,
    used_at timestamptz NOT NULL,                   -- or when it was first seen here
    PRIMARY KEY (kind, key_id)
);

-- Fans who are forgotten: what they did before is not recorded any more, whenever it is read. 30 days.
CREATE TABLE api_proxy.erasures (
    appid     text NOT NULL,
    openid    text NOT NULL,
    before_us bigint NOT NULL,                      -- microseconds since 1970
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (appid, openid)
);
CREATE INDEX erasures_at ON api_proxy.erasures (at);

-- Tickets of the JS-SDK, shared by all processes: one of them asks Weixin, the others use what it got.
CREATE TABLE api_proxy.jssdk_tickets (
    component_appid  text NOT NULL,
    appid            text NOT NULL,
    ticket_sealed    bytea,                         -- under a master key; NULL: none yet
    expires_at       timestamptz NOT NULL DEFAULT '-infinity',
    refreshing_until timestamptz NOT NULL,          -- until then one process is asking
    PRIMARY KEY (component_appid, appid)
);

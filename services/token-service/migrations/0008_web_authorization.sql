-- Web page authorization on behalf. Where visitors may be sent back to with a result: an origin, perhaps with a
-- path (oauth_target.h).
CREATE TABLE oauth_targets (
	component_appid    text NOT NULL,
	appid              text NOT NULL,
	target             text NOT NULL,
	PRIMARY KEY (component_appid, appid, target)
);

-- States that have come back from Weixin, by their number: each once. An hour; a state lives ten minutes.
CREATE TABLE oauth_states_used (
	number             text PRIMARY KEY,
	at                 timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX oauth_states_used_at ON oauth_states_used (at);

-- The keys (Ed25519) that sign results. The private one is sealed and bound to its row.
CREATE TABLE oauth_keys (
	key_id             text PRIMARY KEY,
	public_key         bytea NOT NULL,
	private_key        bytea NOT NULL,
	created_at         timestamptz NOT NULL DEFAULT now()
);

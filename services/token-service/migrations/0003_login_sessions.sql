-- Mini-program logins on behalf: the session key stays here, sealed, under the hash of the session's name. 30 days.
CREATE TABLE login_sessions (
	session_sha256     bytea PRIMARY KEY,         -- of the opaque name that the caller was given, never itself
	component_appid    text NOT NULL,
	appid              text NOT NULL,
	openid             text NOT NULL,
	unionid            text,
	session_key        bytea NOT NULL,
	at                 timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_sessions_at ON login_sessions (at);
CREATE INDEX login_sessions_person ON login_sessions (appid, openid);

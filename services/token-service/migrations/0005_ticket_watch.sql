-- Since when a platform is known here, and when Weixin was last asked to push its ticket again.
CREATE TABLE ticket_watch (
	component_appid    text PRIMARY KEY,
	seen_at            timestamptz NOT NULL DEFAULT now(),
	asked_at           timestamptz
);

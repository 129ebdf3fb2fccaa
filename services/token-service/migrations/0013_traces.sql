-- W3C trace context: on whose behalf an event is handled and a record published; NULL: nobody's but our own.
ALTER TABLE events ADD COLUMN traceparent text;
ALTER TABLE outbox ADD COLUMN traceparent text;

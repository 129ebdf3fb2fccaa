-- What the events of the tests have done, in the order in which they did it.
CREATE TABLE effects (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id text NOT NULL,
    run      text NOT NULL,
    appid    text NOT NULL,
    openid   text NOT NULL,
    content  text NOT NULL,
    attempt  bigint NOT NULL
);

CREATE INDEX effects_fan ON effects (appid, openid);

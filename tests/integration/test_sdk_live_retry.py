"""A live retry behind many retries of a replay, on one partition of a retry topic."""

import json
import secrets
import time

import confluent_kafka
import pytest

from wxbus_testing import probe
from wxbus_testing.timing import margin
from wxbusdev.child import wait_until

REPLAYED, SLOW_S = 1500, 0.02
REPLAY = "20261121-120000-0000"

_SLOW = f"""CREATE FUNCTION probe.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.content = 'replayed' THEN PERFORM pg_sleep({SLOW_S}); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER slow BEFORE INSERT ON probe.effects FOR EACH ROW EXECUTE FUNCTION probe.slow()"""


class Retries:
    """Writes events as the SDK puts them aside, due at once, all to one partition."""

    def __init__(self, deployment):
        self._deployment = deployment
        self._producer = confluent_kafka.Producer({"bootstrap.servers": deployment.kafka.bootstrap_servers, "acks": "all"})

    def put(self, openid, content, replay=None):
        event_id, component = secrets.token_hex(16), self._deployment.platform.component_appid
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        fields = {"ToUserName": "gh_one", "FromUserName": openid, "CreateTime": int(time.time()), "MsgType": "text",
                  "Content": content, "MsgId": "1"}
        headers = {"ce_specversion": "1.0", "ce_id": event_id, "ce_type": "weixin.message.text",
                   "ce_source": f"/platforms/{component}/accounts/wxone", "ce_time": stamp, "ce_subject": openid,
                   "ce_componentappid": component, "ce_appid": "wxone", "ce_receivedtime": stamp, "ce_repliers": "desk",
                   "ce_replydeadline": stamp, "content-type": "application/json", "wxbus-attempts": "1",
                   "wxbus-origin-topic": self._deployment.topic("messages"), "wxbus-origin-partition": "0",
                   "wxbus-origin-offset": "0", "wxbus-origin-time": stamp, "wxbus-first-failed-at": stamp, "wxbus-due-at": stamp}
        if replay:
            headers.update({"wxbus-run": replay, "wxbus-replay": replay, "wxbus-effects": "off"})
        self._producer.produce(self._deployment.topic("probe.retry.1s"), json.dumps(fields), f"wxone/{openid}", partition=0,
                               headers=list(headers.items()))
        self._producer.poll(0)
        return event_id

    def flush(self):
        assert self._producer.flush(30) == 0


@pytest.mark.real_kafka
@pytest.mark.long_only
def test_a_live_retry_is_handled_before_most_of_a_replays_that_stand_before_it(new_deployment, record_property):
    deployment = new_deployment()
    probe.prepare(deployment)
    probe.query(deployment, _SLOW)
    deployment.start("wxbus-api-proxy")
    deployment.start_one(probe.BINARY, settings={"WXBUS_HANDLER_THREADS": "4"})
    retries = Retries(deployment)
    for number in range(REPLAYED):
        retries.put(f"oFan{number % 200:024d}", "replayed", REPLAY)
    live = retries.put("oLive" + "0" * 23, "live")
    retries.flush()
    began = time.monotonic()
    wait_until(lambda: probe.query(deployment, "SELECT 1 FROM probe.effects WHERE event_id = %s", live), margin(120),
               "the live one handled", 0.02)
    took_s = time.monotonic() - began
    (before,), = probe.query(deployment, "SELECT count(*) FROM probe.effects WHERE content = 'replayed' AND "
                                         "number < (SELECT number FROM probe.effects WHERE event_id = %s)", live)
    record_property("a live retry behind 1,500 of a replay handled after", f"{took_s:.2f} s")
    record_property("of these handled before it", before)
    assert before < REPLAYED // 3

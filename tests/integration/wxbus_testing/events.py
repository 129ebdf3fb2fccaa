"""Events on `messages`, written as the ingress writes them, for tests of those who read them."""

import json
import secrets
import time

import confluent_kafka


class Events:
    """Writes events of accounts whose repliers it names."""

    def __init__(self, deployment, repliers):
        self._deployment, self._repliers = deployment, repliers
        self._component = deployment.platform.component_appid
        self._producer = confluent_kafka.Producer({"bootstrap.servers": deployment.kafka.bootstrap_servers, "acks": "all",
                                                   "partitioner": "murmur2_random", "linger.ms": 5})
        self.failures = []

    def text(self, appid, openid, content, topic="messages", value=None, age_s=0, at_ms=None):
        """A fan's text, on its way; its event id. `value`: these bytes instead of its JSON. `age_s`: sent and received so
        long ago; `at_ms`: or just then."""
        event_id, now = secrets.token_hex(16), time.time() - age_s if at_ms is None else at_ms / 1000
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now))
        fields = {"ToUserName": "gh_" + appid, "FromUserName": openid, "CreateTime": int(now), "MsgType": "text",
                  "Content": content, "MsgId": str(secrets.randbelow(10 ** 16))}
        headers = {"ce_specversion": "1.0", "ce_id": event_id, "ce_type": "weixin.message.text",
                   "ce_source": f"/platforms/{self._component}/accounts/{appid}", "ce_time": stamp,
                   "ce_subject": openid, "ce_componentappid": self._component, "ce_appid": appid,
                   "ce_receivedtime": stamp, "ce_repliers": ",".join(self._repliers), "ce_replydeadline": stamp,
                   "content-type": "application/json"}
        self._producer.produce(self._deployment.topic(topic), json.dumps(fields) if value is None else value,
                               f"{appid}/{openid}", headers=list(headers.items()), timestamp=int(now * 1000) if at_ms is None else at_ms,
                               on_delivery=self._delivered)
        return event_id

    def poll(self):
        self._producer.poll(0)

    def flush(self):
        """All of them are on their topics."""
        left = self._producer.flush(30)
        assert not left and not self.failures, (left, self.failures)

    def _delivered(self, error, _):
        if error:
            self.failures.append(error)

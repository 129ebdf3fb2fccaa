"""wxbus-api-proxy as its callers and its operator see it, written independently of our C code."""

import base64
import hashlib
import hmac
import json
import struct
import time

import confluent_kafka

from . import topics


class Proxy:
    """The proxy of a deployment: /v1 as the operator's command asks it, the topic as a business does."""

    def __init__(self, deployment, kafka, component):
        self.deployment = deployment
        self.kafka = kafka
        self.component = component
        self.producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap_servers, "acks": "all",
                                                  "reconnect.backoff.max.ms": 500})

    def v1(self, body, key=None, path="/v1/callers", name="wxbus", age_s=0):
        """A signed POST to the internal port: (status, headers, body)."""
        if key is None:
            lines = self.deployment.files.internal_keys("wxbus").read_text().splitlines()
            key = base64.b64decode(next(line.split()[1] for line in lines if line.startswith("wxbus ")))
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        now = str(int(time.time()) - age_s)
        text = "\n".join(["POST", path, now, hashlib.sha256(body).hexdigest()])
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return self.deployment.request(
            "wxbus-api-proxy", "POST", path, body, what="internal",
            headers={"Authorization": f"Wxbus-HMAC name={name},time={now},signature={signature}"})

    def add_caller(self, caller_id, accounts, paths, groups, **more):
        """{"caller_id", "key"}"""
        status, _, body = self.v1({"component_appid": self.component, "caller_id": caller_id, "accounts": accounts,
                                   "paths": paths, "groups": groups, **more})
        assert status == 201, body
        return json.loads(body)

    def request(self, request_id, appid, path, lane, body, caller, key, reply_to, method="POST", value=None,
                signature=None, flush=True, priority="service", signed_priority=None, partition=-1, **more):
        """Write one request, signed with `key`, to the topic; `more` are further fields of it."""
        if value is None:
            value = json.dumps({"component_appid": self.component, "appid": appid, "method": method, "path": path,
                                "query": {}, "body": body, "idempotent": False, **more}).encode()
        record_key = None if lane is None else f"{appid}/{lane}"
        parts = [request_id, reply_to, signed_priority or priority or "", record_key or "", value]
        parts = [part if isinstance(part, bytes) else part.encode() for part in parts]
        text = b"".join(struct.pack(">I", len(part)) + part for part in parts)
        signature = signature or hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
        headers = {"ce_specversion": "1.0", "ce_id": request_id, "ce_type": "wxbus.api.request",
                   "ce_source": f"/platforms/{self.component}/accounts/{appid}", "ce_componentappid": self.component,
                   "ce_replyto": reply_to, "ce_caller": caller, "ce_callersignature": signature,
                   "ce_priority": priority, "content-type": "application/json"}
        self.producer.produce(self.deployment.topic("api-requests"), value, record_key, partition,
                              headers=[(name, text) for name, text in headers.items() if text])
        assert not flush or self.producer.flush(10) == 0

    def results(self, topic="desk.results"):
        return topics.TopicReader(self.kafka.bootstrap_servers, self.deployment.topic(topic))

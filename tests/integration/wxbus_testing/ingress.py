"""The ingress, and round it a test that plays Weixin, token-service and the repliers."""

import concurrent.futures
import dataclasses
import datetime
import hashlib
import http.client
import itertools
import json
import secrets
import socket
import threading
import time

import confluent_kafka

from wxbusdev.child import wait_until

from . import topics, weixin
from .timing import in_time

# What the ingress writes or reads, and the partitions that the tests give it.
TOPICS = {"platform-events": 2, "messages": 3, "messages.test": 1, "accounts": 1, "replies": 2}

PUBLISH_LIMIT_S = 3.5                   # no 503 before it
REPLY_LIMIT_S = 4.3                     # whoever awaits a reply has its answer then
ANSWER_LIMIT_S = 4.5


def event_id_of_message(component_appid, appid, openid, msg_id):
    """ce_id of a push with MsgId, worked out independently of our C code."""
    return _digest("\n".join((component_appid, appid, openid, str(msg_id))).encode())


def event_id_of_payload(component_appid, appid, payload):
    """ce_id of a push without MsgId; `payload` in bytes, as decrypted."""
    return _digest(f"{component_appid}\n{appid}\n".encode() + payload)


def _digest(data):
    return hashlib.sha256(data).digest()[:16].hex()


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a push got; times are monotonic seconds, as its sender saw them."""

    status: int
    body: bytes
    headers: object
    sent_at: float
    seconds: float

    @property
    def success(self):
        return self.status == 200 and self.body == b"success"

    @property
    def ended_at(self):
        return self.sent_at + self.seconds

    @property
    def in_time(self):
        """Within what Weixin is promised."""
        return in_time(self.sent_at, self.ended_at, ANSWER_LIMIT_S)


def send(port, push, timeout_s=15):
    """POST `push` on a connection of its own."""
    sent_at = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", push.target, push.body, push.headers)
        response = connection.getresponse()
        body = response.read()
        return Answer(response.status, body, response.headers, sent_at, time.monotonic() - sent_at)
    finally:
        connection.close()


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Message:
    """One message of a fan; each push() of it is another try of Weixin's."""

    def __init__(self, platform, appid, original_id, json_form=False, openid=None, content="hi"):
        self.platform = platform
        self.appid = appid
        self.original_id = original_id
        self.json_form = json_form
        self.openid = openid or "o" + secrets.token_hex(13)
        self.msg_id = next(_msg_ids)
        self.content = content
        self._created = int(time.time())

    @property
    def event_id(self):
        return event_id_of_message(self.platform.component_appid, self.appid, self.openid, self.msg_id)

    def push(self, **parts):
        write = weixin.message_json if self.json_form else weixin.message_xml
        text = write(self.original_id, self.openid, "text", create_time=self._created, msg_id=self.msg_id,
                     Content=self.content)
        return self.platform.message_push(self.appid, text, self.original_id, self.openid,
                                          json_form=self.json_form, **parts)

    def open_reply(self, answer, push):
        """The decrypted reply that `push` got, checked as Weixin does; it must be to the fan, from the account."""
        assert answer.status == 200, answer
        read = self.platform.open_json_reply if self.json_form else self.platform.open_reply
        reply = read(answer.body, nonce=push.query["nonce"])
        assert (reply["ToUserName"], reply["FromUserName"]) == (self.openid, self.original_id)
        assert abs(int(reply["CreateTime"]) - time.time()) < 60
        return reply


_msg_ids = itertools.count(24_000_000_000_000_000 + secrets.randbelow(10 ** 9) * 10 ** 6)


@dataclasses.dataclass(frozen=True)
class Account:
    """An account that the directory knows."""

    appid: str
    original_id: str


def _new_producer(bootstrap_servers):
    """One that puts a key on the partition on which our programs put it."""
    return confluent_kafka.Producer({
        "bootstrap.servers": bootstrap_servers, "acks": "all", "linger.ms": 1, "partitioner": "murmur2_random",
        "reconnect.backoff.max.ms": 500, "log_level": 2})


class Bench:
    """One platform, its topics, and one ingress or several (`instance`)."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.kafka = deployment.kafka
        self.component = deployment.platform.component_appid
        self.weixin = weixin.Platform(self.component, *deployment.platform.keys[0])
        self._readers = {}
        self._accounts = 0
        self._versions = itertools.count(1)
        self.running = []               # names of instances
        self._pool = concurrent.futures.ThreadPoolExecutor(256)
        self._producer = None

    def close(self):
        """The test's own clients; the ingress ends with its deployment."""
        while self._readers:
            self._readers.popitem()[1].close()
        self._pool.shutdown()

    # --- the ingress -------------------------------------------------------------------------------------

    def start(self, instance="wxbus-ingress", settings=None, ready=True):
        """Start an ingress; the Service."""
        service = self.deployment.start_one("wxbus-ingress", instance, settings, ready)
        if instance not in self.running:
            self.running.append(instance)
        if not ready:
            service.wait_for(lambda: _listens(self.port(instance)), 20, "listening")
        return service

    def finish(self, instance="wxbus-ingress", **options):
        """SIGTERM; it must end in order. Options of Service.finish()."""
        self.running.remove(instance)
        self.deployment.finish(instance, **options)

    def kill(self, instance="wxbus-ingress"):
        self.running.remove(instance)
        self.deployment.kill(instance)

    def service(self, instance="wxbus-ingress"):
        return self.deployment.service(instance)

    def port(self, instance="wxbus-ingress"):
        return self.deployment.port(instance, "listen")

    def metric(self, name, instance="wxbus-ingress", **labels):
        return self.service(instance).metric("wxbus_ingress_" + name, **labels)

    def wait_metric(self, name, wanted, instance="wxbus-ingress", timeout_s=10, **labels):
        """Until the metric is `wanted` or more."""
        wait_until(lambda: self.metric(name, instance, **labels) >= wanted, timeout_s, f"{name} at {wanted}")

    # --- Weixin --------------------------------------------------------------------------------------------

    def message(self, account=None, **options):
        """A new Message for an Account, or for one that no directory knows."""
        account = account or Account("wxstranger" + secrets.token_hex(4), "gh_" + secrets.token_hex(6))
        return Message(self.weixin, account.appid, account.original_id, **options)

    def send(self, push, instance="wxbus-ingress"):
        """The Answer to a Push, or to a new try of a Message."""
        return send(self.port(instance), push.push() if isinstance(push, Message) else push)

    def send_async(self, push, instance="wxbus-ingress"):
        """A future of send()."""
        return self._pool.submit(self.send, push, instance)

    # --- topics --------------------------------------------------------------------------------------------

    def topic(self, name):
        return self.deployment.topic(name)

    def create_topics(self, *names):
        topics.create_topics(self.kafka.bootstrap_servers,
                             {self.topic(name): TOPICS[name] for name in names or TOPICS})

    def reader(self, name="messages"):
        """The one reader of this topic for the test's main thread."""
        if name not in self._readers:
            self._readers[name] = topics.TopicReader(self.kafka.bootstrap_servers, self.topic(name))
        return self._readers[name]

    def end_offsets(self):
        return topics.end_offsets(self.kafka.bootstrap_servers, [self.topic(name) for name in TOPICS])

    def published(self, message, name="messages"):
        """How often the message stands on its topic now."""
        return sum(record.event_id == message.event_id for record in self.reader(name).read_to_end())

    def produce(self, name, key, value):
        """Write one JSON record and wait for its acknowledgement."""
        if self._producer is None:
            self._producer = _new_producer(self.kafka.bootstrap_servers)
        failures = []
        self._producer.produce(self.topic(name), key=key, value=json.dumps(value, ensure_ascii=False),
                               on_delivery=lambda error, _: failures.append(error) if error else None)
        if self._producer.flush(10) or failures:
            raise AssertionError(f"{name}: not written: {failures}")

    # --- token-service -------------------------------------------------------------------------------------

    def put_account(self, repliers=(), appid=None, **fields):
        """A new account in the directory; returns once every running ingress knows it. By default it may not
        send customer-service messages."""
        account = Account(appid or "wxacc" + secrets.token_hex(6), "gh_" + secrets.token_hex(6))
        row = {"component_appid": self.component, "appid": account.appid, "version": next(self._versions),
               "user_name": account.original_id, "nick_name": "测试", "kind": "service", "verified": True,
               "state": "authorized", "func_ids": [], "channel": "live", "repliers": list(repliers), "ref": None,
               "updated_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
               **fields}
        self.produce("accounts", f"{self.component}/{account.appid}", row)
        self._accounts += 1
        for instance in self.running:
            self.wait_metric("directory_accounts", self._accounts, instance)
        return account

    # --- repliers ------------------------------------------------------------------------------------------

    def verdict(self, message, group, verdict, reply=None):
        """What the SDK of `group` writes; a text as `reply` makes a text reply."""
        if isinstance(reply, str):
            reply = {"MsgType": "text", "Content": reply}
        self.produce("replies", message.event_id,
                     {"event_id": message.event_id, "group": group, "verdict": verdict, "reply": reply})

    def wait_published(self, message, name="messages"):
        """The message's record, once it is there: from then on its repliers can speak."""
        return self.reader(name).by_id(message.event_id)

    def verdicts_of(self, message):
        """Everything said on `replies` about a message, as dicts in their order."""
        return [record.json for record in self.reader("replies").read_to_end() if _is_about(record, message)]

    def wait_verdict(self, message, verdict):
        """The first such verdict about a message, as a dict."""
        return self.reader("replies").wait_for_one(
            lambda record: _is_about(record, message) and record.json["verdict"] == verdict).json

    def wait_heard(self, message, instance, verdict="chosen"):
        """Until an ingress has read this verdict: a record that it must refuse, behind it on its partition, has
        been counted there."""
        self.wait_verdict(message, verdict)
        refused = self.metric("records_refused_total", instance, topic="replies")
        self.produce("replies", message.event_id, {"marker": True})
        self.wait_metric("records_refused_total", refused + 1, instance, topic="replies")


def _is_about(record, message):
    return record.key == message.event_id and "event_id" in record.json


class Traffic:
    """Pushes all the time, and the ledger of what each got: with Traffic(bench) as traffic: ..."""

    def __init__(self, bench, threads=8, pause_s=0.05, instance="wxbus-ingress", account=None):
        self.entries = []               # (Message, Answer)
        self._bench, self._pause_s, self._instance = bench, pause_s, instance
        self._account = account
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def sent_between(self, start, end=float("inf")):
        return [answer for _, answer in list(self.entries) if start <= answer.sent_at < end]

    def wait_success(self, sent_after, timeout_s=10):
        """The first success of a push that was sent after that moment."""
        return wait_until(lambda: next((answer for answer in self.sent_between(sent_after) if answer.success), None),
                          timeout_s, "a push works again", 0.01)

    def _run(self):
        while not self._ending.wait(self._pause_s):
            message = self._bench.message(self._account)
            self.entries.append((message, self._bench.send(message, self._instance)))


class Repliers:
    """Reads a topic as business services do and says at once what decide(record) returns, a list of
    (group, verdict, reply)."""

    def __init__(self, bench, decide, name="messages"):
        self._bench, self._decide = bench, decide
        self._reader = topics.TopicReader(bench.kafka.bootstrap_servers, bench.topic(name))
        self._producer = _new_producer(bench.kafka.bootstrap_servers)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._reader.read_to_end()      # what came before is not answered
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()
        self._reader.close()
        self._producer.flush(5)

    def _run(self):
        while not self._ending.is_set():
            for record in self._reader.take(0.05):
                for group, verdict, reply in self._decide(record):
                    self._producer.produce(
                        self._bench.topic("replies"), key=record.event_id,
                        value=json.dumps({"event_id": record.event_id, "group": group, "verdict": verdict,
                                          "reply": reply and {"MsgType": "text", "Content": reply}}))
                self._producer.poll(0)


def check_unavailable(answer):
    """The answer to a push that could not be made durable: late enough, early enough, and nothing in it."""
    assert answer.status == 503 and answer.body == b"unavailable\n", answer
    assert PUBLISH_LIMIT_S - 0.01 <= answer.seconds and answer.in_time, answer


"""The world of the faults: a whole wxbus between a Kafka, a PostgreSQL and a Weixin of its own, a relay on each way
between its parts, and other people's clients that read what became of the pushes."""

import collections
import contextlib
import itertools
import json
import pathlib
import tempfile
import time
import urllib.parse

import confluent_kafka
import psycopg2

from wxbus_testing import probe, topics
from wxbus_testing.whole import Whole
from wxbusdev.child import ChildError, free_port, wait_until
from wxbusdev.deployment import Deployment
from wxbusdev.kafka import Cluster, Kafka
from wxbusdev.postgres import Postgres

from . import oracles
from .ledger import Ledger
from .pusher import Pusher
from .relay import Relay

TEMPLATE, _TEXT = "T1", "weixin.message.text"
INGRESSES = ("wxbus-ingress", "wxbus-ingress-2")
BUSINESSES = ("wxbus-probe", "wxbus-probe-2")
OTHERS = ("wxbus-token-service", "wxbus-api-proxy")
SERVICES = (*INGRESSES, *BUSINESSES, *OTHERS)
ACCOUNTS, FANS = 6, 8                   # fans of each account
_SETTLE_S = 120
_PLACES = itertools.count()
_NOT_KNOWN = -1

# The listener of Kafka, and so the relay, by which each program comes.
_KAFKA_WAYS = {"wxbus-ingress": "INGRESS", "wxbus-token-service": "TOKENS", "wxbus-api-proxy": "PROXY"}
_BUSINESS_WAY = "BUSINESS"
WAYS = ("INGRESS", "TOKENS", "PROXY", _BUSINESS_WAY)

# Every group, and what it reads, in the direction in which things flow.
_FLOW = (("probe", ("messages", *(f"probe.retry.{delay}" for delay in probe.DELAYS))), ("api-proxy", ("api-requests",)),
         ("probe", ("probe.results", *(f"probe.retry.{delay}" for delay in probe.DELAYS))),
         ("token-service", ("platform-events",)), ("api-proxy.allowance", ("messages",)))


def binary_of(instance):
    return instance.removesuffix("-2")


class _Relayed(Deployment):
    """A Deployment whose processes reach Kafka, PostgreSQL and each other through relays."""

    def __init__(self, folder, logs, kafka, postgres, ways, **options):
        self._ways = ways               # {name of a Kafka listener, or port of ours: port of its relay}
        super().__init__(folder, logs, kafka, postgres, **options)

    def environment(self, binary, instance=None):
        settings = super().environment(binary, instance)
        if binary in ("weixin-sim", "wxbus"):
            return settings
        way = self._ways.get(_KAFKA_WAYS.get(binary, _BUSINESS_WAY))
        if way:
            settings["WXBUS_KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{way}"
        for name in ("WXBUS_DATABASE_URL", "WXBUS_API_BASE", "WXBUS_TOKEN_SERVICE_URL"):
            if settings.get(name):
                settings[name] = self._through_relay(settings[name])
        return settings

    def _through_relay(self, url):
        parts = urllib.parse.urlsplit(str(url))
        port = self._ways.get(parts.port, parts.port)
        return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")))


class World:
    """Made by start(), ended by close(). `relays`: {"INGRESS", "TOKENS", "PROXY", "BUSINESS": to Kafka; "DATABASE";
    "WEIXIN", "TOKEN-SERVICE": from api-proxy and token-service there}. `disks`: {"kafka", "postgres": a Disk for its
    data}. `cluster`: a Kafka of three nodes, with no relays to it."""

    def __init__(self, logs, random_, disks=None, cluster=False):
        self.logs = pathlib.Path(logs)
        self.disks = disks or {}
        self.random = random_
        self._keys = tempfile.TemporaryDirectory(prefix="wxbus-keys-")
        self.relays = {}
        kafka_ports = {} if cluster else {way: free_port() for way in WAYS}
        if cluster:
            self.kafka = Cluster(self.logs / "kafka.log")
        else:
            self.kafka = Kafka(self.logs / "kafka.log", relayed=kafka_ports, parent=self._folder_of("kafka"))
        for way, port in kafka_ports.items():
            self.relays[way] = Relay(port, self.kafka.relay_targets[way])
        # A crash of PostgreSQL must not lose what it said it had: that is no fault of ours.
        self.postgres = Postgres(self.logs / "postgres.log", durable=True, parent=self._folder_of("postgres"))
        self._ways = dict(kafka_ports)
        self.deployment = None
        self.pusher = None
        self._excuses = []              # [ingress, began, ended or None]
        self._readers = {}
        self._committed = {}
        self._baseline = {}             # (instance, pid): Figures
        self.pushes, self.seen = {}, oracles.Seen()
        self._strangers = set()         # ids of pushes that are not the ledger's

    def _folder_of(self, what):
        return self.disks[what].path if what in self.disks else None

    # --- start and end ---------------------------------------------------------------------------------------

    def start(self, rate, accounts=ACCOUNTS):
        self.kafka.start()
        self.postgres.start()
        self._relay("DATABASE", self.postgres.port)
        self.deployment = _Relayed(pathlib.Path(self._keys.name), self.logs, self.kafka, self.postgres, self._ways,
                                   topic_prefix="faults.")
        self._relay("WEIXIN", self.deployment.port("weixin-sim", "listen"))
        self._relay("TOKEN-SERVICE", self.deployment.port("wxbus-token-service", "internal"))
        self.deployment.migrate()
        probe.prepare(self.deployment)
        whole = Whole(self.deployment)
        self.sim = whole.sim
        self.deployment.start_one("wxbus-ingress", INGRESSES[1], ready=False)
        for business in BUSINESSES:
            self.deployment.start_one("wxbus-probe", business, ready=False)
        for instance in SERVICES:
            self.deployment.service(instance).wait_ready()
        accounts = [self._account(whole, number) for number in range(accounts)]
        self._open_readers()
        self.wait_settled()
        self._read()
        self._strangers = {message.id for message in self.seen.messages}
        self.seen = oracles.Seen()
        self._begin_pushes(accounts)
        self.rate = rate

    def _account(self, whole, number):
        """Every other one is answered by the business."""
        fans = [f"oFan{number:03d}{fan:021d}" for fan in range(FANS)]
        answered = number % 2 == 0
        appid, original_id = whole.new_account(func_ids=[1, 2, 3, 7], fans=fans, templates=[
            {"template_id": TEMPLATE, "title": "told", "content": "{{what.DATA}}"}])
        whole.authorize(appid)
        if answered:
            whole.set_repliers(appid, ["probe"])
        return {"appid": appid, "original_id": original_id, "fans": fans, "answered": answered}

    def _begin_pushes(self, accounts):
        platform = self.deployment.platform
        token, key = platform.keys[0]
        path = self.logs / "ledger.jsonl"
        path.touch()
        self._ledger = Ledger(path)
        self.pusher = Pusher({"component": platform.component_appid, "token": token, "key": key, "accounts": accounts,
                              "seed": self.random.randrange(10 ** 9), "ledger": str(path),
                              "ports": [self.deployment.port(name, "listen") for name in INGRESSES]})

    def _relay(self, name, port):
        """On the way to `port`."""
        self._ways[port] = free_port()
        self.relays[name] = Relay(self._ways[port], port)

    def close(self):
        """Everything ends, in order; what did not is raised after all else is gone."""
        failures = []
        if self.pusher:
            self.pusher.close()
        for reader in (*self._readers.values(), *self._committed.values()):
            reader.close()
        for part in (self.deployment, self.postgres, self.kafka):
            try:
                if part:
                    part.close()
            except ChildError as error:
                failures.append(str(error))
        for relay in self.relays.values():
            relay.close()
        self._keys.cleanup()
        if failures:
            raise ChildError("\n".join(failures))

    # --- what faults do --------------------------------------------------------------------------------------

    def service(self, instance):
        return self.deployment.service(instance)

    def start_again(self, instance):
        """Returns once it is ready."""
        self.deployment.start_one(binary_of(instance), instance)

    @contextlib.contextmanager
    def away(self, instance):
        """Inside, this process cannot answer; where it is an ingress nobody can ask that of it."""
        if instance not in INGRESSES:
            yield
            return
        excuse = [INGRESSES.index(instance), time.monotonic(), float("inf")]
        self._excuses.append(excuse)
        try:
            yield
        finally:
            excuse[2] = time.monotonic()

    def excused(self, ingress, began, ended):
        return any(one[0] == ingress and began <= one[2] and one[1] <= ended for one in self._excuses)

    def kafka_metadata(self):
        return self._consumer_of("probe").list_topics(timeout=10)

    def wait_in_sync(self):
        """Every partition has all its copies again."""
        def in_sync():
            known = self.kafka_metadata().topics.values()
            return all(len(one.isrs) == len(one.replicas) for topic in known for one in topic.partitions.values())

        wait_until(in_sync, 60, "all copies in sync", 0.2)

    def query(self, sql, *arguments):
        return probe.query(self.deployment, sql, *arguments)

    def query_as_operator(self, sql):
        """Outside of every transaction."""
        connection = psycopg2.connect(self.deployment.database_url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()

    # --- what became of it -----------------------------------------------------------------------------------

    def settle(self):
        """Pushes end, everything that is on its way arrives, and all of it is read: {id: Push} of the new ones, and how
        long it took."""
        self.pusher.wait_idle()
        began = time.monotonic()
        self.wait_settled()
        took = time.monotonic() - began
        self._read()
        new = self._ledger.take()
        self.pushes.update(new)
        return new, took

    def wait_settled(self):
        """All groups at the end of all they read. Twice, for what was at its end may have been written to since by what
        was not."""
        for _ in range(2):
            for group, names in _FLOW:
                wait_until(lambda group=group, names=names: not any(self._lag_of(group, names).values()), _SETTLE_S,
                           f"{group} at the end of {names}", 0.1)

    def lag(self):
        """{group: {topic: records still to be read}}"""
        lag = collections.defaultdict(dict)
        for group, names in _FLOW:
            lag[group].update(self._lag_of(group, names))
        return lag

    def _consumer_of(self, group):
        if group not in self._committed:
            self._committed[group] = confluent_kafka.Consumer({
                "bootstrap.servers": self.kafka.bootstrap_servers, "group.id": self.deployment.topic(group),
                "reconnect.backoff.max.ms": 500, "log_level": 2})
        return self._committed[group]

    def _lag_of(self, group, names):
        """Not known while a coordinator moves: that is no end either."""
        try:
            return self._ask_lag_of(group, names)
        except confluent_kafka.KafkaException:
            return dict.fromkeys(names, _NOT_KNOWN)

    def _ask_lag_of(self, group, names):
        consumer, lag = self._consumer_of(group), {}
        for name in names:
            topic = self.deployment.topic(name)
            ends = {number: topics.watermarks(consumer, topic, number) for number in topics.partitions(consumer, topic)}
            wanted = [confluent_kafka.TopicPartition(topic, number) for number in ends]
            committed = consumer.committed(wanted, timeout=10)
            lag[name] = sum(high - max(part.offset, low) for part in committed
                            for low, high in (ends[part.partition],) if high > low)
        return lag

    def _open_readers(self):
        for name in ("messages", "probe.dead-letter", "api-requests", "probe.results"):
            self._open_reader(name)
        self._effects_read = 0
        self._record_read = self.sim.record(what="api")["next"]

    def _open_reader(self, name):
        self._readers[name] = topics.TopicReader(self.kafka.bootstrap_servers, self.deployment.topic(name))

    def read_to_the_end_of(self, name):
        """What is on the topic now is seen, whatever happens to it next."""
        self._read_messages()
        self._readers.pop(name).close()

    def read_from_the_beginning_of(self, name):
        """It has been made anew."""
        self._open_reader(name)

    def _read_messages(self):
        for record in self._new("messages"):
            # Weixin has things to say of its own: that a template message has arrived.
            if record.headers["ce_type"] == _TEXT and record.event_id not in self._strangers:
                self.seen.messages.append(oracles.Message(
                    record.event_id, record.partition, next(_PLACES), record.key, record.headers["ce_appid"],
                    record.headers["ce_subject"], record.json.get("Content")))

    def _new(self, name):
        reader = self._readers[name]
        new = reader.read_to_end(60)
        reader.records.clear()
        return new

    def _read(self):
        self._read_messages()
        seen = self.seen
        seen.letters += [record.event_id for record in self._new("probe.dead-letter")
                         if record.event_id not in self._strangers]
        for record in self._new("api-requests"):
            request = record.json
            if request["path"] == "/cgi-bin/message/template/send":
                seen.requests[record.event_id] = (request["body"]["data"]["what"]["value"], request["body"]["touser"],
                                                  request["appid"])
        seen.results += [(record.json["request_id"], record.json["outcome"]) for record in self._new("probe.results")]
        self._read_effects()
        self._read_weixin()

    def _read_effects(self):
        rows = self.query("SELECT number, event_id, appid, openid, content, attempt FROM probe.effects "
                          "WHERE number > %s ORDER BY number", self._effects_read)
        for row in rows:
            self._effects_read = row[0]
            effect = oracles.Effect(*row)
            if effect.id in self.seen.requests:
                self.seen.result_effects.append(effect.id)
            elif effect.id not in self._strangers:
                self.seen.effects.append(effect)

    def _read_weixin(self):
        while True:
            record = self.sim.record(self._record_read, what="api")
            if record["dropped"] > self._record_read:
                raise AssertionError("Weixin's record has lost entries that were not read")
            for entry in record["entries"]:
                if entry["path"] == "/cgi-bin/message/template/send" and entry["errcode"] == 0:
                    self.seen.told.append(_told(entry))
            if record["next"] == self._record_read or not record["entries"]:
                return
            self._record_read = record["next"]

    # --- memory, descriptors, threads ------------------------------------------------------------------------

    def judge_figures(self, judgement):
        """Against the first of each process that ran through a round."""
        before, after = {}, {}
        for instance in SERVICES:
            pid = self.service(instance).pid
            after[instance] = figures_of(pid)
            before[instance] = self._baseline.setdefault((instance, pid), after[instance])
        oracles.judge_figures(judgement, before, after)
        return after


def _told(entry):
    body = json.loads(entry["body"])
    return oracles.Told(entry["appid"], body["touser"], body["data"]["what"]["value"])


def figures_of(pid):
    process = pathlib.Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return oracles.Figures(int(status["VmRSS"].split()[0]), len(list((process / "fd").iterdir())),
                           int(status["Threads"]))

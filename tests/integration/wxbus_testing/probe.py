"""wxbus-probe, the business of the SDK's own tests: what its group has read, and what its events have done."""

import collections
import random
import secrets
import threading
import time

import confluent_kafka
import psycopg2

from wxbus_testing import topics
from wxbus_testing.events import Events
from wxbusdev import paths

DELAYS = ("1s", "2s")                   # of its manifest
BINARY = "wxbus-probe"

Effect = collections.namedtuple("Effect", "number event_id run appid openid content attempt")


def manifests():
    """The folder of its manifest."""
    return str(paths.build_dir() / "share" / "wxbus" / "tests")


def prepare(deployment):
    """Its topics, schema and role; then start() it, with api-proxy running."""
    arguments = ["migrate", "--migrations", manifests(), "--partitions", "4"]
    if deployment.kafka.kind == "embedded":
        arguments.append("--skip-topics")
    return deployment.command(*arguments).stdout


def query(deployment, sql, *arguments):
    with psycopg2.connect(deployment.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall() if cursor.description else None


def effects(deployment):
    """In the order in which they happened."""
    return [Effect(*row) for row in query(
        deployment, "SELECT number, event_id, run, appid, openid, content, attempt FROM probe.effects ORDER BY number")]


class Group:
    """What the group has committed."""

    def __init__(self, deployment, group="probe"):
        self._deployment = deployment
        self._servers = deployment.kafka.bootstrap_servers
        self._consumer = confluent_kafka.Consumer({"bootstrap.servers": self._servers,
                                                   "group.id": deployment.topic(group)})
        self._own = [f"{group}.retry.{delay}" for delay in DELAYS]

    def close(self):
        self._consumer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, name):
        """Everything that the topic holds is settled."""
        topic = self._deployment.topic(name)
        ends = {number: end for (_, number), end in topics.end_offsets(self._servers, [topic]).items() if end > 0}
        wanted = [confluent_kafka.TopicPartition(topic, number) for number in ends]
        return not wanted or all(part.offset == ends[part.partition]
                                 for part in self._consumer.committed(wanted, timeout=10))

    def commit(self, offsets):
        """Have it committed {(topic, partition): offset}, while no process of it runs."""
        self._consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, number, offset)
                                       for (topic, number), offset in offsets.items()], asynchronous=False)

    def done(self):
        """In this order: what is settled on one topic may have gone to the next."""
        return all(self.read(name) for name in ("messages", *self._own))


class Fan:
    """One fan of one account, and his events that were written, in their order: (event id, content)."""

    def __init__(self, number):
        self.appid = f"wxaccount{number % 20:06d}"
        self.openid = "o" + secrets.token_hex(13)
        self.events = []


class Writer(threading.Thread):
    """Writes so many texts, content(number), evenly over some seconds."""

    def __init__(self, deployment, fans, count, seconds, content):
        super().__init__(daemon=True)
        self._events = Events(deployment, ["desk", "probe"])
        self._fans, self._count, self._seconds, self._content = fans, count, seconds, content

    def run(self):
        began = time.monotonic()
        for number in range(self._count):
            fan, content = self._fans[number % len(self._fans)], self._content(number)
            fan.events.append((self._events.text(fan.appid, fan.openid, content), content))
            if number % 100 == 0:
                self._events.poll()
                time.sleep(max(0, began + self._seconds * number / self._count - time.monotonic()))

    def finish(self):
        self.join()
        self._events.flush()


def kill_at_random(deployment, instances, times, seconds, random_):
    """Kill one of these that often within so many seconds, and start it again each time."""
    for _ in range(times):
        time.sleep(random_.uniform(0.3, 0.7) * seconds / times)
        instance = random_.choice(instances)
        deployment.kill(instance)
        time.sleep(random_.uniform(0, 0.5))
        deployment.start_one(BINARY, instance, ready=False)


def seeded():
    """A random.Random whose seed the log tells."""
    seed = secrets.randbelow(10 ** 6)
    print(f"seed {seed}")
    return random.Random(seed)

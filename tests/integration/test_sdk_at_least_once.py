"""The business SDK loses nothing: two processes of one group, one of them killed again and again, and every event
gets its verdict, each fan's in their order. Nobody else takes part: this test writes the events and reads the verdicts.
(test_sdk_once.py does the same to a business whose handlers fail, and whose events have one effect each.)"""

import collections
import random
import secrets
import threading
import time

import confluent_kafka
import pytest

from wxbus_testing import topics
from wxbus_testing.events import Events
from wxbus_testing.timing import FACTOR, margin
from wxbusdev.child import wait_until

FANS = 400
TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"    # the one text that wxbus-release-check answers for anybody
PREFIX = "atleastonce."
FIRST, SECOND = "wxbus-release-check", "wxbus-release-check-2"


class Fan:
    """One fan of one account, and the events of his that were written, in their order."""

    def __init__(self, number):
        self.appid = f"wxaccount{number % 20:06d}"
        self.openid = "o" + secrets.token_hex(13)
        self.events = []


class Writer(threading.Thread):
    """Writes so many events evenly over some seconds."""

    def __init__(self, deployment, fans, count, seconds):
        super().__init__(daemon=True)
        self._events = Events(deployment, ["desk", "release-check"])
        self._fans, self._count, self._seconds = fans, count, seconds

    def run(self):
        began = time.monotonic()
        for number in range(self._count):
            fan = self._fans[number % len(self._fans)]
            content, verdict = (TEXT, "reply") if number % 3 == 0 else (f"text {number}", "none")
            fan.events.append((self._events.text(fan.appid, fan.openid, content), verdict))
            if number % 100 == 0:
                self._events.poll()
                time.sleep(max(0, began + self._seconds * number / self._count - time.monotonic()))

    def finish(self):
        self.join()
        self._events.flush()


@pytest.fixture(scope="module")
def deployment(kafka, new_deployment):
    if kafka.kind == "real":            # one partition, so that its order is the order in which verdicts were given
        topics.create_topic(kafka.bootstrap_servers, PREFIX + "replies", 1)
    deployment = new_deployment(topic_prefix=PREFIX)
    deployment.start("wxbus-api-proxy", FIRST)      # api-proxy gives the business its caller's key
    deployment.start_one(FIRST, SECOND)
    return deployment


def kill_at_random(deployment, times, seconds, random_):
    """Kill the second process that often within so many seconds, and start it again each time."""
    for _ in range(times):
        time.sleep(random_.uniform(0.3, 0.7) * seconds / times)
        deployment.kill(SECOND)
        time.sleep(random_.uniform(0, 0.5))
        deployment.start_one(FIRST, SECOND, ready=False)


def committed(deployment):
    """{partition: offset} of the group on `messages`."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": deployment.kafka.bootstrap_servers,
                                         "group.id": deployment.topic("release-check")})
    try:
        topic = deployment.topic("messages")
        wanted = [confluent_kafka.TopicPartition(topic, number) for number in topics.partitions(consumer, topic)]
        return {(topic, part.partition): part.offset for part in consumer.committed(wanted, timeout=10)}
    finally:
        consumer.close()


def first_verdicts(records):
    """({event id: (place on the topic, verdict)} of the first of each, how many were repeated)"""
    first, repeated = {}, 0
    for record in records:
        if record.event_id in first:
            repeated += 1
            assert first[record.event_id][1] == record.json["verdict"]
        else:
            first[record.event_id] = (record.offset, record.json["verdict"])
        assert record.json["group"] == "release-check"
    return first, repeated


@pytest.mark.real_kafka
def test_killed_under_load_it_settles_every_event_and_each_fans_in_order(deployment, long, record_property):
    count, seconds, kills = (100_000, 120, 12) if long else (6000, 6, 1)
    seed = secrets.randbelow(10 ** 6)
    print(f"seed {seed}")
    fans = [Fan(number) for number in range(FANS)]
    writer = Writer(deployment, fans, count, seconds)
    began = time.monotonic()
    writer.start()
    kill_at_random(deployment, kills, seconds, random.Random(seed))
    writer.finish()

    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("replies")) as replies:
        ends = topics.end_offsets(deployment.kafka.bootstrap_servers, [deployment.topic("messages")])
        wait_until(lambda: committed(deployment) == ends, margin(40), "all offsets at the log's end", 0.5)
        first, repeated = first_verdicts(replies.read_to_end(60))
    took = time.monotonic() - began
    record_property("verdicts repeated", repeated)
    record_property("seconds", round(took, 1))
    print(f"{count} events, {kills} kills, {repeated} verdicts repeated, {took:.1f} s")

    assert sum(ends.values()) == count
    expected = {event_id: verdict for fan in fans for event_id, verdict in fan.events}
    assert len(expected) == count
    assert {event_id: verdict for event_id, (_, verdict) in first.items()} == expected
    for fan in fans:
        places = [first[event_id][0] for event_id, _ in fan.events]
        assert places == sorted(places), f"{fan.openid}: not in order"


@pytest.mark.real_kafka
def test_a_process_that_ends_in_order_leaves_nothing_to_be_done_again(deployment):
    """SIGTERM under load: what it had settled is committed, so no verdict is given twice."""
    fans = [Fan(number) for number in range(50)]
    writer = Writer(deployment, fans, 3000, 3 * FACTOR)
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("replies")) as replies:
        before = len(replies.read_to_end(60))
        writer.start()
        time.sleep(FACTOR)
        deployment.finish(SECOND)
        writer.finish()
        wanted = {event_id for fan in fans for event_id, _ in fan.events}
        replies.wait_for(lambda record: record.event_id in wanted, margin(30), count=3000)
        time.sleep(margin(0.5))
        given = collections.Counter(record.event_id for record in replies.read_to_end(60)[before:])
    deployment.start_one(FIRST, SECOND)
    assert set(given) == wanted and set(given.values()) == {1}


def take_away(kafka, seconds, really):
    """For so long; `really`: its process ends and begins anew, otherwise connections stay open and nothing is answered."""
    if not really:
        kafka.pause()
        time.sleep(seconds)
        kafka.resume()
        return
    kafka.stop()
    time.sleep(seconds)
    kafka.start()


@pytest.mark.real_kafka
def test_brokers_away_under_load_and_again_at_the_end_lose_nothing(deployment, kafka, long, record_property):
    away_s = 30 if long else 3 * FACTOR
    fans = [Fan(number) for number in range(50)]
    writer = Writer(deployment, fans, 100 * (away_s + 6 * FACTOR), away_s + 6 * FACTOR)
    writer.start()
    time.sleep(2 * FACTOR)
    take_away(kafka, away_s, really=long)
    time.sleep(2 * FACTOR)
    kafka.pause()
    try:
        time.sleep(FACTOR / 2)          # whatever was read waits for Kafka now
        ends_in = []
        for instance in (SECOND, FIRST):
            began = time.monotonic()
            deployment.finish(instance, timeout_s=20)
            ends_in.append(time.monotonic() - began)
    finally:
        kafka.resume()
    writer.finish()
    for instance in (FIRST, SECOND):
        deployment.start_one(FIRST, instance)
    wanted = {event_id for fan in fans for event_id, _ in fan.events}
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("replies")) as replies:
        wait_until(lambda: wanted <= {record.event_id for record in replies.read_to_end(60)}, margin(60),
                   "a verdict for each event", 0.5)
    record_property("ends after SIGTERM without Kafka", ", ".join(f"{seconds:.1f} s" for seconds in ends_in))

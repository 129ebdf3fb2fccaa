"""Eyes on topics that are not ours: Debian's python3-confluent-kafka, and kcat."""

import dataclasses
import json
import re
import socket
import struct
import subprocess
import time
import uuid

import confluent_kafka
import confluent_kafka.admin

_TIMEOUT_S = 10
_PASSING = (confluent_kafka.KafkaError.NOT_LEADER_FOR_PARTITION,
            confluent_kafka.KafkaError.LEADER_NOT_AVAILABLE,
            confluent_kafka.KafkaError._TRANSPORT,
            confluent_kafka.KafkaError._UNKNOWN_PARTITION,      # of a topic seen before: metadata of that moment
            confluent_kafka.KafkaError._ALL_BROKERS_DOWN)


@dataclasses.dataclass(frozen=True)
class Record:
    """One record as it lies in the log."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: bytes
    headers: dict                       # of text; the last one of a repeated name

    @property
    def json(self):
        return json.loads(self.value)

    @property
    def event_id(self):
        return self.headers.get("ce_id")


class TopicReader:
    """All partitions of one topic from their beginning, without a group. Keeps what it has read."""

    def __init__(self, bootstrap_servers, topic):
        self.topic = topic
        self.records = []
        self._next = {}                 # partition: the offset after the last record read
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": bootstrap_servers, "group.id": "reader-" + uuid.uuid4().hex,
            "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50,
            "reconnect.backoff.max.ms": 500, "log_level": 2,
        })
        self._partitions = partitions(self._consumer, topic)
        self._consumer.assign([confluent_kafka.TopicPartition(topic, number, confluent_kafka.OFFSET_BEGINNING)
                               for number in self._partitions])

    def close(self):
        self._consumer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait_for(self, wanted, timeout_s=_TIMEOUT_S, count=1):
        """The first `count` records, old or new, for which wanted(record) is true."""
        deadline = time.monotonic() + timeout_s
        looked_at, found = 0, []
        while True:
            for record in self.records[looked_at:]:
                if wanted(record):
                    found.append(record)
            looked_at = len(self.records)
            if len(found) >= count:
                return found[:count]
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.topic}: {len(found)} of {count} records within {timeout_s} s; "
                                     f"{len(self.records)} in all")
            self._poll(0.2)

    def wait_for_one(self, wanted, timeout_s=_TIMEOUT_S):
        return self.wait_for(wanted, timeout_s)[0]

    def by_id(self, event_id, timeout_s=_TIMEOUT_S):
        return self.wait_for_one(lambda record: record.event_id == event_id, timeout_s)

    def read_to_end(self, timeout_s=_TIMEOUT_S):
        """Everything that the topic holds at this moment."""
        ends = {}
        for number in self._partitions:
            low, high = watermarks(self._consumer, self.topic, number)
            if high > low:
                ends[number] = high
        deadline = time.monotonic() + timeout_s
        while any(self._next.get(number, 0) < end for number, end in ends.items()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.topic} was not read to its end {ends} within {timeout_s} s")
            self._poll(0.2)
        return list(self.records)

    def take(self, timeout_s):
        """What has come since the last look (a list, of one or none)."""
        before = len(self.records)
        self._poll(timeout_s)
        return self.records[before:]

    def _poll(self, timeout_s):
        message = self._consumer.poll(timeout_s)
        if message is None:
            return
        if message.error():
            if message.error().retriable() or message.error().code() in _PASSING:
                return
            raise confluent_kafka.KafkaException(message.error())
        self._next[message.partition()] = message.offset() + 1
        self.records.append(Record(
            message.topic(), message.partition(), message.offset(), message.timestamp()[1],
            (message.key() or b"").decode(), message.value() or b"",
            {name: (value or b"").decode() for name, value in message.headers() or []}))


def partitions(client, topic):
    """The numbers of a topic's partitions; the topic must exist."""
    known = client.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
    if known.error is not None:
        raise confluent_kafka.KafkaException(known.error)
    return sorted(known.partitions)


def watermarks(consumer, topic, number):
    """(first, after the last) offset of a partition. A broker that is back from a pause has no leader for
    a moment; that is waited out."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            return consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, number),
                                                  timeout=_TIMEOUT_S)
        except confluent_kafka.KafkaException as error:
            if error.args[0].code() not in _PASSING or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def end_offsets(bootstrap_servers, topics):
    """{(topic, partition): offset after the last record}: equal before and after, nothing was written."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "ends"})
    try:
        return {(topic, number): watermarks(consumer, topic, number)[1]
                for topic in topics for number in partitions(consumer, topic)}
    finally:
        consumer.close()


def create_topic(bootstrap_servers, topic, partition_count=1):
    create_topics(bootstrap_servers, {topic: partition_count})


def create_topics(bootstrap_servers, partition_counts):
    """`partition_counts`: {topic: number of partitions}."""
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap_servers})
    new = [confluent_kafka.admin.NewTopic(topic, num_partitions=count, replication_factor=1)
           for topic, count in partition_counts.items()]
    for result in admin.create_topics(new).values():
        result.result(_TIMEOUT_S)


def delete_topic(bootstrap_servers, topic):
    """Returns once no broker knows it any more."""
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.delete_topics([topic])[topic].result(_TIMEOUT_S)
    deadline = time.monotonic() + _TIMEOUT_S
    while topic in admin.list_topics(timeout=_TIMEOUT_S).topics:
        if time.monotonic() > deadline:
            raise AssertionError(f"{topic} was not deleted within {_TIMEOUT_S} s")
        time.sleep(0.05)


def produce(bootstrap_servers, topic, value, key=None, headers=None, timestamp_ms=None,
            timeout_s=_TIMEOUT_S):
    """Write one record and wait until it is acknowledged."""
    failures = []
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap_servers, "acks": "all"})
    options = {} if timestamp_ms is None else {"timestamp": timestamp_ms}
    producer.produce(topic, value=value, key=key, headers=headers,
                     on_delivery=lambda error, _: failures.append(error) if error else None, **options)
    left = producer.flush(timeout_s)
    if left or failures:
        raise AssertionError(f"{topic}: not acknowledged: {failures or 'no answer'}")


_DELETE_RECORDS, _VERSION = 21, 1


def delete_records(bootstrap_servers, topic, offsets):
    """As retention does: delete what stands before offsets[partition]. The only broker is asked directly, for the client
    of ours cannot (https://kafka.apache.org/protocol#The_Messages_DeleteRecords)."""
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    body = struct.pack(">hhi", _DELETE_RECORDS, _VERSION, 1) + text("test") + struct.pack(">i", 1) + text(topic)
    body += struct.pack(">i", len(offsets))
    body += b"".join(struct.pack(">iq", number, offset) for number, offset in offsets.items())
    body += struct.pack(">i", 1000 * _TIMEOUT_S)
    host, port = bootstrap_servers.split(":")
    with socket.create_connection((host, int(port)), _TIMEOUT_S) as connection, connection.makefile("rb") as answers:
        connection.sendall(struct.pack(">i", len(body)) + body)
        answer = answers.read(struct.unpack(">i", answers.read(4))[0])
    first = 4 + 4 + 4 + 2 + len(topic) + 4      # correlation id, throttle time, topics, name, partitions
    rows = struct.iter_unpack(">iqh", answer[first:])
    assert sorted(number for number, _, code in rows if code == 0) == sorted(offsets), answer


def kcat_read(bootstrap_servers, topic):
    """What kcat reads of a whole topic: a list of Record."""
    answer = subprocess.run(
        ["kcat", "-b", bootstrap_servers, "-t", topic, "-C", "-e", "-q", "-o", "beginning",
         "-f", r"%p\t%o\t%T\t%k\t%h\t%S\n%s\n"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    if answer.returncode != 0:
        raise AssertionError(f"kcat: {answer.stderr.decode()}")
    records, rest = [], answer.stdout
    while rest:
        head, rest = rest.split(b"\n", 1)
        partition, offset, timestamp, key, headers, size = head.decode().split("\t")
        value, rest = rest[:int(size)], rest[int(size) + 1:]
        records.append(Record(topic, int(partition), int(offset), int(timestamp), key, value,
                              _kcat_headers(headers)))
    return records


def _kcat_headers(text):
    """kcat prints name=value,name=value; a value may hold commas, but no name= after one."""
    pairs = re.split(r",(?=[A-Za-z][\w-]*=)", text) if text else []
    return dict(pair.split("=", 1) for pair in pairs)

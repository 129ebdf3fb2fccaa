"""When verdicts come."""

import secrets
import threading
import time

import confluent_kafka

from wxbus_testing import topics


class Answers(threading.Thread):
    """Reads `replies`: {event id: (seconds, verdict)}, the first of each."""

    def __init__(self, deployment):
        super().__init__(daemon=True)
        topic = deployment.topic("replies")
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": deployment.kafka.bootstrap_servers, "group.id": "answers-" + secrets.token_hex(4),
            "enable.auto.commit": False, "fetch.wait.max.ms": 5,
            "fetch.min.bytes": 100_000,     # no request for each: the broker is measured, too
            "log_level": 2})
        self._consumer.assign([
            confluent_kafka.TopicPartition(topic, number, topics.watermarks(self._consumer, topic, number)[1])
            for number in topics.partitions(self._consumer, topic)])
        self._consumer.consume(1, 0.5)  # connected before the first answer comes
        self.answers = {}
        self._ending = threading.Event()

    def run(self):
        while not self._ending.is_set():
            for message in self._consumer.consume(500, 0.005):
                if not message.error():
                    event_id = dict(message.headers())["ce_id"].decode()
                    self.answers.setdefault(event_id, (time.monotonic(), message.value()))

    def close(self):
        self._ending.set()
        self.join()
        self._consumer.close()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]

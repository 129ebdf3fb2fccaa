#!/usr/bin/env python3
"""A consumer of wxbus in another language, from proto/asyncapi.yaml alone: prints what each fan wrote.

    WXBUS_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 python3 docs/consumer.py GROUP

Needs python3-confluent-kafka. Each event comes at least once, in the order in which one fan sent it; an offset is stored
only after the event has had its effect, so that a crash repeats and never skips.
"""

import collections
import json
import os
import signal
import sys

import confluent_kafka

TOPIC = os.environ.get("WXBUS_TOPIC_PREFIX", "wx.") + "messages"
seen = collections.OrderedDict()        # Weixin repeats itself: the last ids, with the same ce_id each time


def handle(kind, fan, fields):
    if kind == "weixin.message.text":
        print(f"{fan}: {fields['Content']}", flush=True)
    elif kind.startswith("weixin.event."):
        print(f"{fan}: {kind.removeprefix('weixin.event.')} {fields.get('EventKey', '')}".rstrip(), flush=True)


def main(group):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": os.environ["WXBUS_KAFKA_BOOTSTRAP_SERVERS"], "group.id": group,
        "auto.offset.reset": "earliest", "enable.auto.offset.store": False})
    consumer.subscribe([TOPIC])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            record = consumer.poll(1.0)
            if record is None or record.error():
                continue
            headers = {name: value.decode() for name, value in record.headers()}
            if headers["ce_id"] not in seen:
                handle(headers["ce_type"], headers.get("ce_subject", ""), json.loads(record.value()))
                seen[headers["ce_id"]] = True
                if len(seen) > 10_000:
                    seen.popitem(last=False)
            consumer.store_offsets(record)
    finally:
        consumer.close()


if __name__ == "__main__":
    main(sys.argv[1])

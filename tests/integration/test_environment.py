"""The tests' own tools: if these fail, the failures of others mean nothing."""

import hashlib
import json
import os
import subprocess
import sys
import time

import psycopg2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wxbus_testing import sealed, topics, weixin
from wxbusdev import paths
from wxbusdev.child import Child, ChildError, wait_until
from wxbusdev.service import Service, parse_metrics

VECTORS = json.loads((paths.ROOT / "tests" / "fixtures" / "weixin-vectors.json").read_text())["vectors"]
CRYPTO_VECTORS = [vector for vector in VECTORS if vector["kind"] != "jsapi"]


@pytest.mark.parametrize("vector", CRYPTO_VECTORS, ids=lambda vector: vector["id"])
def test_the_independent_crypto_agrees_with_the_published_vectors(vector):
    crypto = weixin.Crypto(vector["token"], vector.get("encoding_aes_key", "A" * 43))
    if "signature" in vector:
        assert crypto.signature(vector["timestamp"], vector["nonce"]) == vector["signature"]
    if "msg_signature" in vector:
        assert crypto.msg_signature(vector["timestamp"], vector["nonce"],
                                    vector["encrypt"]) == vector["msg_signature"]
    if vector["kind"] == "decrypt":
        opened = crypto.decrypt(vector["encrypt"])
        assert opened.message.decode() == vector["plaintext"]
        assert opened.appid == vector["appid"]
        assert opened.random.decode() == vector["random"]
    if vector["kind"] in ("decrypt", "encrypt"):
        assert crypto.encrypt(vector["plaintext"].encode(), vector["appid"],
                              vector["random"].encode()) == vector["encrypt"]


def test_a_push_and_a_reply_open_again_and_a_wrong_reply_is_refused():
    platform = weixin.Platform("wxc0ffee", "token", weixin.new_encoding_aes_key())
    push = platform.message_push("wxacc", weixin.message_xml("gh_1", "fan", "text", msg_id=7, Content="你好"))
    envelope = weixin.xml_to_dict(push.body)
    assert weixin.xml_to_dict(platform.crypto.decrypt(envelope["Encrypt"]).message)["Content"] == "你好"

    def reply(tail="wxc0ffee", stamp=None, sign=platform.crypto):
        encrypt = platform.crypto.encrypt(b"<xml><MsgType>text</MsgType></xml>", tail)
        stamp = str(stamp or int(time.time()))
        return (f"<xml><Encrypt>{encrypt}</Encrypt><MsgSignature>{sign.msg_signature(stamp, 'n', encrypt)}"
                f"</MsgSignature><TimeStamp>{stamp}</TimeStamp><Nonce>n</Nonce></xml>")

    assert platform.open_reply(reply(), nonce="n") == {"MsgType": "text"}
    for wrong in (reply(tail="wxacc"), reply(stamp=1), reply(sign=weixin.Crypto("other", "A" * 43)),
                  "<xml><Encrypt>AAAA</Encrypt></xml>"):
        with pytest.raises(weixin.WeixinError):
            platform.open_reply(wrong, nonce="n")
    with pytest.raises(weixin.WeixinError):
        platform.open_reply(reply(), nonce="another")


def test_a_sealed_value_opens_with_its_key_and_its_event_id_only():
    recipient, ephemeral = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    private = recipient.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
                                      serialization.NoEncryption())
    public, passing = recipient.public_key().public_bytes(*raw), ephemeral.public_key().public_bytes(*raw)
    key = HKDF(hashes.SHA256(), 32, passing + public, b"wxbus sealed event v1").derive(
        ephemeral.exchange(recipient.public_key()))
    value = (hashlib.sha256(public).digest()[:8] + passing + b"n" * 12 +
             AESGCM(key).encrypt(b"n" * 12, b"ticket", b"event-1"))

    assert sealed.open_sealed(value, private, "event-1") == b"ticket"
    with pytest.raises(Exception):
        sealed.open_sealed(value, private, "event-2")
    with pytest.raises(ValueError):
        sealed.open_sealed(value, b"1" * 32, "event-1")


@pytest.mark.real_kafka
def test_kafka_keeps_key_headers_and_time_for_both_readers(kafka):
    topics.create_topic(kafka.bootstrap_servers, "environment.read", 3)
    value = bytes(range(256))
    sent_ms = int(time.time() * 1000) - 3600_000        # the past, but not so far that Kafka deletes it
    for number in range(5):
        topics.produce(kafka.bootstrap_servers, "environment.read", value, f"key-{number}",
                       [("ce_id", f"id-{number}"), ("ce_repliers", "desk,shop")], sent_ms + number)
    with topics.TopicReader(kafka.bootstrap_servers, "environment.read") as reader:
        by_confluent = reader.read_to_end()
        assert reader.by_id("id-3").key == "key-3"
    by_kcat = topics.kcat_read(kafka.bootstrap_servers, "environment.read")
    for records in (by_confluent, by_kcat):
        assert {record.event_id: (record.key, record.timestamp_ms) for record in records} == {
            f"id-{number}": (f"key-{number}", sent_ms + number) for number in range(5)}
        assert all(record.value == value for record in records)
        assert all(record.headers["ce_repliers"] == "desk,shop" for record in records)
    ends = topics.end_offsets(kafka.bootstrap_servers, ["environment.read"])
    assert len(ends) == 3 and sum(ends.values()) == 5


@pytest.mark.real_kafka
def test_kafka_pauses_and_resumes_and_comes_back_with_its_data_on_its_port(kafka):
    topics.create_topic(kafka.bootstrap_servers, "environment.keep")
    topics.produce(kafka.bootstrap_servers, "environment.keep", b"before")

    kafka.pause()
    started = time.monotonic()
    with pytest.raises(AssertionError):
        topics.produce(kafka.bootstrap_servers, "environment.keep", b"while paused", timeout_s=1)
    assert time.monotonic() - started < 3
    kafka.resume()
    topics.produce(kafka.bootstrap_servers, "environment.keep", b"resumed")

    for end in (kafka.stop, kafka.kill):
        end()
        assert not kafka.running
        kafka.start()
    topics.produce(kafka.bootstrap_servers, "environment.keep", b"after")
    with topics.TopicReader(kafka.bootstrap_servers, "environment.keep") as reader:
        values = [record.value for record in reader.read_to_end()]
    assert values[0] == b"before" and values[-1] == b"after" and b"resumed" in values


def test_postgres_answers_and_comes_back_with_its_data_on_its_port(postgres):
    url = postgres.create_database("environment")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (what text)")
        cursor.execute("INSERT INTO kept VALUES ('before')")
    connection.close()
    postgres.stop()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(url)
    postgres.start()
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT what FROM kept")
        assert cursor.fetchall() == [("before",)]
    connection.close()


def test_metrics_are_read_as_written():
    text = '# HELP a b\n# TYPE a counter\na{reason="x y"} 3\nb 0.5\nc_bucket{le="+Inf"} 7\n'
    assert parse_metrics(text) == {'a{reason="x y"}': 3.0, "b": 0.5, 'c_bucket{le="+Inf"}': 7.0}
    with pytest.raises(ValueError):
        parse_metrics("not a metric line\n")


@pytest.fixture
def started_script(tmp_path, monkeypatch):
    """started_script(text): a Service whose program is this shell script, running."""
    monkeypatch.setenv("WXBUS_BUILD_DIR", str(tmp_path))
    made = []

    def start(text):
        program = tmp_path / "bin" / "script"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        service = Service("script", {}, tmp_path / "script.log")
        service.start()
        made.append(service)
        service.wait_for(lambda: "up" in service.log_text(), 5, "up")
        return service

    yield start
    for service in made:
        Child.kill(service)


WAITS = "echo up; while :; do sleep 0.05; done"


def test_a_process_that_ends_in_order_passes(started_script):
    started_script(f"trap 'exit 0' TERM; {WAITS}").finish()


@pytest.mark.parametrize("script, complaint", [
    (f"trap 'exit 3' TERM; {WAITS}", "status 3"),
    ("echo up; sleep 0.2", "by itself"),
    (f"trap 'exit 0' TERM; echo '==1==ERROR: AddressSanitizer: heap-use-after-free'; {WAITS}", "sanitizer report"),
    (f"trap 'exit 0' TERM; echo 'x.c:1:2: runtime error: signed integer overflow'; {WAITS}", "sanitizer report"),
    (f"trap '' TERM; {WAITS}", "did not end"),
])
def test_a_process_that_does_not_end_in_order_fails_its_test(started_script, script, complaint):
    service = started_script(script)
    time.sleep(0.4)
    with pytest.raises(ChildError, match=complaint):
        service.finish(timeout_s=1)


def test_what_a_killed_process_had_reported_fails_its_test(started_script):
    service = started_script(f"echo 'WARNING: ThreadSanitizer: data race (pid=1)'; {WAITS}")
    with pytest.raises(ChildError, match="sanitizer report"):
        service.kill()
    started_script(WAITS).kill()


def test_children_end_with_the_process_that_started_them(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c",
         "import sys, time; from wxbusdev.child import Child\n"
         "child = Child('sleeper', ['/bin/sleep', '60'], sys.argv[1]); child.start()\n"
         "print(child.pid, flush=True); time.sleep(60)", str(tmp_path / "log")],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(paths.ROOT / "tools" / "dev")})
    child = int(parent.stdout.readline())
    assert os.path.exists(f"/proc/{child}")
    parent.kill()
    parent.communicate()
    wait_until(lambda: not _alive(child), 5, "the child ended")


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False

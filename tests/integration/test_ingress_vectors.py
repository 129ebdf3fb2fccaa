"""Weixin's published pushes of a component, at a running ingress: what lands on the topics is read with other
people's clients and compared byte by byte with what CONTRACT's envelope says."""

import datetime
import hashlib
import json
import re

import pytest

from wxbus_testing import sealed, topics, weixin
from wxbus_testing.ingress import event_id_of_payload, send
from wxbusdev import paths
from wxbusdev.deployment import PlatformConfig
from wxbusdev.service import http_request

VECTORS = {vector["id"][:3]: vector for vector in json.loads(
    (paths.ROOT / "tests" / "fixtures" / "weixin-vectors.json").read_text())["vectors"]}
MESSAGE, TICKET, HANDSHAKE = VECTORS["V01"], VECTORS["V13"], VECTORS["V05"]
ACCOUNT = "wxba5fad812f8e6fb9"          # V01's note says so


@pytest.fixture(scope="module")
def bench(new_bench):
    """An ingress that serves the platforms of the vectors, whose timestamps are long past."""
    bench = new_bench(
        platforms=[PlatformConfig(vector["appid"], "unused", [(vector["token"], vector["encoding_aes_key"])])
                   for vector in (MESSAGE, TICKET)],
        settings={"WXBUS_PUSH_WINDOW_S": 0})
    bench.start()
    return bench


def recorded_push(vector, path, receiver):
    """The recorded request, byte by byte: nothing of it is signed or encrypted anew."""
    query = {name: vector[name] for name in ("signature", "timestamp", "nonce", "msg_signature")}
    element, name = receiver
    body = (f"<xml>\n    <{element}><![CDATA[{name}]]></{element}>\n"
            f"    <Encrypt><![CDATA[{vector['encrypt']}]]></Encrypt>\n</xml>")
    return weixin.Push(path, {**query, "encrypt_type": "aes"}, body.encode(), {"Content-Type": "text/xml"})


def both_readers(bench, name):
    """The only record of a topic, as confluent_kafka and as kcat read it: they must agree in everything."""
    (record,) = bench.reader(name).read_to_end()
    (by_kcat,) = topics.kcat_read(bench.kafka.bootstrap_servers, bench.topic(name))
    assert by_kcat == record
    return record


def rfc3339(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


def check_common_headers(headers, record, vector):
    """Takes out of `headers` what every record has; what stays is the caller's to compare."""
    assert headers.pop("ce_specversion") == "1.0"
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", headers["ce_traceparent"])
    trace, span = headers.pop("ce_traceparent").split("-")[1:3]
    assert int(trace, 16) and int(span, 16)
    received = headers.pop("ce_receivedtime")
    assert received.endswith("Z")
    assert datetime.datetime.fromisoformat(received.replace("Z", "+00:00")) == rfc3339(record.timestamp_ms)
    assert abs(rfc3339(record.timestamp_ms) - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 60
    created = int(re.search(r"<CreateTime>(\d+)<", vector["plaintext"]).group(1))
    assert datetime.datetime.fromisoformat(headers.pop("ce_time").replace("Z", "+00:00")) == rfc3339(created * 1000)


def test_the_recorded_account_push_lands_on_messages_with_its_whole_envelope(bench):
    push = recorded_push(MESSAGE, f"/push/{MESSAGE['appid']}/accounts/{ACCOUNT}", ("ToUserName", "gh_97417a04a28d"))
    answer = send(bench.port(), push)
    assert answer.success
    assert answer.headers["Content-Type"].startswith("text/plain")

    record = both_readers(bench, "messages")
    assert record.key == f"{ACCOUNT}/o9AgO5Kd5ggOC-bXrbNODIiE3bGY"
    headers = dict(record.headers)
    check_common_headers(headers, record, MESSAGE)
    # Without MsgId: over component, appid and the whole decrypted payload.
    expected_id = hashlib.sha256(
        f"wx134c8103faa5a59e\n{ACCOUNT}\n{MESSAGE['plaintext']}".encode()).hexdigest()[:32]
    assert headers == {
        "ce_id": expected_id,
        "ce_source": f"/platforms/wx134c8103faa5a59e/accounts/{ACCOUNT}",
        "ce_type": "weixin.event.debug_demo",
        "ce_subject": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
        "content-type": "application/json",
        "ce_componentappid": "wx134c8103faa5a59e",
        "ce_appid": ACCOUNT,
        "ce_unverifiedaccount": "true",
    }
    assert record.json == {
        "ToUserName": "gh_97417a04a28d", "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY", "CreateTime": 1715943329,
        "MsgType": "event", "Event": "debug_demo", "debug_str": "hello world",
    }


def test_the_recorded_ticket_push_lands_sealed_on_platform_events(bench):
    push = recorded_push(TICKET, f"/push/{TICKET['appid']}/authorization", ("AppId", TICKET["appid"]))
    assert send(bench.port(), push).success

    record = both_readers(bench, "platform-events")
    assert record.key == "wxbbd3f07e2945cf2a/"
    headers = dict(record.headers)
    check_common_headers(headers, record, TICKET)
    assert headers == {
        "ce_id": event_id_of_payload("wxbbd3f07e2945cf2a", "", TICKET["plaintext"].encode()),
        "ce_source": "/platforms/wxbbd3f07e2945cf2a",
        "ce_type": "weixin.platform.component_verify_ticket",
        "content-type": "application/octet-stream",
        "ce_componentappid": "wxbbd3f07e2945cf2a",
    }
    ticket = re.search(r"ticket@@@[^\]]+", TICKET["plaintext"]).group(0)
    assert ticket.encode() not in record.value
    opened = sealed.open_sealed(record.value, bench.deployment.files.event_private_key, record.event_id)
    assert json.loads(opened) == {
        "AppId": "wxbbd3f07e2945cf2a", "CreateTime": 1436881222, "InfoType": "component_verify_ticket",
        "ComponentVerifyTicket": ticket,
    }
    assert "ticket@@@" not in bench.service().log_text()


def test_the_recorded_handshake_gets_its_echostr_back_on_every_url(bench):
    query = "&".join(f"{name}={HANDSHAKE[name]}" for name in ("signature", "timestamp", "nonce", "echostr"))
    base = f"/push/{MESSAGE['appid']}"
    for path in (f"{base}/authorization", f"{base}/accounts/{ACCOUNT}", f"{base}/accounts/$APPID$"):
        status, headers, body = http_request(bench.port(), "GET", f"{path}?{query}")
        assert (status, body) == (200, b"4375120948345356249")
        assert headers["Content-Type"].startswith("text/plain")
        assert headers["X-Content-Type-Options"] == "nosniff"
    wrong = query.replace("signature=f", "signature=e")
    assert http_request(bench.port(), "GET", f"{base}/authorization?{wrong}")[0] == 403

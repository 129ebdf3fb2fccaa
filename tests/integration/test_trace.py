"""One W3C trace from the push, or the call over HTTP, to the result: in every record and log line that belongs to it."""

import json
import secrets

import pytest

from wxbusdev.child import wait_until
from wxbus_testing import weixin
from wxbus_testing.ingress import Message, send
from wxbus_testing.timing import margin
from wxbus_testing.whole import SEND, Whole, new_openid

SERVICES = ("wxbus-ingress", "wxbus-token-service", "wxbus-api-proxy", "wxbus-release-check")
CHECKED, CHECKED_NAME = "wx570bc396a51b8ff8", "gh_3c884a361561"     # an account of Weixin's release check


class Trace:
    """A trace as somebody outside begins it."""

    def __init__(self):
        self.id, self.span = secrets.token_hex(16), secrets.token_hex(8)

    @property
    def parent(self):
        return f"00-{self.id}-{self.span}-01"


@pytest.fixture(scope="module")
def whole(new_deployment):
    whole = Whole(new_deployment(settings={"WXBUS_LOG_LEVEL": "debug", "WXBUS_LOG_FORMAT": "json"}))
    whole.sim.add_account(CHECKED, user_name=CHECKED_NAME, func_ids=[1])
    return whole


def lines_of(whole, trace_id):
    """(service, span, line) of each log line of that trace."""
    found = []
    for binary in SERVICES:
        for text in whole.deployment.service(binary).log_text().splitlines():
            line = json.loads(text)
            if line.get("trace_id") == trace_id:
                found.append((binary, line["span_id"], line))
    return found


def trace_of(record):
    """(trace id, span id) that a record carries."""
    version, trace_id, span, flags = record.headers["ce_traceparent"].split("-")
    assert (version, flags) == ("00", "01")
    return trace_id, span


def push(whole, appid, original_id, content, openid=None, **headers):
    """A fan's text with these request headers, sent as Weixin would; the Message."""
    key = whole.deployment.platform.keys[0]
    platform = weixin.Platform(whole.component, *key)
    message = Message(platform, appid, original_id, openid=openid, content=content)
    one = message.push()
    one.headers.update(headers)
    answer = send(whole.deployment.port("wxbus-ingress", "listen"), one)
    assert answer.status == 200
    return message


def test_one_push_is_followed_through_every_log_and_topic(whole):
    code = whole.sim.push_authorized(whole.component, CHECKED)["code"]
    trace, fan = Trace(), new_openid()
    whole.sim.push_text(whole.component, CHECKED, fan, "hi")        # so that Weixin lets us write to him
    message = push(whole, CHECKED, CHECKED_NAME, f"QUERY_AUTH_CODE:{code}", fan, traceparent=trace.parent)
    whole.wait_sent_to(CHECKED, fan, f"{code}_from_api")

    published = whole.message(CHECKED, fan, message.content)
    verdict = whole.wait_record("replies", lambda record: record.event_id == message.event_id
                                and record.json["group"] == "release-check" and record.json["verdict"] == "empty")
    chosen = whole.wait_record("replies", lambda record: record.event_id == message.event_id
                               and record.json["verdict"] == "chosen")
    asked = whole.wait_record("api-requests", lambda record: record.key == f"{CHECKED}/{fan}")
    result = whole.wait_record("release-check.results", lambda record: record.key == asked.event_id)
    spans = {}
    for name, record in (("ingress", published), ("verdict", verdict), ("chosen", chosen), ("request", asked),
                         ("result", result)):
        trace_id, spans[name] = trace_of(record)
        assert trace_id == trace.id, name
    assert spans["ingress"] == spans["chosen"] and spans["verdict"] == spans["request"]
    assert len({trace.span, spans["ingress"], spans["request"], spans["result"]}) == 4

    def has_been_told():
        return [line for binary, _, line in lines_of(whole, trace.id)
                if binary == "wxbus-release-check" and line.get("subject") == asked.event_id
                and "wxbus.api.result" in line["msg"]]

    wait_until(has_been_told, margin(10), "the result in the log of the business")
    lines = lines_of(whole, trace.id)
    by = {binary: {span for one, span, _ in lines if one == binary} for binary in SERVICES}
    # A record's span is that of the lines of whoever wrote it.
    assert by["wxbus-ingress"] == {spans["ingress"]}
    assert by["wxbus-api-proxy"] >= {spans["result"]}
    assert spans["request"] in by["wxbus-release-check"]
    # The business asked token-service for the exchange, under a span of its own there.
    assert by["wxbus-token-service"] and not by["wxbus-token-service"] & by["wxbus-release-check"]
    assert any("/exchange" in line["msg"] for binary, _, line in lines if binary == "wxbus-token-service")
    # Nothing about this event is told outside of its trace.
    for binary in SERVICES:
        for text in whole.deployment.service(binary).log_text().splitlines():
            line = json.loads(text)
            if line.get("subject") in (message.event_id, asked.event_id):
                assert line.get("trace_id") == trace.id, line
    assert code not in json.dumps([line for _, _, line in lines])


def test_a_platform_event_keeps_its_trace_through_the_database(whole):
    appid, _ = whole.new_account()
    assert whole.sim.push_authorized(whole.component, appid)["answer"] == "success"
    key = f"{whole.component}/{appid}"
    pushed = whole.wait_record("platform-events", lambda record: record.key == key)
    trace_id, span = trace_of(pushed)
    notice = whole.notice(appid, "authorized")
    row = whole.wait_record("accounts", lambda record: record.key == key)
    assert trace_of(notice)[0] == trace_of(row)[0] == trace_id
    assert trace_of(notice)[1] != span
    lines = lines_of(whole, trace_id)
    assert {binary for binary, _, _ in lines} >= {"wxbus-ingress", "wxbus-token-service"}
    assert trace_of(notice)[1] in {one for binary, one, _ in lines if binary == "wxbus-token-service"}


@pytest.mark.parametrize("malformed", [
    "", "no trace at all", "00-{id}-{span}", "00-{id}-{span}-01-more", "ff-{id}-{span}-01", "00-{ID}-{span}-01",
    "00-00000000000000000000000000000000-{span}-01", "00-{id}-0000000000000000-01"])
def test_a_malformed_traceparent_is_as_good_as_none(whole, malformed):
    trace = Trace()
    header = malformed.format(id=trace.id, ID="ABCDEF" + trace.id[6:].upper(), span=trace.span)
    message = push(whole, CHECKED, CHECKED_NAME, "hi", traceparent=header)
    trace_id, span = trace_of(whole.message(CHECKED, message.openid))
    assert len(trace_id) == 32 and int(trace_id, 16) and int(span, 16)
    assert trace_id != trace.id and lines_of(whole, trace_id) and not lines_of(whole, trace.id)


def test_a_call_over_http_goes_on_with_its_callers_trace(whole):
    appid, _ = whole.new_account()
    whole.authorize(appid)
    key = whole.deployment.add_caller("tracer", [appid], [SEND])

    def call(**headers):
        body = {"touser": new_openid(), "msgtype": "text", "text": {"content": "再见"}}
        status, answered, answer = whole.deployment.request(
            "wxbus-api-proxy", "POST", f"/accounts/{appid}{SEND}", json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers})
        assert status == 200, answer
        return answered["Wxbus-Trace"].split("-")[1:3]

    trace = Trace()
    trace_id, span = call(Traceparent=trace.parent)
    assert trace_id == trace.id and span != trace.span
    lines = lines_of(whole, trace.id)
    assert span in {one for binary, one, _ in lines if binary == "wxbus-api-proxy"}
    # The account's first token was asked for on behalf of this call.
    assert [line for binary, _, line in lines if binary == "wxbus-token-service" and f"/{appid}/token" in line["msg"]]
    made, _ = call()
    assert made != trace.id and len(made) == 32 and lines_of(whole, made)

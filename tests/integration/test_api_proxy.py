"""wxbus-api-proxy between a real Kafka, a real PostgreSQL, and a Weixin and a token-service that do what a test says."""

import collections
import concurrent.futures
import datetime
import json
import random
import secrets
import threading
import time

import psycopg2
import pytest

from wxbus_testing import topics
from wxbus_testing.scripted import ACCOUNT, CALL_TIMEOUT_S, COMPONENT, FAN, OK, SEND, Bench
from wxbusdev.child import free_port, wait_until
from wxbusdev.deployment import Deployment
from wxbusdev.service import http_request


@pytest.fixture(scope="module")
def bench(kafka, postgres, logs, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("api-proxy"), logs, kafka, postgres,
                            topic_prefix="wx." if kafka.kind == "embedded" else "proxy.")
    b = Bench(deployment, kafka)
    yield b
    b.close()


@pytest.fixture(autouse=True)
def clean(bench):
    bench.forget()


# --- HTTP: what passes

def test_a_call_is_weixins_own_with_the_token_put_in(bench):
    body = '{"touser":"oFan","msgtype":"text","text":{"content":"你好"}}'.encode()
    bench.weixin.plan(SEND, (200, {"Content-Type": "application/json; encoding=utf-8"}, b'{"errcode":0, "errmsg":"ok"}'))
    status, headers, answer = bench.call(f"/accounts/{ACCOUNT}{SEND}?a=1&access_token=mine&b=%E4%BD%A0", body=body)
    assert (status, answer) == (200, b'{"errcode":0, "errmsg":"ok"}')
    assert headers["Content-Type"] == "application/json; encoding=utf-8"
    assert headers["Wxbus-Attempts"] == "1" and headers["Wxbus-Outcome"] == "ok"
    call, = bench.weixin.calls
    assert (call.method, call.path, call.body) == ("POST", SEND, body)
    assert call.query == {"access_token": bench.tokens.tokens[f"{COMPONENT}/{ACCOUNT}"], "a": "1", "b": "你"}
    assert "Authorization" not in call.headers
    assert bench.tokens.unsigned == 0


def test_a_platforms_call_carries_the_platforms_token(bench):
    assert bench.call("/platforms/cgi-bin/component/api_get_authorizer_option")[0] == 200
    assert bench.call("/platforms/cgi-bin/openapi/quota/get")[0] == 200
    token = bench.tokens.tokens[COMPONENT]
    assert [call.query for call in bench.weixin.calls] == [{"component_access_token": token}, {"access_token": token}]


def test_files_and_errors_come_back_as_they_are(bench):
    picture = bytes(range(256)) * 4000
    bench.weixin.plan("/cgi-bin/media/get", (200, {"Content-Type": "image/jpeg"}, picture))
    status, headers, body = bench.call(f"/accounts/{ACCOUNT}/cgi-bin/media/get?media_id=1", method="GET")
    assert (status, headers["Content-Type"], body) == (200, "image/jpeg", picture)
    bench.weixin.plan(SEND, {"errcode": 45015, "errmsg": "response out of time limit"})
    status, headers, body = bench.call(f"/accounts/{ACCOUNT}{SEND}")
    assert (status, json.loads(body)["errcode"], headers["Wxbus-Outcome"]) == (200, 45015, "rejected")
    bench.weixin.plan(SEND, (502, {"Content-Type": "text/html"}, b"<html>bad gateway"))
    status, headers, body = bench.call(f"/accounts/{ACCOUNT}{SEND}")
    assert (status, body, headers["Wxbus-Outcome"]) == (502, b"<html>bad gateway", "unknown")


def test_many_calls_at_once_ask_for_one_token(bench):
    name = f"{COMPONENT}/wxmany"
    bench.tokens.new_token(name)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: bench.call(f"/accounts/wxmany{SEND}")[0], range(200)))
    assert answers == [200] * 200
    assert bench.tokens.fetches[name] == 1


def test_a_refused_token_is_refreshed_once_for_all(bench):
    name = f"{COMPONENT}/wxrefused"
    bench.tokens.new_token(name)
    assert bench.call(f"/accounts/wxrefused{SEND}")[0] == 200
    bench.tokens.spoil(name)
    bench.forget()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: bench.call(f"/accounts/wxrefused{SEND}"), range(120)))
    assert all(status == 200 and json.loads(body)["errcode"] == 0 for status, _, body in answers)
    assert max(int(headers["Wxbus-Attempts"]) for _, headers, _ in answers) == 2
    assert bench.tokens.refreshes[name] == 1


def test_a_token_that_stays_refused_is_tried_twice_only(bench):
    name = f"{COMPONENT}/wxdead"
    bench.tokens.new_token(name)
    bench.weixin.plan(SEND, {"errcode": 42001, "errmsg": "access_token expired"})
    status, headers, body = bench.call(f"/accounts/wxdead{SEND}")
    assert (status, json.loads(body)["errcode"], headers["Wxbus-Attempts"]) == (200, 42001, "2")
    assert len(bench.weixin.to(SEND)) == 2 and bench.tokens.refreshes[name] == 1


# --- HTTP: what does not

def test_no_key_or_a_wrong_one_is_401(bench):
    assert bench.deployment.request("wxbus-api-proxy", "POST", f"/accounts/{ACCOUNT}{SEND}", b"{}")[0] == 401
    for key in ("x" * 43, "", bench.key[:-1], bench.key + "x", "' OR 1=1 --" + "x" * 40):
        assert bench.errcode(f"/accounts/{ACCOUNT}{SEND}", key=key)[:2] == (401, 40001)
    assert bench.weixin.calls == []


def test_a_caller_is_held_to_its_accounts_and_paths(bench):
    key = bench.add_caller("narrow", [ACCOUNT], ["/cgi-bin/message/*", "/cgi-bin/menu/get"], [])["key"]
    assert bench.call(f"/accounts/{ACCOUNT}{SEND}", key=key)[0] == 200
    assert bench.call(f"/accounts/{ACCOUNT}/cgi-bin/menu/get", key=key, method="GET")[0] == 200
    bench.forget()
    for path in (f"/accounts/{ACCOUNT}/cgi-bin/menu/delete", f"/accounts/wxother{SEND}", f"/platforms{SEND}",
                 f"/accounts/{ACCOUNT}/cgi-bin/menu/get/x", f"/accounts/{ACCOUNT}/CGI-BIN/message/custom/send"):
        assert bench.errcode(path, key=key)[:2] == (403, 48001)
    assert bench.weixin.calls == []


HOSTILE = ["//127.0.0.1:1/x", "/@127.0.0.1:1/x", "/cgi-bin/../x", "/cgi-bin/%2e%2e/x", "/cgi-bin/%2E./x", "/cgi-bin//x",
           "/cgi-bin%2fx", "/cgi-bin\\x", "/cgi-bin/%5cx", "/cgi-bin/x%00", "/cgi-bin/x%0d%0aHost:%20y", "/./cgi-bin/x",
           "/cgi-bin/x;y", "/cgi-bin/x@y", "/cgi-bin/x:80/", "/cgi-bin/%63omponent/api_component_token", "/", "/.."]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_is_refused_and_nothing_sent(bench, path):
    for prefix in (f"/accounts/{ACCOUNT}", "/platforms"):
        assert bench.call(prefix + path)[0] in (400, 403, 404)
    assert bench.weixin.calls == []


@pytest.mark.parametrize("path", ["/cgi-bin/component/api_component_token", "/cgi-bin/component/api_query_auth",
                                  "/cgi-bin/component/api_authorizer_token", "/cgi-bin/token", "/cgi-bin/stable_token",
                                  "/CGI-BIN/token", "/cgi-bin/token/"])
def test_paths_of_credentials_are_closed(bench, path):
    for prefix in (f"/accounts/{ACCOUNT}", "/platforms"):
        assert bench.errcode(prefix + path)[:2] == (403, 48001)
    assert bench.weixin.calls == []


def test_other_requests_are_refused_in_weixins_shape(bench):
    assert bench.errcode("/accounts")[0] == 404
    assert bench.errcode(f"/account/{ACCOUNT}{SEND}")[0] == 404
    assert bench.errcode(f"/accounts/{ACCOUNT}{SEND}", method="DELETE")[0] == 405
    status, _, body = bench.call(f"/accounts/{ACCOUNT}{SEND}", body=b"x",
                                headers={"Content-Length": str(20 * 1024 * 1024 + 1)})
    assert status == 413 and "20 MiB" in json.loads(body)["errmsg"]
    assert bench.call(f"/accounts/{ACCOUNT}{SEND}", body=b"x" * (20 * 1024 * 1024))[0] == 200
    assert bench.errcode(f"/accounts/{ACCOUNT}{SEND}?a=%0d%0a")[0] == 400
    assert bench.errcode(f"/accounts/{ACCOUNT}{SEND}?a=1&a=2")[0] == 400
    assert len(bench.weixin.calls) == 1


def test_token_service_decides_who_is_known(bench):
    nothing = {"Content-Type": "application/json"}
    bench.tokens.states[f"{COMPONENT}/wxnobody"] = (404, nothing, b'{"error":"unknown"}')
    bench.tokens.states[f"{COMPONENT}/wxgone"] = (409, nothing, b'{"error":"unauthorized"}')
    bench.tokens.states[f"{COMPONENT}/wxpoor"] = (409, nothing, b'{"error":"no_api"}')
    bench.tokens.states[f"{COMPONENT}/wxlater"] = (503, nothing, b'{"error":"no ticket"}')
    assert bench.errcode(f"/accounts/wxnobody{SEND}")[:2] == (404, 40013)
    assert bench.errcode(f"/accounts/wxgone{SEND}")[:2] == (403, 61003)
    assert bench.errcode(f"/accounts/wxpoor{SEND}")[:2] == (403, 61007)
    assert bench.errcode(f"/accounts/wxlater{SEND}")[:2] == (503, -1)
    assert bench.weixin.calls == []


def test_a_refusal_is_asked_again_at_most_once_a_second(bench):
    asked = []
    original = bench.tokens.answer

    def answer(method, path, *rest):
        asked.append(path)
        return (404, {}, b"{}") if "wxasked" in path else original(method, path, *rest)

    bench.tokens.answer = answer
    try:
        started = time.monotonic()
        while time.monotonic() - started < 0.7:
            assert bench.errcode(f"/accounts/wxasked{SEND}")[0] == 404
        assert len(asked) == 1
        wait_until(lambda: bench.errcode(f"/accounts/wxasked{SEND}")[0] == 404 and len(asked) > 1, 3, "asked again")
    finally:
        bench.tokens.answer = original


# --- what nobody knows

def late():
    time.sleep(CALL_TIMEOUT_S + 1)
    return OK


def test_no_answer_in_time_is_unknown_and_not_repeated(bench):
    bench.weixin.plan(SEND, late)
    started = time.monotonic()
    status, errcode, headers = bench.errcode(f"/accounts/{ACCOUNT}{SEND}")
    assert (status, errcode, headers["Wxbus-Outcome"]) == (504, -1, "unknown")
    assert time.monotonic() - started < CALL_TIMEOUT_S + 1
    assert len(bench.weixin.to(SEND)) == 1


def test_a_broken_answer_is_unknown_and_repeated_only_if_harmless(bench):
    bench.weixin.plan(SEND, lambda: None)
    status, errcode, headers = bench.errcode(f"/accounts/{ACCOUNT}{SEND}")
    assert (status, errcode, headers["Wxbus-Outcome"]) == (504, -1, "unknown")
    assert len(bench.weixin.to(SEND)) == 1
    bench.weixin.plan("/cgi-bin/menu/get", lambda: None, {"menu": {}})
    status, headers, body = bench.call(f"/accounts/{ACCOUNT}/cgi-bin/menu/get", method="GET")
    assert (status, json.loads(body), headers["Wxbus-Attempts"]) == (200, {"menu": {}}, "2")


def test_weixin_out_of_reach_is_said_so_and_nothing_was_sent(bench):
    settings = {**bench.settings, "WXBUS_API_BASE": f"http://127.0.0.1:{free_port()}", "WXBUS_CALL_TIMEOUT_MS": 1500}
    bench.deployment.start_one("wxbus-api-proxy", "proxy-away", settings=settings)
    try:
        status, headers, body = bench.deployment.request(
            "proxy-away", "POST", f"/accounts/{ACCOUNT}{SEND}", b"{}", {"Authorization": f"Bearer {bench.key}"})
        assert (status, headers["Wxbus-Outcome"], headers["Wxbus-Attempts"]) == (502, "rejected", "0")
    finally:
        bench.deployment.finish("proxy-away")


# --- /v1

def test_a_caller_is_added_once_and_by_admins_only(bench):
    row = {"component_appid": COMPONENT, "caller_id": "once", "accounts": ["*"], "paths": ["*"], "groups": []}
    key = "a-key-that-was-given-by-the-operator-0001"
    status, _, body = bench.v1({**row, "key": key})
    assert (status, json.loads(body)) == (201, {"caller_id": "once", "key": key})
    assert bench.call(f"/accounts/{ACCOUNT}{SEND}", key=key)[0] == 200
    assert bench.v1({**row, "key": key})[0] == 409
    assert bench.v1(row)[0] == 409
    assert bench.v1({**row, "caller_id": "twin", "key": key})[0] == 409
    for wrong in ({"caller_id": "A b"}, {"component_appid": "x/y"}, {"accounts": "*"}, {"paths": ["cgi-bin"]},
                  {"groups": ["No"]}, {"key": "short"}, {"key": 7}):
        assert bench.v1({**row, "caller_id": "never", **wrong})[0] == 400
    assert bench.v1(b"[]")[0] == 400 and bench.v1(b"{")[0] == 400
    assert bench.v1(row, key=b"0" * 32)[0] == 401
    assert bench.v1(row, age_s=120)[0] == 401
    assert bench.v1(row, path="/v1/other")[0] == 404
    assert bench.deployment.request("wxbus-api-proxy", "POST", "/v1/callers", b"{}", what="internal")[0] == 401
    assert bench.deployment.request("wxbus-api-proxy", "POST", "/v1/callers", b"{}")[0] == 401


def test_the_database_holds_no_key(bench):
    with psycopg2.connect(bench.deployment.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text, key_sealed, key_sha256 FROM api_proxy.callers c")
        for text, sealed, digest in cursor.fetchall():
            assert bench.key not in text and bench.key.encode() not in bytes(sealed)
            assert len(bytes(digest)) == 32
    connection.close()


# --- topic

def test_a_request_on_the_topic_is_called_and_answered(bench):
    with bench.results() as results:
        bench.weixin.plan(SEND, {"errcode": 0, "errmsg": "ok", "msgid": 200228332})
        bench.request("first-1", body={"touser": FAN, "text": {"content": "你好"}}, query={"a b": "1&2"})
        record = results.by_id("first-1")
    assert record.key == "first-1"
    assert record.headers["ce_type"] == "wxbus.api.result" and record.headers["ce_appid"] == ACCOUNT
    assert record.json == {"request_id": "first-1", "outcome": "ok", "errcode": 0, "errmsg": "ok", "http_status": 200,
                           "body": {"errcode": 0, "errmsg": "ok", "msgid": 200228332}, "attempts": 1}
    call, = bench.weixin.calls
    assert json.loads(call.body) == {"touser": FAN, "text": {"content": "你好"}}
    assert "你好".encode() in call.body
    assert call.query["a b"] == "1&2"


def test_results_go_to_api_results_too(bench):
    with bench.results("api-results") as results:
        bench.request("common-1", reply_to="api-results", lane=None, path="/cgi-bin/menu/get", method="GET")
        assert results.by_id("common-1").json["outcome"] == "ok"


def test_a_refused_token_is_refreshed_for_the_topic_too(bench):
    bench.tokens.spoil(f"{COMPONENT}/{ACCOUNT}")
    with bench.results() as results:
        bench.request("refresh-1")
        assert results.by_id("refresh-1").json["attempts"] == 2


def test_a_repeated_request_id_is_called_once_and_answered_again(bench):
    def rejected():                     # of other outcomes an earlier test's may still be counted
        return bench.proxy.metric("wxbus_api_proxy_results_total", outcome="rejected")

    before = rejected()
    with bench.results() as results:
        bench.weixin.plan(SEND, {"errcode": 45047, "errmsg": "out of response count limit"}, OK)
        bench.request("again-1")
        bench.request("again-1")
        first, second = results.wait_for(lambda record: record.event_id == "again-1", count=2)
    wait_until(lambda: rejected() == before + 2, 10, "each published result is counted by its outcome")
    assert first.value == second.value and first.json["outcome"] == "rejected" and first.json["errcode"] == 45047
    assert len(bench.weixin.to(SEND)) == 1


def test_a_lane_keeps_its_order_while_others_overtake(bench):
    gate = threading.Event()

    def wait_for_gate():
        gate.wait(CALL_TIMEOUT_S - 0.5)
        return OK

    with bench.results() as results:
        bench.weixin.plan("/cgi-bin/slow", wait_for_gate)
        bench.request("lane-slow", path="/cgi-bin/slow", lane="one")
        for number in range(5):
            bench.request(f"lane-one-{number}", lane="one")
            bench.request(f"lane-two-{number}", lane="two")
        results.by_id("lane-two-4")
        assert not any(record.event_id.startswith("lane-one") for record in results.records)
        gate.set()
        results.by_id("lane-one-4")
    bodies = [json.loads(call.body)["n"] for call in bench.weixin.to(SEND)]
    for lane in ("one", "two"):
        assert [body for body in bodies if f"-{lane}-" in body] == [f"lane-{lane}-{number}" for number in range(5)]


def test_a_proven_callers_wrong_request_is_rejected_and_nothing_sent(bench):
    key = bench.add_caller("held", [ACCOUNT], ["/cgi-bin/message/*"], ["desk"])["key"]
    wrong = {
        "no-path": (dict(path="/cgi-bin/menu/create"), 48001),
        "no-account": (dict(appid="wxother"), 48001),
        "credential": (dict(path="/cgi-bin/component/api_component_token"), 48001),
        "dots": (dict(path="/cgi-bin/message/../x"), 40066),
        "session-key": (dict(path="/sns/component/jscode2session"), 48001),
        "component": (dict(component_appid="wxothercomponent"), 61011),
        "malformed": (dict(value=b"{"), 47001),
        "too-late": (dict(not_after="2026-01-01T00:00:00Z"), 45015),
    }
    with bench.results() as results:
        for name, (options, errcode) in wrong.items():
            bench.request(f"wrong-{name}", caller="held", key=key, **options)
            answer = results.by_id(f"wrong-{name}").json
            assert (answer["outcome"], answer["errcode"], answer["attempts"]) == ("rejected", errcode, 0), name
    assert bench.weixin.calls == []


def test_what_waits_in_its_lane_past_not_after_is_not_called(bench):
    gate = threading.Event()
    bench.weixin.plan("/cgi-bin/slow", lambda: gate.wait(CALL_TIMEOUT_S - 0.5) and OK)

    def at(seconds):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    with bench.results() as results:
        bench.request("patience-slow", path="/cgi-bin/slow")
        wait_until(lambda: bench.weixin.calls, 10, "the lane's first call under way")
        passes = at(0.5)
        bench.request("patience-none", not_after=passes)
        bench.request("patience-some", not_after=at(60))
        wait_until(lambda: at(0) > passes, 2, "not_after passed")
        gate.set()
        answer = results.by_id("patience-none").json
        assert (answer["outcome"], answer["errcode"], answer["attempts"]) == ("rejected", 45015, 0)
        assert results.by_id("patience-some").json["outcome"] == "ok"
    assert [json.loads(call.body)["n"] for call in bench.weixin.to(SEND)] == ["patience-some"]


def test_what_is_not_proven_is_passed_over_and_nothing_sent(bench):
    ends = topics.end_offsets(bench.kafka.bootstrap_servers, [bench.deployment.topic(name) for name in (
        "accounts", "desk.results", "api-results", "messages", "replies", "platform-notices")])
    before = {result: bench.metric(result) for result in ("forged", "no_caller", "unsigned", "reply_topic", "malformed")}
    bench.request("bad-1", signature="0" * 64)
    bench.request("bad-2", key="another-key-0123456789012345678901234567")
    bench.request("bad-3", caller="nobody")
    bench.request("bad-4", caller="")
    hostile = ("accounts", "shop.results", "desk.dead-letter", "../x", "wx.api-results", "desk", "messages", "replies",
               "platform-notices", "api-requests", "desk.retry.1m", "desk.results.results", "DESK.results", "desk.results ",
               "desk.results\r\nce_replyto: accounts", "desk.results/../accounts", ".results", "*", "x" * 300)
    for number, topic in enumerate(hostile):
        bench.request(f"bad-topic-{number}", reply_to=topic)
    topics.produce(bench.kafka.bootstrap_servers, bench.deployment.topic("api-requests"), b"no envelope", "a/b")
    bench.request("after-bad", reply_to="api-results", lane="after")
    with bench.results("api-results") as results:
        results.by_id("after-bad")
    expected = {"forged": 2, "no_caller": 1, "unsigned": 1, "reply_topic": len(hostile), "malformed": 1}
    wait_until(lambda: {result: bench.metric(result) - before[result] for result in before} == expected, 10,
               f"metrics {expected}")
    after = topics.end_offsets(bench.kafka.bootstrap_servers, [topic for topic, _ in ends])
    changed = {topic for (topic, number), end in ends.items() if after[(topic, number)] != end}
    assert changed == {bench.deployment.topic("api-results")}
    assert len(bench.weixin.to(SEND)) == 1


def test_no_answer_in_time_is_unknown_on_the_topic(bench):
    with bench.results() as results:
        bench.weixin.plan(SEND, late)
        bench.request("late-1")
        answer = results.by_id("late-1").json
    assert (answer["outcome"], answer["errcode"], answer["attempts"]) == ("unknown", -1, 1)
    assert len(bench.weixin.to(SEND)) == 1


def test_a_killed_proxys_calls_are_judged_unknown_and_never_repeated(bench):
    arrived = threading.Event()

    def hang():
        arrived.set()
        time.sleep(CALL_TIMEOUT_S + 2)
        return OK

    with bench.results() as results:
        bench.weixin.plan(SEND, hang)
        bench.weixin.plan("/cgi-bin/tags/get", hang, OK)
        bench.request("killed-send", lane="k1")
        bench.request("killed-get", lane="k2", path="/cgi-bin/tags/get", method="GET")
        assert arrived.wait(10)
        wait_until(lambda: len(bench.weixin.calls) == 2, 10, "both calls under way")
        bench.deployment.kill("wxbus-api-proxy")
        bench.weixin.plan(SEND, OK)
        bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings)
        bench.request("killed-after", lane="k3")
        assert results.by_id("killed-send", 30).json["outcome"] == "unknown"
        assert results.by_id("killed-get", 30).json["outcome"] == "ok"
        assert results.by_id("killed-after", 30).json["outcome"] == "ok"
    assert [json.loads(call.body)["n"] for call in bench.weixin.to(SEND)] == ["killed-send", "killed-after"]
    assert len(bench.weixin.to("/cgi-bin/tags/get")) == 2


class Writer:
    """Writes requests in `lanes` lanes at 200/s while `with` lasts."""

    def __init__(self, bench, lanes):
        self._bench, self._lanes = bench, lanes
        self._prefix, self._stop = f"load-{secrets.token_hex(2)}", threading.Event()
        self.names = []
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        self.started = time.monotonic()
        while not self._stop.is_set():
            for _ in range(int((time.monotonic() - self.started) * 200) - len(self.names)):
                name = f"{self._prefix}-{len(self.names)}"
                self._bench.request(name, lane=f"fan{len(self.names) % self._lanes}", flush=False)
                self.names.append(name)
            self._bench.producer.poll(0)
            self._stop.wait(0.005)
        self.per_s = len(self.names) / (time.monotonic() - self.started)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        assert self._bench.producer.flush(10) == 0


@pytest.mark.timeout(900)               # at full size 20 times some 7 s, until the dead one's session is over
def test_kills_under_load_leave_each_request_one_effect_and_one_result(bench, long, record_property):
    kills, lanes, rng = 20 if long else 2, 16, random.Random(20261121)
    killed_at = []

    def quick():
        time.sleep(0.02)
        return OK

    bench.proxy.wait_ready()
    bench.weixin.plan(SEND, quick)
    with bench.results() as results:
        with Writer(bench, lanes) as writer:
            for _ in range(kills):      # each hits a process that has its partitions and calls
                before = len(bench.weixin.calls)
                wait_until(lambda: len(bench.weixin.calls) > before + 50, 60, "calls made")
                time.sleep(rng.uniform(0, 0.2))
                killed_at.append(time.monotonic())
                bench.deployment.kill("wxbus-api-proxy")
                bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings, ready=False)
        wanted = set(writer.names)
        wait_until(lambda: wanted <= {record.event_id for record in results.read_to_end()}, 120, "a result for each", 0.5)
    calls = {}
    for call in bench.weixin.to(SEND):
        calls.setdefault(json.loads(call.body)["n"], []).append(call.at)
    outcomes = collections.defaultdict(set)
    for record in results.records:
        if record.event_id in wanted:
            outcomes[record.event_id].add(record.json["outcome"])
    assert max(len(times) for times in calls.values()) == 1
    assert all(len(found) == 1 for found in outcomes.values())
    unknown = [name for name in wanted if outcomes[name] == {"unknown"}]
    assert len(unknown) <= kills * lanes
    for name in unknown:                # it was under way when a process was killed
        assert name not in calls or any(-1 < killed - calls[name][0] < CALL_TIMEOUT_S + 1 for killed in killed_at), name
    assert all(name in calls for name in wanted if outcomes[name] == {"ok"})
    record_property("kills", kills)
    record_property("requests", f"{len(wanted)} at {writer.per_s:.0f}/s, {len(calls)} of them called, each once")
    record_property("unknown", f"{len(unknown)}, {sum(name in calls for name in unknown)} of them called")
    record_property("results published", sum(record.event_id in wanted for record in results.records))


def test_rebalances_leave_each_request_one_effect_and_its_lane_its_order(bench, long):
    count = 3000 if long else 400
    name = f"turn-{secrets.token_hex(2)}"
    names = [f"{name}-{number}" for number in range(count)]

    def quick():
        time.sleep(0.02)
        return OK

    bench.proxy.wait_ready()
    bench.weixin.plan(SEND, quick)
    with bench.results() as results, concurrent.futures.ThreadPoolExecutor(1) as pool:
        def come_and_go():
            bench.deployment.start_one("wxbus-api-proxy", "proxy-second", settings=bench.settings)
            bench.deployment.finish("proxy-second")

        guest = pool.submit(come_and_go)
        sent = 0
        while sent < count or not guest.done():
            if sent < count:
                bench.request(names[sent], lane=f"fan{sent % 20}", flush=False)
                sent += 1
            bench.producer.poll(0)
            time.sleep(0.005)
        assert bench.producer.flush(10) == 0
        guest.result()
        wait_until(lambda: set(names) <= {record.event_id for record in results.read_to_end(60)}, 120, "a result for each", 0.2)
    order = [json.loads(call.body)["n"] for call in bench.weixin.to(SEND)]
    assert sorted(order) == sorted(names)
    for lane in range(20):
        assert [one for one in order if one in set(names[lane::20])] == names[lane::20]
    assert {record.json["outcome"] for record in results.records if record.event_id in set(names)} == {"ok"}


def test_a_row_is_kept_longer_than_the_topic_keeps_its_request(bench):
    with psycopg2.connect(bench.deployment.database_url) as connection, connection.cursor() as cursor:
        for days in (14, 16):
            cursor.execute("INSERT INTO api_proxy.ledger (component_appid, caller_id, request_id, state, owner, started_at,"
                           " deadline, result) VALUES (%s, 'desk', %s, 'done', 1, now() - %s * interval '1 day',"
                           " now() - interval '1 day', '{}')", (COMPONENT, f"days-{days}", days))

    def kept():
        with connection.cursor() as cursor:
            cursor.execute("SELECT request_id FROM api_proxy.ledger WHERE request_id LIKE 'days-%'")
            found = sorted(row for row, in cursor.fetchall())
        connection.commit()
        return found

    bench.deployment.finish("wxbus-api-proxy")
    bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings)
    wait_until(lambda: kept() == ["days-14"], 10, "the older row gone")
    connection.close()


def test_requests_wait_for_the_database_and_http_says_so(bench, postgres):
    with bench.results() as results:
        postgres.stop()
        try:
            bench.request("no-database")
            wait_until(lambda: not bench.proxy.ready(), 15, "not ready without the database")
            assert bench.errcode(f"/accounts/{ACCOUNT}{SEND}", key="k" * 43)[:2] == (503, -1)
            assert bench.weixin.calls == []
        finally:
            postgres.start()
        assert results.by_id("no-database", 20).json["outcome"] == "ok"
    assert len(bench.weixin.to(SEND)) == 1
    bench.proxy.wait_ready()


@pytest.mark.real_kafka
def test_a_recorded_result_is_published_when_kafka_is_back(bench, kafka):
    gate = threading.Event()

    def wait_for_gate():
        gate.wait(CALL_TIMEOUT_S - 0.5)
        return OK

    bench.weixin.plan(SEND, wait_for_gate)
    bench.request("no-kafka")
    wait_until(lambda: bench.weixin.calls, 10, "the call under way")
    kafka.pause()
    try:
        gate.set()
        assert bench.call(f"/accounts/{ACCOUNT}/cgi-bin/menu/get", method="GET")[0] == 200
        wait_until(lambda: "[no-kafka] waiting: the result is not published" in bench.proxy.log_path.read_text(), 20,
                   "a result that cannot be published")
    finally:
        kafka.resume()
    with bench.results() as results:
        assert results.by_id("no-kafka", 30).json["outcome"] == "ok"
    assert len(bench.weixin.to(SEND)) == 1
    bench.proxy.wait_ready()


def test_the_proxy_drains_and_comes_back(bench):
    bench.proxy.wait_ready()

    def slow():
        time.sleep(1)
        return OK

    with bench.results() as results, concurrent.futures.ThreadPoolExecutor(1) as pool:
        bench.weixin.plan(SEND, slow)
        bench.request("drain-1")
        over_http = pool.submit(bench.call, f"/accounts/{ACCOUNT}{SEND}")
        wait_until(lambda: len(bench.weixin.calls) == 2, 10, "both calls under way")
        bench.deployment.finish("wxbus-api-proxy")
        assert over_http.result()[0] == 200
        assert results.by_id("drain-1").json["outcome"] == "ok"
        bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings)


def test_a_backlog_does_not_keep_the_proxy_from_ending(bench):
    """What it has read and not begun is left to the next process."""
    gate = threading.Event()
    bench.weixin.plan("/cgi-bin/slow", lambda: gate.wait(0.5) and OK)
    names = [f"left-{number}" for number in range(1500)]
    with bench.results() as results:
        for name in names:
            bench.request(name, path="/cgi-bin/slow", lane=name, flush=False)
        assert bench.producer.flush(10) == 0
        wait_until(lambda: len(bench.weixin.calls) >= 32, 20, "calls under way")
        bench.deployment.finish("wxbus-api-proxy")
        called = len(bench.weixin.calls)
        assert called < len(names)
        gate.set()
        bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings)
        wait_until(lambda: set(names) <= {record.event_id for record in results.read_to_end()}, 60, "a result for each", 0.2)
    assert sorted(json.loads(call.body)["n"] for call in bench.weixin.calls) == sorted(names)


def test_no_secret_is_logged(bench):
    text = bench.proxy.log_path.read_text()
    for secret in [bench.key, *bench.weixin.good]:
        assert secret not in text

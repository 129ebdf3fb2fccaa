"""What wxbus-api-proxy makes of Weixin's answers, of files, and of accounts that lack what an API needs."""

import collections
import concurrent.futures
import datetime
import itertools
import json
import os
import re
import socket
import ssl
import threading
import time

import psycopg2
import pytest

from wxbus_testing import topics
from wxbus_testing.namespace import write_certificates
from wxbus_testing.reactions import ONE_REQUEST, REQUESTS, outcome, rows
from wxbus_testing.scripted import ACCOUNT, COMPONENT, OK, SEND, Bench, Peer
from wxbusdev.child import wait_until
from wxbusdev.deployment import Deployment
from wxbusdev.service import http_request

MENU_GET, DRAFT = "/cgi-bin/menu/get", "/cgi-bin/draft/add"
numbers = itertools.count()


@pytest.fixture(scope="module")
def bench(kafka, postgres, logs, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("api-proxy-calls"), logs, kafka, postgres,
                            topic_prefix="wx." if kafka.kind == "embedded" else "calls.")
    b = Bench(deployment, kafka)
    yield b
    b.close()


@pytest.fixture(autouse=True)
def clean(bench):
    bench.forget()


@pytest.fixture
def account(bench):
    """An account of the test's own: its used-up numbers are nobody else's."""
    appid = f"wxown{next(numbers)}"
    bench.tokens.new_token(f"{COMPONENT}/{appid}")
    return appid


# --- every row of the table of errors

def test_the_table_of_errors_is_read():
    assert len(rows()) > 50


@pytest.mark.parametrize("errcode,reaction", rows())
def test_each_error_causes_its_count_of_calls(bench, account, errcode, reaction):
    of_get, of_send, refreshes = REQUESTS.get(reaction, ONE_REQUEST)

    def check(number, path, method, expected):
        appid = f"{account}n{number}"   # each its own token, so that both are asked for at once
        bench.tokens.new_token(f"{COMPONENT}/{appid}")
        bench.weixin.plan(path, {"errcode": errcode, "errmsg": f"as told rid: {errcode}"})
        status, headers, body = bench.call(f"/accounts/{appid}{path}", method=method)
        assert (status, json.loads(body)) == (200, {"errcode": errcode, "errmsg": f"as told rid: {errcode}"})
        assert len(bench.weixin.to(path)) == expected == int(headers["Wxbus-Attempts"])
        assert bench.tokens.refreshes[f"{COMPONENT}/{appid}"] == refreshes
        assert headers["Wxbus-Outcome"] == outcome(reaction, method == "GET")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(check, 1, MENU_GET, "GET", of_get), pool.submit(check, 2, SEND, "POST", of_send)]:
            job.result()


def test_busy_answers_that_pass_are_waited_out_where_that_is_harmless(bench, account):
    bench.weixin.plan(MENU_GET, {"errcode": -1, "errmsg": "system error"}, {"menu": {}})
    status, headers, body = bench.call(f"/accounts/{account}{MENU_GET}", method="GET")
    assert (status, json.loads(body), headers["Wxbus-Attempts"]) == (200, {"menu": {}}, "2")
    assert (headers["Wxbus-Actions"], headers["Wxbus-Outcome"]) == ("repeated", "ok")


def test_a_get_that_is_not_in_the_table_is_not_repeated(bench, account):
    bench.weixin.plan("/cgi-bin/nobody/knows", {"errcode": -1, "errmsg": "system error"})
    _, headers, _ = bench.call(f"/accounts/{account}/cgi-bin/nobody/knows", method="GET")
    assert (headers["Wxbus-Attempts"], headers["Wxbus-Outcome"]) == ("1", "unknown")


def test_a_refreshed_token_is_told(bench, account):
    bench.call(f"/accounts/{account}{SEND}")
    bench.tokens.spoil(f"{COMPONENT}/{account}")
    _, headers, _ = bench.call(f"/accounts/{account}{SEND}")
    assert (headers["Wxbus-Attempts"], headers["Wxbus-Actions"]) == ("2", "refreshed")


def test_a_platforms_token_is_refreshed_too(bench):
    path = "/cgi-bin/component/get_authorizer_option"
    assert bench.call(f"/platforms{path}")[0] == 200
    before = bench.tokens.refreshes[COMPONENT]
    for errcode in (42006, 40094):
        bench.weixin.plan(path, {"errcode": errcode, "errmsg": "component_access_token expired"}, OK)
        status, headers, body = bench.call(f"/platforms{path}")
        assert (status, json.loads(body), headers["Wxbus-Attempts"]) == (200, OK, "2")
    assert bench.tokens.refreshes[COMPONENT] - before == 2


def test_a_thousand_calls_at_once_with_a_dead_token_cause_one_refresh(bench, account):
    """All thousand are at Weixin with the dead token before the first of them is told."""
    name, calls = f"{COMPONENT}/{account}", 1000
    wide = {**bench.settings, "WXBUS_HTTP_THREADS": calls + 50, "WXBUS_ACCOUNT_IN_FLIGHT": calls, "WXBUS_CALLER_IN_FLIGHT": calls,
            "WXBUS_CALL_TIMEOUT_MS": 30000}
    all_there = threading.Barrier(calls)
    dead = bench.tokens.tokens[name]

    def refuse():
        all_there.wait(20)
        return {"errcode": 40001, "errmsg": "invalid credential"}

    bench.weixin.plan(MENU_GET, *[refuse] * calls, {"menu": {}})
    bench.deployment.start_one("wxbus-api-proxy", "proxy-wide", settings=wide)
    try:
        port = bench.deployment.port("proxy-wide", "listen")
        with concurrent.futures.ThreadPoolExecutor(calls) as pool:
            answers = list(pool.map(lambda _: http_request(port, "GET", f"/accounts/{account}{MENU_GET}", None,
                                                           {"Authorization": f"Bearer {bench.key}"}, 40), range(calls)))
    finally:
        bench.deployment.finish("proxy-wide")
    assert all(status == 200 and json.loads(body) == {"menu": {}} for status, _, body in answers)
    assert collections.Counter(headers["Wxbus-Attempts"] for _, headers, _ in answers) == {"2": calls}
    sent = collections.Counter(call.query["access_token"] == dead for call in bench.weixin.to(MENU_GET))
    assert sent == {True: calls, False: calls}
    assert bench.tokens.refreshes[name] == 1 and bench.tokens.fetches[name] == 1


def test_calls_are_counted_by_api_and_class_and_no_account_is_named(bench, account):
    def counted(api, cls):
        return bench.proxy.metric("wxbus_api_proxy_calls_total", api=api, **{"class": cls})

    wanted = [("custom_message", "final"), ("menu", "ok"), ("other", "ok"), ("media", "refused"), ("menu", "busy")]
    before = {pair: counted(*pair) for pair in wanted}
    bench.weixin.plan(SEND, {"errcode": 45015, "errmsg": "response out of time limit"})
    bench.call(f"/accounts/{account}{SEND}")
    bench.call(f"/accounts/{account}{MENU_GET}", method="GET")
    bench.call(f"/accounts/{account}/merchant/{account}", method="GET")
    bench.weixin.plan("/cgi-bin/media/uploadimg", {"errcode": 45009, "errmsg": "reach max api daily quota limit"})
    for _ in range(2):
        bench.call(f"/accounts/{account}/cgi-bin/media/uploadimg")
    bench.weixin.plan(MENU_GET, {"errcode": -1, "errmsg": "system error"})
    bench.call(f"/accounts/{account}{MENU_GET}", method="GET")
    assert {pair: counted(*pair) - before[pair] for pair in wanted} == dict.fromkeys(wanted, 1)
    names = "".join(bench.proxy.metrics())
    assert account not in names and ACCOUNT not in names and COMPONENT not in names and "desk" not in names


# --- numbers that are used up

def seconds_to_beijings_midnight():
    now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8)))
    return ((now + datetime.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - now).total_seconds()


def test_a_used_up_day_costs_no_more_calls(bench, account):
    bench.weixin.plan(MENU_GET, {"errcode": 45009, "errmsg": "reach max api daily quota limit"})
    assert bench.errcode(f"/accounts/{account}{MENU_GET}", method="GET")[:2] == (200, 45009)
    expected = seconds_to_beijings_midnight()
    for _ in range(20):
        status, errcode, headers = bench.errcode(f"/accounts/{account}{MENU_GET}", method="GET")
        assert (status, errcode, headers["Wxbus-Attempts"], headers["Wxbus-Actions"]) == (429, 45009, "0", "refused")
        assert abs(int(headers["Retry-After"]) - expected) < 5
    assert len(bench.weixin.to(MENU_GET)) == 1
    assert bench.call(f"/accounts/{account}{SEND}")[0] == 200           # another API's number
    assert bench.errcode(f"/accounts/{ACCOUNT}{MENU_GET}", method="GET")[0] == 200      # another account's
    bench.weixin.plan(MENU_GET, {"menu": {}})
    assert bench.call(f"/accounts/{account}/cgi-bin/clear_quota")[0] == 200
    assert bench.call(f"/accounts/{account}{MENU_GET}", method="GET")[0] == 200


def test_a_used_up_minute_is_over_with_the_minute(bench, account):
    if time.time() % 60 > 55:
        time.sleep(60.1 - time.time() % 60)
    bench.weixin.plan(SEND, {"errcode": 45011, "errmsg": "api minute-quota reach limit"})
    assert bench.errcode(f"/accounts/{account}{SEND}")[:2] == (200, 45011)
    left = 60 - time.time() % 60
    status, errcode, headers = bench.errcode(f"/accounts/{account}{SEND}")
    assert (status, errcode) == (429, 45011) and abs(int(headers["Retry-After"]) - left) <= 2
    assert len(bench.weixin.to(SEND)) == 1


# --- permission sets

def tell_account(bench, appid, func_ids, kind="service", version=1):
    row = {"component_appid": COMPONENT, "appid": appid, "version": version, "user_name": "gh_1", "nick_name": "One",
           "kind": kind, "verified": True, "state": "authorized", "func_ids": func_ids, "channel": "live",
           "repliers": [], "ref": None, "updated_at": "2026-11-20T00:00:00Z"}
    topics.produce(bench.kafka.bootstrap_servers, bench.deployment.topic("accounts"), json.dumps(row).encode(),
                   f"{COMPONENT}/{appid}")
    return row


def refused(bench, path):
    status, _, body = bench.call(path)
    return status == 403 and json.loads(body)


def test_a_call_that_the_sets_do_not_cover_is_refused_at_once(bench, account):
    bench.tokens.directory[f"{COMPONENT}/{account}"] = tell_account(bench, account, [1, 2, 15])
    wait_until(lambda: refused(bench, f"/accounts/{account}{DRAFT}"), 15, "the directory read", 0.2)
    bench.forget()
    status, headers, body = bench.call(f"/accounts/{account}{DRAFT}")
    answer = json.loads(body)
    assert (status, answer["errcode"], headers["Wxbus-Attempts"]) == (403, 61007, "0")
    assert "11, 100" in answer["errmsg"] and DRAFT in answer["errmsg"] and "administrator" in answer["errmsg"]
    assert bench.errcode(f"/accounts/{account}/wxa/commit")[:2] == (403, 48001)
    assert bench.weixin.calls == []
    assert bench.call(f"/accounts/{account}{MENU_GET}", method="GET")[0] == 200     # set 15
    assert bench.call(f"/accounts/{account}/cgi-bin/not/in/the/table")[0] == 200


def test_before_refusing_token_service_is_asked_at_most_once_a_second(bench, account):
    name = f"{COMPONENT}/{account}"
    old = tell_account(bench, account, [1])
    bench.tokens.directory[name] = old
    wait_until(lambda: refused(bench, f"/accounts/{account}{DRAFT}"), 15, "the directory read", 0.2)
    time.sleep(1.1)
    bench.tokens.asked[name] = 0
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: bench.call(f"/accounts/{account}{DRAFT}")[0], range(100)))
    assert set(statuses) == {403} and bench.tokens.asked[name] == 1
    bench.tokens.directory[name] = {**old, "version": 2, "func_ids": [1, 100]}      # not on the topic yet
    time.sleep(1.1)
    assert bench.call(f"/accounts/{account}{DRAFT}")[0] == 200
    assert bench.tokens.asked[name] == 2


def test_nothing_is_refused_for_sets_on_the_word_of_the_topic_alone(bench, account):
    other = f"{account}z"
    bench.tokens.new_token(f"{COMPONENT}/{other}")
    tell_account(bench, account, [1])
    bench.tokens.directory[f"{COMPONENT}/{other}"] = tell_account(bench, other, [1])
    wait_until(lambda: refused(bench, f"/accounts/{other}{DRAFT}"), 15, "the directory read", 0.2)
    for _ in range(5):                  # token-service knows nothing of the first
        assert bench.call(f"/accounts/{account}{DRAFT}")[0] == 200


def test_the_topics_calls_are_judged_alike(bench, account):
    bench.tokens.directory[f"{COMPONENT}/{account}"] = tell_account(bench, account, [1])
    wait_until(lambda: refused(bench, f"/accounts/{account}{DRAFT}"), 15, "the directory read", 0.2)
    bench.forget()
    with bench.results() as results:
        bench.request(f"sets-{account}", path=DRAFT, appid=account)
        answer = results.by_id(f"sets-{account}").json
        assert (answer["outcome"], answer["errcode"], answer["attempts"]) == ("rejected", 61007, 0)
        bench.request(f"file-{account}", path="/cgi-bin/media/upload", appid=account)
        answer = results.by_id(f"file-{account}").json
        assert (answer["errcode"], answer["attempts"]) == (48001, 0) and "HTTP only" in answer["errmsg"]
    assert bench.weixin.calls == []
    wait_until(lambda: [(row["door"], row["refusal"], row["path"]) for row in calls_of(bench, account)][-1:] ==
               [("topic", "sets", DRAFT)], 5, "the call written down")


# --- bodies

def multipart(size):
    return (b"--B\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a b.jpg\"; filelength=%d\r\n"
            b"Content-Type: image/jpeg\r\n\r\n" % size + os.urandom(size) + b"\r\n--B--\r\n")


FORM = {"Content-Type": "multipart/form-data; boundary=B"}
UPLOAD = "/cgi-bin/media/upload"


@pytest.mark.parametrize("size", [10, 256 * 1024 - 1000, 256 * 1024 + 1000, 3_000_000])
def test_a_form_goes_through_as_it_is_and_again_after_a_token_error(bench, account, size):
    body = multipart(size)
    assert bench.call(f"/accounts/{account}{SEND}")[0] == 200
    bench.tokens.spoil(f"{COMPONENT}/{account}")
    bench.weixin.plan(UPLOAD, {"type": "image", "media_id": "m1", "created_at": 1})
    status, headers, answer = bench.call(f"/accounts/{account}{UPLOAD}?type=image", body=body, headers=FORM)
    assert (status, json.loads(answer)["media_id"], headers["Wxbus-Attempts"]) == (200, "m1", "2")
    first, second = bench.weixin.to(UPLOAD)
    assert first.body == second.body == body
    assert second.headers["Content-Type"] == FORM["Content-Type"]
    assert second.headers["Content-Length"] == str(len(body)) and "Transfer-Encoding" not in second.headers


def test_a_chunked_body_gets_its_length(bench, account):
    body = multipart(700_000)
    port = bench.deployment.port("wxbus-api-proxy", "listen")
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(f"POST /accounts/{account}{UPLOAD} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {bench.key}\r\n"
                           f"Content-Type: {FORM['Content-Type']}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(body), 50_000):
            piece = body[at:at + 50_000]
            connection.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    call, = bench.weixin.to(UPLOAD)
    assert call.body == body and call.headers["Content-Length"] == str(len(body))


def test_plain_forms_and_unusual_types_go_through(bench, account):
    bench.call(f"/accounts/{account}/cgi-bin/x", body=b"a=1&b=%E4", headers={"Content-Type": "application/x-www-form-urlencoded"})
    call, = bench.weixin.calls
    assert (call.body, call.headers["Content-Type"]) == (b"a=1&b=%E4", "application/x-www-form-urlencoded")


def test_a_files_name_and_type_come_back_and_no_address_of_weixins(bench, account):
    bench.weixin.plan("/cgi-bin/media/get", (200, {"Content-Type": "image/jpeg", "Set-Cookie": "a=b",
                      "Content-disposition": 'attachment; filename="x.jpg"'}, b"\xff\xd8\xff"))
    status, headers, body = bench.call(f"/accounts/{account}/cgi-bin/media/get?media_id=1", method="GET")
    assert (status, body, headers["Content-Type"]) == (200, b"\xff\xd8\xff", "image/jpeg")
    assert headers["Content-Disposition"] == 'attachment; filename="x.jpg"' and "Set-Cookie" not in headers
    token = bench.tokens.tokens[f"{COMPONENT}/{account}"]
    for leak in ((302, {"Location": f"{bench.weixin.url}/elsewhere?access_token={token}"}, b""), (200, {}, b"url?access_token=" + token.encode()),
                 (502, {"Content-Type": "text/html"}, b"GET /?access_token=" + token.encode())):
        bench.weixin.plan(SEND, leak)
        status, headers, body = bench.call(f"/accounts/{account}{SEND}")
        assert (status, headers["Wxbus-Outcome"], headers["Wxbus-Attempts"]) == (502, "unknown", "1")
        assert token not in str(headers) + body.decode()
    assert bench.weixin.to("/elsewhere") == []


def test_connections_to_weixin_are_used_again(bench, account):
    assert bench.call(f"/accounts/{account}{SEND}")[0] == 200
    before = bench.weixin.connections
    for _ in range(30):
        assert bench.call(f"/accounts/{account}{SEND}")[0] == 200
        assert bench.call(f"/accounts/{account}{MENU_GET}", method="GET")[0] == 200
    assert bench.weixin.connections - before <= 3


def test_an_answer_larger_than_any_of_weixins_is_not_read(bench, account):
    bench.weixin.plan("/cgi-bin/media/get", (200, {"Content-Type": "video/mp4"}, bytes(70_000_000)))
    status, headers, body = bench.call(f"/accounts/{account}/cgi-bin/media/get", method="GET")
    assert (status, headers["Wxbus-Outcome"]) == (504, "unknown") and len(body) < 1000


def test_a_long_json_answer_and_one_that_looks_like_a_file_come_whole(bench, account):
    fans = {"total": 10000, "data": {"openid": [f"o{number:027}" for number in range(10000)]}}
    bench.weixin.plan("/cgi-bin/user/get", fans)
    status, headers, body = bench.call(f"/accounts/{account}/cgi-bin/user/get", method="GET")
    assert (status, json.loads(body), headers["Wxbus-Outcome"]) == (200, fans, "ok")
    bench.weixin.plan("/cgi-bin/media/get", (200, {"Content-Type": "image/jpeg"}, b'{"errcode":40007,"errmsg":"bad"}'))
    _, headers, _ = bench.call(f"/accounts/{account}/cgi-bin/media/get", method="GET")
    assert headers["Wxbus-Outcome"] == "rejected"


def test_an_answer_that_breaks_off_is_seen_to_be_cut_short(bench, account):
    piece = b"\xff" * 200_000
    bench.weixin.plan("/cgi-bin/media/get", (200, {"Content-Type": "image/jpeg", "Content-Length": len(piece) + 5}, piece))
    port = bench.deployment.port("wxbus-api-proxy", "listen")
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(f"GET /accounts/{account}/cgi-bin/media/get HTTP/1.1\r\nHost: h\r\n"
                           f"Authorization: Bearer {bench.key}\r\n\r\n".encode())
        got = b""
        while more := connection.recv(65536):
            got += more
    head, _, body = got.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(piece) + 5}".encode() in head and body == piece
    wait_until(lambda: calls_of(bench, account), 5, "the call written down")
    assert calls_of(bench, account)[-1]["outcome"] == "unknown"


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])


class Watch:
    """The most memory that a process holds while `with` lasts."""

    def __init__(self, pid):
        self._pid, self._end = pid, threading.Event()
        self.before = self.most = resident_kib(pid)

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self):
        while not self._end.wait(0.002):
            self.most = max(self.most, resident_kib(self._pid))

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


def test_large_files_go_through_in_little_memory(bench, account):
    upload, download = multipart(10_000_000), os.urandom(20_000_000)
    bench.weixin.plan("/cgi-bin/media/get", (200, {"Content-Type": "video/mp4"}, download))
    for _ in range(3):                  # what a first call needs is needed once
        bench.call(f"/accounts/{account}{UPLOAD}", body=multipart(300_000), headers=FORM)
    with Watch(bench.proxy.pid) as watch:
        assert bench.call(f"/accounts/{account}{UPLOAD}", body=upload, headers=FORM, timeout_s=60)[0] == 200
        status, headers, body = bench.call(f"/accounts/{account}/cgi-bin/media/get", method="GET", timeout_s=60)
    assert (status, headers["Content-Length"]) == (200, "20000000") and body == download
    assert bench.weixin.to(UPLOAD)[-1].body == upload
    assert watch.most - watch.before < 4096, f"{watch.before} KiB grew to {watch.most} KiB"


def test_a_transfer_outlives_the_drain(bench, account, long):
    """The process ends when its last request is answered: its container's grace is longer than that may take."""
    wanted_s = 25 if long else 1                # a drain of the other services ends after 20 s
    bench.weixin.plan(UPLOAD, lambda: time.sleep(wanted_s) or {"type": "image", "media_id": "m1", "created_at": 1})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        transfer = pool.submit(bench.call, f"/accounts/{account}{UPLOAD}", body=multipart(300_000), headers=FORM, timeout_s=60)
        wait_until(lambda: bench.weixin.to(UPLOAD), 10, "the transfer under way")
        bench.deployment.finish("wxbus-api-proxy", timeout_s=60)
        assert transfer.result()[0] == 200
    bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings)


# --- what is written down

def calls_of(bench, appid):
    names = "component_appid caller_id appid door method path outcome refusal errcode http_status attempts ms".split()
    connection = psycopg2.connect(bench.deployment.database_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(names)} FROM api_proxy.calls WHERE appid = %s ORDER BY id", (appid,))
            return [dict(zip(names, row)) for row in cursor.fetchall()]
    finally:
        connection.close()


def test_each_call_is_written_down_without_its_body(bench, account):
    bench.weixin.plan(SEND, {"errcode": 45015, "errmsg": "response out of time limit"})
    bench.call(f"/accounts/{account}{SEND}?a=secret-query", body=b'{"touser":"secret-body"}')
    wait_until(lambda: calls_of(bench, account), 5, "the call written down")
    row, = calls_of(bench, account)
    assert 0 <= row.pop("ms") < 3000
    assert row == {"component_appid": COMPONENT, "caller_id": "desk", "appid": account, "door": "http", "method": "POST",
                   "path": SEND, "outcome": "rejected", "refusal": None, "errcode": 45015, "http_status": 200, "attempts": 1}


def test_old_rows_are_forgotten_at_a_start(bench, account):
    connection = psycopg2.connect(bench.deployment.database_url)
    with connection, connection.cursor() as cursor:
        for days in (29, 31):
            cursor.execute("INSERT INTO api_proxy.calls (at, component_appid, caller_id, appid, door, method, path, outcome,"
                           " errcode, http_status, attempts, ms) VALUES (now() - %s * interval '1 day', 'c', %s, %s, 'http',"
                           " 'GET', '/', 'ok', 0, 200, 1, 1)", (days, f"days-{days}", account))
    connection.close()
    bench.deployment.finish("wxbus-api-proxy")
    bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings)
    wait_until(lambda: [row["caller_id"] for row in calls_of(bench, account)] == ["days-29"], 10, "the older row gone")


def test_calls_go_on_without_the_database_and_are_written_down_later(bench, account, postgres):
    assert bench.call(f"/accounts/{account}{SEND}")[0] == 200
    postgres.stop()
    try:
        assert bench.call(f"/accounts/{account}{SEND}")[0] == 200
        time.sleep(1)
    finally:
        postgres.start()
    wait_until(lambda: len(calls_of(bench, account)) == 2, 20, "both calls written down", 0.5)


# --- egress

def call_through(bench, name, **settings):
    """(status, answer, Wxbus-Attempts) of one call through a process with such settings."""
    bench.deployment.start_one("wxbus-api-proxy", name, settings={**bench.settings, **settings})
    try:
        status, headers, body = bench.deployment.request(
            name, "POST", f"/accounts/{ACCOUNT}{SEND}", b"{}", {"Authorization": f"Bearer {bench.key}"})
        return status, json.loads(body), headers["Wxbus-Attempts"]
    finally:
        bench.deployment.finish(name)


def test_without_a_configured_base_of_http_only_https_goes_out(bench):
    """Over the proxy for egress it asks for a tunnel: what goes through is TLS, and the proxy learns a name only."""
    asked = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                asked.append(connection.recv(4096))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        status, answer, attempts = call_through(
            bench, "proxy-https", WXBUS_API_BASE="https://api.weixin.invalid",
            WXBUS_EGRESS_PROXY=f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
    assert (status, answer["errcode"], attempts) == (502, -1, "0")
    assert asked and all(first.startswith(b"CONNECT api.weixin.invalid:443 ") for first in asked[::2])
    assert all(second[:2] == b"\x16\x03" for second in asked[1::2])        # a TLS handshake
    assert b"access_token" not in b"".join(asked) and SEND.encode() not in b"".join(asked)


def test_a_weixin_that_cannot_prove_its_name_gets_nothing(bench, tmp_path):
    """The right name, certified by an authority that nobody here trusts."""
    write_certificates(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "front.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    port, came, read = listener.getsockname()[1], [], []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            came.append(connection)
            try:
                with context.wrap_socket(connection, server_side=True) as inside:
                    read.append(inside.recv(4096))
            except OSError:
                connection.close()      # whoever came did not like the certificate

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with trusting.wrap_socket(plain, server_hostname="localhost") as inside:
                inside.sendall(b"who trusts it")
        status, answer, attempts = call_through(bench, "proxy-trust", WXBUS_API_BASE=f"https://localhost:{port}")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
    assert (status, answer["errcode"], attempts) == (502, -1, "0")
    assert len(came) > 1 and read == [b"who trusts it"]


def test_a_proxy_for_egress_is_used(bench):
    asked = []

    class Egress(Peer):
        def answer(self, method, path, query, body, headers):
            asked.append((method, headers.get("Host")))
            return 200, {"Content-Type": "application/json"}, json.dumps(OK).encode()

    egress = Egress()
    try:
        assert call_through(bench, "proxy-egress", WXBUS_API_BASE="http://api.weixin.invalid",
                            WXBUS_EGRESS_PROXY=egress.url) == (200, OK, "1")
        assert asked == [("POST", "api.weixin.invalid")]
    finally:
        egress.close()

"""Weixin's own doors of wxbus-api-proxy: proxy tokens, and programs that others wrote for Weixin, as they are."""

import hashlib
import json
import os
import secrets
import sys
import time
import urllib.parse

import psycopg2
import pytest

from wxbus_testing import clients
from wxbus_testing.namespace import Namespace
from wxbus_testing.scripted import ACCOUNT, COMPONENT, FAN, OK, SEND, Bench
from wxbusdev.child import wait_until
from wxbusdev.deployment import Deployment

MENU_GET = "/cgi-bin/menu/get"


@pytest.fixture(scope="module")
def bench(kafka, postgres, logs, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("api-proxy-doors"), logs, kafka, postgres,
                            topic_prefix="wx." if kafka.kind == "embedded" else "doors.")
    b = Bench(deployment, kafka)
    yield b
    b.close()


@pytest.fixture(autouse=True)
def clean(bench):
    bench.forget()


def ask(bench, path, method="GET", body=None, headers=None):
    """As a stranger: no key in a header. (status, JSON)"""
    status, _, answer = bench.deployment.request("wxbus-api-proxy", method, path, body, headers)
    return status, json.loads(answer)


def token_path(appid, secret, grant_type="client_credential"):
    return "/cgi-bin/token?" + urllib.parse.urlencode({"grant_type": grant_type, "appid": appid, "secret": secret})


def new_token(bench, key=None, appid=ACCOUNT):
    status, answer = ask(bench, token_path(appid, key or bench.key))
    assert (status, answer["expires_in"]) == (200, 7200), answer
    return answer["access_token"]


# --- tokens

def test_a_proxy_token_stands_for_the_accounts_own(bench):
    token = new_token(bench)
    real = bench.tokens.tokens[f"{COMPONENT}/{ACCOUNT}"]
    for path in (SEND, "/customservice/kfaccount/add", "/wxa/msg_sec_check", "/wxaapi/newtmpl/addtemplate", "/card/get",
                 "/datacube/getusersummary", "/cgi-bin/not/in/the/table"):
        assert ask(bench, f"{path}?access_token={token}&a=1", "POST", b"{}") == (200, OK)
        call, = bench.weixin.to(path)
        assert call.query == {"access_token": real, "a": "1"}
    assert token not in str(bench.weixin.calls)


def test_the_stable_token_is_one_too(bench):
    body = {"grant_type": "client_credential", "appid": ACCOUNT, "secret": bench.key, "force_refresh": False}
    status, answer = ask(bench, "/cgi-bin/stable_token", "POST", json.dumps(body).encode())
    assert (status, answer["expires_in"]) == (200, 7200)
    assert ask(bench, f"{MENU_GET}?access_token={answer['access_token']}") == (200, OK)


def test_nobody_without_a_key_and_its_account_gets_a_token(bench):
    narrow = bench.add_caller("door-narrow", [ACCOUNT], ["/cgi-bin/menu/*"], [])["key"]
    wrong = [(token_path(ACCOUNT, "x" * 43), 401, 40125), (token_path(ACCOUNT, ""), 401, 40125),
             (token_path(ACCOUNT, new_token(bench)), 401, 40125), (token_path("wxother", narrow), 403, 48001),
             (token_path("wx/../x", bench.key), 404, 40013), (token_path(ACCOUNT, bench.key, "refresh"), 400, 40002),
             (f"/cgi-bin/token?grant_type=client_credential&appid={ACCOUNT}", 401, 40125)]
    for path, expected, errcode in wrong:
        status, answer = ask(bench, path)
        assert (status, answer["errcode"]) == (expected, errcode), path
        assert "access_token" not in answer
    for body in (b"", b"[]", b"{", b"x" * 5000, json.dumps({"grant_type": "client_credential", "appid": ACCOUNT}).encode()):
        assert ask(bench, "/cgi-bin/stable_token", "POST", body)[0] in (400, 401, 413)
    assert ask(bench, token_path(ACCOUNT, bench.key), "POST", b"{}")[0] == 405
    assert ask(bench, "/cgi-bin/stable_token")[0] == 405
    assert bench.weixin.calls == []


def test_credentials_work_where_they_belong_only(bench):
    """Keys, proxy tokens and a person's tokens, each in the others' places: 401 or 403, nothing sent."""
    token, key = new_token(bench), bench.key
    narrow = bench.add_caller("door-held", [ACCOUNT], ["/cgi-bin/menu/*"], [])["key"]
    narrow_token = new_token(bench, narrow)
    as_header = {"Authorization": f"Bearer {token}"}
    real = bench.tokens.tokens[f"{COMPONENT}/{ACCOUNT}"]
    wrong = [(f"{SEND}?access_token={key}", None), (f"{SEND}?access_token={real}", None), (SEND, None),
             (SEND, {"Authorization": f"Bearer {key}"}), (f"/accounts/{ACCOUNT}{SEND}", as_header),
             (f"/accounts/{ACCOUNT}{SEND}?access_token={token}", None), (f"/platforms{SEND}?access_token={token}", None),
             (f"/platforms{SEND}", as_header), (f"{SEND}?access_token={narrow_token}", None),
             (f"{SEND}?access_token={token}x", None), (f"{SEND}?access_token={token[:-1]}", None),
             (f"{SEND}?access_token=", None), (f"{SEND}?component_access_token={token}", None),
             (f"/cgi-bin/component/api_get_authorizer_option?access_token={token}", None),
             (f"/cgi-bin/component/api_component_token?access_token={token}", None),
             (f"/cgi-bin/component/api_query_auth?component_access_token={token}", None),
             (f"/wxa/gettemplatelist?access_token={token}", None), (f"/sns/component/jscode2session?access_token={token}", None),
             (f"/cgi-bin/token/?access_token={token}", None), (f"/sns/userinfo?access_token={token}&openid=o", None),
             (f"/sns/userinfo?access_token={key}&openid=o", None), ("/sns/auth?openid=o", None),
             (f"/accounts/{ACCOUNT}/sns/userinfo?access_token={token}", {"Authorization": f"Bearer {key}"})]
    for path, headers in wrong:
        status, answer = ask(bench, path, "POST", b"{}", headers)
        assert status in (401, 403), (path.split("?")[0], status, answer)
    assert bench.weixin.calls == []
    assert ask(bench, f"{MENU_GET}?access_token={narrow_token}") == (200, OK)


def test_a_proxy_token_is_no_better_than_its_key(bench):
    key = bench.add_caller("door-revoked", [ACCOUNT], ["*"], [])["key"]
    token = new_token(bench, key)
    assert ask(bench, f"{MENU_GET}?access_token={token}") == (200, OK)
    connection = psycopg2.connect(bench.deployment.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE api_proxy.callers SET revoked_at = now() WHERE caller_id = 'door-revoked'")
    connection.close()
    wait_until(lambda: ask(bench, f"{MENU_GET}?access_token={token}")[0] == 401, 8, "the token refused")
    status, answer = ask(bench, f"{MENU_GET}?access_token={token}")
    assert (status, answer["errcode"]) == (401, 40001)


def test_a_proxy_token_is_good_after_a_new_start(bench):
    token = new_token(bench)
    bench.deployment.finish("wxbus-api-proxy")
    bench.proxy = bench.deployment.start_one("wxbus-api-proxy", settings=bench.settings)
    assert ask(bench, f"{MENU_GET}?access_token={token}") == (200, OK)


def test_a_persons_own_token_goes_through_as_it_is(bench):
    bench.weixin.good.add("person-token-1")
    bench.weixin.plan("/sns/userinfo", {"openid": FAN, "nickname": "小明"})
    for headers, prefix in ((None, ""), ({"Authorization": f"Bearer {bench.key}"}, f"/accounts/{ACCOUNT}")):
        path = f"{prefix}/sns/userinfo?access_token=person-token-1&openid={FAN}&lang=zh_CN"
        assert ask(bench, path, headers=headers) == (200, {"openid": FAN, "nickname": "小明"})
    assert ask(bench, f"/sns/auth?access_token=person-token-1&openid={FAN}") == (200, OK)
    assert [call.query for call in bench.weixin.to("/sns/userinfo")] == [
        {"access_token": "person-token-1", "openid": FAN, "lang": "zh_CN"}] * 2
    bench.forget()
    fetches = sum(bench.tokens.fetches.values()) + sum(bench.tokens.refreshes.values())
    status, answer = ask(bench, f"/sns/userinfo?access_token=person-token-dead&openid={FAN}")
    assert (status, answer["errcode"]) == (200, 40001)      # Weixin's word, to the program that holds the token
    assert len(bench.weixin.calls) == 1
    assert sum(bench.tokens.fetches.values()) + sum(bench.tokens.refreshes.values()) == fetches


HOSTILE = ["//127.0.0.1:1/cgi-bin/x", "/cgi-bin//127.0.0.1:1/x", "/cgi-bin/@127.0.0.1:1/x", "/@127.0.0.1:1/cgi-bin/x",
           "/cgi-bin/../sns/x", "/cgi-bin/..", "/cgi-bin/./x", "/cgi-bin/%2e%2e/x", "/cgi-bin/%2E%2E/x", "/cgi-bin/.%2e/x",
           "/cgi-bin/%2e/x", "/cgi-bin%2fx", "/cgi-bin/%2fx", "/cgi-bin/x%2f..%2fy", "/cgi-bin/%5cx", "/cgi-bin/x\\y",
           "/cgi-bin\\x", "/cgi-bin/x%00", "/cgi-bin/x%0d%0aHost:%20y", "/cgi-bin/x%0a", "/cgi-bin/%252e%252e/x",
           "/cgi-bin/x;y=1", "/cgi-bin/x:80/y", "/cgi-bin/x%40y", "/cgi-bin/x@y", "/cgi-bin/x%20y", "/cgi-bin/x%3fy", "/cgi-bin/x%23y",
           "/cgi-bin/%63omponent/api_component_token", "/CGI-BIN/message/custom/send", "/cgi-bin/COMPONENT/api_component_token",
           "/cgi-bin/token/", "/cgi-bin/stable_token/", "/cgi-bin/Token", "/cgi-bin/component/api_query_auth/", "/", "/cgi-bin",
           "/wxa/../cgi-bin/x", "/sns/../cgi-bin/x", "/wxaccount0002/cgi-bin/x", "/accounts/wxaccount0002%2fcgi-bin/x",
           "/accounts/../platforms/cgi-bin/x", "/accounts//cgi-bin/x", "/accounts/wx%61/cgi-bin/x", "/platforms//cgi-bin/x",
           "/merchant/x", "/http://127.0.0.1:1/cgi-bin/x"]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_is_refused_and_nothing_sent(bench, path):
    token = new_token(bench)
    for headers in (None, {"Authorization": f"Bearer {bench.key}"}):
        for method, body in (("GET", None), ("POST", b"{}")):
            status, _, _ = bench.deployment.request(
                "wxbus-api-proxy", method, f"{path}?access_token={token}", body, headers)
            assert status in (400, 401, 403, 404), (path, status)
    assert bench.weixin.calls == []


def test_a_caller_of_one_account_reaches_no_other(bench):
    key = bench.add_caller("door-one", [ACCOUNT], ["*"], [])["key"]
    token = new_token(bench, key)
    assert ask(bench, f"/accounts/wxaccount0002{SEND}?access_token={token}", "POST", b"{}",
               {"Authorization": f"Bearer {key}"})[0] == 403
    assert ask(bench, f"{SEND}?access_token={token}&appid=wxaccount0002", "POST", b'{"appid":"wxaccount0002"}')[0] == 200
    call, = bench.weixin.calls
    assert call.query["access_token"] == bench.tokens.tokens[f"{COMPONENT}/{ACCOUNT}"]


def test_no_secret_is_logged(bench):
    text = bench.proxy.log_path.read_text()
    assert bench.key not in text and "wxbus-" + "B" not in text
    assert new_token(bench)[:24] not in text


# --- programs that others wrote

@pytest.fixture(scope="module")
def programs():
    return clients.environment()


@pytest.fixture
def namespace(bench, tmp_path):
    with Namespace(tmp_path, "api.weixin.qq.com", bench.deployment.port("wxbus-api-proxy", "listen")) as made:
        yield made


@pytest.mark.timeout(900)               # the first run on a machine installs them
@pytest.mark.parametrize("command", [[sys.executable, clients.FOLDER / "with_wechatpy.py"],
                                     ["node", clients.FOLDER / "with_co_wechat_api.js"]], ids=["wechatpy", "co-wechat-api"])
def test_a_program_written_for_weixin_works_unmodified(bench, programs, namespace, tmp_path, command):
    picture, download, fan = os.urandom(400_000), os.urandom(2_000_000), "oFan" + secrets.token_hex(6)
    (tmp_path / "picture.jpg").write_bytes(picture)
    followers = {"total": 2, "count": 2, "data": {"openid": [fan, "oFan0002"]}, "next_openid": "oFan0002"}
    bench.weixin.plan("/cgi-bin/media/upload", {"type": "image", "media_id": "media-1", "created_at": int(time.time())})
    bench.weixin.plan("/cgi-bin/media/get", (200, {"Content-Type": "image/jpeg",
                                                   "Content-disposition": 'attachment; filename="m.jpg"'}, download))
    bench.weixin.plan("/cgi-bin/user/get", followers)
    environment = {**programs, "REQUESTS_CA_BUNDLE": str(namespace.ca_file), "NODE_EXTRA_CA_CERTS": str(namespace.ca_file)}
    done = namespace.run([*command, ACCOUNT, bench.key, fan, tmp_path / "picture.jpg"], environment)
    assert done.returncode == 0, done.stdout + done.stderr
    got = json.loads(done.stdout.splitlines()[-1])
    assert got["uploaded"]["media_id"] == "media-1" and got["sent"]["errcode"] == got["menu"]["errcode"] == 0
    assert got["downloaded"] == hashlib.sha256(download).hexdigest() and got["followers"]["data"] == followers["data"]
    assert [call.path for call in bench.weixin.calls] == ["/cgi-bin/media/upload", SEND, "/cgi-bin/menu/create",
                                                          "/cgi-bin/media/get", "/cgi-bin/user/get"]
    real = bench.tokens.tokens[f"{COMPONENT}/{ACCOUNT}"]
    assert {call.query["access_token"] for call in bench.weixin.calls} == {real}
    assert real not in done.stdout + done.stderr and got["access_token"] != real
    sent = json.loads(bench.weixin.to(SEND)[0].body)
    assert sent["touser"] == fan and sent["text"]["content"].startswith("你好")
    assert picture in bench.weixin.to("/cgi-bin/media/upload")[0].body

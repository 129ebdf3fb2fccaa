"""Mini-program login on behalf."""

import json

import pytest

from test_token_service import SERVICE, World


@pytest.fixture(scope="module")
def world(new_deployment):
    return World.started(new_deployment())


def log_in(world, appid, body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, answer = world.deployment.request(SERVICE, "POST", f"/login/{world.component}/{appid}", body)
    return status, json.loads(answer)


def test_a_code_becomes_a_session_whose_key_stays_here(world):
    appid = world.new_account(miniprogram=True)
    world.authorize(appid)
    code = world.sim.call("/admin/login", appid=appid, openid="oUser1")["code"]
    status, answer = log_in(world, appid, {"code": code})
    assert status == 200 and set(answer) == {"openid", "session"} and answer["openid"] == "oUser1"
    assert len(answer["session"]) == 43
    call = world.sim.calls("/sns/component/jscode2session")[-1]
    session_key = json.loads(call["answer"])["session_key"]
    row = world.database("SELECT appid, openid, session_key, session_sha256 FROM token_service.login_sessions")[0]
    assert row[:2] == (appid, "oUser1")
    assert session_key.encode() not in bytes(row[2]) and answer["session"].encode() not in bytes(row[3])
    log = world.deployment.service(SERVICE).log_text()
    assert session_key not in log and code not in log and answer["session"] not in log
    assert log_in(world, appid, {"code": code}) == (409, {"error": "code_refused"})      # works once
    second = log_in(world, appid, {"code": world.sim.call("/admin/login", appid=appid, openid="oUser1")["code"]})[1]
    assert second["session"] != answer["session"]


def test_what_is_no_login_is_refused(world):
    appid, other = world.new_account(miniprogram=True), world.new_account(miniprogram=True)
    world.authorize(appid)
    code = world.sim.call("/admin/login", appid=other, openid="oUser1")["code"]
    assert log_in(world, other, {"code": code}) == (404, {"error": "unknown"})           # does not authorize us
    assert log_in(world, appid, {"code": code}) == (409, {"error": "code_refused"})      # another account's
    for body in (b"", b"{}", b'{"code":""}', b'{"code":1}', b"[", b"code=x", json.dumps({"code": "x" * 513}).encode()):
        assert log_in(world, appid, body)[0] in (400, 411)
    assert log_in(world, appid, b"x" * 5000)[0] == 413
    status, _, _ = world.deployment.request(SERVICE, "POST", f"/login/wxunknown/{appid}", b"{}")
    assert status == 404


def test_weixin_s_trouble_is_told_and_passes(world):
    appid = world.new_account(miniprogram=True)
    world.authorize(appid)
    for fault in ({"errcode": -1}, {"errcode": 61004}, {"errcode": 45009}, {"http_status": 500}, {"body": "<html>"}):
        code = world.sim.call("/admin/login", appid=appid, openid="oUser2")["code"]
        world.sim.call("/admin/faults", path="/sns/component/jscode2session", count=1, **fault)
        assert log_in(world, appid, {"code": code}) == (503, {"error": "unavailable"})
        assert log_in(world, appid, {"code": code})[0] == 200
    world.sim.call("/admin/tokens/expire", component_appid=world.component, how="invalid")
    code = world.sim.call("/admin/login", appid=appid, openid="oUser2")["code"]
    assert log_in(world, appid, {"code": code})[0] == 200                                 # with a newer token

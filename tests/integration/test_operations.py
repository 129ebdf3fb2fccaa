"""The APIs that operators and back offices use now and then: options, quotas, rids, open-platform accounts,
registrations of mini programs and their pushes."""

import json
import re

import pytest

from wxbus_testing.token_world import World
from wxbusdev.child import wait_until


@pytest.fixture(scope="module")
def world(new_deployment):
    return World.started(new_deployment(settings={"WXBUS_SYNC_EVERY_S": "0"}))


@pytest.fixture(scope="module")
def account(world):
    appid = world.new_account(func_ids=[1, 2, 3, 24])
    world.authorize(appid)
    return appid


def operate(world, operation, appid=None, /, **fields):
    path = f"/v1/accounts/{world.component}/{appid}" if appid else f"/v1/platforms/{world.component}"
    return world.admin.call("POST", f"{path}/weixin/{operation}", fields)


def audited(world, what):
    return [row[0] for row in world.database("SELECT appid FROM token_service.audit WHERE what = %s ORDER BY id", what)]


def test_options_are_shown_and_set(world, account):
    show = ("accounts", "options", world.component, account)
    assert world.deployment.command(*show).stdout.split() == [
        "location_report", "0", "voice_recognize", "0", "customer_service", "0"]
    world.deployment.command(*show, "location_report=2")
    assert operate(world, "option-get", account, option_name="location_report") == (
        200, {"option_name": "location_report", "option_value": "2"})
    assert audited(world, "option-set") == [account]
    status, answer = operate(world, "option-set", account, option_name="location_report", option_value="3")
    assert (status, answer["error"], answer["errcode"]) == (409, "refused", 61013)
    assert operate(world, "option-get", account, option_name="nothing")[1]["errcode"] == 61012
    unknown = world.deployment.command("accounts", "options", world.component, "wxnobody", check=False)
    assert unknown.returncode == 1 and "61003" in unknown.stderr
    assert world.deployment.command(*show, "=2", check=False).returncode == 2


def test_quotas_are_shown_and_cleared(world, account):
    path = "/cgi-bin/component/api_get_authorizer_info"
    used = json.loads(world.deployment.command("quota", "show", path).stdout)["quota"]["used"]
    assert used >= 1
    assert world.deployment.command("quota", "clear", "--component", world.component).stdout.startswith(world.component)
    shown = json.loads(world.deployment.command("quota", "show", path, "--component", world.component).stdout)
    assert shown["quota"] == {"daily_limit": 10000000, "used": 0, "remain": 10000000} and shown["rate_limit"]
    send = "/cgi-bin/message/custom/send"
    shown = json.loads(world.deployment.command("quota", "show", send, "--appid", account).stdout)
    assert shown["quota"]["daily_limit"] == 500000
    for wrong, errcode in ((send, 76022), ("cgi-bin/x", 76003), ("/cgi-bin/x", 76021)):
        answer = world.deployment.command("quota", "show", wrong, check=False)
        assert answer.returncode == 1 and str(errcode) in answer.stderr
    for _ in range(10):
        assert operate(world, "quota-clear", account)[0] == 200
    assert operate(world, "quota-clear", account)[1]["errcode"] == 48006
    assert audited(world, "quota-clear") == [""] + [account] * 10


def test_a_quota_is_cleared_even_if_no_token_can_be_fetched(world):
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_component_token", errcode=45009, count=1000)
    world.sim.call("/admin/tokens/expire", component_appid=world.component, how="expired")
    try:
        status, answer = operate(world, "rid-get", rid="x-y")       # the call itself was not refused: it was not made
        assert (status, answer["error"]) == (503, "unavailable") and "45009" in answer["detail"]
        assert operate(world, "quota-clear")[0] == 200
    finally:
        world.sim.call("/admin/faults/clear")
    world.sim.push_ticket(world.component)
    wait_until(lambda: operate(world, "rid-get", rid="x-y")[0] == 409, 20, "a component token again")


def test_a_rid_tells_of_a_call_without_its_credentials(world, account):
    since = world.now()
    assert operate(world, "option-get", account, option_name="nothing")[0] == 409
    call = world.calls("api_get_authorizer_option", None, since)[-1]
    rid = re.search(r"rid: (\S+)\"", call["answer"])[1]
    printed = world.deployment.command("rid", rid).stdout
    request = json.loads(printed)["request"]
    assert request["request_url"] == "access_token=..." and json.loads(request["response_body"])["errcode"] == 61012
    assert json.loads(request["request_body"])["authorizer_appid"] == account
    token = world.tokens.call("GET", f"/v1/platforms/{world.component}/token")[1]["token"]
    assert token in call["query"] and token not in printed
    assert operate(world, "rid-get", account, rid=rid)[1]["errcode"] == 76001       # not the account's own call
    assert world.deployment.command("rid", check=False).returncode == 2


def test_open_platform_accounts_are_made_bound_and_left(world, account):
    other = world.new_account(func_ids=[1, 24])
    world.authorize(other)
    assert operate(world, "open-get", account)[1]["errcode"] == 89002
    status, made = operate(world, "open-create", account)
    assert status == 200 and list(made) == ["open_appid"]
    assert operate(world, "open-create", account)[1]["errcode"] == 89000
    assert operate(world, "open-bind", other, open_appid=made["open_appid"]) == (200, {})
    assert operate(world, "open-get", other) == (200, made)
    assert operate(world, "open-bind", other, open_appid=made["open_appid"])[1]["errcode"] == 89000
    assert operate(world, "open-unbind", other, open_appid=made["open_appid"]) == (200, {})
    assert operate(world, "open-bind", other, open_appid="wxopennone")[1]["errcode"] == 89003
    plain = world.new_account()
    world.authorize(plain)
    assert operate(world, "open-create", plain)[1]["errcode"] == 61007
    assert operate(world, "open-create", "wxnobody") == (404, {"error": "unknown", "detail": "no such account"})
    assert audited(world, "open-create") == [account] and audited(world, "open-bind") == [other]
    # A token that Weixin no longer takes is replaced on the way, as everywhere.
    world.sim.call("/admin/tokens/expire", component_appid=world.component, appid=account, how="expired")
    assert operate(world, "open-get", account) == (200, made)


def wait_notice(world, appid, info_type):
    key = f"{world.component}/{appid}"
    with world.reader("platform-notices") as reader:
        return reader.wait_for_one(lambda record: record.key == key and
                                   record.headers["ce_type"] == "weixin.platform." + info_type, 20)


def test_a_registered_enterprise_s_mini_program_becomes_authorized(world):
    company = {"name": "企业名称", "code": "911101", "code_type": 1, "legal_persona_wechat": "fa-ren",
               "legal_persona_name": "法人", "component_phone": "1234567"}
    assert operate(world, "register-enterprise", **{**company, "code_type": 4})[1]["errcode"] == 89248
    assert operate(world, "register-enterprise", name="x")[0] == 400
    assert operate(world, "register-enterprise", **company) == (200, {})
    assert operate(world, "register-enterprise", **company)[1]["errcode"] == 89249
    search = {name: company[name] for name in ("name", "legal_persona_wechat", "legal_persona_name")}
    assert operate(world, "register-enterprise-state", **search)[1]["errcode"] == 89251
    pushed = world.sim.call("/admin/push/registered", component_appid=world.component, kind="enterprise",
                            appid="wxregistered0001")
    assert pushed["answer"] == "success"
    assert world.wait_served("wxregistered0001")["token"] == world.weixin_s_account("wxregistered0001")["access_token"]
    notice = wait_notice(world, "wxregistered0001", "notify_third_fasteregister")
    assert notice.json["info"]["code"] == "911101" and notice.json["added"] == [17, 18, 25, 30, 31]
    assert pushed["code"] not in notice.value.decode() and "auth_code" not in notice.json
    assert world.directory("wxregistered0001", lambda row: row["user_name"])["kind"] == "miniprogram"
    assert operate(world, "register-enterprise-state", **search) == (200, {})


def test_a_registered_person_s_mini_program_becomes_authorized(world):
    status, task = operate(world, "register-personal", idname="张三", wxuser="zhang-san")
    assert status == 200 and task["status"] == 0 and task["authorize_url"].startswith("https://")
    world.sim.call("/admin/push/registered", component_appid=world.component, kind="personal", appid="wxregistered0002")
    world.wait_served("wxregistered0002")
    assert operate(world, "register-personal-state", taskid=task["taskid"])[1]["status"] == 6
    assert operate(world, "register-personal-state", taskid="none")[1]["errcode"] == 89250


def test_a_registration_that_came_to_nothing_and_a_trial_are_told(world):
    operate(world, "register-personal", idname="李四", wxuser="li-si")
    world.sim.call("/admin/push/registered", component_appid=world.component, kind="personal", appid="wxregistered0003",
                   status=100003)
    with world.reader("platform-notices") as reader:
        notice = reader.wait_for_one(lambda record: record.json.get("info", {}).get("wxuser") == "li-si", 20)
    assert str(notice.json["status"]) == "100003"
    assert world.token("wxregistered0003")[0] == 404
    status, trial = operate(world, "register-trial", name="试用", openid="oSomebody")
    assert status == 200 and trial["authorize_url"]
    world.sim.call("/admin/push/registered", component_appid=world.component, kind="trial", appid="wxregistered0004")
    notice = wait_notice(world, "wxregistered0004", "notify_third_fastregisterbetaapp")
    assert notice.json["info"]["unique_id"] == trial["unique_id"]


def test_a_registration_whose_code_is_lost_is_told_all_the_same(world):
    appid = world.new_account(miniprogram=True)
    world.push_event("notify_third_fasteregister", appid=appid, status=0, auth_code="queryauthcode@@@lost", msg="OK")
    notice = wait_notice(world, appid, "notify_third_fasteregister")
    assert notice.json["appid"] == appid and "lost" not in notice.value.decode()
    assert world.token(appid)[0] == 404


def test_a_call_that_may_have_taken_effect_is_made_once_and_told_so(world):
    since = world.now()
    world.sim.call("/admin/faults", path="/wxa/component/fastregisterbetaweapp", reset=True, when="after", count=1)
    status, answer = operate(world, "register-trial", name="慢", openid="oSomebody")
    assert (status, answer["error"]) == (502, "uncertain")
    made = wait_until(lambda: world.sim.calls("/wxa/component/fastregisterbetaweapp", since), 20, "the call's end")
    assert len(made) == 1
    assert world.database("SELECT detail FROM token_service.audit WHERE what = 'register-trial' ORDER BY id DESC"
                          " LIMIT 1") == [("not known whether it took effect",)]


def test_operations_are_for_operators(world, account):
    path = f"/v1/accounts/{world.component}/{account}/weixin/open-get"
    assert world.tokens.call("POST", path, {})[0] == 403
    assert world.admin.call("POST", path, {}, authorization="")[0] == 401
    assert world.admin.call("GET", path)[0] == 405
    assert operate(world, "open-get", account, appid="wxother")[0] == 400
    assert operate(world, "open-get")[0] == 404
    assert world.admin.call("POST", "/v1/platforms/wxnobody/weixin/quota-clear", {})[0] == 404

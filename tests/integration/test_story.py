"""The whole story once: from Weixin's ticket to the account that leaves, through every service."""

import json

import pytest

from wxbus_testing.ingress import Repliers, event_id_of_message
from wxbus_testing.whole import SEND, Whole, new_openid

TOPICS = ("platform-events", "platform-notices", "messages", "accounts", "replies", "api-requests", "api-results",
          "release-check.results", "release-check.dead-letter")
TEST_ACCOUNT = "wx570bc396a51b8ff8"     # of Weixin's release check


@pytest.fixture(scope="module")
def whole(new_deployment):
    return Whole(new_deployment())


def test_the_whole_story(whole):
    component, sim = whole.component, whole.sim
    status, answer = whole.tokens.call("GET", f"/v1/platforms/{component}/token")
    assert status == 200
    assert answer["token"] == sim.tokens()["platforms"][0]["component_access_token"]

    appid, original_id = whole.new_account(nick_name="小店")
    authorized = whole.authorize(appid)
    row = whole.directory(appid, lambda row: row["user_name"])
    assert (row["user_name"], row["nick_name"], row["kind"], row["verified"], row["func_ids"], row["repliers"]) == (
        original_id, "小店", "service", True, [1, 2, 3], [])
    notice = whole.notice(appid, "authorized")
    assert notice.json["AuthorizerAppid"] == appid and notice.json["added"] == [1, 2, 3]
    assert authorized["code"] not in notice.value.decode()

    fan = new_openid()
    pushed = sim.push_text(component, appid, fan, "你好 wxbus")
    assert pushed["answer"] == "success"
    record = whole.message(appid, fan)
    assert record.event_id == event_id_of_message(component, appid, fan, pushed["msg_id"])
    assert record.json == {"ToUserName": original_id, "FromUserName": fan, "CreateTime": record.json["CreateTime"],
                           "MsgType": "text", "Content": "你好 wxbus", "MsgId": str(pushed["msg_id"])}
    assert record.headers["ce_type"] == "weixin.message.text" and record.headers["ce_subject"] == fan
    assert "ce_unverifiedaccount" not in record.headers and "ce_repliers" not in record.headers

    def desk_answers(message):
        return [("desk", "reply", "回复: " + message.json["Content"])]

    with Repliers(whole.deployment, desk_answers):
        whole.set_repliers(appid, ["desk"])
        pushed = sim.push_text(component, appid, fan, "在吗?")
    assert pushed["answer"] == "reply", pushed
    assert (pushed["reply"]["MsgType"], pushed["reply"]["Content"]) == ("text", "回复: 在吗?")
    assert (pushed["reply"]["ToUserName"], pushed["reply"]["FromUserName"]) == (fan, original_id)

    key = whole.deployment.add_caller("desk", [appid], [SEND])
    body = {"touser": fan, "msgtype": "text", "text": {"content": "再见"}}
    status, _, answer = whole.deployment.request(
        "wxbus-api-proxy", "POST", f"/accounts/{appid}{SEND}", json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    assert status == 200 and json.loads(answer)["errcode"] == 0
    assert whole.sent_to(appid, fan) == ["再见"]

    assert sim.push_unauthorized(component, appid)["answer"] == "success"
    gone = whole.directory(appid, lambda row: row["state"] == "unauthorized")
    assert gone["version"] > row["version"] and gone["repliers"] == ["desk"]
    assert whole.notice(appid, "unauthorized").json["AuthorizerAppid"] == appid
    assert whole.tokens.call("GET", f"/v1/accounts/{component}/{appid}/token")[0] == 409


def test_a_query_auth_code_is_answered_through_api_proxy(whole):
    """As in Weixin's release check: empty at once, then the code comes back as a customer-service message."""
    fan = new_openid()
    whole.sim.add_account(TEST_ACCOUNT, user_name="gh_3c884a361561", func_ids=[1])
    code = whole.sim.push_authorized(whole.component, TEST_ACCOUNT)["code"]
    pushed = whole.sim.push_text(whole.component, TEST_ACCOUNT, fan, f"QUERY_AUTH_CODE:{code}")
    assert pushed["answer"] == "empty", pushed
    whole.wait_sent_to(TEST_ACCOUNT, fan, f"{code}_from_api")

    send, = whole.sends(TEST_ACCOUNT, fan)
    assert send["errcode"] == 0 and json.loads(send["body"])["text"]["content"] == f"{code}_from_api"
    event_id = whole.message(TEST_ACCOUNT, fan).event_id
    verdicts = [record.json for record in whole.all_records("replies") if record.event_id == event_id]
    assert [(verdict["group"], verdict["verdict"]) for verdict in verdicts] == [
        ("release-check", "empty"), ("release-check", "chosen")]
    request, = [record for record in whole.all_records("api-requests") if record.key == f"{TEST_ACCOUNT}/{fan}"]
    result = whole.wait_record("release-check.results", lambda record: record.key == request.event_id)
    assert (result.json["outcome"], result.json["errcode"], result.json["attempts"]) == ("ok", 0, 1)


def test_no_credential_stands_on_a_topic_or_in_a_log(whole):
    """Weixin knows every credential there is; none of them is anywhere but in token-service and api-proxy."""
    appid, _ = whole.new_account()
    pushed = whole.authorize(appid)
    fan = new_openid()
    whole.sim.push_text(whole.component, appid, fan, "hello")
    whole.message(appid, fan)
    whole.notice(appid, "authorized")

    platform, tokens = whole.deployment.platform, whole.sim.tokens()
    credentials = {"ticket": whole.ticket, "code": pushed["code"], "pre-auth code": pushed["pre_auth_code"],
                   "app secret": platform.app_secret, "push token": platform.keys[0][0],
                   "encoding key": platform.keys[0][1],
                   "component token": tokens["platforms"][0]["component_access_token"]}
    for account in tokens["accounts"]:
        if account["state"] == "authorized":
            credentials[f"token of {account['appid']}"] = account["access_token"]
            credentials[f"refresh token of {account['appid']}"] = account["refresh_token"]
    assert len(credentials) >= 9 and all(len(text) > 15 for text in credentials.values())

    places = {}
    for name in TOPICS:
        for record in whole.all_records(name):
            where = f"topic {name}, {record.headers.get('ce_type')}"
            places.setdefault(where, []).append(record.value + record.key.encode() + repr(record.headers).encode())
    for binary in ("wxbus-ingress", "wxbus-token-service", "wxbus-api-proxy", "wxbus-release-check"):
        service = whole.deployment.service(binary)
        places[f"log of {binary}"] = [service.log_text().encode()]
        places[f"metrics of {binary}"] = [repr(service.metrics()).encode()]
    found = {(where, name) for where, texts in places.items() for name, text in credentials.items()
             if any(text.encode() in one for one in texts)}
    assert not found
    assert any(fan.encode() in one for one in places["topic messages, weixin.message.text"])    # it can find

"""An independent client agrees with our Weixin: a third-party platform that is wechatpy, as its authors publish it, in a
network in which api.weixin.qq.com is weixin-sim."""

import json
import sys

import pytest

from test_weixin_sim import ACCOUNT, COMPONENT, FAN, KEY, SECRET, TOKEN, running
from wxbus_testing import clients
from wxbus_testing.namespace import Namespace


@pytest.fixture
def sim(logs):
    with running(logs / "weixin-sim-client.log", WEIXIN_SIM_PUSH_TIMEOUT_MS=20000) as sim:
        yield sim


@pytest.mark.timeout(900)               # the first run on a machine installs the client
def test_a_platform_that_is_wechatpy_completes_ticket_authorization_token_and_message(sim, tmp_path):
    environment = clients.environment()
    with Namespace(tmp_path, "api.weixin.qq.com", sim.api_port) as namespace:
        socket = tmp_path / "platform.sock"
        platform = namespace.start(
            [sys.executable, clients.FOLDER / "with_wechatpy_component.py", socket, COMPONENT, SECRET, TOKEN, KEY],
            {**environment, "REQUESTS_CA_BUNDLE": str(namespace.ca_file)})
        try:
            assert platform.stdout.readline() == "ready\n"
            base = f"http://127.0.0.1:{namespace.reach(socket)}"
            sim.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN, encoding_aes_key=KEY,
                     event_url=base + "/event", message_url=base + "/$APPID$")
            sim.add_account(ACCOUNT, nick_name="店铺", func_ids=[1, 2], fans=[FAN])
            assert sim.push_ticket(COMPONENT)["answer"] == "success"
            assert sim.push_authorized(COMPONENT, ACCOUNT)["answer"] == "success"
            for text in ("你好", "call me"):
                pushed = sim.push_text(COMPONENT, ACCOUNT, FAN, text)
                assert (pushed["answer"], pushed["why"]) == ("reply", "")
                assert pushed["reply"]["Content"] == "echo " + text
            assert sim.push_message(COMPONENT, ACCOUNT, FAN, {"MsgType": "image", "PicUrl": "http://x/", "MediaId": "1"})[
                "answer"] == "success"
            assert sim.push_unauthorized(COMPONENT, ACCOUNT)["answer"] == "success"
        finally:
            out, _ = platform.communicate(timeout=20)
    assert platform.returncode == 0
    seen = json.loads(out)
    assert seen["platform"] == ["component_verify_ticket", "authorized", "unauthorized"]
    assert seen["messages"] == [["text", "你好"], ["text", "call me"], ["image", ""]]
    assert [authorizer["authorizer_appid"] for authorizer in seen["authorizers"]["list"]] == [ACCOUNT]
    assert seen["nick_name"] == "店铺" and seen["refreshed"]
    assert [answer["errcode"] for answer in seen["sent"]] == [0]
    messages = sim.fan_messages(ACCOUNT, FAN)
    assert [message["text"]["content"] for message in messages] == ["你好 from wechatpy"]
    # Everything that it asked was right: our Weixin refused nothing.
    calls = sim.record(what="api")["entries"]
    assert {call["errcode"] for call in calls} == {0}, calls
    assert {"/cgi-bin/component/api_component_token", "/cgi-bin/component/api_query_auth",
            "/cgi-bin/component/api_authorizer_token", "/cgi-bin/component/api_get_authorizer_list",
            "/cgi-bin/component/api_get_authorizer_info", "/cgi-bin/message/custom/send"} == {call["path"] for call in calls}

"""weixin-sim alone, between this test's own receiver of pushes and its own calls: is it a faithful Weixin?"""

import concurrent.futures
import contextlib
import html
import http.client
import http.server
import json
import re
import threading
import time
import urllib.parse

import pytest

from wxbus_testing import weixin
from wxbusdev.child import ChildError, free_port
from wxbusdev.service import http_request
from wxbusdev.simulator import Simulator

COMPONENT, SECRET, TOKEN = "wxc0ffee00000001", "app-secret-1", "push-token-1"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
ACCOUNT, ORIGINAL_ID, FAN = "wxacc0000000001", "gh_000000000001", "oFan1"
API = "/cgi-bin/component/"
SEND = "/cgi-bin/message/custom/send"


class Receiver:
    """A platform's end of the pushes: opens each with the tests' own crypto and answers what `answer` says.
    `answer(push)` gives (status, body); a push is what open_push() made of it."""

    def __init__(self):
        self.platform = weixin.Platform(COMPONENT, TOKEN, KEY)
        self.pushes = []
        self.answer = lambda push: (200, b"success")
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                push = receiver.open_push(self.path, body)
                receiver.pushes.append(push)
                status, answer = receiver.answer(push)
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except ConnectionError:
                    pass                # Weixin does not wait longer than its time-out

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 512

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def open_push(self, target, body):
        path, _, query = target.partition("?")
        query = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
        envelope, crypto = weixin.xml_to_dict(body), self.platform.crypto
        assert query["encrypt_type"] == "aes"
        assert query["signature"] == crypto.signature(query["timestamp"], query["nonce"])
        assert query["msg_signature"] == crypto.msg_signature(query["timestamp"], query["nonce"], envelope["Encrypt"])
        opened = crypto.decrypt(envelope["Encrypt"])
        assert opened.appid == COMPONENT
        return {"path": path, "query": query, "envelope": envelope, "xml": opened.message.decode(),
                "fields": weixin.xml_to_dict(opened.message)}

    def reply(self, push, content, nonce=None, tail=COMPONENT, to=None):
        """An encrypted text reply to `push`."""
        fields = push["fields"]
        inner = weixin.message_xml(to or fields["FromUserName"], fields["ToUserName"], "text", Content=content)
        # message_xml() names the receiver first; a reply goes the other way round
        crypto, stamp, nonce = self.platform.crypto, str(int(time.time())), nonce or push["query"]["nonce"]
        encrypt = crypto.encrypt(inner.encode(), tail)
        return (f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt>"
                f"<MsgSignature><![CDATA[{crypto.msg_signature(stamp, nonce, encrypt)}]]></MsgSignature>"
                f"<TimeStamp>{stamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>").encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Weixin(Simulator):
    """The simulator with its API port."""

    def __init__(self, log_path, **settings):
        self.api_port, admin_port = free_port(), free_port()
        super().__init__("weixin-sim", {"WEIXIN_SIM_LISTEN": f"127.0.0.1:{self.api_port}",
                                        "WEIXIN_SIM_ADMIN_LISTEN": f"127.0.0.1:{admin_port}",
                                        "WEIXIN_SIM_PUSH_TIMEOUT_MS": 1500, **settings}, log_path, admin_port)

    def api(self, path, body=None, token=None, method="POST", parameter="access_token"):
        """The JSON answer of one API call; body None: none."""
        query = "?" + urllib.parse.urlencode({parameter: token}) if token is not None else ""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        status, _, answer = http_request(self.api_port, method, path + query, data)
        assert status == 200
        return json.loads(answer)

    def component_token(self):
        ticket = self.push_ticket(COMPONENT)["ticket"]
        answer = self.api(API + "api_component_token", {
            "component_appid": COMPONENT, "component_appsecret": SECRET, "component_verify_ticket": ticket})
        assert answer["expires_in"] == 7200 and "errcode" not in answer
        return answer["component_access_token"]

    def account_tokens(self, component_token, **options):
        """(access token, refresh token) after an authorization."""
        code = self.push_authorized(COMPONENT, ACCOUNT, **options)["code"]
        info = self.api(API + "api_query_auth", {"component_appid": COMPONENT, "authorization_code": code},
                        component_token)["authorization_info"]
        return info["authorizer_access_token"], info["authorizer_refresh_token"]

    def send_text(self, token, text="hi", touser=FAN):
        return self.api(SEND, {"touser": touser, "msgtype": "text", "text": {"content": text}}, token)["errcode"]


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@contextlib.contextmanager
def running(log_path, **settings):
    """A simulator of its own; it must end in order."""
    process = Weixin(log_path, **settings)
    process.start(ready=False)
    try:
        process.wait_for(process.ready, 20, "healthz")
        yield process
    finally:
        process.finish()


@pytest.fixture(scope="module")
def process(logs):
    with running(logs / "weixin-sim.log") as process:
        yield process


@pytest.fixture
def sim(process, receiver):
    """The simulator with one platform and one account, and nothing else."""
    process.call("/admin/reset")
    receiver.pushes.clear()
    receiver.answer = lambda push: (200, b"success")
    process.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN,
                 encoding_aes_key=KEY, event_url=f"{receiver.url}/event",
                 message_url=f"{receiver.url}/account/$APPID$/message")
    process.add_account(ACCOUNT, user_name=ORIGINAL_ID, nick_name="店铺", func_ids=[1, 2, 15], fans=[FAN])
    return process


def refused(errcode, answer):
    assert answer["errcode"] == errcode, answer
    assert "rid: " in answer["errmsg"]


def test_a_ticket_is_pushed_encrypted_and_buys_a_component_token(sim, receiver):
    pushed = sim.push_ticket(COMPONENT, create_time=1)
    assert (pushed["answer"], pushed["status"]) == ("success", 200)
    got = receiver.pushes[0]
    assert got["path"] == "/event" and got["envelope"]["AppId"] == COMPONENT and "openid" not in got["query"]
    assert got["fields"] == {"AppId": COMPONENT, "CreateTime": "1", "InfoType": "component_verify_ticket",
                             "ComponentVerifyTicket": pushed["ticket"]}
    assert sim.push_ticket(COMPONENT, same=True)["ticket"] == pushed["ticket"]

    body = {"component_appid": COMPONENT, "component_appsecret": SECRET, "component_verify_ticket": pushed["ticket"]}
    path = API + "api_component_token"
    refused(61006, sim.api(path, {**body, "component_verify_ticket": "ticket@@@no"}))
    refused(61006, sim.api(path, {**body, "component_verify_ticket": None}))
    refused(40125, sim.api(path, {**body, "component_appsecret": "no"}))
    refused(40013, sim.api(path, {**body, "component_appid": "wxno"}))
    refused(41018, sim.api(path, {}))
    refused(43002, sim.api(path, method="GET"))
    token = sim.api(path, body)["component_access_token"]
    assert sim.tokens()["platforms"][0]["component_access_token"] == token
    for parameter in ("access_token", "component_access_token"):
        answer = sim.api(API + "api_create_preauthcode", {"component_appid": COMPONENT}, token, parameter=parameter)
        assert answer["expires_in"] == 600 and answer["pre_auth_code"].startswith("preauthcode@@@")
    refused(40001, sim.api(API + "api_create_preauthcode", {"component_appid": COMPONENT}, "no"))
    refused(41001, sim.api(API + "api_create_preauthcode", {"component_appid": COMPONENT}))
    refused(40066, sim.api("/cgi-bin/user/unheard_of", {}, token))
    assert sim.api("/cgi-bin/getcallbackip", token=token, method="GET") == {"ip_list": ["127.0.0.1"]}


def test_a_ticket_can_be_asked_for(sim, receiver):
    since = sim.record()["next"]
    body = {"component_appid": COMPONENT, "component_secret": SECRET}
    assert sim.api(API + "api_start_push_ticket", body) == {"errcode": 0, "errmsg": "ok"}
    entries = sim.record(since, what="push", wait_ms=5000)["entries"]
    assert entries[0]["kind"] == "component_verify_ticket" and entries[0]["answer"] == "success"
    refused(40125, sim.api(API + "api_start_push_ticket", {**body, "component_secret": "no"}))


def test_an_authorization_gives_tokens_and_the_accounts_particulars(sim, receiver):
    component = sim.component_token()
    pre_auth = sim.api(API + "api_create_preauthcode", {"component_appid": COMPONENT}, component)["pre_auth_code"]
    pushed = sim.push_authorized(COMPONENT, ACCOUNT, func_ids=[1, 15])
    fields = receiver.pushes[-1]["fields"]
    assert fields["InfoType"] == "authorized" and fields["AuthorizerAppid"] == ACCOUNT
    assert fields["AuthorizationCode"] == pushed["code"] and fields["PreAuthCode"] == pre_auth
    assert 3500 < int(fields["AuthorizationCodeExpiredTime"]) - time.time() < 3700

    listing = {"component_appid": COMPONENT, "offset": 0, "count": 100}
    assert sim.api(API + "api_get_authorizer_list", listing, component)["list"][0]["refresh_token"] == ""
    query = {"component_appid": COMPONENT, "authorization_code": pushed["code"]}
    info = sim.api(API + "api_query_auth", query, component)["authorization_info"]
    assert info["authorizer_appid"] == ACCOUNT and info["expires_in"] == 7200
    assert info["func_info"] == [{"funcscope_category": {"id": 1}}, {"funcscope_category": {"id": 15}}]
    refused(61009, sim.api(API + "api_query_auth", query, component))
    listed = sim.api(API + "api_get_authorizer_list", listing, component)
    assert listed["total_count"] == 1
    assert listed["list"][0]["refresh_token"] == info["authorizer_refresh_token"]
    refused(40170, sim.api(API + "api_get_authorizer_list", {**listing, "count": 501}, component))

    particulars = sim.api(API + "api_get_authorizer_info",
                          {"component_appid": COMPONENT, "authorizer_appid": ACCOUNT}, component)
    assert particulars["authorizer_info"]["user_name"] == ORIGINAL_ID
    assert particulars["authorizer_info"]["nick_name"] == "店铺"
    assert "MiniProgramInfo" not in particulars["authorizer_info"]
    refused(61014, sim.api(API + "api_get_authorizer_list", listing, info["authorizer_access_token"]))


def test_tokens_overlap_on_a_refresh_and_end_with_a_new_authorization(sim):
    component = sim.component_token()
    access, refresh = sim.account_tokens(component)
    body = {"component_appid": COMPONENT, "authorizer_appid": ACCOUNT, "authorizer_refresh_token": refresh}
    newer = sim.api(API + "api_authorizer_token", body, component)["authorizer_access_token"]
    assert newer != access
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    assert [sim.send_text(access), sim.send_text(newer)] == [0, 0]
    refused(61023, sim.api(API + "api_authorizer_token", {**body, "authorizer_refresh_token": None}, component))

    newest, _ = sim.account_tokens(component)
    assert [sim.send_text(access), sim.send_text(newer), sim.send_text(newest)] == [40001, 40001, 0]
    refused(61023, sim.api(API + "api_authorizer_token", body, component))
    sim.call("/admin/tokens/expire", component_appid=COMPONENT, appid=ACCOUNT, how="expired")
    assert sim.send_text(newest) == 42001


def test_an_update_needs_a_change_and_a_release_ends_all(sim, receiver):
    with pytest.raises(ChildError, match="409"):
        sim.push_updateauthorized(COMPONENT, ACCOUNT, func_ids=[1])
    component = sim.component_token()
    access, _ = sim.account_tokens(component, func_ids=[15])
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    assert sim.send_text(access) == 61007
    with pytest.raises(ChildError, match="409"):
        sim.push_updateauthorized(COMPONENT, ACCOUNT, func_ids=[15])
    code = sim.push_updateauthorized(COMPONENT, ACCOUNT, func_ids=[1, 15])["code"]
    info = sim.api(API + "api_query_auth", {"component_appid": COMPONENT, "authorization_code": code}, component)
    access = info["authorization_info"]["authorizer_access_token"]
    assert sim.send_text(access) == 0

    assert sim.push_unauthorized(COMPONENT, ACCOUNT)["answer"] == "success"
    assert receiver.pushes[-1]["fields"]["AuthorizerAppid"] == ACCOUNT
    assert sim.send_text(access) == 61003
    refused(61003, sim.api(API + "api_get_authorizer_info",
                           {"component_appid": COMPONENT, "authorizer_appid": ACCOUNT}, component))
    with pytest.raises(ChildError, match="409"):
        sim.push_unauthorized(COMPONENT, ACCOUNT)


def browse(sim, path, referer=None):
    """(status, headers, body) of a browser that follows no redirect."""
    return http_request(sim.api_port, "GET", path, headers={"Referer": referer} if referer else {})


def test_the_authorization_page_judges_the_referer_and_sends_back_with_a_code(sim, receiver):
    token = sim.component_token()
    code = sim.api(API + "api_create_preauthcode", {"component_appid": COMPONENT}, token)["pre_auth_code"]
    query = urllib.parse.urlencode({"component_appid": COMPONENT, "pre_auth_code": code, "auth_type": "3",
                                    "redirect_uri": "https://wx.example.com/back?s=1"})
    page = "/cgi-bin/componentloginpage?" + query
    for referer in (None, "https://evil.example/"):
        assert b'id="ret">-14<' in browse(sim, page, referer)[2]
    shown = browse(sim, page, "https://wx.example.com/")[2].decode()
    link = html.unescape(re.search(rf'id="confirm-{ACCOUNT}" href="([^"]+)"', shown)[1])
    status, headers, _ = browse(sim, link)
    back = urllib.parse.urlsplit(headers["Location"])
    fields = dict(urllib.parse.parse_qsl(back.query))
    assert status == 302 and (back.netloc, fields["s"]) == ("wx.example.com", "1")
    assert receiver.pushes[-1]["fields"]["AuthorizationCode"] == fields["auth_code"]
    assert receiver.pushes[-1]["fields"]["PreAuthCode"] == code
    assert b'id="ret">-28<' in browse(sim, page, "https://wx.example.com/")[2]
    assert [entry["outcome"] for entry in sim.record(what="page")["entries"]] == [
        "ret -14", "ret -14", "offered", "authorized", "ret -28"]


def test_visitors_carry_codes_that_work_once(sim, receiver):
    token = sim.component_token()
    sim.push_authorized(COMPONENT, ACCOUNT)
    wanted = [("appid", ACCOUNT), ("redirect_uri", "https://wx.example.com/back"), ("response_type", "code"),
              ("scope", "snsapi_base"), ("state", "a1"), ("component_appid", COMPONENT)]
    _, headers, _ = browse(sim, "/connect/oauth2/authorize?" + urllib.parse.urlencode(wanted))
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(headers["Location"]).query))["code"]
    assert b'id="ret"' in browse(sim, "/connect/oauth2/authorize?" + urllib.parse.urlencode(wanted[::-1]))[2]
    common = {"appid": ACCOUNT, "grant_type": "authorization_code", "component_appid": COMPONENT,
              "component_access_token": token}
    login = sim.call("/admin/login", appid=ACCOUNT, openid=FAN)["code"]
    for path, name, value, again in (("/sns/oauth2/component/access_token", "code", code, 40163),
                                     ("/sns/component/jscode2session", "js_code", login, 40029)):
        target = path + "?" + urllib.parse.urlencode({**common, name: value})
        assert json.loads(browse(sim, target)[2])["openid"] == FAN
        assert json.loads(browse(sim, target)[2])["errcode"] == again


def test_customer_service_messages_are_checked_and_counted(sim):
    component = sim.component_token()
    access, _ = sim.account_tokens(component)
    assert sim.send_text(access) == 45015
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    assert sim.send_text(access, touser="oNobody") == 40003
    assert sim.send_text(access, text="") == 44004
    assert sim.send_text(access, text="x" * 2049) == 45002
    assert sim.api(SEND, {"touser": FAN, "msgtype": "smell"}, access)["errcode"] == 40008
    assert sim.api(SEND, {"touser": FAN, "msgtype": "image", "image": {"media_id": "m"}}, access)["errcode"] == 40007
    refused(61015, sim.api(SEND, {"touser": FAN}, component))
    refused(44002, sim.api(SEND, token=access, body=None))
    assert [sim.send_text(access, f"第{number}条") for number in range(6)] == [0, 0, 0, 0, 0, 45047]
    messages = sim.fan_messages(ACCOUNT, FAN)
    assert [message["text"]["content"] for message in messages] == [f"第{number}条" for number in range(5)]
    sim.push_message(COMPONENT, ACCOUNT, FAN, {"MsgType": "event", "Event": "CLICK", "EventKey": "k"})
    assert [sim.send_text(access) for _ in range(4)] == [0, 0, 0, 45047]
    sim.push_message(COMPONENT, ACCOUNT, FAN, {"MsgType": "event", "Event": "unsubscribe"})
    assert sim.send_text(access) == 43004


def test_a_message_arrives_as_weixin_sends_it(sim, receiver):
    pushed = sim.push_message(COMPONENT, ACCOUNT, FAN, {
        "MsgType": "event", "Event": "subscribe_msg_popup_event", "SubscribeMsgPopupEvent": {
            "List": [{"TemplateId": "a", "PopupScene": 2}, {"TemplateId": "]]>&", "PopupScene": 2}]}})
    assert pushed["msg_id"] is None
    got = receiver.pushes[-1]
    assert got["path"] == f"/account/{ACCOUNT}/message" and got["query"]["openid"] == FAN
    assert got["envelope"]["ToUserName"] == ORIGINAL_ID
    assert got["fields"]["FromUserName"] == FAN and got["fields"]["ToUserName"] == ORIGINAL_ID
    popup = got["fields"]["SubscribeMsgPopupEvent"]["List"]
    assert [entry["TemplateId"] for entry in popup] == ["a", "]]>&"]
    assert abs(int(got["fields"]["CreateTime"]) - time.time()) < 5

    sim.push_text(COMPONENT, ACCOUNT, FAN, "一", msg_id=7, create_time=1348831860)
    assert receiver.pushes[-1]["xml"].replace("\n", "") == (
        f"<xml><ToUserName><![CDATA[{ORIGINAL_ID}]]></ToUserName><FromUserName><![CDATA[{FAN}]]></FromUserName>"
        "<CreateTime>1348831860</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[一]]></Content>"
        "<MsgId>7</MsgId></xml>")
    assert sim.push_text(COMPONENT, ACCOUNT, FAN, "a")["msg_id"] != sim.push_text(COMPONENT, ACCOUNT, FAN, "a")["msg_id"]


def test_every_answer_is_judged(sim, receiver):
    def verdict(answer, push=lambda: sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")):
        receiver.answer = answer
        result = push()
        return result["answer"], result["why"]

    assert verdict(lambda push: (200, b"success")) == ("success", "")
    assert verdict(lambda push: (200, b"")) == ("empty", "")
    assert verdict(lambda push: (200, receiver.reply(push, "hi"))) == ("reply", "")
    for wrong in (lambda push: (200, b"success\n"), lambda push: (200, b"{}"), lambda push: (200, b"\xff\x00"),
                  lambda push: (200, receiver.reply(push, "hi", nonce="1")),
                  lambda push: (200, receiver.reply(push, "hi", tail=ACCOUNT)),
                  lambda push: (200, receiver.reply(push, "hi", to="oOther")),
                  lambda push: (200, receiver.reply(push, "")),
                  lambda push: (200, push["xml"].encode())):
        answer, why = verdict(wrong)
        assert answer == "illegal" and why
    assert verdict(lambda push: (503, b"success")) == ("refused", "status 503")
    assert verdict(lambda push: (302, b"success"))[0] == "refused"
    assert verdict(lambda push: (200, b""), lambda: sim.push_ticket(COMPONENT))[0] == "illegal"

    receiver.answer = lambda push: (200, receiver.reply(push, "你好"))
    reply = sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")["reply"]
    assert (reply["Content"], reply["ToUserName"], reply["FromUserName"]) == ("你好", FAN, ORIGINAL_ID)


def test_a_push_is_repeated_with_a_new_signature_until_it_is_taken(sim, receiver):
    answers = iter([(500, b""), None, (200, b"success")])

    def answer(push):
        given = next(answers)
        if given is None:
            time.sleep(1)
            return 200, b"too late"
        return given

    receiver.answer = answer
    result = sim.push_text(COMPONENT, ACCOUNT, FAN, "hello", retries=3, timeout_ms=400)
    assert [attempt["answer"] for attempt in result["attempts"]] == ["refused", "timeout", "success"]
    assert result["answer"] == "success" and 390 <= result["attempts"][1]["ms"] < 800
    assert len({push["xml"] for push in receiver.pushes}) == 1
    assert len({push["query"]["nonce"] for push in receiver.pushes}) == 3
    assert len({push["envelope"]["Encrypt"] for push in receiver.pushes}) == 3


def test_an_absent_receiver_refuses(sim):
    sim.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN, encoding_aes_key=KEY,
             event_url=f"http://127.0.0.1:{free_port()}/event")
    result = sim.push_ticket(COMPONENT)
    assert (result["answer"], result["status"]) == ("refused", 0) and result["why"]


def test_two_hundred_pushes_are_under_way_at_once(sim, receiver):
    together = threading.Barrier(200, timeout=20)

    def answer(push):
        together.wait()
        return 200, b"success"

    receiver.answer = answer
    since = sim.record()["next"]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        results = list(pool.map(lambda number: sim.push_text(
            COMPONENT, ACCOUNT, f"oFan{number}", "hello", timeout_ms=1500), range(200)))
    assert {result["answer"] for result in results} == {"success"}
    entries = sim.record(since)["entries"]
    assert {entry["id"] for entry in entries} == {result["id"] for result in results} and len(entries) == 200
    assert [entry["n"] for entry in entries] == list(range(since + 1, since + 201))


def test_the_record_holds_what_was_asked_and_answered(sim):
    component = sim.component_token()
    since = sim.record()["next"]
    access, _ = sim.account_tokens(component)
    sim.send_text(access)
    entries = sim.record(since)["entries"]
    assert [(entry["what"], entry.get("kind") or entry.get("path")) for entry in entries] == [
        ("push", "authorized"), ("api", API + "api_query_auth"), ("api", SEND)]
    assert entries[0]["appid"] == entries[1]["appid"] == entries[2]["appid"] == ACCOUNT
    assert entries[2]["errcode"] == 45015 and entries[2]["query"] == f"access_token={access}"
    assert json.loads(entries[2]["body"])["touser"] == FAN
    assert sim.calls(SEND, since)[0]["n"] == entries[2]["n"]
    assert sim.record(entries[2]["n"])["entries"] == []


def test_faults_come_when_asked_for(sim):
    component = sim.component_token()
    access, _ = sim.account_tokens(component)
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    sim.call("/admin/faults", path=SEND, errcode=-1, count=2)
    assert [sim.send_text(access) for _ in range(3)] == [-1, -1, 0]
    sim.call("/admin/faults", path=SEND, errcode=-1, when="after")
    assert sim.send_text(access) == -1 and len(sim.fan_messages(ACCOUNT, FAN)) == 2
    sim.call("/admin/faults", path="*", http_status=502)
    assert http_request(sim.api_port, "GET", "/cgi-bin/anything")[0] == 502
    sim.call("/admin/faults", path=SEND, delay_ms=300)
    started = time.monotonic()
    assert sim.send_text(access) == 0 and time.monotonic() - started >= 0.3
    sim.call("/admin/faults", path=SEND, errcode=-1)
    sim.call("/admin/faults/clear")
    assert sim.send_text(access) == 0


def test_a_call_can_be_reset_cut_or_fail_at_a_rate(sim):
    component = sim.component_token()
    access, _ = sim.account_tokens(component)
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    sim.call("/admin/faults", path=SEND, reset=True, when="after")
    with pytest.raises(ConnectionResetError):
        sim.send_text(access)
    assert len(sim.fan_messages(ACCOUNT, FAN)) == 1 and sim.calls(SEND)[-1]["http_status"] == 0
    sim.call("/admin/faults", path=SEND, cut=5)
    with pytest.raises(http.client.IncompleteRead) as error:
        sim.send_text(access)
    assert error.value.partial == b'{"err'
    sim.call("/admin/faults", path=SEND, stall_ms=300)
    started = time.monotonic()
    assert sim.send_text(access) == 0 and time.monotonic() - started >= 0.3
    sim.call("/admin/faults", path=SEND, stall_ms=60000, cut=5)
    with pytest.raises(TimeoutError):   # what has begun to answer says no more
        http_request(sim.api_port, "POST", f"{SEND}?access_token={access}", b"{}", timeout_s=0.5)
    sim.call("/admin/faults", path="/cgi-bin/getcallbackip", errcode=-1, percent=50)
    failed = [sim.api("/cgi-bin/getcallbackip", token=access, method="GET").get("errcode") for _ in range(100)]
    assert 20 < failed.count(-1) < 80
    sim.call("/admin/faults/clear")
    sim.call("/admin/faults", path=SEND, jitter_ms=5)
    assert sim.send_text(access) == 0


def test_a_push_can_be_late_and_come_more_than_once_and_by_another_clock(sim, receiver):
    pushed = sim.push_text(COMPONENT, ACCOUNT, FAN, "hello", duplicates=2, late_ms=1100)
    assert [attempt["answer"] for attempt in pushed["duplicates"]] == ["success"] * 2
    assert len({push["xml"] for push in receiver.pushes}) == 1 and len(receiver.pushes) == 3
    assert len({push["query"]["nonce"] for push in receiver.pushes}) == 3
    assert int(receiver.pushes[0]["query"]["timestamp"]) > int(receiver.pushes[0]["fields"]["CreateTime"])

    sim.call("/admin/faults", push="component_verify_ticket", duplicates=1, jitter_ms=10)
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    assert len(sim.push_ticket(COMPONENT)["duplicates"]) == 1 and not sim.push_ticket(COMPONENT)["duplicates"]

    sim.call("/admin/clock", offset_ms=-3600000)
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    for told in (receiver.pushes[-1]["query"]["timestamp"], receiver.pushes[-1]["fields"]["CreateTime"]):
        assert 3590 < time.time() - int(told) < 3700


def test_weixin_repeats_at_once_but_some_events_never(sim, receiver):
    receiver.answer = lambda push: (503, b"")
    sim.call("/admin/delivery", retries=3)
    pushed = sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    assert [attempt["answer"] for attempt in pushed["attempts"]] == ["refused"] * 4
    assert len({push["fields"]["MsgId"] for push in receiver.pushes}) == 1
    assert len(sim.push_text(COMPONENT, ACCOUNT, FAN, "hello", retries=1)["attempts"]) == 2
    view = {"component_appid": COMPONENT, "appid": ACCOUNT, "openid": FAN, "name": "VIEW"}
    assert len(sim.call("/admin/push/sample", **view)["attempts"]) == 1
    sim.call("/admin/delivery", unrepeated=["text"])
    assert len(sim.call("/admin/push/sample", **view)["attempts"]) == 4
    assert len(sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")["attempts"]) == 1


def test_a_url_that_fails_many_times_is_shielded_for_a_while(sim, receiver):
    receiver.answer = lambda push: (200, b"{}")
    sim.call("/admin/delivery", mark_fail_after=2, mark_fail_ms=60000)
    answers = [sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")["answer"] for _ in range(3)]
    assert answers == ["illegal", "illegal", "shielded"] and len(receiver.pushes) == 2
    receiver.answer = lambda push: (200, b"success")
    assert sim.push_ticket(COMPONENT)["answer"] == "success"         # that is another URL


def test_every_kind_of_push_is_there_and_is_well_formed(sim, receiver):
    samples = sim.get("/admin/samples")["samples"]
    for sample in samples:
        pushed = sim.call("/admin/push/sample", component_appid=COMPONENT, appid=ACCOUNT, openid=FAN,
                          name=sample["name"])
        assert pushed["answer"] == "success", pushed
        fields, kind = receiver.pushes[-1]["fields"], sample["name"].split(".")[0]
        assert pushed["kind"] == kind and set(sample["fields"]) <= set(fields)
        assert fields.get("MsgType") == {"event": "event", "message": kind}.get(sample["on"])
        assert ("MsgId" in fields) == (sample["on"] == "message")
    by_name = {sample["name"]: sample for sample in samples}
    assert len(by_name) == len(samples) >= 90
    names = {name.split(".")[0] for name in by_name}
    assert {"text", "image", "voice", "video", "shortvideo", "location", "link", "file", "miniprogrampage"} <= names
    assert by_name["scancode_waitmsg"]["fields"]["ScanCodeInfo"]["ScanType"] == "barcode"
    with pytest.raises(ChildError, match="404"):
        sim.call("/admin/push/sample", component_appid=COMPONENT, appid=ACCOUNT, openid=FAN, name="nothing")
    pushed = sim.call("/admin/push/sample", component_appid=COMPONENT, appid=ACCOUNT, openid=FAN, name="text",
                      fields={"Content": "别的"})
    assert receiver.pushes[-1]["fields"]["Content"] == "别的" and pushed["msg_id"]


def test_a_registered_mini_program_comes_with_a_code_that_works(sim, receiver):
    component = sim.component_token()
    sim.call("/admin/push/sample", component_appid=COMPONENT, appid=ACCOUNT, name="notify_third_fasteregister")
    code = receiver.pushes[-1]["fields"]["auth_code"]
    info = sim.api(API + "api_query_auth", {"component_appid": COMPONENT, "authorization_code": code}, component)
    assert info["authorization_info"]["authorizer_appid"] == ACCOUNT


def answer_release_check(sim, receiver, spoil=None):
    """A right platform, in twenty lines; `spoil` changes what it answers. Returns receiver.answer."""
    component, lock = {}, threading.Lock()

    def exchange(code):
        with lock:                      # the push and the message bring the same code, maybe at once
            return exchange_once(code)

    def exchange_once(code):
        if "token" not in component:
            component["token"] = sim.api(API + "api_component_token", {
                "component_appid": COMPONENT, "component_appsecret": SECRET,
                "component_verify_ticket": component["ticket"]})["component_access_token"]
        info = sim.api(API + "api_query_auth", {"component_appid": COMPONENT, "authorization_code": code},
                       component["token"]).get("authorization_info")
        if info:
            component[code] = info["authorizer_access_token"]
        return component[code]

    def send_later(fan, code):
        sim.send_text(exchange(code), f"{code}_from_api", fan)

    def answer(push):
        fields = push["fields"]
        component["ticket"] = fields.get("ComponentVerifyTicket", component.get("ticket"))
        if fields.get("InfoType") == "authorized":
            exchange(fields["AuthorizationCode"])
        content = fields.get("Content", "")
        if content == "TESTCOMPONENT_MSG_TYPE_TEXT":
            return 200, receiver.reply(push, content + "_callback")
        if fields.get("Event"):
            return 200, receiver.reply(push, fields["Event"] + "from_callback")
        if content.startswith("QUERY_AUTH_CODE:"):
            code = content.split(":", 1)[1]
            threading.Thread(target=send_later, args=(fields["FromUserName"], code)).start()
            return 200, b""
        return 200, b"success"

    return (lambda push: spoil(push, answer)) if spoil else answer


@pytest.mark.parametrize("group", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("code_order", ["push-first", "message-first"])
def test_a_right_platform_passes_the_release_check(sim, receiver, group, code_order):
    receiver.answer = answer_release_check(sim, receiver)
    result = sim.release_check(COMPONENT, group=group, code_order=code_order)
    assert result["ok"], result
    assert len(result["items"]) == 9 and all(item["result"] == "成功" for item in result["items"])
    assert [item["item"] for item in result["items"] if item["account"] == "miniprogram"].count("api_text") == 1


def test_the_release_check_names_the_step_that_failed(sim, receiver):
    def wrong_text(push, right):
        if push["fields"].get("Content") == "TESTCOMPONENT_MSG_TYPE_TEXT":
            return 200, receiver.reply(push, "TESTCOMPONENT_MSG_TYPE_TEXT")
        return right(push)

    def no_empty_answer(push, right):
        status, body = right(push)
        return status, body or b"success"

    def no_message(push, right):
        return (200, b"") if push["fields"].get("Content", "").startswith("QUERY") else right(push)

    for spoil, item, why in ((wrong_text, "text", "another text"), (no_empty_answer, "api_text", "instead of empty"),
                             (no_message, "api_text", "no customer-service message")):
        receiver.answer = answer_release_check(sim, receiver, spoil)
        result = sim.release_check(COMPONENT, accounts=["official"], api_limit_ms=500)
        failed = [entry for entry in result["items"] if not entry["ok"]]
        assert not result["ok"] and [entry["item"] for entry in failed] == [item]
        assert why in failed[0]["why"] and failed[0]["result"] == "失败"


def test_bad_admin_requests_are_refused_with_a_reason(sim):
    for path, fields, status in (
            ("/admin/platforms", {"component_appid": "wxc"}, 400), ("/admin/push/ticket", {}, 400),
            ("/admin/push/ticket", {"component_appid": "wxno"}, 404),
            ("/admin/push/message", {"component_appid": COMPONENT, "appid": "wxno", "openid": "o",
                                     "fields": {"MsgType": "text"}}, 404),
            ("/admin/push/message", {"component_appid": COMPONENT, "appid": ACCOUNT, "openid": "o",
                                     "fields": {"MsgType": "text", "a b": "c"}}, 400),
            ("/admin/release-check", {"component_appid": COMPONENT, "group": 6}, 400),
            ("/admin/faults", {"path": SEND}, 400), ("/admin/nothing", {}, 404)):
        answer = http_request(sim.admin_port, "POST", path, json.dumps(fields))
        assert answer[0] == status and json.loads(answer[2])["error"], (path, answer)
    assert http_request(sim.admin_port, "POST", "/admin/reset", "{")[0] == 400
    assert http_request(sim.admin_port, "GET", "/admin/reset")[0] == 405


def test_tickets_come_on_schedule_and_old_tokens_expire(logs, receiver):
    receiver.answer = lambda push: (200, b"success")
    sim = Weixin(logs / "weixin-sim-schedule.log", WEIXIN_SIM_TICKET_INTERVAL_S=1, WEIXIN_SIM_TOKEN_LIFE_S=2,
                 WEIXIN_SIM_TICKET_KEEP_S=3600)
    sim.start(ready=False)
    try:
        sim.wait_for(sim.ready, 20, "healthz")
        sim.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN,
                 encoding_aes_key=KEY, event_url=f"{receiver.url}/event")
        first = sim.record(0, what="push", wait_ms=5000)
        second = sim.record(first["next"], what="push", wait_ms=5000)["entries"][0]
        assert second["kind"] == "component_verify_ticket"
        assert len({push["fields"]["ComponentVerifyTicket"] for push in receiver.pushes[-2:]}) == 1
        answer = sim.api(API + "api_component_token", {
            "component_appid": COMPONENT, "component_appsecret": SECRET,
            "component_verify_ticket": sim.tokens()["platforms"][0]["ticket"]})
        assert answer["expires_in"] == 2
        time.sleep(2.1)
        refused(42001, sim.api(API + "api_create_preauthcode", {"component_appid": COMPONENT},
                               answer["component_access_token"]))
    finally:
        sim.finish()

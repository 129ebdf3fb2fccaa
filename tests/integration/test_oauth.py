"""Web page authorization on behalf: from a site to Weixin and back, with a result that only that site can use."""

import base64
import concurrent.futures
import hashlib
import hmac
import html
import http.cookies
import json
import os
import pathlib
import re
import signal
import time
import urllib.parse

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from selenium.webdriver.common.by import By

from test_authorize_page import browse, check_layout, shot          # browse: a fixture
from test_token_service import SERVICE, World
from wxbus_testing.oauth_site import Refused, Site, decode, verify
from wxbusdev.child import wait_until
from wxbusdev.deployment import PlatformConfig
from wxbusdev.service import http_request

FAN = "oVisitor0001"
SHOP = "https://shop.example.com"


class Browser:
    """A visitor's browser: keeps cookies, follows nothing by itself."""

    def __init__(self, world):
        self.world = world
        self.cookies = {}                       # name: value, in the order of their making

    def get(self, target, **headers):
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        status, answer, body = self.world.deployment.request(SERVICE, "GET", target, None, headers, timeout_s=30)
        for text in answer.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(text).items():
                assert morsel["secure"] and morsel["httponly"] and morsel["path"] == "/" and not morsel["domain"]
                assert morsel["samesite"] == "Lax" and name.startswith("__Host-")
                self.cookies.pop(name, None)
                if morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
        return status, answer, body.decode()

    def start(self, appid, component=None, **parameters):
        fields = {"return": SHOP + "/back", "state": "s1", **parameters}
        query = urllib.parse.urlencode({name: value for name, value in fields.items() if value is not None})
        return self.get(f"/oauth/{component or self.world.component}/{appid}/start?{query}")

    def weixin(self, appid, **parameters):
        """Begins, and agrees at Weixin; the path and query of our callback that Weixin sends us to."""
        status, answer, body = self.start(appid, **parameters)
        assert status == 302, body
        link = urllib.parse.urlsplit(answer["Location"])
        _, headers, shown = http_request(self.world.deployment.port("weixin-sim", "listen"), "GET",
                                         f"{link.path}?{link.query}")
        if parameters.get("scope") == "snsapi_userinfo":        # asks first
            agree = html.unescape(re.search(r'id="agree" href="([^"]+)"', shown.decode())[1])
            _, headers, shown = http_request(self.world.deployment.port("weixin-sim", "listen"), "GET", agree)
        assert "Location" in headers, shown
        back = headers["Location"]
        assert back.startswith(self.world.public + "/oauth/")
        return back[len(self.world.public):]

    def visit(self, appid, **parameters):
        """The whole way; the address at the site."""
        status, answer, body = self.get(self.weixin(appid, **parameters))
        assert status == 302, body
        return answer["Location"]


def result_of(address):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["wxbus_result"]


class OauthWorld(World):
    def __init__(self, deployment):
        super().__init__(deployment)
        self.public = deployment.url(SERVICE)

    def new_shop(self, *targets, **fields):
        """An authorized account with a fan, whose visitors may be sent back to `targets`."""
        appid = self.new_account(fans=[FAN], **fields)
        self.authorize(appid)
        self.set_targets(appid, *(targets or [SHOP]))
        return appid

    def set_targets(self, appid, *targets):
        status, answer = self.admin.call("PUT", self.account_path(appid, "oauth-targets"), {"targets": targets})
        assert (status, answer) == (200, {"targets": sorted(targets)})

    def keys(self):
        status, headers, body = self.deployment.request(SERVICE, "GET", "/oauth/keys")
        assert status == 200 and headers["Content-Type"] == "application/json"
        assert headers["Cache-Control"] == "public, max-age=300"
        return json.loads(body)["keys"]

    def verify(self, address, appid, origin=SHOP, **options):
        return verify(result_of(address), self.keys(), origin, self.public, appid, **options)

    def codes_asked(self, since=0):
        return self.sim.calls("/sns/oauth2/component/access_token", since)


@pytest.fixture(scope="module")
def world(new_deployment):
    second = PlatformConfig.example()
    second.component_appid = "wxd3a0c0ffee000002"
    deployment = new_deployment(platforms=[PlatformConfig.example(), second],
                                settings={"WXBUS_OAUTH_PER_ADDRESS": 100000, "WXBUS_PUBLIC_PER_ADDRESS": 100000})
    return OauthWorld.started(deployment)


def test_a_site_learns_who_its_visitor_is_and_nothing_else(world):
    appid = world.new_shop()
    browser = Browser(world)
    status, answer, _ = browser.start(appid, state="the session's 店 & more", scope=None)
    link = urllib.parse.urlsplit(answer["Location"])
    fields = urllib.parse.parse_qsl(link.query)
    assert status == 302 and link.path == "/connect/oauth2/authorize" and link.fragment == "wechat_redirect"
    assert [name for name, _ in fields] == ["appid", "redirect_uri", "response_type", "scope", "state",
                                            "component_appid"]
    fields = dict(fields)
    assert fields["redirect_uri"] == f"{world.public}/oauth/{world.component}/{appid}/callback"
    assert (fields["scope"], fields["appid"]) == ("snsapi_base", appid)
    assert re.fullmatch("[0-9a-f]{80}", fields["state"])

    address = browser.visit(appid, state="the session's 店 & more", **{"return": SHOP + "/back?page=1"})
    assert address.startswith(SHOP + "/back?page=1&wxbus_result=")
    claims = world.verify(address, appid)
    assert claims["openid"] == claims["sub"] == FAN
    assert claims["exp"] - claims["iat"] == 60 and claims["iat"] >= time.time() - 30
    assert claims["state"] == "the session's 店 & more"
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "state", "component_appid", "appid", "sub", "openid",
                           "scope"}
    call = world.codes_asked()[-1]
    answered = json.loads(call["answer"])
    for secret in (answered["access_token"], answered["refresh_token"]):
        assert secret not in address and secret not in json.dumps(claims)
    assert urllib.parse.urlsplit(browser.visit(appid, **{"return": SHOP})).query.startswith("wxbus_result=")


def test_with_his_consent_also_name_and_picture(world):
    appid = world.new_shop()
    claims = world.verify(Browser(world).visit(appid, scope="snsapi_userinfo"), appid)
    assert (claims["scope"], claims["nickname"]) == ("snsapi_userinfo", "小明")
    assert claims["headimgurl"].startswith("https://thirdwx.qlogo.cn/")


def test_a_result_is_good_for_its_site_for_a_minute_and_unchanged_only(world):
    appid = world.new_shop()
    address = Browser(world).visit(appid)
    claims = world.verify(address, appid)
    other = Browser(world).visit(appid)
    assert world.verify(other, appid)["jti"] != claims["jti"]
    for wrong in ({"origin": "https://other.example.com"}, {"origin": SHOP + ":8443"}, {"now": time.time() + 61}):
        with pytest.raises(Refused):
            world.verify(address, appid, **wrong)
    with pytest.raises(Refused):
        world.verify(address, "wxother")
    head, body, signature = result_of(address).split(".")
    fields = json.loads(decode(body))
    fields["openid"] = fields["sub"] = "oSomebodyElse"
    changed = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
    with pytest.raises(Refused):
        verify(f"{head}.{changed}.{signature}", world.keys(), SHOP, world.public, appid)


HOSTILE = ["", "/back", "//shop.example.com/", "//evil.example/", "\\\\evil.example", "https:evil.example",
           "javascript:alert(1)//https://shop.example.com", "data:text/html,x", "http://shop.example.com/club",
           "https://evil.example/club", "https://shop.example.com.evil.example/club",
           "https://shop.example.com@evil.example/club", "https://shop.example.com:443@evil.example/club",
           "https://shop.example.com\\@evil.example/club", "https://shop.example.com%40evil.example/club",
           "https://evil.example/https://shop.example.com/club", "https://evil.example?https://shop.example.com/club",
           "https://evil.example#https://shop.example.com/club", "https://shop.example.com#@evil.example/club",
           "https://shop.example.com:8443/club", "https://shop.example.com:443/club", "https://shop.example.com./club",
           "https://SHOP.example.com/club", "https://evilshop.example.com/club", "https://example.com/club",
           "https://shop.example.com/", "https://shop.example.com/clubs", "https://shop.example.com/club/../x",
           "https://shop.example.com/club/%2e%2e/x", "https://shop.example.com/club/..;/x",
           "https://shop.example.com/club%2f..%2fx", "https://shop.example.com/club/%252e%252e/x",
           "https://shop.example.com/club\t", " https://shop.example.com/club",
           "https://shop.example.com/club?wxbus_result=mine", "https://shop.example.com/club/" + "x" * 1024,
           "https://ｓhop.example.com/club", "https://shop。example.com/club"]


def test_nobody_is_sent_where_the_account_does_not_allow(world):
    appid = world.new_shop(SHOP + "/club")
    for address in HOSTILE:
        browser = Browser(world)
        status, answer, body = browser.start(appid, **{"return": address})
        assert status in (400, 403) and "Location" not in answer and not browser.cookies, address
        assert "evil" not in body, address
    for address in ("/club", "/club/", "/club/x?y=//evil.example&z=https://evil.example/"):
        assert Browser(world).start(appid, **{"return": SHOP + address})[0] == 302
    # Not even encoded twice, or smuggled past the parameter.
    for query in ("return=https%3A%2F%2Fshop.example.com%2Fclub%0d%0aSet-Cookie:a&state=s", "state=s",
                  "return=https://shop.example.com/club&return=https://evil.example/&state=s",
                  "return=https%253A%252F%252Fshop.example.com%252Fclub&state=s"):
        status, answer, _ = Browser(world).get(f"/oauth/{world.component}/{appid}/start?{query}")
        assert status in (400, 403) and "Location" not in answer
    for wrong in ({"state": None}, {"state": ""}, {"state": "x" * 129}, {"scope": "snsapi_login"}):
        assert Browser(world).start(appid, **{"return": SHOP + "/club", **wrong})[0] == 400


def test_targets_are_each_account_s_own_and_the_operator_s_to_say(world):
    appid, other = world.new_shop(SHOP), world.new_shop("https://other.example.com")
    assert Browser(world).start(other)[0] == 403
    path = world.account_path(appid, "oauth-targets")
    assert world.admin.call("GET", path) == (200, {"targets": [SHOP]})
    for wrong in (["https://*.example.com"], ["http://shop.example.com"], [SHOP + ":443"], [SHOP + "/?a=b"], [7], None,
                  SHOP, [f"https://shop{number}.example.com" for number in range(51)]):
        assert world.admin.call("PUT", path, {"targets": wrong})[0] == 400
    assert world.admin.call("GET", path)[1] == {"targets": [SHOP]}
    assert world.tokens.call("PUT", path, {"targets": []})[0] == 403
    assert world.admin.call("PUT", world.account_path("wxnobody", "oauth-targets"), {"targets": []})[0] == 404
    assert world.admin.call("GET", world.account_path("wxnobody", "oauth-targets"))[0] == 404

    def command(*arguments, **options):
        return world.deployment.command("accounts", "oauth", world.component, appid, *arguments, **options)

    assert command().stdout == SHOP + "\n"
    assert command("https://b.example.com", "https://a.example.com/x").stdout == (
        "https://a.example.com/x\nhttps://b.example.com\n")
    assert Browser(world).start(appid)[0] == 403
    assert command("none").stdout == ""
    told = world.database("SELECT who, detail FROM token_service.audit WHERE appid = %s AND what = 'oauth targets'"
                          " ORDER BY id", appid)
    assert told == [("wxbus", SHOP), ("wxbus", "https://b.example.com https://a.example.com/x"), ("wxbus", "none")]
    refused = command("https://a.example.com:443", check=False)
    assert refused.returncode == 1 and "https://shop.example.com/club" in refused.stderr
    assert command("none", SHOP, check=False).returncode == 2
    assert "TARGET" in world.deployment.command("accounts", "oauth", "--help").stdout


def test_a_rule_taken_away_ends_what_was_begun_under_it(world):
    appid = world.new_shop()
    browser = Browser(world)
    back = browser.weixin(appid)
    world.set_targets(appid, "https://other.example.com")
    since = world.now()
    status, answer, _ = browser.get(back)
    assert status == 403 and "Location" not in answer and not world.codes_asked(since)


def test_accounts_that_do_not_authorize_us_have_no_visitors(world):
    appid = world.new_shop()
    browser = Browser(world)
    back = browser.weixin(appid)
    world.sim.push_unauthorized(world.component, appid)
    wait_until(lambda: world.token(appid)[0] == 409, 20, "the account has left")
    assert browser.start(appid)[0] == 404 and browser.get(back)[0] == 404
    assert Browser(world).start("wxnobody")[0] == 404
    assert Browser(world).start(appid, component="wxunknown")[0] == 404


def test_only_the_browser_that_began_comes_back(world):
    appid, other = world.new_shop(), world.new_shop()
    browser, victim = Browser(world), Browser(world)
    back = browser.weixin(appid)
    since = world.now()
    # Without a cookie, and with the cookie of an authorization of his own.
    status, answer, body = victim.get(back)
    assert status == 403 and "请在原来的浏览器中继续" in body and "Location" not in answer
    victim.weixin(appid)
    assert victim.get(back)[0] == 403
    # A cookie of the right name whose value is another's.
    (name, value), (_, foreign) = list(browser.cookies.items())[0], list(victim.cookies.items())[0]
    for wrong in (foreign, "", "x", value[:-2] + "AA", value + "A"):
        victim.cookies = {name: wrong}
        assert victim.get(back)[0] == 403
    # The right cookie, but the state of another account, or changed, or in capitals.
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["state"]
    for wrong in (back.replace(appid, other), back.replace(state, state[:-1] + ("0" if state[-1] != "0" else "1")),
                  back.replace(state, state.upper()), back.replace(state, ""), back.replace("state=", "s="),
                  back.replace(world.component, "wxd3a0c0ffee000002"), back.replace(f"appid={appid}", "appid=wxother"),
                  back.replace("code=", "code=" + "c" * 600)):
        status, answer, body = browser.get(wrong)
        assert status == 400 and "链接不完整或有误" in body and "Location" not in answer, wrong
    assert not world.codes_asked(since)
    assert browser.get(back)[0] == 302


def test_a_state_works_once(world):
    appid = world.new_shop()
    browser = Browser(world)
    back = browser.weixin(appid)
    cookies = dict(browser.cookies)
    assert browser.get(back)[0] == 302 and not browser.cookies
    since = world.now()
    status, answer, body = browser.get(back)
    assert status == 409 and "此授权已使用过" in body and "Location" not in answer
    browser.cookies = cookies                   # a browser that kept it
    status, answer, body = browser.get(back, **{"Accept-Language": "en"})
    assert status == 409 and "This was used before" in body and "Location" not in answer
    assert not world.codes_asked(since)
    again = html.unescape(re.search(r'class="button" href="([^"]+)"', body)[1])
    assert browser.get(again)[0] == 302
    # What is kept of it goes by itself, long after no state of it could come back.
    world.database("UPDATE token_service.oauth_states_used SET at = now() - interval '2 hours'")
    browser.visit(appid)
    assert world.database("SELECT count(*) FROM token_service.oauth_states_used") == [(1,)]


def test_of_many_at_once_one_comes_through(world):
    appid = world.new_shop()
    browser = Browser(world)
    back = browser.weixin(appid)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    since = world.now()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.deployment.request(SERVICE, "GET", back, None, {"Cookie": cookie},
                                                                   timeout_s=30)[0], range(8)))
    assert sorted(answers) == [302] + [409] * 7
    assert len(world.codes_asked(since)) == 1


def test_windows_side_by_side_do_not_disturb_each_other(world):
    appid, other = world.new_shop(), world.new_shop()
    browser = Browser(world)
    backs = [browser.weixin(appid, state="one"), browser.weixin(other, state="two"),
             browser.weixin(appid, state="three", **{"return": SHOP + "/three"})]
    answers = [browser.get(back)[1]["Location"] for back in backs]
    assert [world.verify(address, account)["state"] for address, account in zip(answers, (appid, other, appid))] == [
        "one", "two", "three"]
    assert answers[2].startswith(SHOP + "/three?")
    # Beyond three the oldest is given up, so that no header grows without end.
    backs = [browser.weixin(appid) for _ in range(6)]
    assert len(browser.cookies) == 3
    assert [browser.get(back)[0] for back in backs] == [403] * 3 + [302] * 3


def test_who_refuses_can_go_back_or_try_again(world):
    appid = world.new_shop()
    browser = Browser(world)
    back = urllib.parse.urlsplit(browser.weixin(appid, **{"return": SHOP + "/back?a=b"}))
    state = dict(urllib.parse.parse_qsl(back.query))["state"]
    for language, title in (("zh-CN", "您没有授权"), ("en", "You did not agree")):
        status, answer, body = browser.get(f"{back.path}?state={state}", **{"Accept-Language": language})
        assert status == 200 and title in body and "Location" not in answer
    buttons = [html.unescape(href) for href in re.findall(r'<a class="button[^>]* href="([^"]+)"', body)]
    assert buttons[1] == SHOP + "/back?a=b" and "Go back to shop.example.com" in body
    status, answer, _ = browser.get(buttons[0])
    assert status == 302 and "wechat_redirect" in answer["Location"]
    policy = browser.get(f"{back.path}?state={state}")[1]["Content-Security-Policy"]
    assert "default-src 'none'" in policy


def test_weixin_s_refusals_and_trouble(world):
    appid = world.new_shop()
    path = "/sns/oauth2/component/access_token"
    for errcode in (40029, 40163, 42003):
        browser = Browser(world)
        back = browser.weixin(appid)
        world.sim.call("/admin/faults", path=path, errcode=errcode, count=1)
        status, answer, body = browser.get(back)
        assert status == 409 and "授权码已失效" in body and "Location" not in answer and str(errcode) not in body
        again = html.unescape(re.search(r'class="button" href="([^"]+)"', body)[1])
        assert browser.get(again)[0] == 302
    # What passes: the same address works later.
    for fault in ({"errcode": -1}, {"http_status": 500}, {"body": "<html>"}, {"errcode": 61004}):
        browser = Browser(world)
        back = browser.weixin(appid)
        world.sim.call("/admin/faults", path=path, count=1, **fault)
        status, _, body = browser.get(back)
        assert status == 503 and "就差一步" in body
        assert browser.get(back)[0] == 302
    # A component token that is no longer good is replaced by the way.
    back = browser.weixin(appid)
    world.sim.call("/admin/tokens/expire", component_appid=world.component, how="invalid")
    assert browser.get(back)[0] == 302
    # The profile fails when the code is spent: only a new beginning helps.
    back = browser.weixin(appid, scope="snsapi_userinfo")
    world.sim.call("/admin/faults", path="/sns/userinfo", errcode=-1, count=1)
    status, _, body = browser.get(back)
    assert status == 503
    again = html.unescape(re.search(r'class="button" href="([^"]+)"', body)[1])
    assert "scope=snsapi_userinfo" in again and browser.get(again)[0] == 302


def test_it_has_to_be_done_in_time(world):
    appid = world.new_shop()
    browser = Browser(world)
    back = browser.weixin(appid)
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["state"]
    old = old_state(world, appid)
    status, answer, body = browser.get(back.replace(state, old))
    assert status == 410 and "停留时间过长" in body and "Location" not in answer


def old_state(world, appid):
    """A state that ended a second ago, as this service signs it: its key follows from the master key."""
    master = base64.b64decode(world.deployment.files.master_keys.read_text().split()[1])
    purpose = f"wxbus token-service v1: web authorization state of {world.component}/{appid}"
    key = HKDF(hashes.SHA256(), 32, None, purpose.encode()).derive(master)
    text = os.urandom(16) + (int(time.time() * 1000) - 1000).to_bytes(8, "big")
    return (text + hmac.new(key, text, hashlib.sha256).digest()[:16]).hex()


def test_two_replicas_make_one_key_and_visitors_are_limited_by_address(new_deployment):
    deployment = new_deployment(settings={"WXBUS_OAUTH_PER_ADDRESS": 5, "WXBUS_PUBLIC_PER_ADDRESS": 100000,
                                          "WXBUS_CLIENT_ADDRESS_HEADER": "X-Forwarded-For"})
    for instance in (SERVICE, "second"):
        deployment.start_one(SERVICE, instance=instance, ready=False)
    for instance in (SERVICE, "second"):
        deployment.service(instance).wait_ready()

    def ask(number):
        return deployment.request(SERVICE if number % 2 else "second", "GET", "/oauth/keys", None,
                                  {"X-Forwarded-For": f"192.0.2.{number}"})[2]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(8)))
    assert len(answers) == 1 and len(json.loads(answers.pop())["keys"]) == 1
    path = f"/oauth/{deployment.platform.component_appid}/wxnobody/start?return=https://a.cn&state=s"
    answers = [deployment.request(SERVICE, "GET", path)[0] for _ in range(8)]
    assert answers[:5] == [404] * 5 and 429 in answers[5:]
    assert deployment.request(SERVICE, "GET", f"/authorize/{deployment.platform.component_appid}")[0] == 200
    deployment.close()


def test_keys_are_replaced_in_good_time(world):
    appid = world.new_shop()
    Browser(world).visit(appid)
    kept = world.database("SELECT key_id FROM token_service.oauth_keys")
    assert len(kept) == 1 and [key["kid"] for key in world.keys()] == [kept[0][0]]
    assert set(world.keys()[0]) == {"kty", "crv", "use", "alg", "kid", "x"}

    def kid(address):
        return json.loads(decode(result_of(address).split(".")[0]))["kid"]

    def age(key_id, interval):
        world.database("UPDATE token_service.oauth_keys SET created_at = now() - %s::interval WHERE key_id = %s",
                       interval, key_id)

    first = kept[0][0]
    age(first, "91 days")
    assert kid(Browser(world).visit(appid)) == first            # the new one is listed before it signs
    listed = [key["kid"] for key in world.keys()]
    assert len(listed) == 2 and listed[1] == first
    second = listed[0]
    age(second, "2 hours")
    address = Browser(world).visit(appid)
    assert kid(address) == second and [key["kid"] for key in world.keys()] == [second, first]
    world.verify(address, appid)
    age(second, "2 days")
    assert [key["kid"] for key in world.keys()] == [second]     # what the first signed is long over


def test_the_key_outlives_the_master_key_that_sealed_it(world):
    appid = world.new_shop()
    Browser(world).visit(appid)
    file = world.deployment.files.master_keys
    old = file.read_text()

    def reread(text):
        file.write_text(text)
        service = world.deployment.service(SERVICE)
        seen = service.log_text().count("platforms and keys reread")
        service.send(signal.SIGHUP)
        wait_until(lambda: service.log_text().count("platforms and keys reread") > seen, 10, "the keys are reread")

    reread(f"second {base64.b64encode(os.urandom(32)).decode()}\n{old}")
    place = ""
    while place is not None:
        status, answer = world.admin.call("POST", "/v1/keys/reseal", {"to": "second", "place": place, "limit": 100})
        assert status == 200 and answer["unopened"] == 0, answer
        place = answer["place"]
    reread(file.read_text().splitlines()[0] + "\n")
    world.verify(Browser(world).visit(appid), appid)


def test_a_key_copied_to_another_row_does_not_sign(world):
    appid = world.new_shop()
    Browser(world).visit(appid)
    world.database("DELETE FROM token_service.oauth_keys WHERE key_id <> %s", world.keys()[0]["kid"])
    browser = Browser(world)
    back = browser.weixin(appid)
    since = world.now()
    world.database("UPDATE token_service.oauth_keys SET key_id = '0123456789abcdef'")
    assert browser.get(back)[0] == 503 and not world.codes_asked(since)
    world.database("DELETE FROM token_service.oauth_keys")      # the way out: a new one is made
    status, answer, _ = browser.get(back)
    assert status == 302
    world.verify(answer["Location"], appid)


@pytest.fixture
def site(world):
    appid = world.new_account(fans=[FAN])
    world.authorize(appid)
    site = Site(world.public, world.component, appid, world.keys, scope="snsapi_userinfo")
    world.set_targets(appid, site.origin)
    yield site
    site.close()


def test_a_person_is_brought_to_weixin_and_back_to_the_site(world, site, browse, long):
    go_through(world, site, browse("phone", "zh-CN"), "phone", "您没有授权", "此授权已使用过")
    if long:
        go_through(world, site, browse("pc", "en-US"), "pc", "You did not agree", "This was used before")


def go_through(world, site, browser, size, refused, used):
    browser.get(site.origin + "/enter")
    assert browser.title == "weixin-sim: consent", browser.page_source
    browser.find_element(By.ID, "refuse").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == refused
    check_layout(browser, size)
    shot(world, browser, f"oauth-refused-{size}")
    assert browser.find_element(By.ID, "back").get_attribute("href") == site.origin + "/back"
    browser.find_element(By.CSS_SELECTOR, "a.button:not(.quiet)").click()
    browser.find_element(By.ID, "agree").click()
    assert browser.current_url.startswith(site.origin + "/back?wxbus_result=")
    assert browser.find_element(By.ID, "who").text == FAN
    assert (site.taken[-1]["nickname"], site.taken[-1]["state"]) == ("小明", "of-the-session")
    browser.refresh()
    assert browser.find_element(By.ID, "refused").text == "used before"
    # Weixin's redirect once more: the cookie has gone with the end of its visit.
    agreed = next(entry for entry in reversed(world.sim.record(what="page")["entries"])
                  if entry["path"] == "/weixin-sim/agree")
    fields = dict(urllib.parse.parse_qsl(agreed["query"]))
    browser.get(fields["redirect_uri"] + f"?code=c&state={fields['state']}")
    assert browser.find_element(By.TAG_NAME, "h1").text == used
    browser.get_log("browser")                                  # Chromium reports the status itself as an error
    check_layout(browser, size)
    shot(world, browser, f"oauth-used-{size}")


def test_the_example_in_the_readme_is_right(world):
    readme = (pathlib.Path(__file__).parents[2] / "services" / "token-service" / "README.md").read_text(encoding="utf-8")
    example = {}
    exec(re.search(r"```python\n(.*?)```", readme, re.S)[1], example)       # pylint: disable=exec-used
    appid = world.new_shop()
    example.update({"WX": world.public, "APPID": appid})
    address = Browser(world).visit(appid, state="mine")
    for call, error in ((lambda: example["visitor"](result_of(address), "another's"), ValueError),
                        (lambda: example["visitor"](result_of(address)[:-4] + "AAAA", "mine"), InvalidSignature)):
        with pytest.raises(error):
            call()
    assert example["visitor"](result_of(address), "mine")["openid"] == FAN
    with pytest.raises(ValueError):
        example["visitor"](result_of(address), "mine")          # once


def test_no_code_and_nobody_is_logged_or_kept(world):
    appid = world.new_shop()
    address = Browser(world).visit(appid, scope="snsapi_userinfo", state="visible-nowhere")
    call = world.codes_asked()[-1]
    answered = json.loads(call["answer"])
    code = dict(urllib.parse.parse_qsl(call["query"]))["code"]
    log = world.deployment.service(SERVICE).log_text()
    kept = "".join(str(world.database(f"SELECT * FROM token_service.{table}"))
                   for table in ("oauth_targets", "oauth_states_used", "oauth_keys"))
    status, _, metrics = world.deployment.request(SERVICE, "GET", "/metrics", what="admin")
    for secret in (code, answered["access_token"], answered["refresh_token"], answered["openid"], result_of(address),
                   "visible-nowhere", "小明"):
        assert secret not in log and secret not in kept and secret not in metrics.decode()
    assert status == 200

"""The authorization page and its callback: from a merchant's click to the account directory."""

import html
import json
import re
import time
import urllib.parse

import pytest

from test_token_service import World, SERVICE
from wxbus_testing.ref import address, signed_query
from wxbusdev.deployment import PlatformConfig
from wxbusdev.service import http_request

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Visitor:
    """A browser without a script engine: follows what it is told, keeps nothing."""

    def __init__(self, world, component=None):
        self.world = world
        self.component = component or world.component
        self.public = world.deployment.url(SERVICE)

    def get(self, target, **headers):
        return world_request(self.world, "GET", target, None, headers)

    def open_page(self, **parameters):
        status, _, body = self.get(address(self.component, **parameters))
        assert status == 200, body
        return re.search(r'name="page" value="([^"]+)"', body.decode())[1]

    def click(self, page, headers=FORM):
        """What the page's script does: (status, answer)."""
        status, _, body = world_request(self.world, "POST", f"/authorize/{self.component}/code",
                                        urllib.parse.urlencode({"page": page}).encode(), headers)
        return status, json.loads(body)

    def weixin(self, url):
        """The page at Weixin, entered from ours."""
        target = urllib.parse.urlsplit(url)
        return http_request(target.port, "GET", f"{target.path}?{target.query}",
                            headers={"Referer": self.public + "/"})[2].decode()

    def consent(self, url, appid):
        """The administrator's click at Weixin; the address that he is sent back to, or None."""
        shown = self.weixin(url)
        link = re.search(rf'id="confirm-{appid}" href="([^"]+)"', shown)
        assert link, shown
        _, headers, _ = http_request(self.world.deployment.port("weixin-sim", "listen"), "GET", html.unescape(link[1]))
        back = headers.get("Location")
        assert back is None or back.startswith(self.public)
        return back and back[len(self.public):]

    def authorize(self, appid, **parameters):
        status, answer = self.click(self.open_page(**parameters))
        assert status == 200, answer
        return self.consent(answer["url"], appid)


def world_request(world, method, target, body=None, headers=None):
    return world.deployment.request(SERVICE, method, target, body, headers or {}, timeout_s=30)


@pytest.fixture(scope="module")
def world(new_deployment):
    second = PlatformConfig.example()
    second.component_appid = "wxd3a0c0ffee000002"
    deployment = new_deployment(platforms=[PlatformConfig.example(), second],
                                settings={"WXBUS_AUTHORIZE_PER_ADDRESS": 1000, "WXBUS_PUBLIC_PER_ADDRESS": 100000, "WXBUS_AUTHORIZE_PER_PLATFORM": 100000})
    return World.started(deployment)


@pytest.fixture
def order(world):
    """order("push-first"): what Weixin does after the consent."""
    yield lambda name: world.sim.call("/admin/push-order", order=name)
    world.sim.call("/admin/push-order", order="push-first")


def signed(world, ref, return_url="https://shop.example.com/done?x=1", **options):
    return signed_query(world.deployment, world.component, ref, return_url, **options)


def ref_of(world, appid):
    return world.directory(appid, lambda row: row["ref"])["ref"]


@pytest.mark.parametrize("name", ["push-first", "redirect-first", "push-only", "redirect-only"])
def test_push_and_callback_in_every_order_end_alike(world, order, name):
    order(name)
    appid = world.new_account(nick_name="小店 <b>")
    visitor = Visitor(world)
    back = visitor.authorize(appid, **signed(world, f"customer-{name}"))
    if back is not None:
        for _ in range(2):                      # twice: a reload
            status, _, body = visitor.get(back)
            assert status == 200 and "授权成功" in body.decode()
            assert 'href="https://shop.example.com/done?x=1"' in body.decode()
    else:
        assert name == "push-only"
    world.wait_served(appid)
    assert ref_of(world, appid) == f"customer-{name}"
    row = world.directory(appid, lambda row: row["user_name"] and row["ref"])
    assert (row["state"], row["ref"]) == ("authorized", f"customer-{name}")
    if name == "redirect-only":
        assert not [event for event in world.sim.record(what="push")["entries"] if event["appid"] == appid]
    else:
        assert world.notice(appid, "authorized")
    assert len(world.calls("api_query_auth", appid)) == 1
    if back is not None:                        # by now Weixin has told the name
        assert "小店 &#60;b&#62;" in visitor.get(back)[2].decode()


def test_a_browser_s_code_that_differs_from_the_push_s_finds_the_push_s_account(world, order):
    order("push-only")
    appid = world.new_account()
    visitor = Visitor(world)
    _, answer = visitor.click(visitor.open_page(**signed(world, "twin")))
    visitor.consent(answer["url"], appid)
    redirect = urllib.parse.urlsplit(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer["url"]).query))
                                     ["redirect_uri"])
    world.wait_served(appid)
    status, _, body = visitor.get(f"{redirect.path}?{redirect.query}&auth_code=queryauthcode%40%40%40other")
    assert status == 200 and "授权成功" in body.decode()
    assert ref_of(world, appid) == "twin"


def test_one_account_authorizes_two_platforms(world):
    appid = world.new_account()
    for platform in world.deployment.platforms:
        component = platform.component_appid
        visitor = Visitor(world, component)
        back = visitor.authorize(appid, **signed_query(world.deployment, component, "of " + component))
        assert back.startswith(f"/authorize/{component}/callback?") and visitor.get(back)[0] == 200
    for platform in world.deployment.platforms:
        component = platform.component_appid
        assert world.tokens.call("GET", f"/v1/accounts/{component}/{appid}/token")[0] == 200
        with world.reader("accounts") as reader:
            row = reader.wait_for_one(lambda record: record.key == f"{component}/{appid}" and record.json["ref"], 20)
        assert row.json["ref"] == "of " + component
    # A page of one platform makes no codes for the other.
    page = Visitor(world).open_page()
    assert Visitor(world, world.deployment.platforms[1].component_appid).click(page)[0] == 403


def test_choices_reach_weixin(world):
    miniprogram, account = world.new_account(miniprogram=True), world.new_account()
    visitor = Visitor(world)

    def url(**parameters):
        return visitor.click(visitor.open_page(**parameters))[1]["url"]

    link = urllib.parse.urlsplit(url(auth_type=2, category_id_list="17|18"))
    fields = dict(urllib.parse.parse_qsl(link.query))
    assert link.path == "/cgi-bin/componentloginpage"
    assert (fields["auth_type"], fields["category_id_list"]) == ("2", "17|18")
    shown = visitor.weixin(url(auth_type=2))
    assert f"confirm-{miniprogram}" in shown and f"confirm-{account}" not in shown
    shown = visitor.weixin(url(biz_appid=account))
    assert f"confirm-{account}" in shown and f"confirm-{miniprogram}" not in shown
    phone = url(device="phone")
    assert "/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&" in phone and phone.endswith("#wechat_redirect")
    for wrong in ({"auth_type": "9"}, {"biz_appid": "a/b"}, {"category_id_list": "1,2"}, {"device": "tv"}):
        status, _, body = visitor.get(address(world.component, **wrong))
        assert status == 400 and b"<form" not in body


def test_a_page_s_languages_and_headers(world):
    visitor = Visitor(world)
    for headers, parameters, expected in (
            ({}, {}, "连接您的公众号或小程序"), ({"Accept-Language": "en-US,en;q=0.9"}, {}, "Connect your official"),
            ({"Accept-Language": "en"}, {"lang": "zh"}, "连接您的"), ({}, {"lang": "en"}, "Connect your official")):
        status, answer, body = visitor.get(address(world.component, **parameters), **headers)
        assert status == 200 and expected in body.decode()
    policy = answer["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy)[1]
    assert "default-src 'none'" in policy and "unsafe" not in policy and f'<script nonce="{nonce}">' in body.decode()
    assert answer["Referrer-Policy"] == "origin" and answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["Cache-Control"] == "no-store"
    assert 'referrerpolicy="origin"' in body.decode() and "http://" not in body.decode()


def test_open_pages_ask_weixin_for_nothing(world):
    since = world.now()
    visitor = Visitor(world)
    pages = [visitor.open_page() for _ in range(20)]
    assert not world.calls("api_create_preauthcode", since=since)
    assert visitor.click(pages[0])[0] == 200
    assert visitor.click(pages[0])[0] == 409            # one page, one code
    assert len(world.calls("api_create_preauthcode", since=since)) == 1
    status, answer = visitor.click(pages[1])
    assert visitor.click(answer["page"])[0] == 200      # the answer brings the next page's number


def test_forms_of_others_are_refused(world):
    visitor = Visitor(world)
    page = visitor.open_page()
    for wrong in ("", "x", page[:-2] + "AA", page + "A", "%"):
        assert visitor.click(wrong)[0] == 403
    assert visitor.click(page, {**FORM, "Origin": "https://evil.example"})[0] == 403
    assert visitor.click(page, {"Content-Type": "application/json"})[0] == 415
    assert visitor.click(page, {**FORM, "Origin": visitor.public})[0] == 200
    for method, target, status in (("POST", address(world.component), 405), ("GET", "/authorize/wxunknown", 404),
                                   ("GET", "/authorize/" + world.component + "/code", 405), ("GET", "/", 404),
                                   ("GET", address(world.component) + "?a=%00", 400),
                                   ("GET", address(world.component) + "?lang=en&lang=zh", 400),
                                   ("GET", "/v1/platforms/" + world.component + "/token", 404)):
        got, _, body = world_request(world, method, target)
        assert got == status and "无法显示此页面" in body.decode()


def test_without_a_script_a_second_page_has_the_link(world):
    appid = world.new_account()
    visitor = Visitor(world)
    body = urllib.parse.urlencode({"page": visitor.open_page(**signed(world, "no-script"))}).encode()
    status, _, shown = world_request(world, "POST", f"/authorize/{world.component}/link", body, FORM)
    link = re.search(r'referrerpolicy="origin" href="([^"]+)"', shown.decode())
    assert status == 200
    assert visitor.get(visitor.consent(html.unescape(link[1]), appid))[0] == 200
    assert ref_of(world, appid) == "no-script"
    assert world_request(world, "POST", f"/authorize/{world.component}/link", body, FORM)[0] == 409


def test_only_what_a_business_signed_is_carried(world):
    visitor = Visitor(world)
    good = signed(world, "mine")
    for change in ({"ref": "other"}, {"return": "https://evil.example/"}, {"until": str(int(good["until"]) + 1)},
                   {"signature": "0" * 64}, {"signature": ""}, {"signer": "wxbus"}):
        status, _, body = visitor.get(address(world.component, **{**good, **change}))
        assert status == 403 and b"<form" not in body and b"evil" not in body
    for name in good:
        if name != "ref" or good["ref"]:
            lacking = {field: value for field, value in good.items() if field != name}
            assert visitor.get(address(world.component, **lacking))[0] == 403
    assert visitor.get(address(world.component, ref="mine"))[0] == 403
    assert visitor.get(address("wxd3a0c0ffee000002", **good))[0] == 403
    assert visitor.get(address(world.component, **signed(world, "old", until=int(time.time()) - 1)))[0] == 410
    for wrong in ("javascript:alert(1)", "//evil.example", "https://shop.example.com@evil.example/",
                  "https://shop.example.com\\@evil.example/"):
        assert visitor.get(address(world.component, **signed(world, "x", wrong)))[0] == 403
    # Another key than one of scope `ref` signs nothing.
    wrong_key = signed_query(world.deployment, world.component, "x", key_name="wxbus")
    assert visitor.get(address(world.component, **wrong_key))[0] == 403


def test_the_callback_says_what_happened_and_how_to_go_on(world, order):
    order("redirect-only")
    appid = world.new_account()
    visitor = Visitor(world)
    _, answer = visitor.click(visitor.open_page(auth_type=1, **signed(world, "again")))
    redirect = urllib.parse.urlsplit(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer["url"]).query))
                                     ["redirect_uri"])
    back = f"{redirect.path}?{redirect.query}"
    # Cancelled: Weixin sends nobody back with a code.
    shown = visitor.get(back)[2].decode()
    assert "没有完成授权" in shown
    again = html.unescape(re.search(r'class="button" href="([^"]+)"', shown)[1])
    # A code that is none.
    assert "授权码已失效" in visitor.get(back + "&auth_code=queryauthcode%40%40%40wrong")[2].decode()
    # Begun again, the signature still holds, and so does the choice.
    body = visitor.get(again)[2].decode()
    assert "连接您的公众号<" in body
    _, answer = visitor.click(re.search(r'name="page" value="([^"]+)"', body)[1])
    back = visitor.consent(answer["url"], appid)
    # Weixin is away: nothing is lost, and the same address works later.
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_query_auth", errcode=-1, count=1)
    status, _, body = visitor.get(back)
    assert status == 503 and "就差一步" in body.decode()
    status, _, body = visitor.get(back)
    assert status == 200 and "授权成功" in body.decode()
    assert ref_of(world, appid) == "again"


def test_codes_without_an_authorization_begun_here_are_not_tried(world, order):
    order("redirect-only")
    visitor = Visitor(world)
    since = world.now()
    for state in ("", "&s=", "&s=" + "0" * 32, "&s=x", "&s=" + "a" * 500):
        status, _, body = visitor.get(f"/authorize/{world.component}/callback?auth_code=c{state}")
        assert status == 200 and "授权码已失效" in body.decode()
    assert not world.calls("api_query_auth", since=since)
    _, answer = visitor.click(visitor.open_page())
    redirect = urllib.parse.urlsplit(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer["url"]).query))
                                     ["redirect_uri"])
    other = redirect.path.replace(world.component, "wxd3a0c0ffee000002")
    visitor.get(f"{other}?{redirect.query}&auth_code=c")            # another platform's state
    assert not world.calls("api_query_auth", since=since)


def test_weixin_s_refusal_of_a_code_leaves_the_page_usable(world):
    visitor = Visitor(world)
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_create_preauthcode", errcode=45009, count=1)
    status, answer = visitor.click(visitor.open_page())
    assert (status, answer["error"]) == (503, "unavailable")
    assert visitor.click(answer["page"])[0] == 200


def test_clicks_are_limited_by_address_and_by_platform(new_deployment):
    deployment = new_deployment(settings={
        "WXBUS_AUTHORIZE_PER_ADDRESS": 3, "WXBUS_AUTHORIZE_PER_PLATFORM": 5, "WXBUS_PUBLIC_PER_ADDRESS": 30,
        "WXBUS_CLIENT_ADDRESS_HEADER": "X-Forwarded-For"})
    world = World.started(deployment)
    visitor = Visitor(world)
    page = visitor.open_page()

    def click(client):
        nonlocal page
        status, answer = visitor.click(page, {**FORM, "X-Forwarded-For": f"198.51.100.7, {client}"})
        page = answer["page"]
        return status

    assert [click("192.0.2.1") for _ in range(4)] == [200, 200, 200, 429]
    assert [click("192.0.2.2") for _ in range(3)] == [200, 200, 429]      # the platform's
    assert len(world.calls("api_create_preauthcode")) == 5
    answers = [visitor.get("/authorize/x", **{"X-Forwarded-For": "192.0.2.9"})[0] for _ in range(40)]
    assert answers[:30] == [404] * 30 and set(answers[30:]) == {429}
    deployment.close()


def test_no_code_and_no_signature_is_logged_or_kept(world):
    log = world.deployment.service(SERVICE).log_text()
    kept = str(world.database("SELECT * FROM token_service.authorizations_begun"))
    pages = world.sim.record(what="page")["entries"]
    codes = {value for entry in pages for name, value in urllib.parse.parse_qsl(entry["query"])
             if name == "pre_auth_code"}
    assert len(codes) > 5
    for code in codes:
        assert code not in log and code not in kept


def test_verification_files_come_from_their_folder_and_from_nowhere_else(new_deployment, tmp_path):
    folder = tmp_path / "verification"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "secret.pem").write_text("secret")
    deployment = new_deployment(settings={"WXBUS_VERIFICATION_DIR": str(folder)})
    deployment.start(SERVICE)
    (folder / "MP_verify_aB3.txt").write_text("aB3")        # while it runs
    (folder / "large.txt").write_text("x" * 5000)
    status, headers, body = deployment.request(SERVICE, "GET", "/MP_verify_aB3.txt")
    assert (status, body) == (200, b"aB3") and headers["Content-Type"].startswith("text/plain")
    for path in ("/other.txt", "/../outside.txt", "/..%2foutside.txt", "/%2e%2e/outside.txt", "/secret.pem", "/large.txt",
                 "/MP_verify_aB3.txt%00.txt", "/verification/MP_verify_aB3.txt"):
        status, _, body = deployment.request(SERVICE, "GET", path)
        assert status == 404 and b"outside" not in body and b"secret" not in body, path
    assert deployment.request(SERVICE, "POST", "/MP_verify_aB3.txt", b"x")[0] == 405
    deployment.close()

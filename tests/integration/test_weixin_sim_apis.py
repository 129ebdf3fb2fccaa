"""The account APIs of weixin-sim: what they check, what they cost, whom they serve."""

import http.client
import json
import urllib.parse

import pytest

from test_weixin_sim import (ACCOUNT, API, COMPONENT, FAN, KEY, SECRET, SEND, TOKEN, Weixin, process,  # noqa: F401
                             receiver, refused, sim)
from wxbusdev.child import wait_until

JPEG, AMR, MP4 = b"\xff\xd8\xff\xe0 a picture", b"#!AMR\n a voice", b"\0\0\0\x18ftypmp42 a film"
UPLOAD, DOWNLOAD = "/cgi-bin/media/upload", "/cgi-bin/media/get"


def exchange(sim, method, path, query, body=None, headers=None, source="127.0.0.1"):
    """(status, headers, bytes), from one of the loopback addresses."""
    connection = http.client.HTTPConnection("127.0.0.1", sim.api_port, timeout=20, source_address=(source, 0))
    connection.request(method, path + "?" + urllib.parse.urlencode(query), body, headers or {})
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


def upload(sim, token, media_type, data, name="media", file_name='; filename="a.bin"'):
    body = (f'--b\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n'
            "Content-Type: application/octet-stream\r\n\r\n").encode() + data + b"\r\n--b--\r\n"
    return json.loads(exchange(sim, "POST", UPLOAD, {"access_token": token, "type": media_type}, body,
                               {"Content-Type": "multipart/form-data; boundary=b"})[2])


def get(sim, path, token, **query):
    return json.loads(exchange(sim, "GET", path, {"access_token": token, **query})[2])


@pytest.fixture
def access(sim):                                                                           # noqa: F811
    sim.add_account(ACCOUNT, func_ids=[1, 2, 7, 11, 15], fans=[FAN],
                    templates=[{"template_id": "T1", "title": "订单", "content": "单号：{{number.DATA}}"}])
    sim.call("/admin/fans", appid=ACCOUNT, openid=FAN, refuses=False)
    return sim.account_tokens(sim.component_token())[0]


def test_media_are_uploaded_sent_and_downloaded(sim, access):                              # noqa: F811
    picture, voice, film = (upload(sim, access, *what)["media_id"]
                            for what in (("image", JPEG), ("voice", AMR), ("video", MP4)))
    thumb = upload(sim, access, "thumb", JPEG)["thumb_media_id"]
    status, headers, body = exchange(sim, "GET", DOWNLOAD, {"access_token": access, "media_id": picture})
    assert (status, headers["Content-Type"], body) == (200, "image/jpeg", JPEG)
    assert headers["Content-disposition"] == f'attachment; filename="{picture}.jpg"'
    link = urllib.parse.urlsplit(get(sim, DOWNLOAD, access, media_id=film)["video_url"])
    assert link.netloc == f"127.0.0.1:{sim.api_port}"
    assert exchange(sim, "GET", link.path, dict(urllib.parse.parse_qsl(link.query)))[2] == MP4

    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    sent = [("image", {"media_id": picture}, 0), ("image", {"media_id": voice}, 40007), ("voice", {"media_id": voice}, 0),
            ("voice", {"media_id": "made-up"}, 40007), ("video", {"media_id": film, "thumb_media_id": thumb}, 0),
            ("music", {"musicurl": "http://x/", "hqmusicurl": "http://x/", "thumb_media_id": thumb}, 0),
            ("music", {"musicurl": "http://x/", "thumb_media_id": thumb}, 40097),
            ("miniprogrampage", {"title": "t", "appid": "wx1", "pagepath": "p", "thumb_media_id": film}, 40007)]
    for kind, content, errcode in sent:
        answer = sim.api(SEND, {"touser": FAN, "msgtype": kind, kind: content}, access)
        assert answer["errcode"] == errcode, (kind, content, answer)


def test_what_is_no_media_is_refused(sim, access):                                         # noqa: F811
    refused(40004, upload(sim, access, "smell", JPEG))
    refused(40005, upload(sim, access, "image", b"text"))
    refused(40006, upload(sim, access, "thumb", JPEG + bytes(65536)))
    refused(44001, upload(sim, access, "image", b""))
    refused(41005, upload(sim, access, "image", JPEG, name="file"))
    refused(41005, upload(sim, access, "image", JPEG, file_name=""))
    refused(41005, upload(sim, access, "image", JPEG, file_name="; filename*=utf-8''a.jpg"))
    refused(40007, get(sim, DOWNLOAD, access, media_id="made-up"))
    refused(41001, json.loads(exchange(sim, "POST", UPLOAD, {"type": "image"}, b"x")[2]))
    refused(43002, get(sim, UPLOAD, access, type="image"))
    other = "wxacc0000000002"
    picture = upload(sim, access, "image", JPEG)["media_id"]
    sim.add_account(other, func_ids=[1])
    code = sim.push_authorized(COMPONENT, other)["code"]
    theirs = sim.api(API + "api_query_auth", {"component_appid": COMPONENT, "authorization_code": code},
                     sim.tokens()["platforms"][0]["component_access_token"])["authorization_info"]
    refused(40007, get(sim, DOWNLOAD, theirs["authorizer_access_token"], media_id=picture))
    entry = sim.calls(UPLOAD)[-1]
    assert entry["body"].endswith("bytes of a file")


def test_a_quota_ends_and_is_cleared_ten_times(sim, access):                               # noqa: F811
    tags, quota = "/cgi-bin/tags/get", "/cgi-bin/openapi/quota/get"
    sim.call("/admin/quotas", path=tags, daily=3)
    assert ["errcode" in get(sim, tags, access) for _ in range(3)] == [False] * 3
    refused(45009, get(sim, tags, access))
    shown = sim.api(quota, {"cgi_path": tags}, access)
    assert shown["quota"] == {"daily_limit": 3, "used": 3, "remain": 0}
    assert sim.api("/cgi-bin/openapi/quota/clear", {"cgi_path": tags}, access)["errcode"] == 0
    assert "tags" in get(sim, tags, access)
    refused(40013, sim.api("/cgi-bin/clear_quota", {"appid": "wxother"}, access))
    for _ in range(9):
        assert sim.api("/cgi-bin/clear_quota", {"appid": ACCOUNT}, access)["errcode"] == 0
    assert sim.api(quota, {"cgi_path": tags}, access)["quota"]["used"] == 0
    for path, body, token in (("/cgi-bin/clear_quota", {"appid": ACCOUNT}, access),
                              ("/cgi-bin/openapi/quota/clear", {"cgi_path": tags}, access),
                              ("/cgi-bin/component/clear_quota/v2",
                               {"component_appid": COMPONENT, "appsecret": SECRET, "appid": ACCOUNT}, None)):
        refused(48006, sim.api(path, body, token))
    sim.call("/admin/quotas", path="/cgi-bin/user/get", minute=1)
    answers = [get(sim, "/cgi-bin/user/get", access).get("errcode", 0) for _ in range(3)]
    assert answers[0] == 0 and answers.count(45011) >= 1            # the minute may change in between

    sim.call("/admin/quotas", path=API + "api_component_token", daily=1)
    answers = [sim.api(API + "api_component_token", {
        "component_appid": COMPONENT, "component_appsecret": SECRET,
        "component_verify_ticket": sim.tokens()["platforms"][0]["ticket"]}).get("errcode", 0) for _ in range(2)]
    assert answers[-1] == 45009
    assert sim.api("/cgi-bin/component/clear_quota/v2",
                   {"component_appid": COMPONENT, "appsecret": SECRET})["errcode"] == 0


def test_only_listed_addresses_may_call(sim, access, receiver):                            # noqa: F811
    component = sim.tokens()["platforms"][0]["component_access_token"]
    sim.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN, encoding_aes_key=KEY,
             event_url=f"{receiver.url}/event", message_url=f"{receiver.url}/account/$APPID$/message",
             ip_list=["127.0.0.2"])
    ticket = {"component_appid": COMPONENT, "component_appsecret": SECRET,
              "component_verify_ticket": sim.tokens()["platforms"][0]["ticket"]}
    calls = ((API + "api_component_token", ticket, {}), (API + "api_get_authorizer_list",
             {"component_appid": COMPONENT, "offset": 0, "count": 1}, {"access_token": component}),
             ("/cgi-bin/tags/create", {"tag": {"name": "a"}}, {"access_token": access}))
    for path, body, query in calls:
        answer = json.loads(exchange(sim, "POST", path, query, json.dumps(body))[2])
        refused(61004, answer)
        assert "requestIP: 127.0.0.1 " in answer["errmsg"]
        assert "errcode" not in json.loads(exchange(sim, "POST", path, query, json.dumps(body), source="127.0.0.2")[2])
    assert sim.push_ticket(COMPONENT)["answer"] == "success"        # pushes know no list


def test_an_account_has_what_it_granted_and_is(sim, access):                               # noqa: F811
    sim.push_updateauthorized(COMPONENT, ACCOUNT, func_ids=[15])
    code = sim.push_updateauthorized(COMPONENT, ACCOUNT, func_ids=[15, 2])["code"]
    component = sim.tokens()["platforms"][0]["component_access_token"]
    token = sim.api(API + "api_query_auth", {"component_appid": COMPONENT, "authorization_code": code},
                    component)["authorization_info"]["authorizer_access_token"]
    assert "tags" in get(sim, "/cgi-bin/tags/get", token)
    refused(46003, get(sim, "/cgi-bin/menu/get", token))
    assert get(sim, "/cgi-bin/get_current_selfmenu_info", token)["is_menu_open"] == 0
    refused(61007, get(sim, "/cgi-bin/template/get_all_private_template", token))
    refused(61007, upload(sim, token, "image", JPEG))
    refused(61007, sim.api("/cgi-bin/message/custom/typing", {"touser": FAN, "command": "Typing"}, token))
    sim.add_account(ACCOUNT, verify_type=-1)
    refused(48001, get(sim, "/cgi-bin/user/get", token))
    refused(46003, get(sim, "/cgi-bin/menu/get", token))            # an unverified account has that
    sim.add_account(ACCOUNT, miniprogram=True)
    refused(48001, get(sim, "/cgi-bin/menu/get", token))
    refused(40066, sim.api("/cgi-bin/nobody/knows", {}, token))


def test_fans_and_their_tags(sim, access):                                                 # noqa: F811
    fans = [f"oFan{number}" for number in range(1, 4)]
    sim.add_account(ACCOUNT, func_ids=[1, 2], fans=fans)
    sim.push_message(COMPONENT, ACCOUNT, fans[2], {"MsgType": "event", "Event": "unsubscribe"})
    assert get(sim, "/cgi-bin/user/get", access) == {
        "total": 2, "count": 2, "data": {"openid": fans[:2]}, "next_openid": fans[1]}
    assert get(sim, "/cgi-bin/user/get", access, next_openid=fans[1]) == {"total": 2, "count": 0, "next_openid": ""}
    refused(40003, get(sim, "/cgi-bin/user/get", access, next_openid="oNobody"))
    assert get(sim, "/cgi-bin/user/info", access, openid=fans[2]) == {"subscribe": 0, "openid": fans[2]}
    refused(40003, get(sim, "/cgi-bin/user/info", access, openid="oNobody"))

    tag = sim.api("/cgi-bin/tags/create", {"tag": {"name": "广东"}}, access)["tag"]
    refused(45157, sim.api("/cgi-bin/tags/create", {"tag": {"name": "广东"}}, access))
    refused(45158, sim.api("/cgi-bin/tags/create", {"tag": {"name": "长" * 11}}, access))
    members = {"openid_list": fans[:2], "tagid": tag["id"]}
    assert sim.api("/cgi-bin/tags/members/batchtagging", members, access)["errcode"] == 0
    refused(45159, sim.api("/cgi-bin/tags/members/batchtagging", {**members, "tagid": 7}, access))
    refused(40003, sim.api("/cgi-bin/tags/members/batchtagging", {**members, "openid_list": ["oNobody"]}, access))
    refused(40032, sim.api("/cgi-bin/tags/members/batchtagging", {**members, "openid_list": fans * 17}, access))
    assert get(sim, "/cgi-bin/tags/get", access)["tags"] == [{**tag, "count": 2}]
    assert sim.api("/cgi-bin/user/tag/get", {"tagid": tag["id"]}, access)["data"] == {"openid": fans[:2]}
    assert sim.api("/cgi-bin/tags/members/batchuntagging", {**members, "openid_list": fans[1:2]}, access)["errcode"] == 0
    assert sim.api("/cgi-bin/tags/getidlist", {"openid": fans[1]}, access) == {"tagid_list": []}
    assert sim.api("/cgi-bin/user/info/updateremark", {"openid": fans[0], "remark": "老顾客"}, access)["errcode"] == 0
    refused(40097, sim.api("/cgi-bin/user/info/updateremark", {"openid": fans[0], "remark": "长" * 30}, access))
    info = sim.api("/cgi-bin/user/info/batchget", {"user_list": [{"openid": fans[0]}, {"openid": fans[2]}]},
                   access)["user_info_list"]
    assert (info[0]["remark"], info[0]["tagid_list"], info[1]["subscribe"]) == ("老顾客", [tag["id"]], 0)
    refused(40032, sim.api("/cgi-bin/user/info/batchget", {"user_list": []}, access))
    assert sim.api("/cgi-bin/tags/update", {"tag": {"id": tag["id"], "name": "广西"}}, access)["errcode"] == 0
    refused(45058, sim.api("/cgi-bin/tags/delete", {"tag": {"id": 2}}, access))
    assert sim.api("/cgi-bin/tags/delete", {"tag": {"id": tag["id"]}}, access)["errcode"] == 0
    assert sim.api("/cgi-bin/tags/getidlist", {"openid": fans[0]}, access) == {"tagid_list": []}


def test_typing_is_shown_to_who_has_just_acted(sim, access):                               # noqa: F811
    typing = {"touser": FAN, "command": "Typing"}
    refused(45080, sim.api("/cgi-bin/message/custom/typing", typing, access))
    sim.push_text(COMPONENT, ACCOUNT, FAN, "hello")
    assert sim.api("/cgi-bin/message/custom/typing", typing, access)["errcode"] == 0
    refused(45081, sim.api("/cgi-bin/message/custom/typing", typing, access))
    refused(45072, sim.api("/cgi-bin/message/custom/typing", {**typing, "command": "Sing"}, access))
    assert sim.api("/cgi-bin/message/custom/typing", {**typing, "command": "CancelTyping"}, access)["errcode"] == 0
    assert sim.api("/cgi-bin/message/custom/typing", typing, access)["errcode"] == 0


@pytest.mark.parametrize("refuses, status", [(False, "success"), (True, "failed:user block")])
def test_a_template_message_is_followed_by_what_became_of_it(sim, access, receiver, refuses, status):  # noqa: F811
    assert get(sim, "/cgi-bin/template/get_all_private_template", access)["template_list"][0]["template_id"] == "T1"
    sim.call("/admin/fans", appid=ACCOUNT, openid=FAN, refuses=refuses)
    sent = sim.api("/cgi-bin/message/template/send", {
        "touser": FAN, "template_id": "T1", "data": {"number": {"value": "7"}}}, access)
    assert sent["errcode"] == 0
    wait_until(lambda: [push for push in receiver.pushes if push["fields"].get("Event")], 20, "its end")
    fields = receiver.pushes[-1]["fields"]
    assert (fields["Event"], fields["MsgID"], fields["Status"], fields["FromUserName"]) == (
        "TEMPLATESENDJOBFINISH", str(sent["msgid"]), status, FAN)
    assert sim.send_text(access) == (48002 if refuses else 45015)   # it opens no window


def test_a_visitors_token_expires_and_is_refreshed(logs, receiver):                        # noqa: F811
    sim = Weixin(logs / "weixin-sim-visitor.log", WEIXIN_SIM_TOKEN_LIFE_S=4)               # noqa: F811
    sim.start(ready=False)
    try:
        sim.wait_for(sim.ready, 20, "healthz")
        sim.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN, encoding_aes_key=KEY,
                 event_url=f"{receiver.url}/event")
        sim.add_account(ACCOUNT, fans=[FAN])
        sim.push_ticket(COMPONENT)

        def component():
            return sim.api(API + "api_component_token", {
                "component_appid": COMPONENT, "component_appsecret": SECRET,
                "component_verify_ticket": sim.tokens()["platforms"][0]["ticket"]})["component_access_token"]

        sim.push_authorized(COMPONENT, ACCOUNT)
        page = exchange(sim, "GET", "/connect/oauth2/authorize", {
            "appid": ACCOUNT, "redirect_uri": "https://shop.example.com/back", "response_type": "code",
            "scope": "snsapi_base", "state": "s", "component_appid": COMPONENT})
        code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page[1]["Location"]).query))["code"]
        common = {"appid": ACCOUNT, "component_appid": COMPONENT}
        first = get(sim, "/sns/oauth2/component/access_token", component(), grant_type="authorization_code", code=code, **common)
        assert get(sim, "/sns/auth", first["access_token"], openid=FAN)["errcode"] == 0
        refused(40003, get(sim, "/sns/auth", first["access_token"], openid="oNobody"))
        refused(40002, get(sim, "/sns/oauth2/component/access_token", component(), code=code, **common))
        wait_until(lambda: get(sim, "/sns/auth", first["access_token"], openid=FAN)["errcode"] == 42001, 20, "its end")
        refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **common}
        second = get(sim, "/sns/oauth2/component/refresh_token", component(), **refresh)
        assert (second["openid"], second["scope"]) == (FAN, "snsapi_base")
        assert second["access_token"] != first["access_token"]
        assert get(sim, "/sns/auth", second["access_token"], openid=FAN)["errcode"] == 0
        refused(40030, get(sim, "/sns/oauth2/component/refresh_token", component(), **{**refresh, "refresh_token": "x"}))
    finally:
        sim.finish()


def test_a_platform_keeps_domains_and_code_templates(sim, receiver):                       # noqa: F811
    sim.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN, encoding_aes_key=KEY,
             event_url=f"{receiver.url}/event", message_url=f"{receiver.url}/account/$APPID$/message",
             code_drafts=[{"draft_id": 7, "user_version": "V1.0", "user_desc": "first"}])
    component = sim.component_token()

    def domains(path, kind, action, value=None, together=False):
        answer = sim.api(API + path, {"action": action, kind: value, "is_modify_published_together": together}, component)
        return answer.get(f"published_{kind}", answer["errcode"]), answer.get(f"testing_{kind}")

    server = ("modify_wxa_server_domain", "wxa_server_domain")
    assert domains(*server, "get") == ("", "")
    assert domains(*server, "add", "a.com;b.com", together=True) == ("a.com;b.com",) * 2
    assert domains(*server, "add", "b.com;c.com") == ("a.com;b.com", "a.com;b.com;c.com")
    assert domains(*server, "delete", "a.com", together=True)[0] == "b.com"
    assert domains(*server, "set", "d.com") == ("b.com", "d.com")
    assert domains(*server, "dance", "d.com")[0] == domains(*server, "add")[0] == 40097
    assert domains("modify_wxa_jump_domain", "wxa_jump_h5_domain", "get") == ("", "")
    assert sim.api(API + "get_domain_confirmfile", {}, component)["file_name"].endswith(".txt")

    draft, = get(sim, "/wxa/gettemplatedraftlist", component)["draft_list"]
    refused(85064, sim.api("/wxa/addtotemplate", {"draft_id": 8}, component))
    assert sim.api("/wxa/addtotemplate", {"draft_id": draft["draft_id"]}, component)["errcode"] == 0
    template, = get(sim, "/wxa/gettemplatelist", component)["template_list"]
    assert (template["user_version"], template["user_desc"]) == ("V1.0", "first")
    assert get(sim, "/wxa/gettemplatelist", component, template_type=1)["template_list"] == []
    refused(43001, sim.api("/wxa/gettemplatelist", {}, component))
    assert sim.api("/wxa/deletetemplate", {"template_id": template["template_id"]}, component)["errcode"] == 0
    refused(85064, sim.api("/wxa/deletetemplate", {"template_id": template["template_id"]}, component))
    refused(40013, sim.api(API + "clear_quota", {"component_appid": "wxother"}, component))
    assert sim.api(API + "clear_quota", {"component_appid": COMPONENT}, component)["errcode"] == 0

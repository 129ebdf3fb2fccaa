"""Fans and accounts that are to be forgotten: who is told, what is deleted, and what is not recorded anew."""

import concurrent.futures
import itertools
import json
import time

import pytest

from wxbus_testing.events import Events
from wxbus_testing.token_world import SERVICE, World
from wxbus_testing.topics import produce
from wxbusdev.child import wait_until
from wxbusdev.deployment import PlatformConfig

PROXY = "wxbus-api-proxy"
OTHER = "wxd3a0c0ffee000002"
_fans = itertools.count(1)


class Fans(World):
    """A deployment with two platforms, and a mini program whose fans write, log in and leave."""

    def __init__(self, deployment):
        super().__init__(deployment)
        for platform in deployment.platforms:
            self.sim.push_ticket(platform.component_appid)
            wait_until(lambda: self.tokens.call("GET", f"/v1/platforms/{platform.component_appid}/token")[0] == 200, 20, "a token")
        self.account = self.new_account(miniprogram=True)
        self.authorize(self.account)
        self.key = deployment.add_caller("desk", ["*"], ["*"])
        self.events = Events(deployment, [])

    def new_fan(self):
        return f"oErased{next(_fans):04}"

    def event(self, openid, event, appid=None):
        pushed = self.sim.push_message(self.component, appid or self.account, openid, {"MsgType": "event", "Event": event})
        assert pushed["answer"] == "success", pushed

    def log_in(self, openid):
        code = self.sim.call("/admin/login", appid=self.account, openid=openid)["code"]
        status, _, _ = self.deployment.request(SERVICE, "POST", f"/login/{self.component}/{self.account}",
                                               json.dumps({"code": code}).encode())
        assert status == 200

    def logins(self, openid):
        return self.database("SELECT count(*) FROM token_service.login_sessions WHERE openid = %s", openid)[0][0]

    def left(self, openid, appid=None):
        """What may still be sent to him; None: nothing is known of him."""
        status, _, body = self.deployment.request(PROXY, "GET", f"/accounts/{appid or self.account}/allowance/{openid}",
                                                  None, {"Authorization": f"Bearer {self.key}"})
        assert status == 200
        return json.loads(body)["left"]

    def acquaint(self, openid):
        """He writes and logs in."""
        self.sim.push_text(self.component, self.account, openid, "hello")
        self.log_in(openid)
        wait_until(lambda: self.left(openid) == 5, 10, "his message is known")

    def erased(self, openid, count=1):
        with self.reader("platform-notices") as reader:
            return reader.wait_for(lambda record: record.headers["ce_type"] == "wxbus.user.erased" and
                                   record.json["openid"] == openid, 15, count)

    def forget(self, appid, openid, check=True):
        return self.deployment.command("users", "forget", appid, openid, check=check)


@pytest.fixture(scope="module")
def fans(new_deployment):
    other = PlatformConfig.example()
    other.component_appid = OTHER
    deployment = new_deployment(platforms=[PlatformConfig.example(), other])
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress", PROXY)
    return Fans(deployment)


def test_a_fan_who_unsubscribes_is_forgotten_by_both_and_told_to_everybody(fans):
    fan, neighbour = fans.new_fan(), fans.new_fan()
    fans.acquaint(fan)
    fans.acquaint(neighbour)
    time.sleep(1.1)                     # Weixin's times are whole seconds; what is as old as `before` is not older
    fans.event(fan, "unsubscribe")
    notice, = fans.erased(fan)
    with fans.reader("messages") as reader:
        left = reader.wait_for_one(lambda record: record.headers.get("ce_subject") == fan and
                                   record.headers["ce_type"] == "weixin.event.unsubscribe")
    assert notice.json == {"component_appid": fans.component, "appid": fans.account, "openid": fan,
                           "before": left.headers["ce_time"]}
    assert notice.key == f"{fans.component}/{fans.account}"
    wait_until(lambda: fans.left(fan) is None and fans.logins(fan) == 0, 10, "he is forgotten")
    assert fans.left(neighbour) == 5 and fans.logins(neighbour) == 1
    assert fans.database("SELECT count(*) FROM api_proxy.allowance WHERE openid = %s", fan) == [(0,)]


def test_the_operator_has_a_fan_forgotten_for_each_platform_that_knows_the_account(fans):
    fan, both = fans.new_fan(), fans.new_account()
    fans.acquaint(fan)
    answer = fans.forget(fans.account, fan).stdout
    assert answer == f"{fans.account}  {fan}  forgotten, told for 1 platform\n"
    wait_until(lambda: fans.left(fan) is None and fans.logins(fan) == 0, 10, "he is forgotten")
    fans.authorize(both)
    assert fans.sim.push_authorized(OTHER, both)["answer"] == "success"
    wait_until(lambda: len(fans.database("SELECT 1 FROM token_service.accounts WHERE appid = %s AND state = 'authorized'",
                                         both)) == 2, 20, "both platforms have it")
    known_to_both, known_to_none = fans.new_fan(), fans.new_fan()
    assert "told for 2 platforms" in fans.forget(both, known_to_both).stdout
    assert "told for 2 platforms" in fans.forget("wxnobodyknows", known_to_none).stdout
    for openid in (known_to_both, known_to_none):
        assert {record.json["component_appid"] for record in fans.erased(openid, 2)} == {fans.component, OTHER}
    assert fans.forget("wx/no", fan, check=False).returncode == 2
    assert fans.admin.call("POST", "/v1/users/forget", {"appid": fans.account, "openid": "no one"})[0] == 400
    assert fans.tokens.call("POST", "/v1/users/forget", {"appid": fans.account, "openid": fan})[0] == 403


def test_what_a_forgotten_fan_did_before_is_not_recorded_anew_and_what_he_does_afterwards_is(fans):
    fan, neighbour = fans.new_fan(), fans.new_fan()
    fans.forget(fans.account, fan)
    wait_until(lambda: fans.database("SELECT 1 FROM api_proxy.erasures WHERE openid = %s", fan), 10, "the mark")
    for openid in (fan, neighbour):
        fans.events.text(fans.account, openid, "an hour ago", age_s=3600)
        fans.events.text(fans.account, openid, "an hour ago", "messages.test", age_s=3600)
    fans.events.flush()
    wait_until(lambda: fans.left(neighbour) == 5, 10, "the old message of somebody else is known")
    last = fans.new_fan()               # in every partition nothing lies before it any more
    fans.events.text(fans.account, last, "now")
    fans.events.flush()
    wait_until(lambda: fans.left(last) == 5, 10, "the feed has gone on")
    assert fans.left(fan) is None
    time.sleep(1.1)
    fans.events.text(fans.account, fan, "here I am again")
    fans.events.flush()
    wait_until(lambda: fans.left(fan) == 5, 10, "he is known again")
    fans.database("UPDATE api_proxy.erasures SET at = now() - interval '31 days' WHERE openid = %s", fan)
    fans.deployment.finish(PROXY)       # sweeps when it starts
    fans.deployment.start_one(PROXY)
    wait_until(lambda: not fans.database("SELECT 1 FROM api_proxy.erasures WHERE openid = %s", fan), 10, "the mark is forgotten")
    assert fans.left(fan) == 5


def test_many_leave_at_once_and_nonsense_is_passed_over(fans, long):
    many = [fans.new_fan() for _ in range(300 if long else 40)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda openid: fans.event(openid, "unsubscribe"), many))
    headers = {"ce_specversion": "1.0", "ce_id": "x", "ce_source": "/x", "ce_type": "weixin.event.unsubscribe"}
    for more in ({}, {"ce_componentappid": fans.component, "ce_appid": fans.account},
                 {"ce_componentappid": fans.component, "ce_appid": fans.account, "ce_subject": "o x"}):
        produce(fans.deployment.kafka.bootstrap_servers, fans.deployment.topic("messages"), b"{}",
                headers=list({**headers, **more}.items()))
    produce(fans.deployment.kafka.bootstrap_servers, fans.deployment.topic("platform-notices"), b'{"openid":1}',
            headers=list({**headers, "ce_type": "wxbus.user.erased"}.items()))
    wait_until(lambda: set(many) <= {row[0] for row in fans.database("SELECT openid FROM api_proxy.erasures")}, 20,
               "all of them are marked")
    last = fans.new_fan()
    fans.event(last, "unsubscribe")
    fans.erased(last)
    log = fans.deployment.service(SERVICE).log_text() + fans.deployment.service(PROXY).log_text()
    assert "an unsubscription of nobody" in log and "an erasure of nobody" in log
    for openid in (*many, last):
        assert openid not in log


def test_the_audit_tells_who_did_what_without_secrets_and_fans(fans):
    appid, fan = fans.new_account(), fans.new_fan()
    fans.authorize(appid)
    token = fans.token(appid)[1]["token"]
    assert fans.refresh(appid, token)[0] == 200
    fans.deployment.set_repliers(appid, ["desk"])
    fans.deployment.command("accounts", "channel", fans.component, appid, "test")
    fans.forget(appid, fan)
    fans.sim.push_unauthorized(fans.component, appid)
    fans.directory(appid, lambda row: row["state"] == "unauthorized")
    printed = fans.deployment.command("audit", "--appid", appid, "--since", "1h").stdout
    rows = [line.split(maxsplit=5) for line in reversed(printed.splitlines()[1:])]
    rows = [row for row in rows if row[3] != "token-service"]       # its turn to be refreshed may come meanwhile
    assert [(row[3], row[4], row[5] if len(row) > 5 else "") for row in rows] == [
        ("weixin", "authorized", "sets +1,2,3"), ("api-proxy", "refreshed", ""), ("wxbus", "repliers", "desk"),
        ("wxbus", "channel", "test"), ("wxbus", "erased", "asked"), ("weixin", "unauthorized", "")]
    assert {(row[1], row[2]) for row in rows} == {(fans.component, appid)}
    assert fan not in printed and token not in printed
    assert len(fans.deployment.command("audit", "--limit", "2").stdout.splitlines()) == 3
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    assert len(fans.deployment.command("audit", "--since", later).stdout.splitlines()) == 1
    assert fans.deployment.command("audit", "--since", "yesterday", check=False).returncode == 2
    assert fans.tokens.call("POST", "/v1/audit/list", {"limit": 1})[0] == 403


def test_an_account_that_left_long_ago_is_erased_and_old_rows_of_the_audit_go(fans):
    left, recent = fans.new_account(nick_name="小店", user_name="gh_left01"), fans.new_account(nick_name="Shop", user_name="gh_left02")
    for appid in (left, recent):
        fans.authorize(appid)
        fans.directory(appid, lambda row: row["user_name"])
        fans.sim.push_unauthorized(fans.component, appid)
        fans.directory(appid, lambda row: row["state"] == "unauthorized")
    fans.database("UPDATE token_service.accounts SET updated_at = now() - interval '31 days', ref = 'customer 7' WHERE appid = %s", left)
    fans.database("UPDATE token_service.audit SET at = now() - interval '31 days' WHERE appid = %s", recent)
    fans.database("INSERT INTO token_service.login_sessions (session_sha256, component_appid, appid, openid, session_key, at)"
                  " SELECT decode(lpad(days::text, 4, '0'), 'hex'), %s, %s, 'o' || days, '\\x00', now() - days * interval '1 day'"
                  " FROM unnest(array[29, 31]) days", fans.component, recent)
    fans.database("INSERT INTO token_service.authorizations_begun (state, component_appid, page, choice, at)"
                  " SELECT days::text, %s, days::text, '', now() - days * interval '1 day' FROM unnest(array[6, 8]) days",
                  fans.component)
    fans.deployment.finish(SERVICE)     # sweeps when it starts
    fans.deployment.start_one(SERVICE)
    row = fans.directory(left, lambda row: row["state"] == "unauthorized" and not row["nick_name"])
    assert (row["user_name"], row["func_ids"], row["ref"]) == ("", [], None)
    with fans.reader("platform-notices") as reader:
        notice = reader.wait_for_one(lambda record: record.headers["ce_type"] == "wxbus.account.erased")
    assert notice.json == {"component_appid": fans.component, "appid": left}
    assert fans.database("SELECT nick_name FROM token_service.accounts WHERE appid = %s", recent) == [("Shop",)]
    wait_until(lambda: not fans.database("SELECT 1 FROM token_service.audit WHERE appid = %s", recent), 10, "the audit is swept")
    wait_until(lambda: fans.database("SELECT openid FROM token_service.login_sessions WHERE appid = %s", recent) == [("o29",)],
               10, "the logins are swept")
    wait_until(lambda: fans.database("SELECT state FROM token_service.authorizations_begun") == [("6",)], 10,
               "what was begun is swept")
    fans.database("DELETE FROM token_service.login_sessions WHERE appid = %s", recent)
    assert "account erased" in fans.deployment.command("audit", "--appid", left).stdout
    fans.authorize(left)                # it may come back
    assert fans.directory(left, lambda other: other["nick_name"] == "小店" and other["version"] > row["version"])["state"] == "authorized"

"""wxbus-token-service between a simulated Weixin, the ingress, Kafka and PostgreSQL."""

import concurrent.futures
import hashlib
import json
import pathlib
import time

import pytest

from wxbus_testing import in_clear
from wxbus_testing.token_world import FUNCS, SERVICE, World
from wxbusdev.child import wait_until
from wxbusdev.service import http_request

@pytest.fixture(scope="module")
def world(new_deployment):
    deployment = new_deployment()
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress")
    world = World(deployment)
    assert world.tokens.call("GET", f"/v1/platforms/{world.component}/token")[0] == 503
    world.push_tickets()
    return world


def test_a_ticket_becomes_the_component_s_token_fetched_once(world):
    status, answer = world.tokens.call("GET", f"/v1/platforms/{world.component}/token")
    assert status == 200
    assert answer["token"] == world.sim.tokens()["platforms"][0]["component_access_token"]
    assert answer["token_sha256"] == hashlib.sha256(answer["token"].encode()).hexdigest()
    assert 7000 < answer["expires_in"] <= 7200
    assert len([call for call in world.calls("api_component_token") if call["errcode"] == 0]) == 1


def test_an_older_ticket_never_replaces_a_newer_one(world):
    newest = world.sim.push_ticket(world.component)["ticket"]
    service = world.deployment.service(SERVICE)
    before = service.metric("wxbus_token_service_intake_total", outcome="ticket_old")
    world.push_event("component_verify_ticket", int(time.time()) - 3600, ComponentVerifyTicket="ticket@@@old")
    wait_until(lambda: service.metric("wxbus_token_service_intake_total", outcome="ticket_old") > before, 10,
               "the old ticket was seen")
    path = f"/v1/platforms/{world.component}/refresh"
    token = world.tokens.call("GET", f"/v1/platforms/{world.component}/token")[1]
    status, answer = world.tokens.call("POST", path, {"token_sha256": token["token_sha256"]})
    assert status == 200 and answer["token"] != token["token"]
    used = json.loads(world.calls("api_component_token")[-1]["body"])
    assert used["component_verify_ticket"] == newest


def test_an_authorization_is_exchanged_at_once_and_told(world):
    appid = world.new_account(nick_name="小店", user_name="gh_5h0p", service_type=2, verify_type=0)
    pushed = world.authorize(appid)
    assert world.token(appid)[1]["token"] == world.weixin_s_account(appid)["access_token"]

    row = world.directory(appid, lambda row: row["user_name"])
    assert row["state"] == "authorized" and row["channel"] == "live" and row["repliers"] == []
    assert (row["nick_name"], row["user_name"], row["kind"], row["verified"]) == ("小店", "gh_5h0p", "service", True)
    assert row["func_ids"] == FUNCS and row["ref"] is None

    notice = world.notice(appid, "authorized")
    assert notice.json["AuthorizerAppid"] == appid and notice.json["added"] == FUNCS
    assert notice.json["removed"] == []
    assert pushed["code"] not in notice.value.decode() and "Code" not in notice.value.decode()
    assert notice.headers["ce_source"] == f"/platforms/{world.component}/accounts/{appid}"
    assert len(world.calls("api_query_auth", appid)) == 1


def test_an_update_tells_the_difference_of_permission_sets(world):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    world.sim.push_updateauthorized(world.component, appid, func_ids=[2, 3, 7, 11])
    notice = world.notice(appid, "updateauthorized")
    assert (notice.json["added"], notice.json["removed"]) == ([7, 11], [1])
    row = world.directory(appid, lambda row: 7 in row["func_ids"])
    assert row["func_ids"] == [2, 3, 7, 11]
    new = world.token(appid)[1]["token"]
    assert new != old and new == world.weixin_s_account(appid)["access_token"]


def test_an_account_that_leaves_and_comes_back(world):
    appid = world.new_account()
    world.authorize(appid)
    left = world.sim.push_unauthorized(world.component, appid)
    assert left["answer"] == "success"
    row = world.directory(appid, lambda row: row["state"] == "unauthorized")
    assert world.token(appid)[0] == 409
    assert world.notice(appid, "unauthorized")
    kept = world.database("SELECT token, refresh_token, (SELECT count(*) FROM token_service.refresh_token_history h"
                          " WHERE h.appid = a.appid) FROM token_service.accounts a WHERE appid = %s", appid)
    assert kept == [(None, None, 0)]
    time.sleep(1.1)                     # Weixin's times are whole seconds
    world.authorize(appid)
    again = world.directory(appid, lambda other: other["state"] == "authorized" and other["version"] > row["version"])
    assert again["version"] > row["version"]


def test_an_un_authorization_from_before_the_newest_authorization_changes_nothing(world):
    appid = world.new_account()
    world.authorize(appid)
    world.push_event("unauthorized", int(time.time()) - 600, AuthorizerAppid=appid)
    wait_until(lambda: world.database("SELECT outcome FROM token_service.events WHERE appid = %s AND type = %s",
                                      appid, "weixin.platform.unauthorized") == [("stale",)], 10, "stale")
    assert world.token(appid)[0] == 200


def test_push_first_then_the_same_code_on_request(world):
    appid = world.new_account()
    code = world.authorize(appid)["code"]
    assert world.exchange(code) == (200, {"appid": appid})
    assert world.exchange(code, appid=appid) == (200, {"appid": appid})
    assert len(world.calls("api_query_auth", appid)) == 1


def test_request_first_then_the_push_with_the_same_code(world):
    appid = world.new_account()
    code = world.sim.push_authorized(world.component, appid, push=False)["code"]
    assert world.exchange(code, appid=appid) == (200, {"appid": appid})
    assert world.token(appid)[0] == 200
    world.push_event("authorized", AuthorizerAppid=appid, AuthorizationCode=code,
                     AuthorizationCodeExpiredTime=int(time.time()) + 3600, PreAuthCode="preauthcode@@@x")
    assert world.notice(appid, "authorized").json["added"] == FUNCS
    assert len(world.calls("api_query_auth", appid)) == 1


def test_request_and_push_at_once_exchange_once(world):
    appid = world.new_account()
    code = world.sim.push_authorized(world.component, appid, push=False)["code"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(world.exchange, code) for _ in range(4)]
        pool.submit(world.push_event, "authorized", AuthorizerAppid=appid, AuthorizationCode=code).result()
        assert [one.result() for one in asked] == [(200, {"appid": appid})] * 4
    world.notice(appid, "authorized")
    assert len(world.calls("api_query_auth", appid)) == 1


def test_a_used_code_finds_the_tokens_of_its_twin(world):
    appid = world.new_account()
    world.authorize(appid)
    used = "queryauthcode@@@used-by-somebody"
    assert world.exchange(used, appid=appid) == (200, {"appid": appid})
    assert world.exchange(used) == (200, {"appid": appid})      # the newest authorization
    other = world.new_account()
    status, answer = world.exchange("queryauthcode@@@nobody-s", appid=other)
    assert (status, answer["error"]) == (409, "code_refused")
    # The push's own code may be another than the browser's.
    world.push_event("authorized", AuthorizerAppid=appid, AuthorizationCode="queryauthcode@@@twin")
    assert world.notice(appid, "authorized", count=2).json["added"] == FUNCS


def test_an_authorization_whose_code_is_lost_is_recovered_from_weixin_s_own_record(world):
    appid = world.new_account()
    code = world.sim.push_authorized(world.component, appid, push=False)["code"]
    token = world.sim.tokens()["platforms"][0]["component_access_token"]
    status, _, body = http_request(
        world.deployment.port("weixin-sim", "listen"), "POST",
        f"/cgi-bin/component/api_query_auth?component_access_token={token}",
        json.dumps({"component_appid": world.component, "authorization_code": code}).encode())
    assert status == 200 and b"authorizer_access_token" in body     # somebody else has used it
    world.push_event("authorized", AuthorizerAppid=appid, AuthorizationCode=code)
    assert world.wait_served(appid)["token"] == world.weixin_s_account(appid)["access_token"]
    assert world.notice(appid, "authorized").json["added"] == FUNCS


def test_a_repeated_push_is_told_once(world):
    appid = world.new_account()
    when = int(time.time())
    for _ in range(3):
        world.push_event("notify_third_fastregisterbetaapp", when, appid=appid, status=0,
                         info="x", ComponentVerifyTicket="must not be told")
    with world.reader("platform-notices") as reader:
        wanted = [record for record in wait_until(
            lambda: [one for one in reader.read_to_end() if one.json.get("appid") == appid], 10, "the notice")]
        time.sleep(1)
        wanted = [one for one in reader.read_to_end() if one.json.get("appid") == appid]
    assert len(wanted) == 1
    assert wanted[0].json["status"] == "0" or wanted[0].json["status"] == 0
    assert "must not be told" not in wanted[0].value.decode()


def test_a_fast_registration_s_code_is_exchanged(world):
    appid = world.new_account(miniprogram=True)
    code = world.sim.push_authorized(world.component, appid, push=False)["code"]
    world.push_event("notify_third_fasteregister", appid=appid, status=0, auth_code=code, msg="OK")
    world.wait_served(appid)
    assert world.directory(appid, lambda row: row["user_name"])["kind"] == "miniprogram"


def test_many_who_were_refused_cause_one_refresh(world):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: world.refresh(appid, old), range(200)))
    assert {status for status, _ in answers} == {200}
    assert {answer["token"] for _, answer in answers} == {world.weixin_s_account(appid)["access_token"]}
    assert len(world.calls("api_authorizer_token", appid)) == 1
    assert world.refresh(appid, old)[1]["token"] == answers[0][1]["token"]
    assert len(world.calls("api_authorizer_token", appid)) == 1


@pytest.mark.parametrize("fault", [
    {"errcode": -1}, {"errcode": 45011}, {"http_status": 500}, {"body": "<html>"}, {"body": '{"authorizer_acc'},
], ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_weixin_s_trouble_passes(world, fault):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    since = world.now()
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_authorizer_token", count=2, **fault)
    assert world.refresh(appid, old)[0] == 503
    assert world.token(appid) == (200, world.token(appid)[1])       # the old one is served meanwhile
    answer = wait_until(lambda: (got := world.refresh(appid, old))[0] == 200 and got[1], 15, "the refresh", 0.2)
    assert answer["token"] == world.weixin_s_account(appid)["access_token"] != old
    assert len(world.calls("api_authorizer_token", appid, since)) == 3


def test_a_void_component_token_is_replaced_on_the_way(world):
    appid = world.new_account()
    world.authorize(appid)
    for how in ("expired", "invalid"):
        world.sim.call("/admin/tokens/expire", component_appid=world.component, how=how)
        old = world.token(appid)[1]["token"]
        status, answer = world.refresh(appid, old)
        assert status == 200 and answer["token"] != old


@pytest.mark.parametrize("when", ["before", "after"], ids=["before Weixin looks", "after Weixin has answered"])
@pytest.mark.parametrize("again", ["updated", "authorized anew"])
def test_an_authorization_made_anew_while_a_refresh_is_under_way_wins(world, when, again):
    """Weixin replaces both tokens at once; what the refresh brings late must not be stored over them."""
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    time.sleep(1.1)                     # Weixin's times are whole seconds
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_authorizer_token", delay_ms=2500, when=when)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(world.refresh, appid, old)
        wait_until(lambda: world.database("SELECT lease_owner IS NOT NULL FROM token_service.accounts WHERE appid = %s",
                                          appid) == [(True,)], 5, "the refresh under way")
        if again == "updated":
            world.sim.push_updateauthorized(world.component, appid, func_ids=[1, 2, 3, 7])
        else:
            world.sim.push_unauthorized(world.component, appid)
            world.sim.push_authorized(world.component, appid)
        status, answer = refresh.result()
    assert status != 200 or answer["token"] != old
    wait_until(lambda: world.token(appid)[1].get("token") == world.weixin_s_account(appid)["access_token"], 20,
               "Weixin's last token")
    latest = world.token(appid)[1]["token"]
    status, answer = wait_until(lambda: (got := world.refresh(appid, latest))[0] == 200 and got, 40,
                                "the next refresh, with Weixin's last refresh token", 0.3)
    assert answer["token"] == world.weixin_s_account(appid)["access_token"] != latest


def test_tokens_are_refreshed_ahead_of_their_end(world):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    world.database("UPDATE token_service.accounts SET refresh_at = now() WHERE appid = %s", appid)
    wait_until(lambda: world.token(appid)[1]["token"] != old, 10, "refreshed in the background")
    assert len(world.calls("api_authorizer_token", appid)) == 1


def test_a_refresh_token_that_weixin_changed_is_taken_over(world):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    world.sim.push_authorized(world.component, appid, push=False)   # somebody else will exchange this one
    code = world.sim.push_authorized(world.component, appid, push=False)["code"]
    token = world.sim.tokens()["platforms"][0]["component_access_token"]
    http_request(world.deployment.port("weixin-sim", "listen"), "POST",
                 f"/cgi-bin/component/api_query_auth?component_access_token={token}",
                 json.dumps({"component_appid": world.component, "authorization_code": code}).encode())
    status, answer = world.refresh(appid, old)      # 61023 with ours
    assert status == 200 and answer["token"] == world.weixin_s_account(appid)["access_token"]


def test_repliers_are_set_by_the_operator_s_command(world):
    appid = world.new_account()
    world.authorize(appid)
    world.deployment.command("accounts", "repliers", world.component, appid, "desk,shop")
    assert world.directory(appid, lambda row: row["repliers"])["repliers"] == ["desk", "shop"]
    before = world.directory(appid, lambda row: row["repliers"])["version"]
    world.deployment.command("accounts", "repliers", world.component, appid, "none")
    world.directory(appid, lambda row: row["version"] > before and row["repliers"] == [])
    for wrong in (["a,b,c,d,e"], ["Desk!"], ["desk,desk"]):
        assert world.deployment.command("accounts", "repliers", world.component, appid, *wrong, check=False).returncode
    unknown = world.deployment.command("accounts", "repliers", world.component, "wxnobody", "desk", check=False)
    assert unknown.returncode == 1 and "unknown" in unknown.stderr


def test_the_directory_can_be_asked_for_one_account(world):
    appid = world.new_account()
    path = world.account_path(appid, "directory")
    assert world.tokens.call("GET", path)[0] == 404
    world.authorize(appid)
    row = world.directory(appid, lambda row: row["user_name"])
    assert world.tokens.call("GET", path)[:2] == (200, row)
    assert world.exchanger.call("GET", path)[0] == 403
    assert world.tokens.call("GET", path, authorization="")[0] == 401


def test_an_account_is_put_on_test_and_shown_by_the_operator_s_commands(world):
    appid = world.new_account()
    world.authorize(appid)
    world.deployment.command("accounts", "channel", world.component, appid, "test")
    row = world.directory(appid, lambda row: row["channel"] == "test" and row["user_name"])
    shown = json.loads(world.deployment.command("accounts", "show", world.component, appid).stdout)
    assert shown["directory"] == row
    token = shown["token"]
    assert 7000 < token["expires_in"] <= 7200 and 500 < token["refresh_in"] < token["expires_in"]
    assert (token["failures"], token["refreshes_today"], token["refused_errcode"], token["refresh_tokens_kept"]) == (
        0, 0, 0, 1)
    assert (token["refreshes"], token["refreshed_by"], token["refreshed_at"]) == (0, None, None)
    world.deployment.command("accounts", "channel", world.component, appid, "live")
    assert world.directory(appid, lambda other: other["version"] > row["version"])["channel"] == "live"
    for command in (("channel", world.component, appid, "both"), ("channel", world.component, appid),
                    ("show", world.component), ("show", world.component, appid, "x")):
        assert world.deployment.command("accounts", *command, check=False).returncode == 2
    for command in (("channel", world.component, "wxnobody", "test"), ("show", world.component, "wxnobody")):
        unknown = world.deployment.command("accounts", *command, check=False)
        assert unknown.returncode == 1 and "unknown" in unknown.stderr
    assert world.admin.call("PUT", world.account_path(appid, "channel"), {"channel": "both"})[0] == 400
    assert world.tokens.call("GET", world.account_path(appid, "status"))[0] == 403


def test_v1_believes_nobody_without_a_signature(world):
    appid = world.new_account()
    path = world.account_path(appid, "token")
    assert world.tokens.call("GET", path, authorization="")[0] == 401
    assert world.tokens.call("GET", path, authorization="Bearer x")[0] == 401
    old = world.tokens.header("GET", path, b"", now=int(time.time()) - 300)
    assert world.tokens.call("GET", path, authorization=old)[0] == 401
    other = world.tokens.header("GET", world.account_path("wxother", "token"), b"")
    assert world.tokens.call("GET", path, authorization=other)[0] == 401
    assert world.exchanger.call("GET", path)[0] == 403
    assert world.tokens.call("PUT", world.account_path(appid, "repliers"), {"repliers": []})[0] == 403
    assert world.tokens.call("GET", path)[0] == 404
    assert world.tokens.call("DELETE", path)[0] == 405
    assert world.tokens.call("GET", "/v1/nothing")[0] == 404
    assert world.tokens.call("POST", world.account_path(appid, "refresh"), {"token_sha256": "x"})[0] == 400
    assert world.admin.call("PUT", world.account_path(appid, "repliers"), {"repliers": ["desk"]})[0] == 404


def test_an_authorization_waits_for_its_ticket_and_for_weixin(new_deployment):
    deployment = new_deployment()
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress")
    world = World(deployment)
    appid = world.new_account()
    # Whatever partition the two share, the ticket behind must not wait for the authorization.
    assert world.sim.push_authorized(world.component, appid)["answer"] == "success"
    service = deployment.service(SERVICE)
    wait_until(lambda: service.metric("wxbus_token_service_events_retried_total") >= 1, 20, "an attempt")
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_query_auth", errcode=-1, count=2)
    world.sim.push_ticket(world.component)
    world.wait_served(appid)
    assert len(world.calls("api_query_auth")) == 3
    deployment.close()


def test_a_killed_process_and_a_second_one_lose_nothing(new_deployment):
    deployment = new_deployment()
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress")
    deployment.start_one(SERVICE, "second")
    world = World(deployment)
    world.sim.push_ticket(world.component)
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_query_auth", delay_ms=50, count=40)
    appids = [world.new_account() for _ in range(40)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pushes = [pool.submit(world.sim.push_authorized, world.component, appid) for appid in appids]
        time.sleep(0.6)
        deployment.kill(SERVICE)
        assert {one.result()["answer"] for one in pushes} == {"success"}
    deployment.start_one(SERVICE)
    # What the dead one had begun is taken up when its lease has run out.
    wait_until(lambda: world.database("SELECT count(*) FROM token_service.accounts WHERE state = 'authorized'"
                                      " AND refresh_token IS NOT NULL") == [(40,)], 150, "every account", 0.5)
    for appid in appids:
        assert world.wait_served(appid)["token"] == world.weixin_s_account(appid)["access_token"]
        world.directory(appid, lambda row: row["state"] == "authorized")

    # All are due at once, for two processes: each is refreshed once.
    since = world.now()
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_authorizer_token", delay_ms=50, count=80)
    world.database("UPDATE token_service.accounts SET refresh_at = now()")
    wait_until(lambda: world.database("SELECT count(*) FROM token_service.accounts WHERE refresh_at < now()"
                                      " OR lease_owner IS NOT NULL") == [(0,)], 20, "every refresh")
    assert sorted(json.loads(call["body"])["authorizer_appid"]
                  for call in world.calls("api_authorizer_token", since=since)) == sorted(appids)
    for appid in appids:
        assert world.token(appid)[1]["token"] == world.weixin_s_account(appid)["access_token"]
    deployment.close()


def test_a_database_that_goes_and_comes_back(new_deployment, postgres, long):
    deployment = new_deployment()
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress")
    world = World(deployment)
    world.sim.push_ticket(world.component)
    kept, new, later = (world.new_account() for _ in range(3))
    world.authorize(kept)
    old = world.token(kept)[1]["token"]
    service = deployment.service(SERVICE)
    # An exchange and a refresh are under way: Weixin has made new tokens, which nobody has got yet.
    for api in ("api_query_auth", "api_authorizer_token"):
        world.sim.call("/admin/faults", path="/cgi-bin/component/" + api, delay_ms=2000, when="after")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert world.sim.push_authorized(world.component, new)["answer"] == "success"
        wait_until(lambda: world.weixin_s_account(new)["access_token"], 20, "the exchange under way")
        refresh = pool.submit(world.refresh, kept, old, 90)     # a caller more patient than any of ours
        wait_until(lambda: world.weixin_s_account(kept)["access_token"] != old, 20, "the refresh under way")
        postgres.stop()
        try:
            assert world.sim.push_authorized(world.component, later)["answer"] == "success"
            assert world.token(kept)[0] == 503
            wait_until(lambda: not service.ready(), 10, "not ready")
            wait_until(lambda: world.calls("api_query_auth", new) and world.calls("api_authorizer_token", kept), 10,
                       "both of Weixin's answers")
            time.sleep(30 if long else 2)   # 2 s: less than the leases leave for storing what was got
        finally:
            postgres.start()
        refresh.result()
    for appid in (kept, new, later):
        wait_until(lambda: world.token(appid)[1].get("token") == world.weixin_s_account(appid)["access_token"],
                   90 if long else 20, "Weixin's last token")
    service.wait_ready()
    assert service.running
    if not long:
        assert len(world.calls("api_authorizer_token", kept)) == 1 and world.calls("api_authorizer_token", new) == []
        assert len(world.calls("api_query_auth", new)) == 1
    # Afterwards Weixin takes the refresh tokens that we have.
    for appid in (kept, new, later):
        # A connection of before may still give one 503.
        wait_until(lambda: world.refresh(appid, world.wait_served(appid)["token"])[0] == 200, 40, "a refresh", 0.5)
        assert world.wait_served(appid)["token"] == world.weixin_s_account(appid)["access_token"]
    deployment.close()


def test_no_secret_is_kept_or_told_in_clear(world):
    """Every module's end looks through database, logs and metrics for what the simulator told; here also through the
    topics, and that this look would find something."""
    folder = pathlib.Path(world.deployment.service(SERVICE).log_path).parent
    assert in_clear.check(world.deployment, folder) > 40
    told = in_clear.secrets_told(world.sim)
    with world.reader("platform-notices") as notices, world.reader("accounts") as accounts:
        topics = "".join(record.value.decode() for reader in (notices, accounts) for record in reader.read_to_end())
    assert topics and not [secret for secret in told if secret in topics]
    appid = world.new_account()
    world.authorize(appid)
    secret = world.token(appid)[1]["token"]
    for form in (secret, f"x{secret}.", secret.encode().hex()):
        world.database("INSERT INTO token_service.audit (component_appid, appid, who, what, detail)"
                       " VALUES ('', '', '', 'leak', %s)", form)
        with pytest.raises(AssertionError, match="the database has 1 of"):
            in_clear.check(world.deployment, folder)
        world.database("DELETE FROM token_service.audit WHERE what = 'leak'")
    (folder / "leak.log").write_text(f"?access_token={secret}&x=1\n")
    with pytest.raises(AssertionError, match="the log leak.log has 1 of"):
        in_clear.check(world.deployment, folder)
    (folder / "leak.log").unlink()

"""Reconciling with Weixin's own list of accounts: what a lost push took away comes back."""

import collections
import concurrent.futures
import json
import time

import pytest

from wxbus_testing.token_world import SERVICE, World
from wxbusdev.child import free_port, wait_until
from wxbusdev.service import http_request

LIST = "/cgi-bin/component/api_get_authorizer_list"
INFO = "/cgi-bin/component/api_get_authorizer_info"
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"


class SyncWorld(World):
    def component_token(self):
        return self.tokens.call("GET", f"/v1/platforms/{self.component}/token")[1]["token"]

    def exchange_elsewhere(self, code, token=None):
        """Somebody else exchanges the code: Weixin then has a refresh token that we were never told."""
        token = token or self.component_token()
        status, _, body = http_request(
            self.deployment.port("weixin-sim", "listen"), "POST",
            f"/cgi-bin/component/api_query_auth?component_access_token={token}",
            json.dumps({"component_appid": self.component, "authorization_code": code}).encode())
        assert status == 200 and b"authorizer_refresh_token" in body
        return json.loads(body)["authorization_info"]["authorizer_refresh_token"]

    def lose_authorization(self, token=None, **fields):
        """An account that has authorized, of which no push has told us."""
        appid = self.new_account(**fields)
        self.exchange_elsewhere(self.sim.push_authorized(self.component, appid, push=False)["code"], token)
        return appid

    def lose_end(self, appid):
        """The account leaves, and the push goes nowhere."""
        platform, push_url = self.deployment.platform, self.deployment.url("wxbus-ingress")
        self.sim.add_platform(platform, f"http://127.0.0.1:{free_port()}")
        assert self.sim.push_unauthorized(self.component, appid)["answer"] == "refused"
        self.sim.add_platform(platform, push_url)

    def start_sync(self, **options):
        return self.admin.call("POST", f"/v1/platforms/{self.component}/sync", options)

    def state(self, number):
        return self.admin.call("GET", f"/v1/platforms/{self.component}/sync?id={number}")[1]

    def wait_over(self, number, timeout_s=60):
        return wait_until(lambda: (state := self.state(number))["ended_at"] and state, timeout_s, "the sync's end")

    def sync(self, **options):
        status, state = self.start_sync(**options)
        assert status == 200, state
        return self.wait_over(state["id"])

    def findings(self, state):
        answer = self.admin.call("GET", f"/v1/platforms/{self.component}/sync-findings?id={state['id']}&limit=500")[1]
        return {one["appid"]: one["finding"] for one in answer["findings"]}

    def errcodes(self, state):
        """What Weixin said of those of whom it does not tell: Counter of (finding, errcode)."""
        return collections.Counter(self.database("SELECT finding, errcode FROM token_service.sync_accounts"
                                                 " WHERE sync_id = %s AND errcode <> 0", state["id"]))

    def row(self, appid, columns):
        return self.database(f"SELECT {columns} FROM token_service.accounts WHERE appid = %s", appid)


@pytest.fixture(scope="module")
def world(new_deployment):
    return SyncWorld.started(new_deployment(settings={"WXBUS_SYNC_EVERY_S": "0"}))


@pytest.fixture(autouse=True)
def no_faults_left(request):
    yield
    if "world" in request.fixturenames:
        request.getfixturevalue("world").sim.call("/admin/faults/clear")


def test_an_account_whose_push_was_lost_is_added(world):
    known, lost = world.new_account(), world.lose_authorization(nick_name="小店", user_name="gh_10st")
    world.authorize(known)
    before = world.token(known)[1]["token"]
    state = world.sync()
    assert (state["step"], state["reason"], state["error"]) == ("done", "operator", None)
    assert state["seen"] == state["total"] >= 2
    assert world.findings(state) == {lost: "added"}
    assert state["found"]["added"] == 1 and state["found"]["missing"] == 0
    assert world.wait_served(lost)["token"] == world.weixin_s_account(lost)["access_token"]
    row = world.directory(lost, lambda row: row["state"] == "authorized")
    assert (row["nick_name"], row["user_name"], row["func_ids"]) == ("小店", "gh_10st", [1, 2, 3])
    with world.reader("platform-notices") as reader:
        notice = reader.wait_for_one(lambda record: record.key == f"{world.component}/{lost}", 20)
    assert notice.headers["ce_type"] == "wxbus.account.authorized"
    assert notice.json == {"component_appid": world.component, "appid": lost, "added": [1, 2, 3], "removed": []}
    assert world.token(known)[1]["token"] == before
    assert world.findings(world.sync()) == {}


def test_several_accounts_are_asked_about_at_once(world):
    lost = [world.lose_authorization() for _ in range(9)]
    world.sim.call("/admin/faults", path=INFO, delay_ms=3000, when="after", count=1)
    since = world.now()
    assert world.findings(world.sync()) == {appid: "added" for appid in lost}
    page = json.loads(world.calls("api_get_authorizer_list", None, since)[-1]["answer"])["list"]
    answered = [json.loads(call["body"])["authorizer_appid"]
                for call in world.calls("api_get_authorizer_info", None, since)]
    listed = [one["authorizer_appid"] for one in page if one["authorizer_appid"] in lost]
    assert sorted(answered) == sorted(listed) == sorted(lost)
    assert answered != listed           # the one whose answer is late holds up no other


def test_a_dry_run_changes_nothing(world):
    lost = world.lose_authorization()
    state = world.sync(dry_run=True)
    assert world.findings(state) == {lost: "new"} and world.row(lost, "1") == []
    world.sync()
    world.wait_served(lost)


def test_an_unknown_refresh_token_is_kept_and_used_when_ours_is_refused(world):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    theirs = world.exchange_elsewhere(world.sim.push_authorized(world.component, appid, push=False)["code"])
    state = world.sync()
    assert world.findings(state) == {appid: "changed"}
    assert world.row(appid, "(SELECT count(*) FROM token_service.refresh_token_history h WHERE h.appid ="
                            " accounts.appid)") == [(2,)]
    calls = [json.loads(call["body"])["authorizer_refresh_token"]
             for call in world.calls("api_authorizer_token", appid)]
    assert theirs not in calls                                      # ours has not been refused yet
    # Weixin's single-account answer is away, so the one of the list is what is left.
    world.sim.call("/admin/faults", path=INFO, errcode=-1, count=1)
    status, answer = world.refresh(appid, old)
    assert status == 200 and answer["token"] == world.weixin_s_account(appid)["access_token"]
    assert world.findings(world.sync()) == {}


def test_an_account_whose_code_nobody_exchanged_is_told(world):
    appid = world.new_account()
    world.sim.push_authorized(world.component, appid, push=False)
    assert world.findings(world.sync()) == {appid: "code_lost"}
    world.sim.push_updateauthorized(world.component, appid, func_ids=[1, 2, 3, 7])
    world.wait_served(appid)
    assert world.findings(world.sync()) == {}


def test_who_left_unseen_is_reported_and_un_authorized_only_when_pruning(world):
    appid = world.new_account()
    world.authorize(appid)
    time.sleep(1.1)                     # Weixin's times are whole seconds
    world.lose_end(appid)
    assert world.findings(world.sync()) == {appid: "missing"}
    assert world.row(appid, "state") == [("authorized",)]
    state = world.sync(prune=True)
    assert world.findings(state) == {appid: "pruned"} and state["found"]["pruned"] == 1
    assert world.row(appid, "state, token, refresh_token") == [("unauthorized", None, None)]
    world.directory(appid, lambda row: row["state"] == "unauthorized")
    with world.reader("platform-notices") as reader:
        reader.wait_for_one(lambda record: record.key == f"{world.component}/{appid}" and
                            record.headers["ce_type"] == "wxbus.account.unauthorized", 20)


def test_a_troubled_account_does_not_keep_the_others_from_being_looked_at(world):
    troubles = [50001, 50002, 50004, 61007, 43007, 48001]
    lost = [world.lose_authorization() for _ in range(len(troubles) + 1)]
    for errcode in troubles:
        world.sim.call("/admin/faults", path=INFO, errcode=errcode, count=1)
    state = world.sync()
    assert (state["step"], state["found"]["new"], state["found"]["added"]) == ("done", len(troubles), 1), state
    assert world.errcodes(state) == {("new", errcode): 1 for errcode in troubles}
    assert set(world.findings(world.sync()).values()) == {"added"}      # the trouble is over
    for appid in lost:
        world.wait_served(appid)
    # One that Weixin does not list, and does not tell of either, stays as it is, even when pruning.
    left = lost[0]
    time.sleep(1.1)                     # Weixin's times are whole seconds
    world.lose_end(left)
    world.sim.call("/admin/faults", path=INFO, errcode=50002, count=1)
    state = world.sync(prune=True)
    assert world.findings(state) == {left: "missing"} and world.errcodes(state) == {("missing", 50002): 1}
    assert world.row(left, "state") == [("authorized",)]
    assert world.findings(world.sync(prune=True)) == {left: "pruned"}


def test_failures_behind_a_refused_account_count_in_a_row(world):
    for _ in range(2):
        world.lose_authorization()
    for _ in range(30):                 # of the two, the first asked is refused, the other one fails
        world.sim.call("/admin/faults", path=INFO, errcode=48001, count=1)
        world.sim.call("/admin/faults", path=INFO, errcode=-1, count=1)
    _, state = world.start_sync()
    for attempts in (1, 2, 3):
        wait_until(lambda: world.state(state["id"])["attempts_failed"] >= attempts, 20, f"{attempts} failures in a row")
    world.database("UPDATE token_service.syncs SET attempts = 9, retry_at = now() WHERE id = %s", state["id"])
    state = world.wait_over(state["id"])
    assert state["step"] == "failed" and "errcode -1" in state["error"] and state["found"]["added"] == 0
    world.sim.call("/admin/faults/clear")
    assert world.sync()["found"]["added"] == 2


def test_a_refusal_of_the_platform_is_held_against_no_account(world):
    lost = world.lose_authorization()
    world.sim.call("/admin/faults", path=INFO, errcode=61004, count=1)
    _, state = world.start_sync()
    wait_until(lambda: world.state(state["id"])["attempts_failed"] == 1, 10, "the failed step")
    state = world.state(state["id"])
    assert "61004" in state["error"] and state["retry_in"] > 20         # somebody must set it right first
    world.database("UPDATE token_service.syncs SET retry_at = now() WHERE id = %s", state["id"])
    assert world.findings(world.wait_over(state["id"])) == {lost: "added"}


def wait_failed_step(world, number):
    wait_until(lambda: world.state(number)["attempts_failed"] >= 1 or world.state(number)["ended_at"], 20,
               "the failed step")
    return world.state(number)


def go_on(world, number):
    """Somebody has set it right: nothing waits any longer."""
    world.sim.call("/admin/faults/clear")
    world.database("UPDATE token_service.platforms SET retry_at = NULL, failures = 0")
    world.database("UPDATE token_service.syncs SET retry_at = now() WHERE id = %s", number)
    return world.wait_over(number)


@pytest.mark.parametrize("errcode", [40013, 61003, 40125])
def test_a_component_token_refused_while_pruning_prunes_nobody(world, errcode):
    """The component's token is void, and Weixin gives no other: its answer to that is nobody else's."""
    kept, gone = world.new_account(), world.new_account()
    for appid in (kept, gone):
        world.authorize(appid)
    time.sleep(1.1)                     # Weixin's times are whole seconds
    world.lose_end(gone)
    world.sim.call("/admin/faults", path=LIST, body='{"total_count":0,"list":[]}', count=1)    # all may be missing
    world.sim.call("/admin/faults", path=INFO, errcode=40001, count=10 ** 6)
    world.sim.call("/admin/faults", path=COMPONENT_TOKEN, errcode=errcode, count=10 ** 6)
    _, state = world.start_sync(prune=True)
    state = wait_failed_step(world, state["id"])
    assert state["step"] == "missing" and "no component token" in state["error"]
    assert f"errcode {errcode}" in world.deployment.service(SERVICE).log_text()
    assert world.findings(state) == {} and world.row(gone, "state") == [("authorized",)]
    state = go_on(world, state["id"])
    assert world.findings(state) == {gone: "pruned"} and world.row(kept, "state") == [("authorized",)]


@pytest.mark.parametrize("errcode", [40013, 61003])
def test_who_is_gone_is_asked_for_twice_and_the_platform_in_between(world, errcode):
    kept, gone = world.new_account(), world.new_account()
    for appid in (kept, gone):
        world.authorize(appid)
    time.sleep(1.1)                     # Weixin's times are whole seconds
    world.lose_end(gone)
    # Weixin says it of everybody, and then of the platform's own call.
    world.sim.call("/admin/faults", path=LIST, body='{"total_count":0,"list":[]}', count=1)
    world.sim.call("/admin/faults", path=LIST, errcode=40013, count=1)
    world.sim.call("/admin/faults", path=INFO, errcode=errcode, count=10 ** 6)
    _, state = world.start_sync(prune=True)
    state = wait_failed_step(world, state["id"])
    assert state["step"] == "missing" and "errcode 40013" in state["error"] and world.findings(state) == {}
    assert world.findings(go_on(world, state["id"])) == {gone: "pruned"}
    # Or once of each account, and then no more.
    world.sim.call("/admin/faults", path=LIST, body='{"total_count":0,"list":[]}', count=1)
    world.sim.call("/admin/faults", path=INFO, errcode=errcode, count=1)
    state = world.sync(prune=True)
    assert (state["step"], world.findings(state)) == ("done", {}) and world.row(kept, "state") == [("authorized",)]


def test_who_authorizes_while_a_sync_runs_is_neither_missing_nor_pruned(world):
    appid = world.new_account()
    before = world.new_account()
    world.authorize(before)
    world.sim.call("/admin/faults", path=LIST, delay_ms=2000, when="after")     # the page is made, then late
    _, state = world.start_sync(prune=True)
    wait_until(lambda: world.state(state["id"])["started_at"], 10, "the sync's start")
    wait_until(lambda: world.calls("api_get_authorizer_info", appid) or
               world.sim.push_authorized(world.component, appid), 10, "an authorization in the middle")
    state = world.wait_over(state["id"])
    assert world.findings(state) == {} and state["step"] == "done"
    world.wait_served(appid)
    # An account that Weixin does not list, but says of itself that it is authorized, is not missing either.
    total = len([one for one in world.sim.tokens()["accounts"] if one["state"] == "authorized"])
    page = json.dumps({"total_count": total - 1, "list": []})
    world.sim.call("/admin/faults", path=LIST, body=page, count=10)
    since = world.now()
    state = world.sync(prune=True)
    assert world.findings(state) == {} and state["seen"] == 0
    assert {json.loads(call["body"])["authorizer_appid"] for call in world.calls("api_get_authorizer_info", None, since)
            } >= {appid, before}
    assert world.row(appid, "state") == [("authorized",)]


def test_only_one_sync_of_a_platform_runs(world):
    world.sim.call("/admin/faults", path=LIST, delay_ms=1500, when="after")
    status, first = world.start_sync()
    assert status == 200
    assert world.start_sync()[1]["id"] == first["id"]
    status, answer = world.start_sync(prune=True)
    assert (status, answer["error"]) == (409, "busy")
    world.wait_over(first["id"])


def test_a_sync_that_fails_for_good_says_so(world):
    world.sim.call("/admin/faults", path=LIST, errcode=-1, count=1000)
    _, state = world.start_sync()
    wait_until(lambda: world.state(state["id"])["attempts_failed"] >= 2, 20, "two attempts")
    assert "api_get_authorizer_list" in world.state(state["id"])["error"]
    world.database("UPDATE token_service.syncs SET attempts = 9, retry_at = now() WHERE id = %s", state["id"])
    state = world.wait_over(state["id"])
    assert state["step"] == "failed" and "errcode -1" in state["error"]
    world.sim.call("/admin/faults/clear")
    answer = world.deployment.command("accounts", "sync")
    assert answer.stdout.startswith(f"{world.component}: ") and "0 missing" in answer.stdout


def test_a_list_that_lacks_too_many_accounts_is_not_believed(world):
    world.database("INSERT INTO token_service.accounts (component_appid, appid, state, authorized_at)"
                   " SELECT %s, 'wxmany' || n, 'authorized', now() FROM generate_series(1, 1001) n", world.component)
    since = world.now()
    state = world.sync(prune=True)
    assert state["step"] == "failed" and "lacks 1001 of our accounts" in state["error"]
    assert world.calls("api_get_authorizer_info", None, since) == []
    assert world.database("SELECT DISTINCT state FROM token_service.accounts WHERE appid LIKE 'wxmany%%'") == [
        ("authorized",)]
    shown = world.deployment.command("accounts", "sync", "--dry-run", check=False)
    assert shown.returncode == 1 and "failed: Weixin's list lacks" in shown.stdout
    world.database("DELETE FROM token_service.accounts WHERE appid LIKE 'wxmany%%'")


def test_the_operator_s_request_is_checked(world):
    for body in ({"prune": 1}, {"dry_run": "yes"}):
        assert world.start_sync(**body)[0] == 400
    assert world.admin.call("POST", "/v1/platforms/wxnobody/sync", {})[0] == 404
    assert world.tokens.call("POST", f"/v1/platforms/{world.component}/sync", {})[0] == 403
    assert world.admin.call("GET", f"/v1/platforms/{world.component}/sync?id=0")[0] == 400
    assert world.admin.call("GET", f"/v1/platforms/{world.component}/sync?id=99999")[0] == 404


def wait_reason(world, reason):
    wanted = ("SELECT id FROM token_service.syncs WHERE reason = %s AND step = 'done'"
              " AND id > (SELECT coalesce(max(id), 0) FROM token_service.syncs WHERE reason = 'operator')")
    return wait_until(lambda: world.database(wanted, reason), 20, f"a sync of reason {reason}")


def test_a_gap_between_tickets_tells_of_an_outage(world):
    now, service = int(time.time()), world.deployment.service(SERVICE)
    lost = world.lose_authorization()
    count = lambda: world.database("SELECT count(*) FROM token_service.syncs WHERE reason = 'outage'")[0][0]
    world.database("UPDATE token_service.platforms SET ticket_created_at = to_timestamp(%s)", now - 1400)
    seen = service.metric("wxbus_token_service_intake_total", outcome="ticket")
    world.sim.push_ticket(world.component)
    wait_until(lambda: service.metric("wxbus_token_service_intake_total", outcome="ticket") > seen, 10, "a ticket")
    time.sleep(1.5)                     # a look for what is due comes every second
    assert count() == 0 and world.row(lost, "1") == []
    world.database("UPDATE token_service.platforms SET ticket_created_at = to_timestamp(%s)", now - 1700)
    world.sim.push_ticket(world.component)
    world.wait_served(lost)
    wait_reason(world, "outage")
    assert count() == 1
    assert "pushes may have been lost" in service.log_text()


def test_it_runs_daily_by_itself_on_one_of_two_replicas(world):
    lost = world.lose_authorization()
    daily = {"WXBUS_SYNC_EVERY_S": "86400"}
    for replica in ("second", "third"):
        world.deployment.start_one(SERVICE, replica, settings=daily)
    assert world.row(lost, "1") == []       # nobody's day has come
    world.database("UPDATE token_service.sync_schedule SET next_at = now()")
    world.wait_served(lost)
    wait_reason(world, "daily")
    assert world.database("SELECT count(*) FROM token_service.syncs WHERE reason = 'daily'") == [(1,)]
    assert world.database("SELECT next_at BETWEEN now() + interval '21 h' AND now() + interval '27 h'"
                          " FROM token_service.sync_schedule") == [(True,)]
    for replica in ("second", "third"):
        world.deployment.finish(replica)


def fail_for_good(world, reason):
    """The next sync of this reason; returns its number."""
    tried = "SELECT id FROM token_service.syncs WHERE reason = %s AND ended_at IS NULL AND attempts > 0"
    number = wait_until(lambda: world.database(tried, reason), 20, "an attempt")[0][0]
    world.database("UPDATE token_service.syncs SET attempts = 9, retry_at = now() WHERE id = %s", number)
    assert world.wait_over(number)["step"] == "failed"
    return number


def test_a_sync_after_an_outage_that_fails_is_made_again(world):
    lost = world.lose_authorization()
    schedule = "SELECT outage_at IS NOT NULL FROM token_service.sync_schedule"
    syncs = lambda: world.database("SELECT id FROM token_service.syncs ORDER BY id DESC LIMIT 1")[0][0]
    world.sim.call("/admin/faults", path=LIST, errcode=-1, count=1000)
    world.database("UPDATE token_service.sync_schedule SET outage_at = now()")
    failed = fail_for_good(world, "outage")
    assert world.database(schedule) == [(True,)]
    world.sim.call("/admin/faults/clear")
    time.sleep(2.5)                     # a look for what is due comes every second
    assert syncs() == failed and world.row(lost, "1") == []     # not at once
    world.database("UPDATE token_service.syncs SET ended_at = ended_at - interval '10 minutes' WHERE id = %s", failed)
    again = wait_until(lambda: (number := syncs()) != failed and number, 20, "the sync again")
    state = world.wait_over(again)
    assert (state["step"], state["reason"], world.findings(state)) == ("done", "outage", {lost: "added"})
    assert world.database(schedule) == [(False,)]


def test_a_daily_sync_that_fails_is_due_within_the_hour(world):
    soon = "SELECT next_at <= now() + interval '1 hour' FROM token_service.sync_schedule"
    world.sim.call("/admin/faults", path=LIST, errcode=-1, count=1000)
    world.database("UPDATE token_service.sync_schedule SET next_at = now() + interval '1 day'")
    world.database("INSERT INTO token_service.syncs (component_appid, reason) VALUES (%s, 'daily')", world.component)
    tried = "SELECT attempts > 0 FROM token_service.syncs WHERE ended_at IS NULL"
    wait_until(lambda: world.database(tried) == [(True,)], 20, "an attempt")
    assert world.database(soon) == [(False,)]       # it may still succeed
    fail_for_good(world, "daily")
    assert world.database(soon) == [(True,)]
    world.database("UPDATE token_service.sync_schedule SET next_at = now() + interval '10 minutes'")
    world.database("INSERT INTO token_service.syncs (component_appid, reason) VALUES (%s, 'daily')", world.component)
    fail_for_good(world, "daily")
    assert world.database(soon.replace("1 hour", "10 minutes")) == [(True,)]


@pytest.mark.timeout(300)
def test_many_accounts_in_several_pages_one_of_which_fails(world, long):
    count, token = 5000 if long else 1200, world.component_token()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        lost = list(pool.map(lambda _: world.lose_authorization(token), range(count)))
    known = {row[0] for row in world.database("SELECT appid FROM token_service.accounts WHERE state = 'authorized'")}
    since = world.now()
    _, state = world.start_sync()
    wait_until(lambda: world.state(state["id"])["found"]["added"] >= 1, 20, "the first account")
    world.sim.call("/admin/faults", path=LIST, errcode=-1, count=1)
    world.sim.call("/admin/faults", path=LIST, body='{"total_count":1200,"list":[{"authorizer_ap', count=1)
    world.sim.call("/admin/faults", path=INFO, http_status=502, count=1)
    world.deployment.kill(SERVICE)      # another replica, or the same one started again, goes on
    world.database("UPDATE token_service.syncs SET lease_until = '-infinity' WHERE ended_at IS NULL")
    world.deployment.start_one(SERVICE)
    state = world.wait_over(state["id"], 120)
    assert (state["step"], state["seen"]) == ("done", count + len(known)), state
    assert state["found"] == {"new": 0, "added": count, "changed": 0, "code_lost": 0, "missing": 0, "pruned": 0}
    pages = [json.loads(call["body"]) for call in world.calls("api_get_authorizer_list", None, since)]
    assert {page["count"] for page in pages} == {500} and {page["offset"] for page in pages} >= {0, 500, 1000}
    asked = [json.loads(call["body"])["authorizer_appid"]
             for call in world.calls("api_get_authorizer_info", None, since)]
    assert set(asked) == set(lost) and len(asked) <= count + 11     # each once, but for faults and the crash
    wait_until(lambda: world.database("SELECT count(*) FROM token_service.accounts WHERE state = 'authorized'"
                                      " AND token IS NULL") == [(0,)], 60, "every token")
    issued = {one["appid"]: one["access_token"] for one in world.sim.tokens()["accounts"]}
    for appid in lost[:: count // 50]:
        assert world.token(appid)[1]["token"] == issued[appid]

    listed = [json.loads(line) for line in
              world.deployment.command("accounts", "list", "--state", "authorized", "--json").stdout.splitlines()]
    assert {row["appid"] for row in listed} == known | set(lost)
    assert [row["appid"] for row in listed] == sorted(row["appid"] for row in listed)


def test_accounts_are_listed_by_filters_in_aligned_columns(world):
    shop, plain = world.new_account(nick_name="小\x07店"), world.new_account(nick_name="Other")
    for appid in (shop, plain):
        world.authorize(appid)
        world.directory(appid, lambda row: row["user_name"])
    world.deployment.command("accounts", "channel", world.component, shop, "test")
    world.deployment.command("accounts", "repliers", world.component, shop, "desk,auto-reply")
    lines = world.deployment.command("accounts", "list", "--channel", "test").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["APPID", shop]
    columns = [lines[0].index(name) for name in ("APPID", "STATE", "CHANNEL", "KIND", "TOKEN", "REPLIERS", "NAME")]
    assert [lines[1][at:].split()[0] for at in columns] == [
        shop, "authorized", "test", "service", "ok", "desk,auto-reply", "小?店"]
    world.database("UPDATE token_service.accounts SET refused_at = now(), refused_errcode = 61023 WHERE appid = %s",
                   plain)
    row = world.deployment.command("accounts", "list", "--mark", "refused",
                                   "--component", world.component).stdout.splitlines()[1]
    assert plain in row and "refused 61023" in row
    assert json.loads(world.deployment.command("accounts", "list", "--mark", "refused",
                                               "--json").stdout)["token"]["refused_errcode"] == 61023
    assert len(world.deployment.command("accounts", "list", "--component", "wxnobody").stdout.splitlines()) == 1
    for wrong in (["--state", "x"], ["--mark", "Refused"], ["--component", "a/b"], ["x"]):
        assert world.deployment.command("accounts", "list", *wrong, check=False).returncode == 2


def test_the_command_reports_what_a_sync_found(world):
    lost, left = world.lose_authorization(), world.new_account()
    world.authorize(left)
    time.sleep(1.1)
    world.lose_end(left)
    shown = world.deployment.command("accounts", "sync", "--dry-run").stdout
    assert "0 added" in shown and "1 missing" in shown and "nothing was changed" in shown
    assert [line.split()[:2] for line in shown.splitlines()[1:]] == sorted([[lost, "new"], [left, "missing"]])
    lines = [json.loads(line) for line in
             world.deployment.command("accounts", "sync", "--prune", "--json").stdout.splitlines()]
    assert lines[0]["found"]["added"] == 1 and lines[0]["found"]["pruned"] == 1
    assert {one["appid"]: one["finding"] for one in lines[1:]} == {lost: "added", left: "pruned"}
    assert lines[0]["component_appid"] == world.component
    assert world.deployment.command("accounts", "sync", "--prune", "--dry-run", check=False).returncode == 2
    assert "--dry-run" in world.deployment.command("accounts", "sync", "--help").stdout

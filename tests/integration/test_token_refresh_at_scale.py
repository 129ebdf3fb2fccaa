"""Refreshing at scale: many tokens due at once, two replicas, crashes, and Weixin in trouble."""

import collections
import concurrent.futures
import pathlib
import random
import re
import time

import pytest

from wxbus_testing.timing import FACTOR
from wxbus_testing.token_world import SERVICE, World
from wxbusdev.child import wait_until

REPLICAS = (SERVICE, "second")
REFRESH_THREADS = 16            # the setting's default
PATH = "/cgi-bin/component/api_authorizer_token"
EVERY_CALL = 10 ** 6


class Fleet(World):
    """A world with many accounts and two replicas."""

    def __init__(self, deployment, count):
        super().__init__(deployment)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.appids = list(pool.map(lambda _: self._authorized_account(), range(count)))
        wait_until(lambda: self.database("SELECT count(*) FROM token_service.events WHERE settled_at IS NULL") ==
                   [(0,)], 600, "every account's names", 0.5)

    def _authorized_account(self):
        appid = self.new_account()
        code = self.sim.push_authorized(self.component, appid, push=False)["code"]
        assert self.exchange(code, appid=appid) == (200, {"appid": appid})
        return appid

    def make_all_due(self):
        self.database("UPDATE token_service.accounts SET refresh_at = now()")

    def wait_all_refreshed(self, timeout_s):
        wait_until(lambda: self.database("SELECT count(*) FROM token_service.accounts WHERE refresh_at <= now()"
                                         " OR lease_owner IS NOT NULL OR failures > 0") == [(0,)], timeout_s,
                   "every refresh", 0.2)

    def refreshes(self, since):
        """How often each account's token was issued since then, by Weixin's own record."""
        return collections.Counter(call["appid"] for call in self.calls("api_authorizer_token", since=since)
                                   if call["errcode"] == 0)

    def check_stored_tokens(self):
        """Every token that we serve is the last one that Weixin issued."""
        issued = {one["appid"]: one["access_token"] for one in self.sim.tokens()["accounts"]}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            served = dict(zip(self.appids, pool.map(lambda appid: self.token(appid)[1].get("token"), self.appids)))
        assert served == {appid: issued[appid] for appid in self.appids}


def memory_mb(service, what="VmRSS"):
    status = pathlib.Path(f"/proc/{service.pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"{what}:\s*(\d+) kB", status)[1]) / 1024


@pytest.fixture(scope="module")
def fleet(new_deployment, long):
    deployment = new_deployment()
    deployment.start_one("weixin-sim", settings={"WEIXIN_SIM_RECORD_MAX": "1000000"})
    for replica in REPLICAS:
        deployment.start_one(SERVICE, replica)
    deployment.start("wxbus-ingress")
    world = World(deployment)
    world.push_tickets()
    return Fleet(deployment, 10000 if long else 1000)


@pytest.fixture(autouse=True)
def no_faults_left(request):
    yield
    for name in ("fleet", "world"):
        if name in request.fixturenames:
            request.getfixturevalue(name).sim.call("/admin/faults/clear")


@pytest.mark.timeout(900)
def test_many_due_at_once_are_each_refreshed_once_by_two_replicas(fleet, record_property):
    fleet.sim.call("/admin/faults", path=PATH, delay_ms=50, count=EVERY_CALL)
    since, start = fleet.now(), time.monotonic()
    fleet.make_all_due()
    fleet.wait_all_refreshed(60)
    record_property(f"{len(fleet.appids)} tokens refreshed in", f"{time.monotonic() - start:.1f} s")
    assert fleet.refreshes(since) == collections.Counter(fleet.appids)
    fleet.check_stored_tokens()
    for replica in REPLICAS:
        service = fleet.deployment.service(replica)
        record_property(f"most memory of {replica}", f"{memory_mb(service, 'VmHWM'):.0f} MB")
        assert FACTOR > 1 or memory_mb(service, "VmHWM") < 64


@pytest.mark.timeout(900)
def test_kills_cost_at_most_one_further_refresh_per_token_in_flight(fleet, long, record_property):
    kills, rng = 20 if long else 3, random.Random(20261120)
    fleet.sim.call("/admin/faults", path=PATH, delay_ms=50, count=EVERY_CALL)
    since = fleet.now()
    fleet.make_all_due()
    for _ in range(kills):
        time.sleep(rng.uniform(0.3, 1.5))
        replica = rng.choice(REPLICAS)
        fleet.deployment.kill(replica)
        fleet.deployment.start_one(SERVICE, replica, ready=False)
    fleet.wait_all_refreshed(200)
    for replica in REPLICAS:
        fleet.deployment.service(replica).wait_ready(90)
    refreshes = fleet.refreshes(since)
    further = sum(refreshes.values()) - len(fleet.appids)
    record_property(f"further refreshes after {kills} kills", further)
    assert set(refreshes) == set(fleet.appids)
    assert 0 <= further <= kills * REFRESH_THREADS and max(refreshes.values()) <= 1 + kills
    fleet.check_stored_tokens()


def test_a_platform_in_trouble_is_asked_seldom_and_recovers_by_itself(fleet):
    services = [fleet.deployment.service(replica) for replica in REPLICAS]
    fleet.sim.call("/admin/faults", path=PATH, http_status=500, count=EVERY_CALL)
    since = fleet.now()
    fleet.make_all_due()
    for service in services:
        wait_until(lambda one=service: one.metric("wxbus_token_service_breaker_open",
                                                  component=fleet.component) == 1, 20, "an open breaker")
    time.sleep(4)
    # Ten in a row and what was under way with them, then one trial after 2 s and one after 4 s, for each replica.
    assert len(fleet.calls("api_authorizer_token", since=since)) <= 2 * (10 + REFRESH_THREADS + 3)
    fleet.sim.call("/admin/faults/clear")
    fleet.wait_all_refreshed(120)
    for service in services:
        assert service.metric("wxbus_token_service_breaker_open", component=fleet.component) == 0
    fleet.check_stored_tokens()


def test_a_hundred_thousand_accounts_cost_neither_time_nor_memory(new_deployment, record_property):
    deployment = new_deployment()
    world = World.__new__(World)
    world.deployment = deployment
    world.database("INSERT INTO token_service.accounts (component_appid, appid, state, user_name, refresh_at,"
                   " token_expires_at) SELECT %s, 'wx' || lpad(n::text, 16, '0'), 'authorized', 'gh_' || n,"
                   " now() + n * interval '72 ms' + interval '1 h', now() + interval '2 h'"
                   " FROM generate_series(1, 100000) n", deployment.platform.component_appid)
    start = time.monotonic()
    deployment.start(SERVICE)
    seconds = time.monotonic() - start
    service = deployment.service(SERVICE)
    time.sleep(2)
    record_property("100,000 accounts ready in", f"{seconds:.2f} s")
    record_property("memory with them", f"{memory_mb(service):.0f} MB")
    assert seconds < 10
    assert FACTOR > 1 or memory_mb(service) < 64
    deployment.close()


@pytest.fixture(scope="module")
def world(new_deployment):
    return World.started(new_deployment())


def account_row(world, appid, columns):
    return world.database(f"SELECT {columns} FROM token_service.accounts WHERE appid = %s", appid)[0]


def test_an_account_whose_refresh_tokens_are_all_refused_is_marked_and_told(world):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    since = world.now()
    world.sim.call("/admin/faults", path=PATH, errcode=61023, count=EVERY_CALL)
    assert world.refresh(appid, old)[0] == 503
    assert account_row(world, appid, "refused_errcode, refused_at IS NOT NULL") == (61023, True)
    service = world.deployment.service(SERVICE)
    wait_until(lambda: service.metric("wxbus_token_service_accounts_refused") == 1, 10, "the metric")
    assert "has to authorize again" in service.log_text()
    with world.reader("platform-notices") as reader:
        notice = reader.wait_for_one(lambda record: record.key == f"{world.component}/{appid}" and
                                     record.headers["ce_type"] == "wxbus.account.refused", 20)
    assert notice.json == {"component_appid": world.component, "appid": appid, "errcode": 61023}
    assert len(world.calls("api_authorizer_token", appid, since)) == 1      # there was no other to try
    assert world.token(appid)[1]["token"] == old                           # it still lives
    world.sim.call("/admin/faults/clear")
    world.sim.push_updateauthorized(world.component, appid, func_ids=[1, 2, 3, 7])
    wait_until(lambda: account_row(world, appid, "refused_at") == (None,), 20, "the mark's end")
    wait_until(lambda: service.metric("wxbus_token_service_accounts_refused") == 0, 10, "the metric")


def test_a_refresh_token_lost_to_a_bad_write_is_found_in_the_history(world):
    appid = world.new_account()
    world.authorize(appid)
    world.sim.push_updateauthorized(world.component, appid, func_ids=[1, 2, 3, 7])      # another refresh token
    wait_until(lambda: world.database("SELECT count(*) FROM token_service.refresh_token_history WHERE appid = %s",
                                      appid) == [(2,)], 20, "both in the history")
    old = world.token(appid)[1]["token"]
    world.database("UPDATE token_service.accounts SET refresh_token = (SELECT refresh_token FROM"
                   " token_service.refresh_token_history h WHERE h.appid = accounts.appid ORDER BY id LIMIT 1)"
                   " WHERE appid = %s", appid)
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_get_authorizer_info", errcode=-1, count=1)
    status, answer = world.refresh(appid, old)
    assert status == 200 and answer["token"] == world.weixin_s_account(appid)["access_token"] != old
    assert world.refresh(appid, answer["token"])[0] == 200      # it has been stored again
    assert world.database("SELECT count(*), count(DISTINCT refresh_token_sha256) FROM"
                          " token_service.refresh_token_history WHERE appid = %s", appid) == [(2, 2)]


def test_a_token_is_not_refreshed_more_often_than_the_day_allows(world):
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    world.database("UPDATE token_service.accounts SET calls = 199, calls_on = (now() AT TIME ZONE 'UTC')::date"
                   " WHERE appid = %s", appid)
    newer = world.refresh(appid, old)[1]["token"]
    status, answer = world.refresh(appid, newer)
    assert status == 503 and "used up" in answer["detail"]
    assert world.token(appid)[1]["token"] == newer
    world.database("UPDATE token_service.accounts SET refresh_at = now() WHERE appid = %s", appid)
    service = world.deployment.service(SERVICE)
    wait_until(lambda: service.metric("wxbus_token_service_refreshes_total", result="capped") == 1, 10, "put off")
    assert account_row(world, appid, "refresh_at > now() AND retry_at > now()") == (True,)
    assert len(world.calls("api_authorizer_token", appid)) == 1
    world.database("UPDATE token_service.accounts SET calls_on = calls_on - 1, retry_at = NULL WHERE appid = %s", appid)
    assert world.refresh(appid, newer)[0] == 200
    assert account_row(world, appid, "calls") == (1,)


# What Weixin answers to a refresh; how often; how many calls it may cost until the token is fresh; whether the
# reaction is to wait long (somebody must first set something right: the test then says that it has been).
FAULTS = {
    "40001": ({"errcode": 40001}, 1, 2, False),
    "42001": ({"errcode": 42001}, 1, 2, False),
    "61003": ({"errcode": 61003}, 1, 2, True),
    "61004": ({"errcode": 61004}, 1, 2, True),
    "61023": ({"errcode": 61023}, 1, 2, True),
    "busy": ({"errcode": -1}, 3, 4, False),
    "45009": ({"errcode": 45009}, 1, 2, True),
    "http-500": ({"http_status": 500}, 3, 4, False),
    "html": ({"body": "<html>Bad Gateway</html>"}, 3, 4, False),
    "truncated": ({"body": '{"authorizer_access_token":"x'}, 3, 4, False),
    "cut": ({"cut": 20}, 3, 4, False),
    "reset": ({"reset": True}, 3, 4, False),
    "stall": ({"delay_ms": 30000, "errcode": -1}, 1, 2, False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_trouble_costs_few_calls_and_ends_without_a_restart(world, fault):
    answer, count, calls, slow = FAULTS[fault]
    appid = world.new_account()
    world.authorize(appid)
    old = world.token(appid)[1]["token"]
    since = world.now()
    world.sim.call("/admin/faults", path=PATH, count=count, **answer)
    first = world.refresh(appid, old)
    if slow:
        assert first[0] == 503
        assert account_row(world, appid, "retry_at > now() + interval '20 s'") == (True,)
        world.database("UPDATE token_service.accounts SET retry_at = NULL WHERE appid = %s", appid)
    fresh = wait_until(lambda: (got := world.refresh(appid, old))[0] == 200 and got[1], 40, "a fresh token", 0.2)
    assert fresh["token"] == world.weixin_s_account(appid)["access_token"] != old
    assert len(world.calls("api_authorizer_token", appid, since)) <= calls
    assert account_row(world, appid, "failures, refused_at") == (0, None)

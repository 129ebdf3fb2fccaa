"""What would hold up an account, or wear out its day's calls, if it were waited for or tried for ever."""

import json
import time

import pytest

from wxbus_testing.token_world import SERVICE, World
from wxbusdev.child import wait_until

EVERY_CALL = 10 ** 6


@pytest.fixture(scope="module")
def world(new_deployment):
    return World.started(new_deployment())


def row(world, appid, columns):
    return world.database(f"SELECT {columns} FROM token_service.accounts WHERE appid = %s", appid)[0]


def test_an_un_authorization_is_not_held_up_by_an_update_that_waits(world):
    """Once the account has left, Weixin answers 61003 to the update's code, and for ever."""
    appid = world.new_account()
    world.authorize(appid)
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_query_auth", errcode=-1, count=EVERY_CALL)
    time.sleep(1.1)                     # Weixin's times are whole seconds
    world.sim.push_updateauthorized(world.component, appid, func_ids=[1, 2, 3, 7])
    wait_until(lambda: world.calls("api_query_auth"), 10, "the code's exchange tried")
    time.sleep(1.1)
    world.sim.push_unauthorized(world.component, appid)
    world.sim.call("/admin/faults/clear")
    world.directory(appid, lambda one: one["state"] == "unauthorized", 60)
    assert row(world, appid, "token, refresh_token") == (None, None)


def test_a_row_that_does_not_open_is_tried_seldom_and_works_again_once_mended(world):
    appid = world.new_account()
    world.authorize(appid)
    sealed = row(world, appid, "refresh_token")[0]
    world.database("UPDATE token_service.accounts SET refresh_token = '\\x00', refresh_at = now() WHERE appid = %s",
                   appid)
    wait_until(lambda: row(world, appid, "retry_at > now() + interval '20 s'")[0], 20, "the next try put off")
    assert "a token that is due cannot be read" in world.deployment.service(SERVICE).log_text()
    time.sleep(2)
    assert row(world, appid, "calls")[0] <= 2
    world.database("UPDATE token_service.accounts SET refresh_token = %s, retry_at = NULL, refresh_at = now()"
                   " WHERE appid = %s", sealed, appid)
    wait_until(lambda: row(world, appid, "refresh_at > now() AND failures = 0")[0], 20, "the refresh")


def test_a_token_that_does_not_open_is_replaced(world):
    appid = world.new_account()
    world.authorize(appid)
    world.database("UPDATE token_service.accounts SET token = '\\x00' WHERE appid = %s", appid)
    assert wait_until(lambda: (got := world.token(appid))[0] == 200 and got[1], 20,
                      "a token")["token"] == world.weixin_s_account(appid)["access_token"]


def test_an_account_without_a_refresh_token_is_not_looked_for_again_and_again(world):
    appid = world.new_account()
    world.authorize(appid)
    world.database("UPDATE token_service.accounts SET state = 'unauthorized', refresh_at = now() WHERE appid = %s",
                   appid)
    wait_until(lambda: row(world, appid, "refresh_at") == (None,), 20, "no longer due")
    assert world.calls("api_authorizer_token", appid) == []


def test_a_claim_that_ran_out_without_a_result_makes_the_token_due(world):
    """As after kill -9 in the middle of a refresh that a caller asked for: Weixin has made a token that nobody has."""
    appid, idle = world.new_account(), world.new_account()
    for one in (appid, idle):
        world.authorize(one)
    old = world.token(appid)[1]["token"]
    world.database("UPDATE token_service.accounts SET lease_owner = 'nobody', lease_until = now() - interval '1 s'"
                   " WHERE appid = %s", appid)
    wait_until(lambda: world.token(appid)[1]["token"] == world.weixin_s_account(appid)["access_token"] != old, 20,
               "the refresh")
    assert row(world, appid, "lease_owner") == (None,) and row(world, idle, "refreshes") == (0,)


def audited(world, appid):
    """Of its refreshes: (who, what, detail)."""
    return world.database("SELECT who, what, detail FROM token_service.audit WHERE appid = %s AND what LIKE 'refresh%%'"
                          " ORDER BY id", appid)


def refresh_by_itself(world, appid):
    before = row(world, appid, "refreshes")[0]
    world.database("UPDATE token_service.accounts SET refresh_at = now(), retry_at = NULL WHERE appid = %s", appid)
    wait_until(lambda: row(world, appid, "refreshes")[0] == before + 1, 20, "the refresh")


def test_the_audit_counts_ordinary_refreshes_and_keeps_the_others_as_rows(world):
    appid = world.new_account()
    world.authorize(appid)
    for _ in range(2):
        refresh_by_itself(world, appid)
    assert audited(world, appid) == []
    shown = json.loads(world.deployment.command("accounts", "show", world.component, appid).stdout)["token"]
    assert (shown["refreshes"], shown["refreshed_by"]) == (2, "token-service") and shown["refreshed_at"].endswith("Z")
    assert world.refresh(appid, world.token(appid)[1]["token"])[0] == 200
    assert row(world, appid, "refreshes, refreshed_by") == (3, "api-proxy")
    assert audited(world, appid) == [("api-proxy", "refreshed", "")]
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_authorizer_token", errcode=-1, count=2)
    refresh_by_itself(world, appid)
    rows = audited(world, appid)
    assert [one[:2] for one in rows[1:]] == [("token-service", "refresh failed"), ("token-service", "refreshed")]
    assert "errcode -1" in rows[1][2] and rows[2][2] == "failed before: 2"
    refresh_by_itself(world, appid)
    assert audited(world, appid) == rows
    # A platform's own are a dozen a day.
    assert world.database("SELECT count(*) > 0 FROM token_service.audit WHERE appid = '' AND what = 'refreshed'") == [
        (True,)]


def test_a_token_that_is_due_and_held_back_shows_in_the_metrics(world):
    """As by a refresher that hangs: somebody else holds the row."""
    def watched():
        service = world.deployment.service(SERVICE)
        return (service.metric("wxbus_token_service_tokens_due"),
                service.metric("wxbus_token_service_token_lateness_seconds"))

    appid = world.new_account()
    world.authorize(appid)
    world.database("UPDATE token_service.accounts SET refresh_at = now() - interval '1000 s',"
                   " lease_until = now() + interval '1 h' WHERE appid = %s", appid)
    _, late = wait_until(lambda: (now := watched())[0] >= 1 and now[1] >= 1000 and now, 20, "a token that is due")
    wait_until(lambda: watched()[1] >= late + 1, 20, "it grows later")
    world.database("UPDATE token_service.accounts SET lease_until = '-infinity' WHERE appid = %s", appid)
    wait_until(lambda: watched()[1] < 1000, 20, "its refresh")
    assert row(world, appid, "refresh_at > now() AND failures = 0") == (True,)

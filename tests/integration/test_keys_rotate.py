"""wxbus keys: a new master key takes the old one's place while everything goes on, and the old one may go."""

import base64
import concurrent.futures
import hashlib
import json
import re
import secrets
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest

from wxbus_testing.ref import signed_query
from wxbus_testing.token_world import SERVICE, World
from wxbusdev import paths
from wxbusdev.child import wait_until
from wxbusdev.service import program_environment

PROXY = "wxbus-api-proxy"
SERVICES = (SERVICE, PROXY)
PATH = "/cgi-bin/getcallbackip"


class Keys(World):
    """A deployment with values sealed in every column, and its master keys file."""

    def __init__(self, deployment, long):
        super().__init__(deployment)
        self.path = deployment.files.master_keys
        self.sim.push_ticket(self.component)
        wait_until(lambda: self.tokens.call("GET", f"/v1/platforms/{self.component}/token")[0] == 200, 20, "a token")
        self.accounts = [self.new_account(miniprogram=number == 0, func_ids=[1, 2, 3, 4]) for number in range(300 if long else 25)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.authorize, self.accounts))
        self.callers = {name: deployment.add_caller(name, ["*"], ["*"]) for name in ("desk", "shop", "news")}
        self.log_in()
        assert self.deployment.request(SERVICE, "GET", "/oauth/keys")[0] == 200      # makes one
        assert self.jssdk(self.accounts[1])["appId"] == self.accounts[1]

    def log_in(self):
        mini = self.accounts[0]
        body = json.dumps({"code": self.sim.call("/admin/login", appid=mini, openid="oUser1")["code"]}).encode()
        assert self.deployment.request(SERVICE, "POST", f"/login/{self.component}/{mini}", body)[0] == 200

    def call(self, name, appid, path, method="GET"):
        status, _, body = self.deployment.request(PROXY, method, f"/accounts/{appid}{path}", None,
                                                  {"Authorization": f"Bearer {self.callers[name]}"})
        return status, json.loads(body)

    def jssdk(self, appid):
        return self.call("desk", appid, "/jssdk?url=https%3A%2F%2Fshop.example.com%2F")[1]

    # --- the file

    def lines(self):
        return self.path.read_text().splitlines()

    def write(self, lines, services=SERVICES):
        self.path.write_text("".join(line + "\n" for line in lines))
        for name in services:
            service = self.deployment.service(name)
            before = service.log_text().count("reread")
            service.send(signal.SIGHUP)
            wait_until(lambda: service.log_text().count("reread") > before, 10, f"{name} has reread its keys")
            assert "stay" not in service.log_text().splitlines()[-1]

    @property
    def current(self):
        return self.lines()[0].split()[0]

    def new_key(self, key_id):
        """In the order of the help: first all can open with it, then it seals."""
        line = f"{key_id} {base64.b64encode(secrets.token_bytes(32)).decode()}"
        self.write([*self.lines(), line])
        self.write([line, *(other for other in self.lines() if other != line)])

    # --- the rows

    def sealed_under(self, key_id):
        """Every value of both schemas, whatever its table, that begins as one sealed under this key does."""
        found = []
        for schema, table, column in self.database(
                "SELECT table_schema, table_name, column_name FROM information_schema.columns"
                " WHERE data_type = 'bytea' AND table_schema IN ('token_service', 'api_proxy') ORDER BY 1, 2, 3"):
            prefix = bytes([len(key_id)]) + key_id.encode()
            count = self.database(f"SELECT count(*) FROM {schema}.{table} WHERE position(%s in {column}) = 1", prefix)[0][0]
            if count:
                found.append((f"{schema}.{table}.{column}", count))
        return dict(found)

    def rotate(self, *arguments, check=True):
        return self.deployment.command("keys", "rotate", *arguments, check=check)

    def rows(self, kind="master"):
        """{(service, key): the line of `wxbus keys show`}"""
        lines = [re.split(r"\s+", line, maxsplit=6) for line in
                 self.deployment.command("keys", "show").stdout.splitlines()[1:]]
        return {(line[0], line[2]): line for line in lines if line[1] == kind}

    def all_served(self):
        for appid in self.accounts:
            status, answer = self.token(appid)
            assert status == 200 and answer["token"] == self.weixin_s_account(appid)["access_token"]
        for name in self.callers:
            assert self.call(name, self.accounts[1], PATH)[0] == 200
        assert self.jssdk(self.accounts[1])["signature"]


@pytest.fixture(scope="module")
def keys(new_deployment, long):
    deployment = new_deployment()
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress", PROXY)
    return Keys(deployment, long)


def test_every_value_is_sealed_anew_while_tokens_are_refreshed(keys):
    before = keys.sealed_under("first")
    assert set(before) == {
        "token_service.platforms.ticket", "token_service.platforms.token", "token_service.accounts.token",
        "token_service.accounts.refresh_token", "token_service.refresh_token_history.refresh_token",
        "token_service.login_sessions.session_key", "token_service.oauth_keys.private_key", "api_proxy.callers.key_sealed", "api_proxy.jssdk_tickets.ticket_sealed"}
    keys.new_key("second")
    shown = keys.rows()
    assert shown["token-service", "second"][6] == "no: it seals"
    assert shown["token-service", "first"][3:5] == ["yes", str(sum(n for name, n in before.items() if "token_service" in name))]
    assert shown["api-proxy", "first"][6].startswith("not before `wxbus keys rotate`")

    ending, refreshed = threading.Event(), []

    def refresh():
        while not ending.is_set():
            appid = keys.accounts[len(refreshed) % len(keys.accounts)]
            refreshed.append(keys.refresh(appid, keys.token(appid)[1]["token"])[0])

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        refresher = pool.submit(refresh)
        printed = keys.rotate("--batch", "7").stdout
        ending.set()
        refresher.result()
    assert refreshed and set(refreshed) == {200}
    progress = re.findall(r"^token-service: (\d+) of (\d+) rows sealed under second$", printed, re.M)
    assert len(progress) > 5 and sorted(progress, key=lambda one: int(one[0])) == progress
    assert keys.sealed_under("first") == {}
    assert set(keys.sealed_under("second")) == set(before)
    keys.all_served()
    assert keys.rotate().stdout.startswith("token-service: all rows are sealed under second\n"
                                           "api-proxy: all rows are sealed under second\n")


def test_a_retired_key_may_go_when_nothing_needs_it_and_the_command_says_when(keys):
    for service in ("token-service", "api-proxy"):
        line = keys.rows()[service, "first"]
        assert line[4] == "0" and line[6].startswith("from 20")      # what browsers and callers may bring back
    token = json.loads(keys.deployment.request(
        PROXY, "GET", f"/cgi-bin/token?grant_type=client_credential&appid={keys.accounts[1]}"
        f"&secret={keys.callers['desk']}")[2])["access_token"]
    for schema in ("token_service", "api_proxy"):
        keys.database(f"UPDATE {schema}.key_use SET used_at = now() - interval '3 hours' WHERE key_id = 'first'")
    assert [keys.rows()[service, "first"][6] for service in ("token-service", "api-proxy")] == ["yes", "yes"]
    keys.write([line for line in keys.lines() if not line.startswith("first ")])
    assert ("token-service", "first") not in keys.rows()
    keys.all_served()
    assert keys.deployment.request(PROXY, "GET", f"{PATH}?access_token={token}")[0] == 200


def stop_a_rotation(keys, old):
    """How many rows it has left."""
    with subprocess.Popen(
            [str(paths.binary("wxbus")), "keys", "rotate", "--batch", "1"], stdout=subprocess.PIPE, text=True,
            env=program_environment(keys.deployment.environment("wxbus"))) as process:
        for _ in range(3):
            process.stdout.readline()
        process.terminate()
        process.stdout.read()
    return sum(keys.sealed_under(old).values())


def test_a_rotation_that_was_stopped_goes_on(keys):
    for attempt in range(5):            # on a slow machine it may be done before it is stopped
        old = keys.current
        keys.new_key(f"third-{attempt}")
        all_rows = sum(keys.sealed_under(old).values())
        left = stop_a_rotation(keys, old)
        assert left < all_rows
        if left:
            break
    assert left
    keys.rotate()
    assert keys.sealed_under(old) == {}
    keys.all_served()


def test_a_copied_row_opens_nowhere_else_and_is_told(keys):
    one, other = keys.accounts[1], keys.accounts[2]
    columns = "token, refresh_token"
    kept = keys.database(f"SELECT {columns} FROM token_service.accounts WHERE appid = %s", other)[0]
    keys.database(f"UPDATE token_service.accounts SET ({columns}) = (SELECT {columns} FROM token_service.accounts"
                  " WHERE appid = %s) WHERE appid = %s", one, other)
    status, answer = keys.token(other)
    assert status == 503 and answer["error"] == "unavailable"
    callers = keys.database("SELECT key_sealed FROM api_proxy.callers WHERE caller_id = 'desk'")[0]
    keys.database("UPDATE api_proxy.callers SET key_sealed = %s WHERE caller_id = 'news'", callers[0])
    old = keys.current
    keys.new_key("fourth")
    answer = keys.rotate(check=False)
    assert answer.returncode == 1
    assert "token-service: 2 rows do not open" in answer.stderr and "api-proxy: 1 rows do not open" in answer.stderr
    assert keys.sealed_under(old) == {"token_service.accounts.token": 1, "token_service.accounts.refresh_token": 1,
                                          "api_proxy.callers.key_sealed": 1}
    keys.database("UPDATE token_service.accounts SET (token, refresh_token) = (%s, %s) WHERE appid = %s", *kept, other)
    keys.database("DELETE FROM api_proxy.callers WHERE caller_id = 'news'")
    del keys.callers["news"]
    keys.rotate()
    assert keys.sealed_under(old) == {}
    keys.all_served()


def test_a_process_that_seals_with_another_key_is_told_of_and_nothing_is_sealed_by_it(keys):
    status, answer = keys.admin.call("POST", "/v1/keys/reseal", {"to": "second", "place": "", "limit": 10})
    assert status == 409 and answer["error"] == "not_current"
    for body in ({}, {"to": "fourth", "place": "", "limit": 0}, {"to": "fourth", "limit": 1}):
        assert keys.admin.call("POST", "/v1/keys/reseal", body)[0] == 400
    assert keys.tokens.call("POST", "/v1/keys/list", {})[0] == 403
    assert keys.sealed_under("second") == {}


def test_every_bytes_column_is_sealed_and_counted_or_known_to_hold_no_secret(keys):
    """A sealed column that the report lacks would keep an old key needed without saying so."""
    columns = {".".join(row) for row in keys.database(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE data_type = 'bytea'"
        " AND table_schema IN (SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)')")}
    counted = set(keys.sealed_under(keys.current))
    known = {"token_service.events.value"}                          # sealed to an event key, and counted there
    known |= {name for name in columns if name.endswith(("sha256", ".fan"))} | {"token_service.oauth_keys.public_key"}
    assert counted and columns == counted | known


def test_a_ref_key_is_needed_as_long_as_a_link_that_it_signed_holds(keys):
    rows = lambda: keys.rows("ref")
    assert rows()["token-service", "ref"][3:] == ["yes", "0", "-", "when no link signed with it is left"]
    assert "api-proxy" not in {service for service, _ in rows()}
    until = int(time.time()) + 3600
    for end in (until, until - 1800):       # the later one counts
        query = signed_query(keys.deployment, keys.component, "customer 7", "", until=end)
        assert keys.deployment.request(SERVICE, "GET", f"/authorize/{keys.component}?{urllib.parse.urlencode(query)}")[0] == 200
    line = rows()["token-service", "ref"]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(until))
    assert line[5] != "-" and line[6] == f"not before {stamp}.000Z, nor while one signs with it"
    keys.database("UPDATE token_service.ref_key_use SET key_id = 'gone'")
    assert rows()["token-service", "gone"][6] == f"it is gone, and links need it until {stamp}.000Z: put it back"
    keys.database("UPDATE token_service.ref_key_use SET ends_at = now()")
    assert ("token-service", "gone") not in rows()


def test_an_event_key_is_needed_as_long_as_the_topic_may_hold_a_record_for_it(keys):
    public = base64.b64decode(keys.deployment.files.event_key.read_text())
    key_id = hashlib.sha256(public).digest()[:8].hex()
    line = keys.rows("event")["token-service", key_id]
    assert line[3:5] == ["yes", "0"] and line[6].startswith("from 20")
    keys.database("UPDATE token_service.key_use SET used_at = now() - interval '9 days' WHERE key_id = %s", key_id)
    assert keys.rows("event")["token-service", key_id][6] == "yes"
    log = keys.deployment.service(SERVICE).log_text()
    for line in keys.lines():
        assert line.split()[1] not in log

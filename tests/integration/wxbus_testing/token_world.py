"""What the tests ask of a deployment with wxbus-token-service."""

import hashlib
import itertools
import json

import psycopg2

from wxbus_testing import weixin
from wxbus_testing.internal import InternalCaller
from wxbus_testing.topics import TopicReader
from wxbusdev.child import wait_until

SERVICE = "wxbus-token-service"
FUNCS = [1, 2, 3]
_appids = itertools.count(1)


class World:
    """One deployment, and what the tests ask of it."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.sim = deployment.sim
        self.component = deployment.platform.component_appid
        self.tokens = InternalCaller.of(deployment, SERVICE, "api-proxy")
        self.exchanger = InternalCaller.of(deployment, SERVICE, "release-check")
        self.admin = InternalCaller.of(deployment, SERVICE, "wxbus")

    @classmethod
    def started(cls, deployment):
        """With its simulator, the service and an ingress, and a token of each platform."""
        deployment.start("weixin-sim", SERVICE, "wxbus-ingress")
        world = cls(deployment)
        world.push_tickets()
        return world

    def push_tickets(self):
        """To each platform; returns once the token that it gets for that is there."""
        for platform in self.deployment.platforms:
            path = f"/v1/platforms/{platform.component_appid}/token"
            self.sim.push_ticket(platform.component_appid)
            wait_until(lambda path=path: self.tokens.call("GET", path)[0] == 200, 20, "the component's token")

    def new_account(self, **fields):
        appid = f"wxaccount{next(_appids):07d}"
        self.sim.add_account(appid, **{"func_ids": FUNCS, **fields})
        return appid

    def account_path(self, appid, what):
        return f"/v1/accounts/{self.component}/{appid}/{what}"

    def token(self, appid):
        return self.tokens.call("GET", self.account_path(appid, "token"))

    def refresh(self, appid, token, timeout_s=30):
        return self.tokens.call("POST", self.account_path(appid, "refresh"),
                                {"token_sha256": hashlib.sha256(token.encode()).hexdigest()}, timeout_s=timeout_s)

    def exchange(self, code, **fields):
        return self.exchanger.call("POST", f"/v1/platforms/{self.component}/exchange",
                                   {"authorization_code": code, **fields})

    def weixin_s_account(self, appid):
        return next(one for one in self.sim.tokens()["accounts"] if one["appid"] == appid)

    def authorize(self, appid, **options):
        pushed = self.sim.push_authorized(self.component, appid, **options)
        assert pushed["answer"] == "success", pushed
        self.wait_served(appid)
        return pushed

    def wait_served(self, appid, timeout_s=20):
        return wait_until(lambda: (answer := self.token(appid))[0] == 200 and answer[1], timeout_s,
                          f"the token of {appid}")

    def push_event(self, info_type, create_time=None, **elements):
        """A push made here, for what the simulator would not send."""
        token, key = self.deployment.platform.keys[0]
        platform = weixin.Platform(self.component, token, key)
        push = platform.event_push(weixin.event_xml(self.component, info_type, create_time, **elements))
        status, _, body = self.deployment.request("wxbus-ingress", "POST", push.target, push.body, push.headers)
        assert (status, body) == (200, b"success")

    def calls(self, api, appid=None, since=0):
        return [call for call in self.sim.calls("/cgi-bin/component/" + api, since)
                if appid is None or appid in (call["appid"], json.loads(call["body"]).get("authorizer_appid"))]

    def now(self):
        """Where the simulator's record ends."""
        return self.sim.record(10 ** 9)["next"]

    def database(self, sql, *parameters):
        connection = psycopg2.connect(self.deployment.database_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def reader(self, topic):
        return TopicReader(self.deployment.kafka.bootstrap_servers, self.deployment.topic(topic))

    def directory(self, appid, wanted, timeout_s=20):
        """The first row of the directory for which wanted(row) is true."""
        with self.reader("accounts") as reader:
            return reader.wait_for_one(
                lambda record: record.key == f"{self.component}/{appid}" and wanted(record.json), timeout_s).json

    def notice(self, appid, info_type, count=1, timeout_s=20):
        with self.reader("platform-notices") as reader:
            return reader.wait_for(
                lambda record: record.key == f"{self.component}/{appid}" and
                record.headers["ce_type"] == "weixin.platform." + info_type, timeout_s, count)[-1]

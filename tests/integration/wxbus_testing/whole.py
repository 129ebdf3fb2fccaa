"""A whole wxbus: every service between a simulated Weixin, Kafka and PostgreSQL."""

import itertools
import secrets

from wxbusdev.child import wait_until

from . import topics
from .internal import InternalCaller
from .timing import margin

SEND = "/cgi-bin/message/custom/send"
RELEASE_CHECK = "wxbus-release-check"


class Whole:
    """All processes of a deployment, running, the platform's ticket taken."""

    def __init__(self, deployment):
        self.deployment = deployment
        deployment.start()
        self.sim = deployment.sim
        self.component = deployment.platform.component_appid
        self.tokens = InternalCaller.of(deployment, "wxbus-token-service", "api-proxy")
        self.ticket = self.sim.push_ticket(self.component)["ticket"]
        wait_until(self._component_token, margin(10), "the component's token")

    def _component_token(self):
        return self.tokens.call("GET", f"/v1/platforms/{self.component}/token")[0] == 200

    # --- accounts ------------------------------------------------------------------------------------------

    def new_account(self, **fields):
        """An account at Weixin's: (appid, original id)."""
        number = next(_numbers)
        appid, original_id = f"wxwhole{number:011d}", f"gh_whole{number:07d}"
        self.sim.add_account(appid, **{"user_name": original_id, "service_type": 2, "verify_type": 0,
                                       "func_ids": [1, 2, 3], **fields})
        return appid, original_id

    def authorize(self, appid):
        """Weixin's push; what it came to. Returns once the directory has the account in full."""
        pushed = self.sim.push_authorized(self.component, appid)
        assert pushed["answer"] == "success", pushed
        self.directory(appid, lambda row: row["state"] == "authorized" and row["user_name"])
        return pushed

    def set_repliers(self, appid, groups):
        """Returns once the ingress has read it: the records of new messages say so."""
        self.deployment.set_repliers(appid, groups)
        wanted = ",".join(groups)

        def record_names_them():
            fan = new_openid()
            self.sim.push_text(self.component, appid, fan, "?")
            return self.message(appid, fan).headers.get("ce_repliers") == wanted

        wait_until(record_names_them, margin(20), f"repliers {wanted} of {appid}")

    # --- topics --------------------------------------------------------------------------------------------

    def reader(self, name):
        return topics.TopicReader(self.deployment.kafka.bootstrap_servers, self.deployment.topic(name))

    def all_records(self, name):
        with self.reader(name) as reader:
            return reader.read_to_end()

    def wait_record(self, name, wanted, timeout_s=10):
        """The first record of the topic for which wanted(record) is true."""
        with self.reader(name) as reader:
            return reader.wait_for_one(wanted, margin(timeout_s))

    def directory(self, appid, wanted, timeout_s=20):
        """The first row of the directory for which wanted(row) is true."""
        key = f"{self.component}/{appid}"
        return self.wait_record("accounts", lambda record: record.key == key and wanted(record.json), timeout_s).json

    def notice(self, appid, info_type):
        """The first notice of that kind about the account, as a Record."""
        key = f"{self.component}/{appid}"
        return self.wait_record("platform-notices", lambda record: record.key == key and
                                record.headers["ce_type"] == f"weixin.platform.{info_type}")

    def message(self, appid, openid, content=None):
        """The record of a fan's message."""
        key = f"{appid}/{openid}"
        return self.wait_record("messages", lambda record: record.key == key and
                                content in (None, record.json.get("Content")))

    # --- Weixin --------------------------------------------------------------------------------------------

    def sent_to(self, appid, openid):
        """The texts of the customer-service messages that a fan got."""
        return [message["text"]["content"] for message in self.sim.fan_messages(appid, openid)]

    def wait_sent_to(self, appid, openid, content, timeout_s=10):
        wait_until(lambda: content in self.sent_to(appid, openid), margin(timeout_s),
                   f"a customer-service message for {openid}")

    def sends(self, appid, openid):
        """Weixin's own record of the calls of custom/send for a fan that took effect."""
        return [call for call in self.sim.calls(SEND)
                if call["appid"] == appid and call["errcode"] == 0 and f'"{openid}"' in call["body"]]


def new_openid():
    return "o" + secrets.token_hex(13)


_numbers = itertools.count(1)

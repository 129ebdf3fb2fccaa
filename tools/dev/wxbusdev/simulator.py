"""weixin-sim as a Service, and its admin API as methods (tools/weixin-sim/README.md describes it)."""

import http.client
import json
import urllib.parse

from .child import ChildError
from .service import Service, http_request


class Simulator(Service):
    """Plays Weixin. The methods answer the admin API's JSON; an error answer raises ChildError."""

    def __init__(self, binary, settings, log_path, admin_port):
        super().__init__(binary, settings, log_path, admin_port)

    def ready(self):
        try:
            return http_request(self.admin_port, "GET", "/admin/healthz", timeout_s=5)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def call(self, path, /, timeout_s=60, **fields):
        """POST `fields` to an admin path."""
        return self._answer("POST", path, json.dumps(fields).encode(), timeout_s)

    def get(self, path, /, timeout_s=60, **query):
        return self._answer("GET", path + "?" + urllib.parse.urlencode(query), None, timeout_s)

    def add_platform(self, platform, push_url):
        """Weixin's console: `platform` (a PlatformConfig) has its two URLs at the ingress `push_url`."""
        token, key = platform.keys[0]
        base = f"{push_url}/push/{platform.component_appid}"
        self.call("/admin/platforms", component_appid=platform.component_appid, app_secret=platform.app_secret,
                  token=token, encoding_aes_key=key, event_url=f"{base}/authorization",
                  message_url=f"{base}/accounts/$APPID$")

    def add_account(self, appid, **fields):
        self.call("/admin/accounts", appid=appid, **fields)

    def push_ticket(self, component_appid, **options):
        return self.call("/admin/push/ticket", component_appid=component_appid, **options)

    def push_authorized(self, component_appid, appid, **options):
        return self.call("/admin/push/authorized", component_appid=component_appid, appid=appid, **options)

    def push_updateauthorized(self, component_appid, appid, **options):
        return self.call("/admin/push/updateauthorized", component_appid=component_appid, appid=appid, **options)

    def push_unauthorized(self, component_appid, appid, **options):
        return self.call("/admin/push/unauthorized", component_appid=component_appid, appid=appid, **options)

    def push_message(self, component_appid, appid, openid, fields, **options):
        return self.call("/admin/push/message", component_appid=component_appid, appid=appid, openid=openid,
                         fields=fields, **options)

    def push_text(self, component_appid, appid, openid, text, **options):
        return self.push_message(component_appid, appid, openid, {"MsgType": "text", "Content": text}, **options)

    def release_check(self, component_appid, **options):
        return self.call("/admin/release-check", component_appid=component_appid, **options)

    def record(self, since=0, **query):
        """{"next", "dropped", "entries"}: what was pushed and asked, in order."""
        return self.get("/admin/record", since=since, **query)

    def calls(self, path, since=0):
        """The API calls of `path` in the record."""
        return [entry for entry in self.record(since, what="api")["entries"] if entry["path"] == path]

    def tokens(self):
        return self.get("/admin/tokens")

    def fan_messages(self, appid, openid):
        """The customer-service messages that one fan got."""
        for fan in self.get("/admin/fans", appid=appid)["fans"]:
            if fan["openid"] == openid:
                return fan["messages"]
        return []

    def _answer(self, method, path, body, timeout_s):
        status, _, answer = http_request(self.admin_port, method, path, body,
                                         {"Content-Type": "application/json"}, timeout_s)
        if status != 200:
            raise ChildError(f"weixin-sim: {method} {path.split('?')[0]}: {status} {answer.decode('utf-8', 'replace')}")
        return json.loads(answer)

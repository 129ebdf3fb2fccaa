"""A Weixin and a token-service that do what a test says, and the proxy between them."""

import collections
import hashlib
import http.server
import json
import re
import secrets
import threading
import time
import urllib.parse

from . import topics
from .proxy import Proxy

COMPONENT, ACCOUNT, FAN = "wxcomponent0001", "wxaccount0001", "oFan0001"
SEND = "/cgi-bin/message/custom/send"
OK = {"errcode": 0, "errmsg": "ok"}
CALL_TIMEOUT_S = 3


class Peer:
    """An HTTP server of ours; answer(request) gives (status, headers, body) or None to hang up."""

    def __init__(self):
        peer = self
        self.connections = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True      # headers and body are two writes

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:          # whoever sent it died over it: no request
                    self.close_connection = True
                    return
                answer = peer.answer(self.command, url.path, url.query, body, self.headers)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection |= "Content-Length" in headers    # a length that lies

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 1024
            daemon_threads = True

            def handle_error(self, *_):
                pass

            def get_request(self):
                peer.connections += 1
                return super().get_request()

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


Call = collections.namedtuple("Call", "method path query body headers at")      # at: time.monotonic()


class Weixin(Peer):
    """Knows which tokens are good; answers by path, once `then` is told, else ok."""

    def __init__(self):
        self.calls = []
        self.good = set()
        self.plans = {}
        self._lock = threading.Lock()
        super().__init__()

    def plan(self, path, *answers):
        """What the next calls of this path get, the last one for ever: a dict (JSON), a tuple, a callable."""
        self.plans[path] = list(answers)

    def to(self, path):
        return [call for call in self.calls if call.path == path]

    def answer(self, method, path, query, body, headers):
        parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        with self._lock:
            self.calls.append(Call(method, path, parameters, body, dict(headers), time.monotonic()))
            token = parameters.get("access_token") or parameters.get("component_access_token")
            if token not in self.good:
                plan = {"errcode": 40001, "errmsg": "invalid credential rid: 1"}
            else:
                plans = self.plans.get(path, [OK])
                plan = plans.pop(0) if len(plans) > 1 else plans[0]
        if callable(plan):
            plan = plan()
        if isinstance(plan, dict):
            return 200, {"Content-Type": "application/json; encoding=utf-8"}, json.dumps(plan).encode()
        return plan


class TokenService(Peer):
    """/v1 tokens: one for each account, a new one on refresh if the hash is that of the stored one."""

    def __init__(self, weixin):
        self.weixin = weixin
        self.tokens = {}
        self.states = {}
        self.directory = {}             # records by "component/appid"
        self.asked = collections.Counter()
        self.fetches = collections.Counter()
        self.refreshes = collections.Counter()
        self.unsigned = 0
        self._lock = threading.Lock()
        super().__init__()

    def new_token(self, name):
        token = "token-" + secrets.token_hex(16)
        self.tokens[name] = token
        self.weixin.good.add(token)
        return token

    def spoil(self, name):
        """Weixin forgets the token that was handed out."""
        self.weixin.good.discard(self.tokens[name])

    def answer(self, method, path, query, body, headers):
        if path.endswith("/directory"):
            name = path.removeprefix("/v1/accounts/").removesuffix("/directory")
            with self._lock:
                self.asked[name] += 1
            row = self.directory.get(name)
            return (200, {}, json.dumps(row).encode()) if row else (404, {}, b"{}")
        match = re.fullmatch(r"/v1/(?:accounts/([^/]+)/([^/]+)|platforms/([^/]+))/(token|refresh)", path)
        if not match:
            return 404, {}, b"{}"
        with self._lock:
            if not (headers.get("Authorization") or "").startswith("Wxbus-HMAC name=api-proxy,"):
                self.unsigned += 1
            name = f"{match[1]}/{match[2]}" if match[1] else match[3]
            if name in self.states:
                return self.states[name]
            if match[4] == "token":
                self.fetches[name] += 1
            else:
                self.refreshes[name] += 1
                old = self.tokens[name]
                if json.loads(body)["token_sha256"] == hashlib.sha256(old.encode()).hexdigest():
                    self.new_token(name)
            token = self.tokens[name]
        answer = {"token": token, "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
                  "expires_in": 7000}
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


class Bench(Proxy):
    """The proxy, its peers, and one caller."""

    def __init__(self, deployment, kafka):
        super().__init__(deployment, kafka, COMPONENT)
        self.weixin = Weixin()
        self.tokens = TokenService(self.weixin)
        for name in (f"{COMPONENT}/{ACCOUNT}", COMPONENT):
            self.tokens.new_token(name)
        self.settings = {"WXBUS_API_BASE": self.weixin.url, "WXBUS_TOKEN_SERVICE_URL": self.tokens.url,
                         "WXBUS_CALL_TIMEOUT_MS": CALL_TIMEOUT_S * 1000}
        deployment.migrate()
        if kafka.kind == "real":
            topics.create_topic(kafka.bootstrap_servers, deployment.topic("desk.results"), 2)
        self.proxy = deployment.start_one("wxbus-api-proxy", settings=self.settings)
        self.key = self.add_caller("desk", ["*"], ["*"], ["desk"])["key"]

    def close(self):
        self.deployment.close()
        self.weixin.close()
        self.tokens.close()

    def forget(self):
        self.weixin.calls.clear()
        self.weixin.plans.clear()
        self.tokens.states.clear()

    # --- HTTP

    def call(self, path, method="POST", body=b"{}", key=None, headers=None, timeout_s=20):
        key = self.key if key is None else key
        return self.deployment.request(
            "wxbus-api-proxy", method, path, body if method == "POST" else None,
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})},
            timeout_s=timeout_s)

    def errcode(self, path, **options):
        status, headers, body = self.call(path, **options)
        return status, json.loads(body)["errcode"], headers

    def request(self, request_id, path=SEND, appid=ACCOUNT, lane=FAN, body=None, **more):
        more = {"caller": "desk", "key": self.key, "reply_to": "desk.results", **more}
        super().request(request_id, appid=appid, path=path, lane=lane, body=body or {"n": request_id}, **more)

    def metric(self, result):
        return self.proxy.metric("wxbus_api_proxy_topic_requests_total", result=result)

"""A business site that lets its visitors come by way of web page authorization. How it judges a result is written
from services/token-service/README.md, with other people's cryptography, independently of our C code."""

import base64
import http.server
import json
import threading
import time
import urllib.parse

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(Exception):
    """The site does not take this result."""


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(token, keys, origin, issuer, appid, now=None):
    """The claims of a result, if it is for this origin and account and still good."""
    try:
        head, claims, signature = token.split(".")
        header = json.loads(decode(head))
        if (header["alg"], header["typ"]) != ("EdDSA", "wxbus-oauth+jwt"):
            raise Refused("type")
        key = next(key for key in keys if key["kid"] == header["kid"])
        Ed25519PublicKey.from_public_bytes(decode(key["x"])).verify(decode(signature), f"{head}.{claims}".encode())
    except (ValueError, KeyError, StopIteration, InvalidSignature) as error:
        raise Refused(repr(error)) from None
    fields = json.loads(decode(claims))
    if (fields["iss"], fields["aud"], fields["appid"]) != (issuer, origin, appid):
        raise Refused("not for us")
    if fields["exp"] <= (time.time() if now is None else now):
        raise Refused("too old")
    return fields


class Site:
    """Listens on 127.0.0.1. /enter sends a visitor to be authorized, everything else takes results and shows
    what came of it; `taken` are the claims, `refused` the reasons."""

    def __init__(self, public_url, component, appid, keys, scope="snsapi_base"):
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.serve(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.start = f"{public_url}/oauth/{component}/{appid}/start"
        self._issuer, self._appid, self._keys, self._scope = public_url, appid, keys, scope
        self._seen = set()
        self.taken, self.refused = [], []
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def address(self, path="/back", state="of-the-session", **parameters):
        return self.start + "?" + urllib.parse.urlencode(
            {"return": self.origin + path, "state": state, "scope": self._scope, **parameters})

    def take(self, token):
        fields = verify(token, self._keys(), self.origin, self._issuer, self._appid)
        if fields["jti"] in self._seen:
            raise Refused("used before")
        self._seen.add(fields["jti"])
        return fields

    def serve(self, request):
        target = urllib.parse.urlsplit(request.path)
        token = dict(urllib.parse.parse_qsl(target.query)).get("wxbus_result")
        if target.path == "/enter":
            request.send_response(302)
            request.send_header("Location", self.address())
            request.end_headers()
            return
        try:
            if token:
                self.taken.append(self.take(token))
            shown = f"<title>site</title><p id=who>{self.taken[-1]['openid'] if token else 'nobody'}</p>"
        except Refused as error:
            self.refused.append(str(error))
            shown = f"<title>site</title><p id=refused>{error}</p>"
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.end_headers()
        request.wfile.write(shown.encode())

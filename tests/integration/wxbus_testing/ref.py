"""Addresses of the authorization page as a business signs them (proto/ref_token.h), independently of our C code."""

import base64
import hashlib
import hmac
import time
import urllib.parse


def signed_query(deployment, component, ref="", return_url="", until=None, key_name="ref"):
    """{parameter: value} of an address that carries `ref` and `return`."""
    lines = deployment.files.internal_keys("wxbus-token-service").read_text().splitlines()
    name, key, _ = next(line.split() for line in lines if line.split()[0] == key_name)
    until = str(int(time.time()) + 3600 if until is None else until)
    text = "\n".join(["wxbus.ref.v1", component, ref, return_url, until])
    fields = {"ref": ref, "return": return_url, "until": until, "signer": name,
              "signature": hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).hexdigest()}
    return {field: value for field, value in fields.items() if value}


def address(component, **parameters):
    query = urllib.parse.urlencode(parameters)
    return f"/authorize/{component}" + ("?" + query if query else "")

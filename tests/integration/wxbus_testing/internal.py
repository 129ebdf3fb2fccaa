"""Calls of /v1, signed as proto/internal_auth.h says; written independently of our C code."""

import base64
import hashlib
import hmac
import json
import time


class InternalCaller:
    """One process's key: a line `name base64 scope,...` of its WXBUS_INTERNAL_KEYS_FILE."""

    def __init__(self, deployment, instance, key_line):
        self._deployment = deployment
        self._instance = instance
        self._name, key, _ = key_line.split()
        self._key = base64.b64decode(key)

    @staticmethod
    def of(deployment, instance, name):
        """With the key `name`, to the /v1 of `instance`."""
        lines = deployment.files.internal_keys("wxbus-token-service").read_text().splitlines()
        return InternalCaller(deployment, instance, next(line for line in lines if line.split()[0] == name))

    def header(self, method, target, body, now=None):
        now = str(int(time.time()) if now is None else now)
        text = "\n".join([method, target, now, hashlib.sha256(body).hexdigest()])
        signature = hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
        return f"Wxbus-HMAC name={self._name},time={now},signature={signature}"

    def call(self, method, target, fields=None, authorization=None, timeout_s=30):
        """(status, JSON of the answer)"""
        body = b"" if fields is None else json.dumps(fields).encode()
        headers = {"Authorization": self.header(method, target, body) if authorization is None else authorization}
        if fields is not None:
            headers["Content-Type"] = "application/json"
        status, _, answer = self._deployment.request(self._instance, method, target, body or None, headers,
                                                     what="internal", timeout_s=timeout_s)
        return status, json.loads(answer)

"""Nothing that Weixin told us in confidence stands anywhere in clear: database, logs, metrics."""

import base64
import json
import re
import subprocess
import urllib.parse

from wxbus_testing import weixin

# Fields of pushes, requests and answers.
_NAMES = {
    "ComponentVerifyTicket", "AuthorizationCode", "PreAuthCode", "component_verify_ticket", "component_appsecret",
    "component_access_token", "authorizer_access_token", "authorizer_refresh_token", "access_token", "refresh_token",
    "authorization_code", "pre_auth_code", "session_key", "ticket"}
_LEAST = 16         # shorter ones are made up by tests, and stand elsewhere by chance
_ENTRIES = 20000    # of the record's end: a test at full size has a hundred times as many
_SEARCHED = 300     # with everything around them; the others as whole words
_WORD = re.compile(r"[A-Za-z0-9_@-]{%d,}" % _LEAST)


def _told(value, found):
    if isinstance(value, dict):
        for name, one in value.items():
            if name in _NAMES and isinstance(one, str) and len(one) >= _LEAST:
                found.add(one)
            _told(one, found)
    elif isinstance(value, list):
        for one in value:
            _told(one, found)


def _parsed(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def secrets_told(sim):
    """What the simulator's record has of tickets, codes, tokens and session keys."""
    found = set()
    for entry in sim.record(max(0, sim.record(10 ** 9)["next"] - _ENTRIES))["entries"]:
        if entry.get("xml"):
            _told(weixin.xml_to_dict(entry["xml"]), found)
        for text in (entry.get("body"), entry.get("answer")):
            _told(_parsed(text), found)
        _told(dict(urllib.parse.parse_qsl(entry.get("query") or "")), found)
    return found


def _texts(deployment, logs):
    """(where, text)"""
    yield "the database", subprocess.run(["pg_dump", "--inserts", deployment.database_url], capture_output=True,
                                         text=True, check=True).stdout
    for path in sorted(logs.glob("*.log")):
        if path.name != "weixin-sim.log":
            yield f"the log {path.name}", path.read_text(errors="replace")
    for name, service in deployment.running.items():
        if name != "weixin-sim" and service.running:
            yield f"the metrics of {name}", "\n".join(service.metrics())


def check(deployment, logs):
    """Of a deployment whose simulator still runs, and whose processes' logs are in this folder. Answers how many
    secrets were looked for."""
    secrets = secrets_told(deployment.sim) | {platform.app_secret for platform in deployment.platforms}
    sample = sorted(secrets)[::max(1, len(secrets) // _SEARCHED)]
    sample += [form for one in sample for form in (one.encode().hex(), base64.b64encode(one.encode()).decode()[:-4])]
    for where, text in _texts(deployment, logs):
        told = secrets & set(_WORD.findall(text)) or {one for one in sample if one in text}
        assert not told, f"{where} has {len(told)} of {len(secrets)} secrets in clear: {sorted(told)[0][:12]}..."
    return len(secrets)

"""A whole wxbus on one machine: its key files, its settings, its processes. Used by the demo and the tests.

    deployment = Deployment(folder, logs, kafka, postgres)
    deployment.migrate()
    deployment.start("weixin-sim", "wxbus-token-service", "wxbus-ingress")
    deployment.service("wxbus-ingress").metrics()
    deployment.close()                      # SIGTERM to each, and each must have ended in order

Which file each process gets, and with which lines, is part of what wxbus promises: the ingress sees no
app secret, and each process's copy of the internal keys has only its own.
"""

import base64
import dataclasses
import json
import secrets
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import paths
from .child import ChildError, free_port
from .service import Service, http_request, program_environment
from .simulator import Simulator


@dataclasses.dataclass
class PlatformConfig:
    """One third-party platform as its operator configures it; `keys`: (token, EncodingAESKey), newest first."""

    component_appid: str
    app_secret: str
    keys: list
    default_repliers: list = None

    @staticmethod
    def example():
        return PlatformConfig("wxd3a0c0ffee000001", "a5ec" + secrets.token_hex(14),
                              [("demotoken" + secrets.token_hex(4),
                                base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
                                .replace("+", "p").replace("/", "s"))])

    def as_json(self, with_secret):
        row = {"component_appid": self.component_appid,
               "keys": [{"token": token, "encoding_aes_key": key} for token, key in self.keys]}
        if with_secret:
            row["app_secret"] = self.app_secret
        if self.default_repliers is not None:
            row["default_repliers"] = self.default_repliers
        return row


# name of an internal key: its scopes, who holds it besides those that check it
_INTERNAL_KEYS = {
    "api-proxy": ("token", ["wxbus-api-proxy"]),
    "release-check": ("exchange", ["wxbus-release-check"]),
    "wxbus": ("admin", ["wxbus"]),
    "ref": ("ref", []),
}
# who checks which internal keys on its /v1
_INTERNAL_CHECKED = {
    "wxbus-token-service": ["api-proxy", "release-check", "wxbus", "ref"],
    "wxbus-api-proxy": ["wxbus"],
}

# In the order in which they start.
SERVICES = ("weixin-sim", "wxbus-token-service", "wxbus-api-proxy", "wxbus-release-check", "wxbus-ingress")
_BUSINESS = paths.ROOT / "services" / "business"
# Every folder with a manifest is a business.
BUSINESSES = tuple(f"wxbus-{path.parent.name}" for path in sorted(_BUSINESS.glob("*/manifest.json")))
# start() starts a business that is not among SERVICES only by name.
PROGRAMS = (*dict.fromkeys(SERVICES + BUSINESSES), "wxbus", "wxbus-embedded-broker")


class KeyFiles:
    """Every key file of a deployment, made in `folder` (0700, as secrets should be kept)."""

    def __init__(self, folder, platforms):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.write_platforms(platforms)
        self.master_keys = self._write("master-keys", f"first {_base64(secrets.token_bytes(32))}\n")
        event_key = X25519PrivateKey.generate()
        self.event_private_key = event_key.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
        self.event_private_keys = self._write("event-private-keys", _base64(self.event_private_key) + "\n")
        self.event_key = self._write("event-key", _base64(event_key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)) + "\n")
        self._internal = {name: f"{name} {_base64(secrets.token_bytes(32))} {scopes}\n"
                          for name, (scopes, _) in _INTERNAL_KEYS.items()}

    def write_platforms(self, platforms):
        """Both copies: the whole one, and the ingress's without app secrets."""
        self.platforms, self.platforms_for_ingress = (
            self._write(name, json.dumps({"platforms": [one.as_json(with_secret) for one in platforms]}))
            for name, with_secret in (("platforms.json", True), ("platforms-ingress.json", False)))

    def internal_keys(self, process):
        """The internal keys file of one process."""
        names = list(_INTERNAL_CHECKED.get(process, []))
        names += [name for name, (_, holders) in _INTERNAL_KEYS.items()
                  if process in holders and name not in names]
        return self._write(f"internal-keys-{process}", "".join(self._internal[name] for name in names))

    def write_caller_keys(self, process, lines):
        return self._write(f"caller-keys-{process}", "".join(line + "\n" for line in lines))

    def _write(self, name, text):
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path


class Deployment:
    """`folder`: for key files; `logs`: for the processes' logs. `settings` go to every process. `postgres`
    may be None where only the ingress runs.
    `release_check_accounts`: the appids of WXBUS_RELEASE_CHECK_ACCOUNTS; None leaves its default."""

    def __init__(self, folder, logs, kafka, postgres, topic_prefix="wx.", platforms=None, settings=None,
                 release_check_accounts=None):
        self.platforms = platforms or [PlatformConfig.example()]
        self.files = KeyFiles(folder, self.platforms)
        self.kafka = kafka
        self.postgres = postgres
        self.topic_prefix = topic_prefix
        self._database = "wxbus_" + secrets.token_hex(4)
        self.database_url = postgres.create_database(self._database) if postgres else None   # as the superuser
        self._logs = logs
        self._extra = dict(settings or {})
        self._release_check_accounts = release_check_accounts
        self._caller_lines = {}         # of WXBUS_CALLER_KEYS_FILE, by caller id
        self._running = {}
        self._ports = {}

    @property
    def platform(self):
        return self.platforms[0]

    def database_url_of(self, schema):
        """What the service that owns `schema` connects with: its own role, which `wxbus migrate` makes."""
        return self.postgres.url(self._database, user=f"wxbus_{schema}")

    def topic(self, name):
        return self.topic_prefix + name

    def port(self, instance, what):
        """The port of one instance: what is "listen", "internal" or "admin". It stays over restarts."""
        if (instance, what) not in self._ports:
            self._ports[instance, what] = free_port()
        return self._ports[instance, what]

    def url(self, instance, what="listen"):
        return f"http://127.0.0.1:{self.port(instance, what)}"

    def service(self, instance):
        """The running Service; `instance` is the binary's name, or the name given to start_one()."""
        return self._running[instance]

    @property
    def running(self):
        """{instance: Service}, those that were started and not ended here."""
        return dict(self._running)

    @property
    def sim(self):
        """The running simulator; its start registers our platforms with it."""
        return self._running["weixin-sim"]

    def request(self, instance, method, path, body=None, headers=None, what="listen", timeout_s=10):
        """(status, headers, body) of one HTTP request to an instance."""
        return http_request(self.port(instance, what), method, path, body, headers, timeout_s)

    def command(self, *arguments, settings=None, check=True, timeout_s=60):
        """Run the operator's command `wxbus ...`; its CompletedProcess."""
        answer = subprocess.run(
            [str(paths.binary("wxbus")), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s, check=False,
            env=program_environment({**self.environment("wxbus"), **(settings or {})}))
        with open(self._logs / "wxbus.log", "a", encoding="utf-8") as log:
            log.write(f"$ wxbus {' '.join(arguments[:2])} ...: status {answer.returncode}\n{answer.stderr}")
        if check and answer.returncode != 0:
            raise ChildError(f"wxbus {' '.join(arguments)} ended with {answer.returncode}:\n"
                             f"{answer.stdout}{answer.stderr}")
        return answer

    def migrate(self):
        """Topics, schemas and roles; what it printed. The embedded broker makes its topics itself."""
        arguments = ["--skip-topics"] if self.kafka.kind == "embedded" else []
        return self.command("migrate", *arguments).stdout

    def add_caller(self, caller_id, accounts, paths, groups=(), platform=None):
        """A caller at the running api-proxy, as an operator adds it; returns its key."""
        component = (platform or self.platform).component_appid
        line = self.command("callers", "add", "--component", component, "--id", caller_id,
                            "--accounts", ",".join(accounts), "--paths", ",".join(paths),
                            "--groups", ",".join(groups)).stdout.strip()
        self._caller_lines.setdefault(caller_id, []).append(line)
        return line.split(" ")[2]

    def caller_lines(self, caller_id, paths):
        """The lines of a business's caller keys file: one per platform, added when first asked for."""
        if caller_id not in self._caller_lines:
            self.service("wxbus-api-proxy").wait_ready()
            for platform in self.platforms:
                self.add_caller(caller_id, ["*"], paths, [caller_id], platform)
        return self._caller_lines[caller_id]

    def set_repliers(self, appid, groups):
        """Which groups may answer an account passively, in order; token-service must run and know it."""
        self.command("accounts", "repliers", self.platform.component_appid, appid, ",".join(groups) or "none")

    def start(self, *binaries, **options):
        """Start these (all by default), side by side; all are ready when this returns."""
        started = [self.start_one(binary, ready=False, **options) for binary in binaries or SERVICES]
        for service in started:
            service.wait_ready()

    def start_one(self, binary, instance=None, settings=None, ready=True):
        """One process. `instance` names a second one of the same binary; `settings` override its
        environment (None removes a variable). Started again after its end, it keeps its ports."""
        instance = instance or binary
        kind = Simulator if binary == "weixin-sim" else Service
        service = kind(binary, {**self.environment(binary, instance), **(settings or {})},
                       self._logs / f"{instance}.log", admin_port=self.port(instance, "admin"))
        self._running[instance] = service
        service.start(ready=ready or kind is Simulator)
        if kind is Simulator:
            for platform in self.platforms:
                service.add_platform(platform, self.url("wxbus-ingress"))
        return service

    def finish(self, instance, **options):
        """End one in order; options of Service.finish()."""
        self._running.pop(instance).finish(**options)

    def kill(self, instance):
        """End one as a crash would."""
        self._running.pop(instance).kill()

    def close(self):
        """End all, the one started last first; raises if any did not end in order."""
        failures = []
        while self._running:
            _, service = self._running.popitem()
            try:
                service.finish()
            except ChildError as error:
                failures.append(str(error))
        if failures:
            raise ChildError("\n".join(failures))

    def environment(self, binary, instance=None):
        """What one process is given: all of it, and nothing it has no need of."""
        instance = instance or binary
        if binary == "weixin-sim":
            return {f"WEIXIN_SIM{suffix}_LISTEN": f"127.0.0.1:{self.port(instance, what)}"
                    for suffix, what in (("", "listen"), ("_ADMIN", "admin"))}
        common = {
            "WXBUS_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "WXBUS_TOPIC_PREFIX": self.topic_prefix,
            "WXBUS_LOG_LEVEL": "info",
            **self.kafka.settings,
            **self._extra,
        }
        common.update(_SPECIFIC.get(binary, _business)(self, instance, binary))
        return common


def _listening(deployment, instance, *what):
    names = {"listen": "WXBUS_LISTEN", "internal": "WXBUS_INTERNAL_LISTEN", "admin": "WXBUS_ADMIN_LISTEN"}
    return {names[one]: f"127.0.0.1:{deployment.port(instance, one)}" for one in what}


def _weixin(deployment):
    base = deployment.url("weixin-sim")
    return {"WXBUS_API_BASE": base, "WXBUS_MP_BASE": base, "WXBUS_OPEN_BASE": base}


def _ingress(deployment, instance, _):
    accounts = deployment._release_check_accounts
    return {
        **_listening(deployment, instance, "listen", "admin"),
        "WXBUS_PLATFORMS_FILE": deployment.files.platforms_for_ingress,
        "WXBUS_EVENT_KEY_FILE": deployment.files.event_key,
        "WXBUS_RELEASE_CHECK_ACCOUNTS": None if accounts is None else ",".join(accounts),
    }


def _token_service(deployment, instance, _):
    return {
        **_listening(deployment, instance, "listen", "internal", "admin"),
        **_weixin(deployment),
        "WXBUS_DATABASE_URL": deployment.database_url_of("token_service"),
        "WXBUS_PLATFORMS_FILE": deployment.files.platforms,
        "WXBUS_MASTER_KEYS_FILE": deployment.files.master_keys,
        "WXBUS_EVENT_PRIVATE_KEYS_FILE": deployment.files.event_private_keys,
        "WXBUS_INTERNAL_KEYS_FILE": deployment.files.internal_keys("wxbus-token-service"),
        "WXBUS_PUBLIC_URL": deployment.url("wxbus-token-service"),
    }


def _api_proxy(deployment, instance, _):
    return {
        **_listening(deployment, instance, "listen", "internal", "admin"),
        **_weixin(deployment),
        "WXBUS_DATABASE_URL": deployment.database_url_of("api_proxy"),
        "WXBUS_MASTER_KEYS_FILE": deployment.files.master_keys,
        "WXBUS_INTERNAL_KEYS_FILE": deployment.files.internal_keys("wxbus-api-proxy"),
        "WXBUS_TOKEN_SERVICE_URL": deployment.url("wxbus-token-service", "internal"),
    }


def _business(deployment, instance, binary):
    """What the SDK asks for, by the manifest: `calls` are the paths of Weixin's that the business calls."""
    folder = _BUSINESS / ("sdk/probe" if binary == "wxbus-probe" else binary.removeprefix("wxbus-"))
    manifest = json.loads((folder / "manifest.json").read_text())
    group = manifest["group"]
    settings = {
        **_listening(deployment, instance, "admin"),
        "WXBUS_CALLER_KEYS_FILE": deployment.files.write_caller_keys(
            binary, deployment.caller_lines(group, manifest["calls"])),
    }
    if any(folder.glob("migrations/*.sql")):
        settings["WXBUS_DATABASE_URL"] = deployment.database_url_of(group.replace("-", "_"))
    return settings


def _release_check(deployment, instance, binary):
    return {
        **_business(deployment, instance, binary),
        "WXBUS_INTERNAL_KEYS_FILE": deployment.files.internal_keys(binary),
        "WXBUS_TOKEN_SERVICE_URL": deployment.url("wxbus-token-service", "internal"),
    }


def _wxbus(deployment, *_):
    return {
        "WXBUS_DATABASE_URL": deployment.database_url,
        "WXBUS_INTERNAL_KEYS_FILE": deployment.files.internal_keys("wxbus"),
        "WXBUS_TOKEN_SERVICE_URL": deployment.url("wxbus-token-service", "internal"),
        "WXBUS_API_PROXY_URL": deployment.url("wxbus-api-proxy", "internal"),
    }


# All others are businesses that need nothing beyond the SDK's own.
_SPECIFIC = {
    "wxbus-ingress": _ingress,
    "wxbus-token-service": _token_service,
    "wxbus-api-proxy": _api_proxy,
    "wxbus-release-check": _release_check,
    "wxbus": _wxbus,
}


def _base64(data):
    return base64.b64encode(data).decode()

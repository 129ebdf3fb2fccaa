"""One of our own processes: its settings by environment, its readiness, metrics and clean end."""

import http.client
import os
import re
import signal

from . import paths
from .child import Child, ChildError

_SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error: |SUMMARY: \w+Sanitizer")
_METRIC = re.compile(r'^(?P<name>[a-zA-Z_:][\w:]*)(?P<labels>\{[^}]*\})? (?P<value>\S+)$')
_PASSED_ON = ("PATH", "HOME", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")


def program_environment(settings):
    """The environment for one of our programs: `settings` and nothing of ours that could leak in."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["LC_ALL"] = "C.UTF-8"
    environment.update({name: str(value) for name, value in settings.items() if value is not None})
    return environment


def http_request(port, method, path, body=None, headers=None, timeout_s=10):
    """(status, headers, body) of one request to 127.0.0.1 on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


class Service(Child):
    """`binary` with `settings` (environment variables). With `admin_port`, start() waits for
    /readyz there; without, for nothing (see wait_for())."""

    def __init__(self, binary, settings, log_path, admin_port=None, arguments=()):
        super().__init__(binary, [paths.binary(binary), *arguments], log_path,
                         env=program_environment(settings))
        self.settings = dict(settings)
        self.admin_port = admin_port

    def start(self, ready=True, timeout_s=40):
        """Start it and, unless ready=False, wait until it is ready."""
        super().start()
        if ready and self.admin_port:
            self.wait_ready(timeout_s)

    def wait_ready(self, timeout_s=40):
        try:
            self.wait_for(self.ready, timeout_s, "/readyz 200")
        except ChildError as error:
            raise ChildError(f"{error}\n/readyz said: {self._last_answer('/readyz')}") from None

    def ready(self):
        return self._admin("/readyz")[0] == 200

    def metrics(self):
        """{'name': value, 'name{label="value"}': value}"""
        status, text = self._admin("/metrics")
        if status != 200:
            raise ChildError(f"{self.name}: /metrics answered {status}")
        return parse_metrics(text)

    def metric(self, name, **labels):
        """One sample, 0 if it was never touched; without labels the sum over all of them."""
        samples = self.metrics()
        if labels:
            inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
            return samples.get(f"{name}{{{inside}}}", 0.0)
        return sum(value for key, value in samples.items() if key == name or key.startswith(name + "{"))

    def finish(self, timeout_s=20, asked_before=False):
        """SIGTERM, and it must end in order: status 0 and no sanitizer report. `asked_before`: it was sent
        SIGTERM already, and may have ended by now."""
        if not self._was_started():
            return
        ended_before = not self.running and not asked_before
        code = self.stop(timeout_s, signal.SIGTERM)
        self._check_for_sanitizer_report()
        if ended_before or code != 0:
            when = "by itself, before SIGTERM," if ended_before else "after SIGTERM"
            raise ChildError(f"{self.name} ended {when} with status {code}; see {self.log_path}\n"
                             f"{self._last_lines()}")

    def _was_started(self):
        return self._process is not None

    def kill(self):
        """As a crash: nothing is asked of its end any more, only of what it reported before."""
        if not self._was_started():
            return
        super().kill()
        self._process = None
        self._check_for_sanitizer_report()

    def _check_for_sanitizer_report(self):
        text = self.log_text()
        report = _SANITIZER_REPORT.search(text)
        if report:
            raise ChildError(f"{self.name}: sanitizer report in {self.log_path}\n{text[report.start():][:4000]}")

    def _admin(self, path):
        try:
            status, _, body = http_request(self.admin_port, "GET", path, timeout_s=5)
            return status, body.decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)

    def _last_answer(self, path):
        status, text = self._admin(path)
        return f"{status} {text.strip()}"


def parse_metrics(text):
    """Prometheus' text format as a dict; a line that is not of that format raises ValueError."""
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = _METRIC.match(line)
        if not match:
            raise ValueError(f"not a metric: {line!r}")
        samples[match["name"] + (match["labels"] or "")] = float(match["value"])
    return samples

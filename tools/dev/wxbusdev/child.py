"""One child process: started, watched, paused, stopped, always by its own process id."""

import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class ChildError(RuntimeError):
    """A child did not start, or did not end, as it should."""


# Below the kernel's own choices for outgoing connections; of two runs side by side each takes every other one.
_PORTS = range(15000 + int(os.environ.get("WXBUS_TEST_SIDE", "0")), 32000, 2)
_given = set()


def free_port():
    """A TCP port of 127.0.0.1 that nothing listens on and that was not given out before."""
    while len(_given) < len(_PORTS):
        port = random.choice(_PORTS)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise ChildError(f"every port of {_PORTS} has been given out")


def wait_until(condition, timeout_s, what, interval_s=0.02):
    """Call `condition` until it answers something true, and return that."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise ChildError(f"{what}: not within {timeout_s} s")
        time.sleep(interval_s)


class Child:
    """A process whose output goes to `log_path` (appended), in a session of its own, so that a
    terminal's Ctrl-C reaches us alone and we stop our children in order. `death_signal` is what the
    kernel sends it should we die first."""

    def __init__(self, name, argv, log_path, env=None, death_signal=signal.SIGTERM, **popen):
        self.name = name
        self.log_path = pathlib.Path(log_path)
        self._argv = [str(word) for word in argv]
        self._env = env
        self._death_signal = death_signal
        self._popen = popen
        self._process = None
        self._log_start = 0

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self):
        """None while it runs or when it never did; negative: the signal that ended it."""
        return self._process.poll() if self._process else None

    def start(self):
        if self.running:
            raise ChildError(f"{self.name} runs already")
        death_signal = self._death_signal

        def prepare():
            _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])      # whatever we wait for, it starts open

        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=self._env, start_new_session=True, preexec_fn=prepare, **self._popen)

    def log_text(self):
        """What it has written since its last start()."""
        with open(self.log_path, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def wait_for(self, condition, timeout_s, what):
        """wait_until(), but a child that ends meanwhile is reported at once with its last lines."""
        def alive_and_condition():
            if not self.running:
                raise ChildError(f"{self.name} ended with status {self.exit_code} before: {what}; "
                                 f"see {self.log_path}\n{self._last_lines()}")
            return condition()

        try:
            return wait_until(alive_and_condition, timeout_s, f"{self.name}: {what}")
        except ChildError as error:
            raise ChildError(f"{error} (log: {self.log_path})") from None

    def send(self, signal_number):
        if self.running:
            self._process.send_signal(signal_number)

    def pause(self):
        """SIGSTOP: connections stay open and nothing is answered."""
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)

    def kill(self):
        """SIGKILL, as a crash; works on a paused child too."""
        if self._process:
            self.send(signal.SIGKILL)
            self._process.wait()

    def stop(self, timeout_s=20, signal_number=signal.SIGTERM):
        """Ask it to end and wait; returns its exit code. Killed, and a ChildError, if it will not."""
        if not self._process:
            return None
        self.resume()
        self.send(signal_number)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ChildError(f"{self.name} did not end within {timeout_s} s of signal {signal_number}; "
                             f"see {self.log_path}") from None

    def _last_lines(self, count=15):
        return "\n".join("    " + line for line in self.log_text().splitlines()[-count:])

"""The ledger: every push with its id, every try at delivering it and what came of it, written by the pusher as it
happens, one JSON object per line.

Times are CLOCK_MONOTONIC, which is one clock for all processes of a machine.
"""

import dataclasses
import json

SUCCESS, REPLY, EMPTY = "success", "reply", "empty"
UNAVAILABLE = "unavailable"             # an answer, and it says that Weixin is to come again
NO_ANSWER = "no answer"                 # connected, and nothing within Weixin's limit
CUT = "cut"                             # refused, or the connection ended without an answer
ILLEGAL = "illegal"                     # an answer that Weixin would not take
CROSSED = "crossed"                     # a reply that is somebody else's, or to something else
ACKNOWLEDGED = (SUCCESS, REPLY, EMPTY)

# Which words of a text its business does what by (services/business/sdk/probe).
TELL, FAILS_ONCE, FAILS_ALWAYS, POISON = "tell", "fail=1", "fail=9", "poison"


@dataclasses.dataclass
class Try:
    """One delivery. `lateness`: by how much the pusher itself was late meanwhile, at the most."""

    ingress: int
    began: float
    seconds: float
    outcome: str
    why: str = ""
    lateness: float = 0.0

    @property
    def ended(self):
        return self.began + self.seconds


@dataclasses.dataclass
class Push:
    """A fan's text. `number`: its place among all pushes."""

    id: str
    number: int
    appid: str
    openid: str
    content: str
    began: float
    tries: list = dataclasses.field(default_factory=list)

    @property
    def acknowledged(self):
        return any(one.outcome in ACKNOWLEDGED for one in self.tries)

    @property
    def answered(self):
        return any(one.outcome == REPLY for one in self.tries)

    @property
    def acknowledged_at(self):
        return min(one.ended for one in self.tries if one.outcome in ACKNOWLEDGED)

    def asks(self, word):
        return word in self.content.split()

    @property
    def to_dead_letter(self):
        return self.asks(FAILS_ALWAYS) or self.asks(POISON)


class Ledger:
    """Read from its file, again and again: take() answers the pushes that have come since."""

    def __init__(self, path):
        self.path = path
        self._offset = 0

    def take(self):
        """{id: Push} of all that was begun since the last call; the pusher must be idle."""
        pushes = {}
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            text = file.read()
            self._offset = file.tell()
        for line in text.splitlines():
            entry = json.loads(line)
            kind = entry.pop("what")
            if kind == "push":
                pushes[entry["id"]] = Push(**entry)
            else:
                pushes[entry.pop("id")].tries.append(Try(**entry))
        return pushes

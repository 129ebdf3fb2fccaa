"""The table of errors as proto/reaction.c has it, and how many requests to Weixin each class may cause."""

import pathlib
import re

_SOURCE = pathlib.Path(__file__).resolve().parents[3] / "proto" / "reaction.c"
_NOT_LISTED = (40003, 40037, 43004, 43101, 45015, 45047, 48002, 87014, 123456)

# Class: requests of a GET that is harmless to repeat, requests of a send; refreshes by each of the two
REQUESTS = {"ok": (1, 1, 0), "auth": (2, 2, 1), "busy": (3, 1, 0), "backoff": (3, 3, 0)}
ONE_REQUEST = (1, 1, 0)


def rows():
    """(errcode, class) of each row, and of some errcodes that the table does not list."""
    found = []
    for first, last, reaction in re.findall(r"\{\s*(-?\d+),\s*(-?\d+), REACTION_(\w+)\}", _SOURCE.read_text()):
        found += [(errcode, reaction.lower()) for errcode in range(int(first), int(last) + 1)]
    return found + [(errcode, "final") for errcode in _NOT_LISTED]


def outcome(reaction, harmless):
    """What a call with such an end is told to have come to."""
    return "ok" if reaction == "ok" else "unknown" if reaction == "busy" and not harmless else "rejected"

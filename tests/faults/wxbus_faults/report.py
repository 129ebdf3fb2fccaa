"""The table of a run."""

import collections
import dataclasses
import datetime

from wxbusdev import machine

# Of a Judgement, and as it is called in the table.
_COUNTS = (("pushes", "pushes"), ("acknowledged", "acknowledged"), ("replies", "replies"), ("calls", "calls"),
           ("lost", "lost"), ("absent", "neither"), ("harmless", "unacknowledged, kept"), ("duplicates", "duplicates"),
           ("letters_doubled", "letters doubled"), ("effects_doubled", "effects doubled"),
           ("order_breaks", "order breaks"), ("cross_account", "cross-account"),
           ("unsettled", "unsettled"), ("calls_wrong", "calls wrong"), ("late", "late"),
           ("unjudged", "unjudged"))
_TITLES = ("fault", "rounds", *(title for _, title in _COUNTS), "slowest answer", "caught up in", "verdict")
LEGEND = """\
One row per fault, summed over its rounds. *replies*: pushes answered with the business's own words; *calls*: those
that took effect at Weixin. *neither*: pushes that were not acknowledged and are not there: Weixin was told the truth.
*unacknowledged, kept*: there all the same, and handled like all others. *duplicates*: records of `messages` beyond the
first of their event, and *letters doubled* of dead letters; each event has one effect all the same. *late*: deliveries
to an ingress that was not itself taken away, without a proper answer within 5 s; *unjudged*: the same, while this
machine itself woke nobody for too long. *caught up in*: from the end of the pushes until every group had read all."""


@dataclasses.dataclass
class Row:
    rounds: int = 0
    sums: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    slowest_s: float = 0.0
    caught_up_s: float = 0.0
    findings: list = dataclasses.field(default_factory=list)

    def add(self, judgement, caught_up_s, rounds):
        self.rounds += rounds
        self.sums.update({name: getattr(judgement, name) for name, _ in _COUNTS})
        self.slowest_s = max(self.slowest_s, judgement.slowest_s)
        self.caught_up_s = max(self.caught_up_s, caught_up_s)
        self.findings += judgement.findings

    def cells(self, name, findings):
        return (name, str(self.rounds), *(str(self.sums[count]) for count, _ in _COUNTS), f"{self.slowest_s:.2f} s",
                f"{self.caught_up_s:.1f} s", "FAILED" if findings else "ok")


class Report:
    """Rows by fault in the order of their first round."""

    def __init__(self, command):
        self._command = command
        self._rows = {}
        self._first, self._last = {}, {}        # Figures by instance
        self.skipped = {}                       # fault: why
        self._began = datetime.datetime.now()

    def add(self, fault, judgement, caught_up_s, rounds=1):
        self._rows.setdefault(fault, Row()).add(judgement, caught_up_s, rounds)

    def note_figures(self, by_instance):
        self._last = by_instance
        for instance, now in by_instance.items():
            self._first.setdefault(instance, now)

    @property
    def findings(self):
        return [f"{name}: {finding}" for name, row in self._rows.items() for finding in row.findings]

    def markdown(self):
        minutes = (datetime.datetime.now() - self._began).total_seconds() / 60
        lines = ["# Faults under load", "",
                 f"`{self._command}`, {minutes:.0f} minutes, {machine.description()}; Kafka, PostgreSQL, the simulated "
                 "Weixin and the harness share these cores.", "", LEGEND, ""]
        rows = [row.cells(name, self.findings if name == ALL else row.findings)
                for name, row in sorted(self._rows.items(), key=lambda item: item[0] == ALL)]
        lines += [_line(_TITLES), "|---|" + "---:|" * (len(_TITLES) - 2) + "---|", *map(_line, rows), ""]
        lines += ["| process | memory, first and last round | descriptors | threads |", "|---|---:|---:|---:|"]
        for instance, now in self._last.items():
            was = self._first[instance]
            lines.append(f"| {instance} | {was.memory_kib // 1024} to {now.memory_kib // 1024} MiB | "
                         f"{was.descriptors} to {now.descriptors} | {was.threads} to {now.threads} |")
        lines.append("")
        lines += [f"Not run: {name}: {why}." for name, why in self.skipped.items()]
        if self.findings:
            lines += ["", "## Findings", "", *(f"- {finding}" for finding in self.findings)]
        return "\n".join(lines) + "\n"


ALL = "all of them"


def _line(cells):
    return "| " + " | ".join(cells) + " |"

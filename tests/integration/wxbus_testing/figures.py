"""What the tests measured, as one table at the end of the run.

A test says record_property("name", "value with its unit"), which is pytest's own way. With WXBUS_TEST_LONG the table
is also written to build/full-size.md, ready to be kept under docs/.
"""

import os
import pathlib

from wxbusdev import machine

ROOT = pathlib.Path(__file__).resolve().parents[3]
REPORT = ROOT / "build" / "full-size.md"
_rows = []                              # (test, what, value)


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        test = report.nodeid.rpartition("/")[2].removesuffix("]").replace(".py::", ": ").replace("[", ", ")
        _rows.extend((test, name, str(value)) for name, value in report.user_properties)


def pytest_terminal_summary(terminalreporter):
    if not _rows:
        return
    terminalreporter.section("figures")
    width = max(len(what) for _, what, _ in _rows)
    last = None
    for test, what, value in _rows:
        if test != last:
            terminalreporter.write_line(test)
            last = test
        terminalreporter.write_line(f"    {what:{width}}  {value}")
    if os.environ.get("WXBUS_TEST_LONG") == "yes":
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(_markdown(terminalreporter.config.option.keyword), encoding="utf-8")
        terminalreporter.write_line(f"also in {REPORT}")


def _markdown(chosen):
    command = "./dev test --long" + (f' -k "{chosen}"' if chosen else "")
    lines = ["# Measured at full size", "",
             f"`{command}`, {machine.description()}; Kafka, PostgreSQL, the simulated "
             "Weixin and the tests share these cores.", "",
             "| test | what | measured |", "|---|---|---|"]
    lines += [f"| {test} | {what} | {value} |" for test, what, value in _rows]
    return "\n".join(lines) + "\n"

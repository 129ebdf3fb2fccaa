#!/usr/bin/python3
"""Line and branch coverage of a build made with the preset `coverage`, by folder, from gcovr's summary.

    coverage.py build/coverage

Files of which less than nine lines in ten are run are named below the table. It fails if that is so of all of common/,
proto/ or the ingress.
"""

import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNTED = ("common/", "proto/", "services/ingress/")
NOT_COUNTED = (r".*_test\.c", r".*_fuzz\.c", r".*_test_database\.h", "common/testing/.*")
WANTED_PERCENT = 90


def summary(build):
    """gcovr's summary of each file."""
    argv = ["gcovr", "--root", str(ROOT), "--object-directory", str(build), "--json-summary", "-"]
    for folder in COUNTED:
        argv += ["--filter", folder]
    for pattern in NOT_COUNTED:
        argv += ["--exclude", pattern]
    answer = subprocess.run([*argv, str(build)], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)["files"]


def enough(area, files):
    """Are so many of the area's lines run as should be? Of an area without any line, no."""
    counts = count(file for file in files if file["filename"].startswith(area))
    return counts["line_total"] > 0 and 100 * counts["line_covered"] >= WANTED_PERCENT * counts["line_total"]


def folder_of(name):
    """common/kafka, proto, services/ingress."""
    parts = pathlib.PurePath(name).parts
    return parts[0] if parts[0] == "proto" else "/".join(parts[:2])


def count(files):
    counts = collections.Counter()
    for file in files:
        counts.update({key: file[key] for key in ("line_covered", "line_total", "branch_covered", "branch_total")})
    return counts


def row(name, files):
    counts = count(files)
    return f"{name:24} {len(files):5} {share(counts, 'line')}   {share(counts, 'branch')}"


def share(counts, what):
    return f"{percent(counts[what + '_covered'], counts[what + '_total'])} of {counts[what + '_total']:6}"


def percent(part, whole):
    return f"{100 * part / whole:5.1f} %" if whole else "    - %"


def main():
    files = summary(pathlib.Path(sys.argv[1]).resolve())
    if not files:
        print("nothing was counted: no test has run", file=sys.stderr)
        return 1
    folders = collections.defaultdict(list)
    for file in files:
        folders[folder_of(file["filename"])].append(file)
    print(f"{'folder':24} files   lines              branches")
    for name, members in sorted(folders.items()):
        print(row(name, members))
    for area in COUNTED:
        if area.rstrip("/") not in folders:
            print(row(f"all of {area}", [file for file in files if file["filename"].startswith(area)]))
    print(row("all", files))
    low = [file for file in files if 100 * file["line_covered"] < WANTED_PERCENT * file["line_total"]]
    for file in sorted(low, key=lambda file: file["line_covered"] / file["line_total"]):
        print(f"below {WANTED_PERCENT} % of lines: {file['filename']:40} {share(file, 'line')}")
    too_low = [area for area in COUNTED if not enough(area, files)]
    for area in too_low:
        print(f"{area} as a whole is below {WANTED_PERCENT} % of lines", file=sys.stderr)
    return 1 if too_low else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""`./dev new-business NAME`: a business that builds, passes its test and answers, from services/business/template.

Its folder is all that the build, `wxbus migrate`, the demo and the tests need to know of it. Only what operators read
and change by hand gets an entry: docker-compose.yml, deploy/kubernetes, prometheus.yml. All of it is made, or nothing."""

import os
import pathlib
import re
import shutil
import sys
import tempfile

from wxbusdev import paths

BUSINESSES = paths.ROOT / "services" / "business"
TEMPLATE = BUSINESSES / "template"
NAME, PORT = "my-shop", 9199            # of the template
PORTS = range(9092, PORT)               # of wxbus-release-check on up; NetworkPolicy wxbus opens them to Prometheus
NAME_MAX = 40                           # a schema, a role (with _test) and a label of Kubernetes have 63
# Names of our own programs (wxbus-probe), of PostgreSQL's schemas, and words that YAML takes for something else.
TAKEN = ("main", "probe", "healthy", "embedded-broker", "public", "information-schema",
         "y", "n", "yes", "no", "on", "off", "true", "false", "null")
COMPOSE = "docker-compose.yml"
KUBERNETES = "deploy/kubernetes/base"
PROMETHEUS = "deploy/observability/prometheus.yml"


class Refused(Exception):
    """What is wrong, and what would be right."""


def check_name(name):
    """group_name_ok() of proto/topics.c, and what else the name becomes: a folder, C and SQL names, a host name."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name) or len(name) > NAME_MAX:
        raise Refused(f"'{name}' is no name of a business: at most {NAME_MAX} of a-z, 0-9 and '-', a letter first and "
                      "no '-' at the end, as in auto-reply")
    if name in TAKEN or name.startswith("pg-"):
        raise Refused(f"'{name}' is taken by something else: choose another name")
    if (BUSINESSES / name).exists():
        raise Refused(f"services/business/{name} exists")
    if re.search(rf"^  {name}:", (paths.ROOT / COMPOSE).read_text(), re.MULTILINE):
        raise Refused(f"{COMPOSE} has a service '{name}' already")
    if (paths.ROOT / KUBERNETES / f"{name}.yaml").exists():
        raise Refused(f"{KUBERNETES}/{name}.yaml exists")


def free_port():
    """The lowest admin port that no business presets, so that all can run on one host."""
    used = {int(port) for path in BUSINESSES.glob("*/*.c")
            for port in re.findall(r"\.admin_listen = \"[^\"]*:(\d+)\"", path.read_text())}
    for port in PORTS:
        if port not in used:
            return port
    raise Refused(f"every admin port from {PORTS[0]} to {PORTS[-1]} is in use")


def filled_in(text, name, port):
    """The template's text, or the name of a file of it, for this business."""
    ours, theirs = NAME.replace("-", "_"), name.replace("-", "_")
    words = {NAME: name, ours: theirs, ours.upper(): theirs.upper(), str(PORT): str(port),
             f"business/template/{NAME}": f"business/{name}",
             f"BUSINESS_TEMPLATE_{ours.upper()}": f"BUSINESS_{theirs.upper()}"}
    return re.sub("|".join(sorted(words, key=len, reverse=True)), lambda match: words[match[0]], text)


def entry(kind, name, port):
    return filled_in((TEMPLATE / "deploy" / kind).read_text(), name, port)


def before(path, line, text):
    """The content of a shared file with `text` before its only such line."""
    content = (paths.ROOT / path).read_text()
    if content.count(f"\n{line}") != 1:
        raise Refused(f"{path} has no line '{line}' any more, before which the entry goes")
    return content.replace(f"\n{line}", f"\n{text}{line}")


def shared_files(name, port):
    """{path: its new content} outside the folder."""
    kustomization = f"{KUBERNETES}/kustomization.yaml"
    return {
        COMPOSE: before(COMPOSE, "  # --- once at each start", entry("compose.yml", name, port)),
        f"{KUBERNETES}/{name}.yaml": entry("kubernetes.yaml", name, port),
        kustomization: before(kustomization, "  - migrate.yaml", f"  - {name}.yaml\n"),
        PROMETHEUS: (paths.ROOT / PROMETHEUS).read_text() + entry("prometheus.yml", name, port),
    }


def fill_folder(folder, name, port):
    for path in (TEMPLATE / NAME).iterdir():
        (folder / filled_in(path.name, name, port)).write_text(filled_in(path.read_text(), name, port))
    folder.chmod(0o755)


def replace(path, content):
    """All of the new content at once, with the old file's mode."""
    path = paths.ROOT / path
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(content)
        if path.exists():
            shutil.copymode(path, new)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def content_of(path):
    return (paths.ROOT / path).read_text() if (paths.ROOT / path).exists() else None


def make(name):
    """The files that were made or changed. The folder comes last: with it, the business exists."""
    check_name(name)
    port = free_port()
    files = shared_files(name, port)
    kept = {path: content_of(path) for path in files}
    folder = pathlib.Path(tempfile.mkdtemp(prefix=".new-business-", dir=paths.ROOT))
    try:
        fill_folder(folder, name, port)
        for path, content in files.items():
            replace(path, content)
        folder.rename(BUSINESSES / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in kept.items():
            if content is None:
                (paths.ROOT / path).unlink(missing_ok=True)
            elif content_of(path) != content:
                replace(path, content)
        raise
    return [f"services/business/{name}/", *files]


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: ./dev new-business NAME", file=sys.stderr)
        return 2
    name = sys.argv[1]
    try:
        made = make(name)
    except (Refused, OSError) as error:
        print(f"./dev new-business: {error}", file=sys.stderr)
        return 1
    snake = name.replace("-", "_")
    print("\n".join(f"  {path}" for path in made))
    print(f"\nIt is in services/business/{name}/{snake}.c, its test beside it. Next:\n"
          f"  ./dev demo       builds it, runs it, and shows what it answers to a fan\n"
          "  docs/business.md from here to your own business")
    return 0


if __name__ == "__main__":
    sys.exit(main())

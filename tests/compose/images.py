"""The images of the tests, where none can be pulled: the base made from Debian's packages, wxbus by its Dockerfile, and a
stand-in with nginx (stand-in/Dockerfile) in which Kafka and PostgreSQL of this machine run (override.yml)."""

import pathlib
import re
import subprocess
import tempfile

from engine import ROOT, run
from wxbusdev import paths
from wxbusdev.child import ChildError

BASE, IMAGE, SIM_IMAGE = "debian:trixie-slim", "wxbus:0.1.0", "wxbus-sim:0.1.0"
STAND_IN, COMPOSE_2, PROMETHEUS = "wxbus-test-stand-in", "wxbus-test-compose-2", "wxbus-test-prometheus"
REVISION = "0123456789abcdef0123456789abcdef01234567"
_PROGRAMS = "wxbus-test-programs"
_HERE = pathlib.Path(__file__).resolve().parent
_BUILD_S = 1500


def make(engine, long):
    """All of them. The programs in wxbus's image are compiled there (`long`), or those of this build: of the Dockerfile
    only what comes before the runtime stage is replaced then."""
    if not engine.docker("images", "-q", BASE).stdout.strip():
        _make_base(engine)
    with tempfile.TemporaryDirectory(prefix="wxbus-images-") as folder:
        dockerfile = ROOT / "Dockerfile"
        if not long:
            _make_programs(engine, pathlib.Path(folder))
            dockerfile = pathlib.Path(folder) / "Dockerfile"
            dockerfile.write_text(re.sub(r"(?ms)^FROM \$\{BASE\} AS build$.*?(?=^FROM )", f"FROM {_PROGRAMS} AS build\n\n",
                                         (ROOT / "Dockerfile").read_text(), count=1))
        for tag, target in ((IMAGE, "wxbus"), (SIM_IMAGE, "sim")):
            _build(engine, ROOT, tag, "-f", dockerfile, "--target", target, "--build-arg", f"REVISION={REVISION}")
    _build(engine, _HERE / "stand-in", STAND_IN, "--target", "stand-in")
    if long:
        _build(engine, _HERE / "stand-in", COMPOSE_2, "--target", "compose-2")
        _build(engine, _HERE / "stand-in", PROMETHEUS, "--target", "prometheus")


def _build(engine, context, tag, *options):
    engine.docker("build", "--network", "host", "-t", tag, *options, context, timeout_s=_BUILD_S)


def _make_base(engine):
    """As the published slim image: minbase without documentation, translations and package lists, dpkg without fsync."""
    without = [f"--dpkgopt=path-exclude=/usr/share/{path}/*" for path in ("doc", "man", "locale")]
    _import_output(engine, BASE, ["mmdebstrap", "--variant=minbase", "--dpkgopt=force-unsafe-io", *without, "trixie", "-"])


def _make_programs(engine, folder):
    """What the Dockerfile's stage `build` leaves in /out, from this build."""
    for component in ("wxbus", "sim"):
        run(["env", f"DESTDIR={folder}/root/out/{component}", "cmake", "--install", paths.build_dir(), "--prefix",
             "/usr/local", "--strip", "--component", component])
    _import_output(engine, _PROGRAMS, ["tar", "-C", folder / "root", "-c", "."])


def _import_output(engine, name, argv):
    """A one-layer image of the tar archive that a command writes."""
    with tempfile.TemporaryFile() as log:
        writer = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log)
        engine.docker("import", "-", name, stdin=writer.stdout, timeout_s=600)
        if writer.wait() != 0:
            log.seek(0)
            raise ChildError(f"{argv[0]} failed:\n{log.read().decode()[-2000:]}")

#!/usr/bin/python3
"""`./dev bench`: measures, prints a table, writes build/bench.json and build/performance.md."""

import argparse
import json
import sys
import time

from wxbusbench import consumption, figures, ingress, memory, proxy, replies
from wxbusbench.world import SIZES, World
from wxbusdev import machine, paths

# title, what measures it; in this order
PARTS = {
    "ingress": ("Pushes in", ingress.rates),
    "cost": ("What a push costs", ingress.costs),
    "replies": ("Push to passive reply", replies.replies),
    "consumption": ("Events read by a business", consumption.consumption),
    "proxy": ("Calls out", proxy.proxy),
    "memory": ("Memory of the ingress", memory.directories),
    "growth": ("Growth", memory.growth),
}
WITHOUT_KAFKA = ["ingress", "cost"]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Each figure beside its reference, in the same run.")
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", default="full",
                        help="in 2 to 3 minutes instead of 15")
    parser.add_argument("--tiny", dest="size", action="store_const", const="tiny",
                        help="in seconds, without Kafka and PostgreSQL: does it work at all?")
    parser.add_argument("--only", choices=PARTS, action="append", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--output", type=str, default=str(paths.ROOT / "build"), help="the folder to write to")
    return parser.parse_args()


def main():
    asked = arguments()
    output = paths.pathlib.Path(asked.output)
    logs = paths.fresh_dir(output / "logs" / "bench")
    world, began, sections = World(SIZES[asked.size], logs), time.monotonic(), []
    try:
        for name in asked.only or (PARTS if world.size.real else WITHOUT_KAFKA):
            title, measure = PARTS[name]
            print(f"measuring: {title}", flush=True)
            made = list(measure(world))
            if not made:                # too long for this size
                continue
            sections.append((title, made))
            print("\n".join(figures.table(sections[-1][1])), flush=True)
    finally:
        world.close()
    write(output, asked.size, sections, time.monotonic() - began)
    return 0


def write(output, size, sections, took_s):
    """The JSON, and the Markdown that docs/performance.md keeps."""
    command = "./dev bench" if size == "full" else f"./dev bench --{size}"
    about = {"command": command, "machine": machine.description(),
             "seconds": round(took_s)}
    report = {**about, "sections": {title: [one.as_json() for one in made] for title, made in sections}}
    (output / "bench.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [f"`{command}`, {about['machine']}; it took {about['seconds']} s.", ""]
    for title, made in sections:
        lines += figures.markdown(title, made)
    (output / "performance.md").write_text("\n".join(lines), encoding="utf-8")
    print(f"in {round(took_s)} s; also in {output / 'bench.json'} and {output / 'performance.md'}")


if __name__ == "__main__":
    sys.exit(main())

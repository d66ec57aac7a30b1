#!/usr/bin/python3
"""bench.py - what the library costs, as ratios measured side by side in one run. See rounds.py for the method.

    bench.py [ROUNDS]      all rows, 10 rounds each; prints a table and writes build/bench.json
"""
import json
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import servers  # noqa: E402
from support.launch import BUILD, counters_in, total  # noqa: E402


def compared(name, variants, against="bare"):
    """A row for each variant but the bare one."""
    bare = next(variant for variant in variants if variant.name == against)
    for variant in variants:
        if variant is bare:
            continue
        yield {"row": f"{name}, {variant.name}", "bare_cpu_ns": round(bare.best("cpu_ns")), "cpu_ns": round(variant.best("cpu_ns")),
               "ratio": round(bare.best("cpu_ns") / variant.best("cpu_ns"), 3),
               "rate_ratio": round(variant.best("rate") / bare.best("rate"), 3),
               "p99_ratio": round(variant.best("p99_ns") / bare.best("p99_ns"), 3)}


def rows(rounds):
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        variants, ended = servers.nginx(place, rounds)
        yield from compared("nginx", variants)
        counted = total(counters_in(ended["exported"].text))
        yield {"row": "nginx, exported: accounts", **{name: counted[name] for name in ("started", "exported")}, "dropped": counted.dropped}
        for command in ("get", "set"):
            for pipeline in (1, 16):
                variants, _ = servers.redis(place, rounds, command, pipeline)
                yield from compared(f"redis {command.upper()}, pipeline {pipeline}", variants)


def main(argv):
    found = []
    for row in rows(int(argv[1]) if len(argv) > 1 else 10):
        found.append(row)
        print("  ".join(f"{name}: {value}" if name != "row" else f"{value:32}" for name, value in row.items()), flush=True)
    (BUILD / "bench.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv)

#!/usr/bin/python3
"""bench.py - what the library costs, as one table. rounds.py says how it is measured, row.py what a row is.

    bench.py [--rounds N] [FAMILY ...]    measures the families named, or all; PEERS=1 in the environment: OpenTelemetry's own too

A run of everything, of 10 rounds at least, is the one that is published: docs/bench.json, docs/bench.svg and README's table are
made of it. Others leave build/bench.json only.
"""
import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import calls, peers, picture, processes, proxies, rates, runtimes, servers, table  # noqa: E402
from support.launch import BUILD  # noqa: E402

FAMILIES = {
    "nginx": servers.rows,
    "proxies": proxies.rows,
    "redis": servers.redis_rows,
    "runtimes": runtimes.rows,
    "calls": calls.rows,
    "processes": processes.rows,
    "rates": rates.rows,
}
PEERS = {"peers": peers.rows}


def machine():
    models = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith(("model name", "CPU part"))]
    return {"cpu": models[0] if models else platform.machine(), "cores": f"{os.cpu_count()} processors", "kernel": f"Linux {platform.release().split('-')[0]}",
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", "")}


def measured(families, rounds):
    for name, family in families.items():
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            place = Path(directory)
            place.chmod(0o755)
            for row in family(place, rounds):
                print(f"  {name}: {row.name}: {table.value_in_words(row)}", file=sys.stderr, flush=True)
                yield row


def written(results):
    """One row a line: differences between two runs can be read."""
    rows = ",\n".join("  " + json.dumps(row) for row in results["rows"])
    return f'{{"machine": {json.dumps(results["machine"])},\n "rounds": {results["rounds"]},\n "rows": [\n{rows}\n]}}\n'


def main():
    parser = argparse.ArgumentParser(description="what the library costs")
    parser.add_argument("--rounds", type=int, default=servers.FULL)
    parser.add_argument("family", nargs="*", choices=[*FAMILIES, *PEERS, []])
    asked = parser.parse_args()
    every = {**FAMILIES, **(PEERS if os.environ.get("PEERS") == "1" else {})}
    chosen = {name: {**FAMILIES, **PEERS}[name] for name in asked.family} or every
    results = {"machine": machine(), "rounds": asked.rounds, "rows": [row.as_dict() for row in measured(chosen, asked.rounds)]}
    (BUILD / "bench.json").write_text(written(results))
    if not asked.family and asked.rounds >= servers.FULL:
        table.PUBLISHED.write_text(written(results))
        table.write_readme(results)
        picture.write(results)
    print(table.text(results), end="")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""accuracy.py - how many of the parent links that the library makes are right, and how many it makes of those there are.

    accuracy.py [--quick] [NAME ...]    the rows whose names contain one of these, or all; --quick: a seventh of the requests

plan.py says what is asked, judge.py what is right, service.py what a row is. A whole run that is not quick is the one
that is published: docs/accuracy.json, docs/accuracy.svg and README's table are made of it. Others leave build/accuracy.json
only. The exit status is 1 if a goal is missed.
"""
import argparse
import json
import signal
import sys
from pathlib import Path

sys.dont_write_bytecode = True
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this directory: `accuracy` is the package, not the file

from accuracy import in_c, in_node, in_others, in_python, picture, plan, proxies, table  # noqa: E402
from accuracy.measure import leaf, measured  # noqa: E402

SERVICES = [*proxies.SERVICES, *in_c.SERVICES, *in_python.SERVICES, *in_node.SERVICES, *in_others.SERVICES]


def chosen(names):
    """Number and service: the number is in the ids, the same in each run."""
    return [(number, service) for number, service in enumerate(SERVICES) if not names or any(name in service.name for name in names)]


def rows(services, runs):
    with leaf() as the_leaf:
        for number, service in services:
            row = measured(service, number, runs, the_leaf)
            print(f"  {table.row_in_words(row)}", file=sys.stderr, flush=True)
            yield row


def results_of(made, runs):
    return {"runs": runs, "rows": [row.as_dict() for row in made]}


def written(results):
    """One row a line: differences between two runs can be read."""
    lines = ",\n".join("  " + json.dumps(row) for row in results["rows"])
    return f'{{"runs": {json.dumps(results["runs"])},\n "rows": [\n{lines}\n]}}\n'


def main():
    parser = argparse.ArgumentParser(description="how accurate the parent links are")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("name", nargs="*")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # in order: what was started is ended
    runs = plan.QUICK if asked.quick else plan.FULL
    made = list(rows(chosen(asked.name), runs))
    results = results_of(made, runs)
    table.LATEST.write_text(written(results))
    if not asked.name and not asked.quick:
        table.PUBLISHED.parent.mkdir(exist_ok=True)
        table.PUBLISHED.write_text(written(results))
        table.write_readme(results)
        picture.write(results)
    print(table.text(results), end="")
    return 1 if any(row.missed for row in made) else 0


if __name__ == "__main__":
    sys.exit(main())

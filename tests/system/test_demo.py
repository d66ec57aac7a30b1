"""test_demo.py - `make demo` ends with one request through four programs and one that was started, as one tree.

What the tree says of it is what README shows.
"""
import re
import subprocess

from support.launch import ROOT, bare_environment

TREE = [("browser", "CLIENT", "/order"), ("shop", "SERVER", "/order"), ("shop", "CLIENT", "/order"), ("orders", "SERVER", "/order"),
        ("orders", "CLIENT", "/stock"), ("store", "SERVER", "/stock"),
        ("orders", "INTERNAL", "curl"), ("orders", "CLIENT", "/invoice"), ("store", "SERVER", "/invoice")]
DEPTHS = [0, 1, 2, 3, 4, 5, 4, 5, 6]


def test_the_demo_ends_with_one_trace_through_all_of_it(tmp_path):
    shown = subprocess.run([ROOT / "tests" / "demo.sh"], env=bare_environment(tmp_path), capture_output=True, text=True, timeout=60, check=True).stdout
    assert "ordered\n" in shown
    head, *lines = shown.strip().split("\n\n")[-1].splitlines()
    assert re.fullmatch(r"trace [0-9a-f]{8}  9 spans  .*", head), shown
    read = [re.match(r"([ │├└─]*)(\w+) +(CLIENT|SERVER|INTERNAL) +(.*)", line) for line in lines]
    assert [(line[2], line[3]) for line in read] == [(service, kind) for service, kind, _ in TREE], shown
    assert all(what in line[4] for line, (_, _, what) in zip(read, TREE)), shown
    assert [len(line[1]) // 3 for line in read] == DEPTHS, shown
    assert "error" not in "".join(lines)

#!/usr/bin/env python3
"""readme.py --write | --check - the tables of README that come from config.def and counters.def.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`; --check says which of them is not what the rows say.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
README = os.path.join(ROOT, "README.md")

SETTING = re.compile(r'^SETTING\((\w+), (\w+), ("[^"]*"), ("[^"]*"|NULL), "([^"]*)", "(.*)"\)$', re.M)
COUNTER = re.compile(r'^COUNTER\((\w+), "(.*)"\)$', re.M)


def rows(path, pattern):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = file.read()
    found = pattern.findall(text)
    wanted = len(re.findall(r"^[A-Z]+\(", text, re.M))
    if len(found) != wanted:
        sys.exit(f"{path}: {wanted} rows, {len(found)} understood")
    return found


def settings():
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for _, _, variable, fallback, default, meaning in rows("include/config.def", SETTING):
        names = "`" + variable.strip('"') + "`"
        if fallback != "NULL":
            names += ", else `" + fallback.strip('"') + "`"
        lines.append(f"| {names} | {'`' + default + '`' if default else '-'} | {meaning} |")
    return "\n".join(lines)


def counters():
    lines = ["| Counter | Meaning |", "|---|---|"]
    for name, meaning in rows("include/counters.def", COUNTER):
        lines.append(f"| `{name}` | {meaning} |")
        if name == "sampled_out":
            lines.append("| `held` | spans open on connections, waiting in the queue, or in a batch |")
    return "\n".join(lines)


def main(mode):
    with open(README, encoding="utf-8") as file:
        text = before = file.read()
    for name, table in (("settings", settings()), ("counters", counters())):
        part = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        if not part.search(text):
            sys.exit(f"README.md has no place for {name}")
        text = part.sub(lambda match: match[1] + table + "\n" + match[2], text)
    if mode == "--write":
        with open(README, "w", encoding="utf-8") as file:
            file.write(text)
    elif text != before:
        sys.exit("README.md: the tables are not those of the .def files; make docs writes them")


if __name__ == "__main__":
    if sys.argv[1:] not in (["--write"], ["--check"]):
        sys.exit("usage: readme.py --write | --check")
    main(sys.argv[1])

#!/usr/bin/env python3
"""seeds.py TARGET DIRECTORY - what tests/wire says, as inputs of a fuzz target, a file each (the heads of protocols.c,
connection.c and propagate.c say what an input looks like)."""
import re
import sys
from pathlib import Path

WIRE = Path(__file__).resolve().parents[1] / "wire"
LONGEST = 2048 # of a repetition: a fuzzer that must carry 64 kB along finds less


def unescaped(text):
    """The bytes of a line of a sample (tests/wire/README)."""
    out, at = bytearray(), 0
    simple = {"r": 13, "n": 10, "t": 9, "0": 0, "\\": 92}
    while at < len(text):
        if text[at] != "\\":
            out += text[at].encode()
            at += 1
        elif text[at + 1] in simple:
            out.append(simple[text[at + 1]])
            at += 2
        elif text[at + 1] == "x":
            out.append(int(text[at + 2:at + 4], 16))
            at += 4
        else:
            count, what, end = re.compile(r"\{(\d+)\*([^}]*)(\})").match(text, at + 1).groups()
            out += unescaped(what) * min(int(count), LONGEST // max(1, len(what)))
            at = text.index(end, at) + 1
    return bytes(out)


def steps(path):
    """(letter, what) of each line of a conversation; neighbouring bytes of one side are one step."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line[1:3] != ": ":
            continue
        what = line[3:] if line[0] == "E" else unescaped(line[3:])
        if line[0] in "CS" and found and found[-1][0] == line[0]:
            found[-1] = (line[0], found[-1][1] + what)
        else:
            found.append((line[0], what))
    return found


def of_protocols(conversation):
    """Each direction by itself."""
    for side, letter in enumerate("CS"):
        said = b"".join(what for who, what in conversation if who == letter)
        head_first = conversation[0][0] == "C" and conversation[0][1].startswith(b"HEAD ")
        if said:
            yield bytes([0x30 + side, 0x31 if head_first else 0x30, 0x37]) + said


def of_connection(conversation):
    """As the server and as the client, with the operations of connection.c."""
    for side in range(2):
        out = b"%d007" % side
        for who, what in conversation:
            if who == "E":
                out += b"^h" if what == "half client" and side == 1 else b"^" + what.split()[-1][0].encode()
            else:
                out += b"^" + who.encode() + what.replace(b"^", b"^^")
        yield out


def of_propagate(conversation):
    """What the client says, sent and read, in all formats and in small calls."""
    said = b"".join(what for who, what in conversation if who == "C")
    for side in range(2):
        for number, formats in enumerate((1, 6, 15)):
            if said:
                yield bytes([side, formats, 7 * number + side, 3 + number]) + said


def main(target, directory):
    make = {"protocols": of_protocols, "connection": of_connection, "propagate": of_propagate}[target]
    for path in sorted(WIRE.glob("*/*.wire")):
        conversation = steps(path)
        if not conversation:
            continue
        for index, seed in enumerate(make(conversation)):
            (Path(directory) / f"{path.parent.name}-{path.stem}-{index}").write_bytes(seed)


if __name__ == "__main__":
    main(*sys.argv[1:])

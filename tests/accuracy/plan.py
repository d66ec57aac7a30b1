"""plan.py - what is asked, and what becomes of it: everything about a request follows from its id.

The id is the application's own, and stands in the target where no library looks for one: `/ask/ID/FAN/HOW` is what a
service is asked, `/leaf/ID/N` what it then asks the leaf, FAN times, over connections that are `kept` or `fresh`. (A proxy
passes on what it is asked, and so is asked for `/leaf/ID/0`.) The load, the leaf and the judge each work out from the id
what the others do, by a hash: nothing has to be agreed on or written down, and every run is the same.

An id is ROW-LEVEL-NUMBER; LEVEL is how many requests are on their way at once.
"""
import hashlib
import re
from dataclasses import dataclass

# {requests at once: how many in all}, in this order, of each run of a service. The first finds a program that has just been started,
# of which the library has learnt nothing; the second one that has answered once.
COLD, FIRST = 63, 2
FULL = ({COLD: 500}, {FIRST: 1, 1: 60, 8: 400, 64: 1000, 256: 1500})
QUICK = ({COLD: 150}, {FIRST: 1, 1: 15, 8: 50, 64: 150, 256: 200})
UNSETTLED = (COLD, FIRST)  # no part of the recall that is to be reached; what is wrong in them is as wrong as anywhere

LATE_S = 1.5         # when the leaf answers those that are to be too late
SERVICE_WAITS_S = 1  # how long a service waits for the leaf, where its client has such a limit
LEAF_JITTER_S = 0.020
ID = re.compile(r"/(?:ask|leaf)/(\d+-\d+-\d+)/(\d+)")


def ids(row, level, count):
    return [f"{row}-{level}-{number}" for number in range(count)]


def level_of(rid):
    return int(rid.split("-")[1])


def chance(what, rid):
    """A number from 0 to 1 that is always the same for this question and this id."""
    return int.from_bytes(hashlib.blake2b(f"{what} {rid}".encode(), digest_size=6).digest(), "big") / (1 << 48)


def target(rid, is_proxied):
    return f"/leaf/{rid}/0" if is_proxied else f"/ask/{rid}/{fan_of(rid)}/{'kept' if chance('upstream', rid) < 0.5 else 'fresh'}"


def found_in(url):
    """The id, and which of its calls this is; (None, 0) in a URL of somebody else's."""
    found = ID.search(url or "")
    return (found[1], int(found[2])) if found else (None, 0)


def fan_of(rid):
    return 3 if chance("fan", rid) < 0.3 else 1


def is_on_a_fresh_connection(rid):
    """Half of all requests then come over a connection that has been used before."""
    return chance("connection", rid) < 0.3


def context_of(rid):
    """(trace id, span id) that the load sends with this request; None: it sends none."""
    if chance("context", rid) < 0.5:
        return None
    digest = hashlib.sha256(rid.encode()).hexdigest()
    return digest[:32], digest[32:48]


def is_given_up(rid):
    """The load goes away before it has an answer."""
    return level_of(rid) > 1 and chance("given up", rid) < 0.01


@dataclass(frozen=True)
class Answer:
    delay_s: float
    status: int = 200       # 0: the connection ends without one
    is_last: bool = False   # it is the last one of its connection


def answer_of(rid, number):
    """What the leaf does."""
    fate, jitter = chance("fate", f"{rid}/{number}"), LEAF_JITTER_S * chance("jitter", f"{rid}/{number}")
    if fate < 0.01:
        return Answer(LATE_S)
    if fate < 0.02:
        return Answer(jitter, status=0, is_last=True)
    if fate < 0.06:
        return Answer(jitter, status=503)
    return Answer(jitter, is_last=fate < 0.09)

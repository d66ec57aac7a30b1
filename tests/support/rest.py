"""rest.py - waits until a program has nothing to do: each of its threads sleeps.

A server has answered before it has written its log, closed its connection and collected its child: what it leaves when it is
ended at once is another thing at each run.
"""
import os
import time

LOOK_EVERY_S = 0.02


def wait_for_rest(session, timeout=5):
    """Two looks that find all threads of the session asleep and none that ran between them, or, as some wake all the time,
    five that find all asleep; goes on after `timeout`."""
    deadline, before, asleep = time.monotonic() + timeout, None, 0
    while time.monotonic() < deadline:
        now = _threads_of(session)
        asleep = asleep + 1 if all(state in "SI" for state, _ in now.values()) else 0
        if asleep >= 5 or asleep >= 2 and now == before:
            return
        before = now
        time.sleep(LOOK_EVERY_S)


def _threads_of(session):
    """{thread: (state, how often it has gone to sleep)}"""
    found = {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(process)) != session:
                continue
            for thread in os.listdir(f"/proc/{process}/task"):
                found[thread] = _state_of(f"/proc/{process}/task/{thread}/status")
        except OSError:
            continue  # it ended while we looked
    return found


def _state_of(status):
    with open(status) as file:
        fields = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    return fields["State"][0], fields["voluntary_ctxt_switches"]

"""accounts.py - what programs say of their spans, held against what is known from outside: requests, arrivals, logs."""
import re
from dataclasses import dataclass, field

from claims import ACCEPTED, ARRIVES, BALANCE, EXPORTED, FRAMING, HELD, ONE_SPAN
from support.launch import Counters, is_counters, library_lines, total

NO_REQUEST = (b"400", b"408", b"414", b"501", b"505")  # what nginx logs for bytes that were none
KILL_LOSES = 500  # spans of a service: a killed Collector takes with it what it had answered for and not passed on


class Sum(Counters):
    """Counters, of one line or of many; what no line names is 0."""

    def __missing__(self, name):
        return 0

    def __str__(self):
        return " ".join(f"{name}={value}" for name, value in self.items() if value and name != "pid")

    @property
    def balances(self):
        return self["started"] == self["exported"] + self["sampled_out"] + self.dropped + self["held"]

    @property
    def lost_by_framing(self):
        """Spans dropped and connections given up because the bytes were not understood."""
        return sum(value for name, value in self.items() if name == "dropped_framing" or name.startswith("given_up_"))


@dataclass
class Account:
    """One service for a while: how many requests its processes have read, at least and at most, and what they said."""
    least: int = 0
    most: int = 0
    lines: list = field(default_factory=list)
    came: int = 0       # different spans that were sent to the sink
    accepted: int = 0   # of them those that it accepted
    rejected: int = 0   # how many it said it rejected of those
    twice: int = 0      # spans that came again

    @property
    def sum(self):
        return Sum(total(self.lines))

    def __add__(self, other):
        return Account(self.least + other.least, self.most + other.most, [self.sum, other.sum])


class Audit:
    """Closes accounts. Remembers how far it has counted, so that each phase is a matter of its own."""

    def __init__(self, claims, sink):
        self.claims, self.sink, self.before = claims, sink, {}
        self.check = claims.check

    def since(self, key, value):
        """What `value` has grown by since it was last asked for."""
        before, self.before[key] = self.before.get(key, 0), value
        return value - before

    def grown(self, tool, what):
        return self.since((id(tool), what), tool.last.get(what, 0)) if tool else 0

    def asked(self, load, rude=None):
        """Requests of these clients that their server has read since, at least and at most."""
        answered, cut = self.grown(load, "answered"), self.grown(load, "cut")
        return answered + self.grown(rude, "least"), answered + cut + self.grown(rude, "most")

    def lines(self, service, text):
        """The counter lines in this text, each of them checked."""
        lines = [Sum({name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)})
                 for line in library_lines(text) if is_counters(line)]
        for line in lines:
            self.check(BALANCE, line.balances, f"{service}, pid {line['pid']}: {line}")
        return lines

    def arrived(self, account, service):
        arrivals = self.sink.arrivals
        account.came = self.since((service, "came"), len(arrivals.came[service]))
        account.accepted = self.since((service, "accepted"), len(arrivals.accepted[service]))
        account.rejected = self.since((service, "rejected"), arrivals.rejected[service])
        account.twice = self.since((service, "twice"), arrivals.twice[service])

    def has_all(self, accounts):
        """Whether everything has come that these say they exported."""
        self.sink.read()
        arrivals = self.sink.arrivals.accepted
        return all(len(arrivals[service]) - self.before.get((service, "accepted"), 0) >= account.sum["exported"]
                   for service, account in accounts.items())

    def check_account(self, where, account, nonsense, kills):
        said = account.sum
        self.check(ONE_SPAN, account.least <= said["started"] <= account.most,
                   f"{where}: {account.least} to {account.most} requests, {said['started']} spans")
        self.check(FRAMING, said.lost_by_framing <= 2 * nonsense, f"{where}: {said} after {nonsense} malformed requests")
        exported, rejected = said["exported"], said["dropped_rejected"]
        self.check(EXPORTED, exported + rejected <= account.accepted + KILL_LOSES * kills and rejected <= account.rejected,
                   f"{where}: {said}; {account.accepted} were accepted, {account.rejected} of them said to be rejected")
        unsure = said["dropped_timeout"] + said["dropped_refused"] + said["held"] + rejected
        self.check(ACCEPTED, account.accepted - exported <= unsure and account.came <= said["started"],
                   f"{where}: {said}; {account.came} came, {account.accepted} were accepted")

    def check_clean(self, where, account):
        said = account.sum
        started = said["started"]
        self.check(ARRIVES, (said["exported"], account.accepted, account.twice, said.dropped) == (started, started, 0, 0),
                   f"{where}: {said}; {account.accepted} arrived, {account.twice} twice")

    def check_held(self, where, lines):
        held = {line["pid"]: line["held"] for line in lines if line["held"]}
        self.check(HELD, not held, f"{where}: held, by process: {held}")

    def check_access_log(self, where, nginx, account):
        """The server's own count: a line for each request, and one with these statuses for what was none."""
        statuses, started = nginx.statuses(), account.sum["started"]
        sound = sum(count for status, count in statuses.items() if status not in NO_REQUEST)
        self.check(ONE_SPAN, sound <= started <= sum(statuses.values()), f"{where}: nginx logged {statuses}, {started} spans")

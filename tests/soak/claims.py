"""claims.py - what a soak claims, and what was found against each claim."""

CLAIMS = [
    "every answer is the right one, and nothing crashes",
    "every process that ends prints its counters",
    "started = exported + sampled_out + dropped + held, in each process and in sum",
    "each request is one span",
    "nothing is held at the end where there is a Collector",
    "with a Collector in order every span arrives, once",
    "nothing counts as exported that was not accepted",
    "what was accepted counts as exported, or its answer was lost",
    "well-formed requests are not lost by framing",
    "what is sent is valid OTLP",
    "memory is flat and bounded",
    "no descriptor leaks, and there is one thread more at most",
    "it ends in time",
]
RIGHT, PRINTS, BALANCE, ONE_SPAN, HELD, ARRIVES, EXPORTED, ACCEPTED, FRAMING, VALID, MEMORY, DESCRIPTORS, IN_TIME = CLAIMS
SHOWN = 4


class Claims:
    def __init__(self):
        self.failures = {claim: [] for claim in CLAIMS}

    def fail(self, claim, why):
        self.failures[claim].append(why)

    def check(self, claim, holds, why):
        if not holds:
            self.fail(claim, why)

    def report(self):
        """One line a claim, as tests/run.py counts them; the exit status. Of what came to no end only what failed is said."""
        for claim, failures in self.failures.items():
            if not failures and self.failures[IN_TIME]:
                continue
            more = f" (and {len(failures) - SHOWN} more)" if len(failures) > SHOWN else ""
            print(f"not ok {claim}: {'; '.join(failures[:SHOWN])}{more}" if failures else f"ok {claim}")
        return int(any(self.failures.values()))

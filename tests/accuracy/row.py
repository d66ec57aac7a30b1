"""row.py - one row of the table that `make accuracy` prints: the counts of a service, beside what was to be reached.

judge.py counts, measure.py makes the row; from then on it is only looked at: table.py prints it, picture.py draws it.
"""
from dataclasses import asdict, dataclass, field, fields

from accuracy.plan import UNSETTLED

KEPT = 12  # sentences of evidence


@dataclass
class Counts:
    right: int = 0
    wrong: int = 0
    absent: int = 0
    wire_right: int = 0      # requests that came to the leaf naming their CLIENT span
    wire_wrong: int = 0      # naming something else
    wire_absent: int = 0
    taken_over: int = 0      # SERVER spans that continue what the load sent, or nothing where it sent nothing
    not_taken_over: int = 0
    lost: int = 0            # requests without their span, and spans without their request
    evidence: list = field(default_factory=list)

    def say(self, sentence):
        if len(self.evidence) < KEPT:
            self.evidence.append(sentence)

    def lose(self, sentence):
        self.lost += 1
        self.say(sentence)

    @property
    def links(self):
        return self.right + self.wrong + self.absent

    @property
    def precision(self):
        """None where there is no link that could be wrong."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self):
        return self.right / self.links if self.links else None

    @property
    def came(self):
        """How many requests came to the leaf."""
        return self.wire_right + self.wire_wrong + self.wire_absent

    @property
    def wire(self):
        return self.wire_right / self.came if self.came else None


def total(counts):
    result = Counts()
    for one in counts:
        for name in (one_field.name for one_field in fields(Counts)):
            setattr(result, name, getattr(result, name) + getattr(one, name))
    return result


@dataclass
class Row:
    name: str
    model: str                   # how the service shares its work, in words
    family: str                  # which part of the picture it belongs to
    helper: str = ""             # of which runtime, if one is loaded
    goal: float = None           # of recall; None: whatever it is
    skipped: str = ""            # why it was not measured
    levels: dict = field(default_factory=dict)    # {requests at once: Counts}
    problems: list = field(default_factory=list)  # what else went wrong, in words
    library: dict = field(default_factory=dict)   # what the library counted beside, of all runs

    @property
    def counts(self):
        return total(self.levels.values())

    @property
    def recall(self):
        """Of a program that has answered once."""
        return total(counts for level, counts in self.levels.items() if level not in UNSETTLED).recall

    @property
    def title(self):
        return self.name + (", with helper" if self.helper else "")

    @property
    def is_below_its_goal(self):
        return self.goal is not None and not self.skipped and (self.recall or 0) < self.goal

    @property
    def missed(self):
        """Everything that is not as it should be, in words; nothing: the goals are met."""
        counts, words = self.counts, list(self.problems)
        if self.skipped:
            return []
        if counts.wrong:
            words.append(f"{counts.wrong} wrong links")
        if self.is_below_its_goal:
            words.append(f"recall {in_words(self.recall)} is below {self.goal:g}")
        for number, what in ((counts.wire_wrong, "requests on the wire named another span"), (counts.lost, "spans lost"),
                             (counts.not_taken_over, "SERVER spans not of the context that was sent")):
            if number:
                words.append(f"{number} {what}")
        return words

    def as_dict(self):
        return {**asdict(self), "levels": {str(level): asdict(counts) for level, counts in self.levels.items()}}


def row_of(written):
    levels = {int(level): Counts(**counts) for level, counts in written["levels"].items()}
    return Row(**{**written, "levels": levels})


def in_words(part, nothing="-"):
    """Three digits, never rounded up to what was not reached."""
    return nothing if part is None else f"{int(part * 1000) / 1000:.3f}"

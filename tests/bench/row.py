"""row.py - one row of the table that `make bench` prints: what was measured, beside what was to be reached.

A row is made by the family that measured it (FAMILIES in bench.py) and is only looked at from then on: table.py prints it,
picture.py draws it. Every figure that went into it stays in `figures`, so that what is published can be checked.
"""
from dataclasses import asdict, dataclass, field


@dataclass
class Row:
    name: str                # what is measured, as the table says it
    family: str              # which picture it belongs to
    bare: str = ""           # without the library, as text with its unit
    spanload: str = ""       # with it
    value: float = None      # the figure that is compared: a ratio, or a difference in `unit`
    unit: str = "x"          # "x" a ratio; else the unit of `value`
    reach: float = None      # what `value` should be; None: a figure without a goal
    at_least: bool = True    # `value` >= reach; False: <=
    peers: str = ""          # what others cost on the same work
    remark: str = ""         # what else is to be known
    figures: dict = field(default_factory=dict)

    @property
    def is_met(self):
        if self.reach is None:
            return True
        return self.value is not None and (self.value >= self.reach if self.at_least else self.value <= self.reach)

    def as_dict(self):
        return asdict(self)


def ratio(name, family, bare, with_it, reach, **more):
    """A row of bare/with: 1 is what nothing costs. `bare` and `with_it` in the same unit, given by `shown`."""
    shown = more.pop("shown", "{:.3g}")
    return Row(name, family, shown.format(bare), shown.format(with_it), bare / with_it, "x", reach, **more)


def difference(name, family, bare, with_it, unit, reach, **more):
    """A row of with-bare, in `unit`, that should be at most `reach`."""
    shown = more.pop("shown", "{:.3g} " + unit)
    return Row(name, family, shown.format(bare), shown.format(with_it), with_it - bare, unit, reach, at_least=False, **more)

"""silent.py - programs that talk something else than HTTP: nothing is written to their connections, no span is made of them."""
from programs.rows import Silent  # noqa: F401

SILENT = [
]

"""sitecustomize.py - what Python runs at its start because this directory is in PYTHONPATH; it should not be noticed.

It starts spanload_context (which see), takes this directory out of sys.path, and hands over to the sitecustomize that would
have been run without it: the module of that name in sys.modules is then the other one, and if there is none the import ends
as it would have, in the ImportError that site expects.

Read by whatever Python finds PYTHONPATH in its environment, hence no syntax younger than Python 2.7.
"""
import os
import sys


def _start():
    if sys.version_info < (3, 7):  # no contextvars
        return
    try:
        import spanload_context
        spanload_context.start()
    except Exception:
        pass  # the program runs without us


_own = sys.modules.pop(__name__, None)  # held here until this is over
_start()
sys.path[:] = [_place for _place in sys.path if _place != os.path.dirname(__file__)]
import sitecustomize  # noqa: E402,F401

"""incoming.py - the request that is being answered by what runs now, and how it is carried into the requests made for it.

A server says enter() with the request's headers and leave() when it was answered; a client says carry(). In between, the
context variable goes where contextvars go: coroutines, tasks, callbacks, greenlets; not into other threads.

What is remembered is emptied by leave(): whoever still runs in the request's context then (a connection of a pool, a task
that stays) does not work for it any more. The headers are looked through only when a request is made: most are answered
without.
"""
import sys
from contextvars import ContextVar
from functools import wraps

from spanload_context import carried_headers

_incoming = ContextVar("spanload_incoming", default=None)  # [what gives the headers], emptied when answered; or None

_CARRIED = {form: name for name in carried_headers() for form in (name, name.encode())}


def sdk_is_active():
    """An OpenTelemetry SDK, or instrumentation by it, does this by itself. Its API alone does not."""
    trace = sys.modules.get("opentelemetry.trace")
    return getattr(trace, "_TRACER_PROVIDER", None) is not None or "opentelemetry.instrumentation" in sys.modules


def enter(headers_of, *of):
    """What runs from here on answers the request whose (name, value), of text or bytes, headers_of(*of) gives."""
    _incoming.set([headers_of, of])


def leave():
    remembered = _incoming.get()
    if remembered is not None:
        remembered.clear()
        _incoming.set(None)


def current():
    """What another thread needs to work for the same request: for within(). None outside of requests."""
    return _incoming.get() or None


def _carried(remembered):
    """The headers to carry, by name."""
    headers_of, of = remembered
    found = {}
    for name, value in headers_of(*of):
        known = _CARRIED.get(name.lower())
        if known is not None:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            found[known] = found[known] + "," + text if known in found else text
    return found if "traceparent" in found else {}


def within(*call, **named):
    """within(what current() said, function, arguments...)"""
    found, function, *arguments = call
    token = _incoming.set(found)
    try:
        return function(*arguments, **named)
    finally:
        _incoming.reset(token)


def carry(has, put):
    """Calls put(name, value) for each header that an outgoing request gets, of which has(name) tells what it has. Returns
    the names that were put."""
    added = []
    try:
        remembered = _incoming.get()
        if remembered and not has("traceparent") and not sdk_is_active():
            for name, value in _carried(remembered).items():
                if not has(name):
                    put(name, value)
                    added.append(name)
    except Exception:
        pass  # then it carries what it has
    return added


def replace(owner, name, make):
    """Puts make(original) in the place of a method; it passes for the original wherever somebody asks what it is."""
    original = getattr(owner, name)
    setattr(owner, name, wraps(original)(make(original)))

"""in_node.py - services in node, in the ways that people write them; without the helper there is no goal."""
from accuracy.service import NODE, Service


def service(name, model, style, goal=None, helper=None):
    return Service(name, model, ("/usr/bin/node", "{services}/node_service.js", "{port}", "{leaf}", style), "node", goal, helper)


STYLES = [
    ("node, callbacks", "callbacks, one call after the other", "callbacks"),
    ("node, timers", "timers, and an agent of 16 sockets", "timers"),
    ("node, async", "await fetch, calls at once", "async"),
    ("node, undici pool", "fetch through an Agent of 16 connections", "undici"),
]

SERVICES = [service(*style, *how) for style in STYLES for how in ((), (0.99, NODE))] + [
    service("node, forwards", "await fetch, passing on traceparent", "forwarding", 1)]

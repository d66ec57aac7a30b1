"""in_c.py - services in C, one of each way to share work between threads: they call libc as a textbook does."""
from accuracy.service import Service


def service(name, model, source, *words, goal=None):
    return Service(name, model, (f"{{built}}/{source}", "{port}", "{leaf}", *words), "C", goal, source=source)


SERVICES = [
    service("C, thread per connection", "a thread per connection", "thread_per_connection", goal=1),
    service("C, pool, workers read", "threads behind a queue of connections", "pool", "workers", goal=1),
    service("C, pool, main thread reads", "threads behind a queue of requests", "pool", "main"),
    service("C, pool, stages", "threads that read for each other", "pool", "stages"),
    service("C, loop", "an event loop that asks at once", "loop", "at-once"),
    service("C, loop, queued", "an event loop with 8 connections for all", "loop", "queued"),
    service("C, loop, timers", "an event loop that asks when a timer goes off", "loop", "deferred"),
    service("C, loop, mixed", "the same, passing on some traceparents, and those at once", "loop", "mixed"),
    service("C, loop, forwards", "the same, passing on all of them", "loop", "forwarding", goal=1),
]

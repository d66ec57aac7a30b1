"""rates.py - rows of what the queue must bridge: nginx at its full rate, before a Collector that takes its time.

One request is on its way at a time (the specification has it so), so of batches of 512 a Collector that answers in 20 ms gets
25,600 spans a second and no more: what nginx serves beyond that waits, and beyond the queue it is dropped and counted.
"""
from contextlib import ExitStack

from bench.row import Row
from bench.servers import Sink, accounted, exported_environment, prepare_www, start_nginx, wrk

LATE_MS = 20
LARGE = {"OTEL_BSP_MAX_QUEUE_SIZE": "16384", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"}


def delivered(place, name, seconds, late_ms, settings):
    """The part of the spans that arrived, and what the library and the sink say about it."""
    with ExitStack() as stack:
        sink = stack.enter_context(Sink(late_ms))
        variant = start_nginx(stack, place, name, exported_environment(sink, place, **settings))
        requests, took, _ = wrk(variant, "/1k.txt", seconds)
        counted = accounted(variant, variant.running.stop(3), 1, before=requests)
        sink.stop()
    assert sink.spans == counted["exported"], f"{name}: {sink.spans} arrived, {counted['exported']} were counted as exported"
    return counted["exported"] / counted["started"], requests / took, counted


def rows(place, rounds):
    prepare_www(place)
    seconds = max(2, rounds // 2)
    for name, late_ms, settings, reach in (("at once", 0, {}, 1), (f"{LATE_MS} ms late", LATE_MS, {}, None),
                                           (f"{LATE_MS} ms late, larger queue and batches", LATE_MS, LARGE, 1)):
        part, rate, counted = delivered(place, name.replace(",", ""), seconds, late_ms, settings)
        words = " ".join(f"{key}={value}" for key, value in settings.items()) or "defaults of the specification"
        yield Row(f"spans delivered, a Collector that answers {name}", "rates", "", f"{100 * part:.1f} %", part, "x", reach,
                  remark=f"{rate:,.0f} requests/s, {counted['started']:,} spans, {counted.dropped:,} dropped and counted; {words}",
                  figures={"counters": dict(counted), "rate": rate})

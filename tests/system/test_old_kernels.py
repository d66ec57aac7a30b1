"""test_old_kernels.py - where the kernel, or a container's filter, refuses what the library would rather use.

tests/support/deny.c puts the filter in place before the program starts, as a container's runtime does.
"""
import errno

import pytest

from support.launch import environment, run
from support.strict import built


def denied(calls, origin, endpoint, *steps, number=errno.ENOSYS, **settings):
    """A client under the library, these calls refused with this errno."""
    command = [built("deny.c"), str(number), calls, "--", built("peer.c"), "client", origin.address, *steps]
    return run(command, environment(endpoint, "client", **settings))


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM], ids=["ENOSYS", "EPERM"])
@pytest.mark.parametrize("calls", ["close_range", "unshare", "close_range,unshare"])
def test_a_descriptor_table_of_its_own_is_had_on_any_kernel(receiver, origin, calls, number):
    """Linux before 5.9 has no close_range; container profiles refuse unshare. The thread must stay apart, and export."""
    sidecar = receiver()
    end = denied(calls, origin, sidecar.endpoint, "/hello", "/hello", number=number)
    assert end.status == 0 and len(sidecar.spans) == 2
    assert end.counters["exported"] == 2 and not end.complaints


def test_a_fork_is_noticed_where_the_kernel_cannot_wipe_pages(receiver):
    """Linux before 4.14 has no MADV_WIPEONFORK: the hook of fork must do."""
    sidecar = receiver()
    script = ("import os, http.client, sys\n"
              "def ask(n):\n"
              "    c = http.client.HTTPConnection(sys.argv[1]); c.request('GET', n); c.getresponse().read(); c.close()\n"
              "ask('/parent')\n"
              "if os.fork() == 0:\n"
              "    ask('/child'); sys.exit(0)\n"
              "os.wait()\n"
              "ask('/again')\n")
    from support.origin import Origin
    with Origin() as origin:
        end = run([built("deny.c"), str(errno.EINVAL), "madvise", "--", "/usr/bin/python3", "-c", script, origin.address],
                  environment(sidecar.endpoint, "client"))
    assert end.status == 0, end.text
    spans = sidecar.spans
    assert sorted(span.attributes["url.full"].rsplit("/", 1)[1] for span in spans) == ["again", "child", "parent"]
    assert len({span.span_id for span in spans}) == 3 and len({span.trace_id for span in spans}) == 3
    assert len({span.resource["process.pid"] for span in spans}) == 2


def test_ids_are_made_without_getrandom(receiver, origin):
    """A filter may refuse getrandom: ids must be valid and differ all the same, or the Collector refuses the batch."""
    sidecar = receiver()
    end = denied("getrandom", origin, sidecar.endpoint, *["/hello"] * 5)
    assert end.status == 0 and len({span.span_id for span in sidecar.spans}) == 5


def test_no_thread_means_counted_spans_and_an_undisturbed_program(receiver, origin):
    """Where clone is refused nothing can be exported; the program must not notice, and the accounts must say so."""
    sidecar = receiver()
    end = denied("clone", origin, sidecar.endpoint, "/hello", "/hello", number=errno.EPERM)
    assert end.status == 0 and not sidecar.requests
    assert end.counters["started"] == 2 == end.counters["dropped_no_thread"]

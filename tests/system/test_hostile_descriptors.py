"""test_hostile_descriptors.py - programs that close, replace and count descriptors while their spans are on their way out.

pitfalls.md, "The host process": the application always gets the number it asked for, may close any, and finds nothing of ours.
"""
import pytest

from support.launch import counters_in
from system.programs.hostile import built, check_spans, compared

SCENARIOS = [("lowest",), ("listing",), ("close_all", "0"), ("close_all", "1"), ("close_all", "2"), ("close_all", "3"),
             ("dup2_all",), ("moving",), ("high",), ("tiny_limit",)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids="-".join)
def test_descriptors_are_as_without_us(receiver, scenario):
    """Spans are exported all the while: the schedule delay is 3 ms."""
    sidecar = receiver()
    end = compared([built("descriptors"), *scenario], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


def test_nothing_is_written_into_a_file_that_took_the_place_of_stderr(receiver, place):
    sidecar = receiver()
    end = compared([built("descriptors"), "stderr_replaced", place / "file"], sidecar)
    assert end.status == 0 and end.stderr == b"" and (place / "file").read_bytes() == b""
    assert len(sidecar.wait_for(spans=8).spans) == 8


def test_threads_that_race_for_descriptors_harm_only_themselves(receiver):
    """What they do is a bug of theirs; it may cost spans, never the process, and every span is accounted for."""
    sidecar = receiver()
    end = compared([built("descriptors"), "races"], sidecar)
    line, = counters_in(end.text)
    assert end.status == 0 and line["started"] > 0 and line["held"] == 0, dict(line)


@pytest.mark.parametrize("flags", [("-O2", "-fno-plt", "-Wl,-z,now"), ("-O2", "-D_FORTIFY_SOURCE=2"), ("-O2", "-Wl,-z,relro,-z,now", "-fPIE", "-pie"),
                                   ("-O0", "-no-pie", "-fno-pie"), ("-O2", "-fcf-protection=full", "-Wl,-z,ibt,-z,shstk")], ids=" ".join)
def test_however_a_program_was_built_it_is_seen(receiver, flags):
    """pitfalls.md: -fno-plt, full RELRO, fortified: 0 of 3 seen by the closest earlier tool."""
    sidecar = receiver()
    program = built("fortified", *flags, suffix="".join(flags).replace(",", "").replace("=", ""))
    end = compared([program], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)

"""test_settings.py - each variable as environment.md says, bad values included.

The programs are peers (tests/support/peer.c) and the receiver is one of ours, since what is asked here is what was sent and
to which address. A Collector would not say.
"""
import json
import os
import re
import socket
import time

import pytest

from support.launch import environment, run
from support.strict import built, violations_in
from support.talk import client, running_client, server

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


# --- what is sent, and where ---------------------------------------------------------------------------------------------

def test_a_request_is_a_post_of_json_with_the_headers_of_otlp(receiver, origin):
    """otlp.md section 2. The User-Agent is a distribution's name before the exporter's."""
    sidecar = receiver()
    client(origin, "/hello", endpoint=sidecar.endpoint)
    [request] = sidecar.requests
    assert (request.method, request.path) == ("POST", "/v1/traces")
    assert request.headers["content-type"].split(";")[0] == "application/json"
    assert request.headers["user-agent"].startswith("spanload/") and "OTel-OTLP-Exporter-C/" in request.headers["user-agent"]
    assert request.headers["host"] == f"127.0.0.1:{sidecar.port}"
    assert not {"content-encoding", "traceparent", "expect"} & set(request.headers)


@pytest.mark.parametrize("settings, path", [
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{}"}, "/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{}/"}, "/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{}/x"}, "/x/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{}/x/y/"}, "/x/y/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{}"}, "/"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{}/"}, "/"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{}/own/path"}, "/own/path"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{}/own", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, "/own"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{}", "OTEL_EXPORTER_ENDPOINT": "http://127.0.0.1:1"}, "/v1/traces"),
], ids=str)
def test_the_endpoint_rules(receiver, origin, settings, path):
    """environment.md section 4: a general endpoint is a base, a signal's own is used as it is."""
    sidecar = receiver()
    end = client(origin, "/hello", **{name: value.format(sidecar.endpoint) for name, value in settings.items()})
    assert [request.path for request in sidecar.requests] == [path]
    assert end.counters["exported"] == 1
    assert not [line for line in end.complaints if "OTEL_EXPORTER_ENDPOINT" not in line]


def test_the_guides_variable_works_with_a_notice(receiver, origin):
    """sidecar-guide D2, K2: OTEL_EXPORTER_ENDPOINT is no variable of OpenTelemetry, but people copy it."""
    sidecar = receiver()
    end = client(origin, "/hello", OTEL_EXPORTER_ENDPOINT=sidecar.endpoint)
    assert [request.path for request in sidecar.requests] == ["/v1/traces"]
    [notice] = end.complaints
    assert "OTEL_EXPORTER_ENDPOINT" in notice and "OTEL_EXPORTER_OTLP_ENDPOINT" in notice


def test_a_host_name_is_resolved(receiver, origin):
    """`localhost` of /etc/hosts may be ::1 first, while the Collector listens on 127.0.0.1 only (sidecar-guide T1)."""
    sidecar = receiver()
    end = client(origin, "/hello", endpoint=f"http://localhost:{sidecar.port}")
    assert len(sidecar.requests) == 1 and sidecar.requests[0].headers["host"] == f"localhost:{sidecar.port}"
    assert end.counters["exported"] == 1


def test_an_ipv6_address_is_an_endpoint(receiver, origin):
    """The brackets belong to the URL and to the Host field, not to the address."""
    sidecar = receiver(family="v6")
    client(origin, "/hello", endpoint=sidecar.endpoint)
    assert [request.headers["host"] for request in sidecar.requests] == [f"[::1]:{sidecar.port}"]


def test_a_unix_socket_is_an_endpoint(receiver, origin):
    """A sidecar that shares a volume instead of a network."""
    sidecar = receiver(family="unix")
    end = client(origin, "/hello", "+250", "/hello", endpoint=sidecar.endpoint)
    assert [request.path for request in sidecar.requests] == ["/v1/traces"] * 2
    assert sidecar.connections == 1 and end.counters["exported"] == 2 and not end.complaints


@pytest.mark.parametrize("settings", [
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:4318"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "sidecar:4318"},
    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:99999"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://no-such-host.invalid:4318"}], ids=str)
def test_an_endpoint_that_cannot_be_used_is_said_once(origin, settings):
    """Silence would look like success; a line per batch would fill the log."""
    end = client(origin, "/hello", "+300", "/hello", "+300", **settings)
    assert end.stdout == b"200\n200\n" and end.status == 0
    assert len(end.complaints) == 1
    assert end.counters["started"] == 2


def test_headers_are_percent_decoded_and_the_signals_own_replace_the_general(receiver, origin):
    """environment.md section 4: `authorization=Bearer%20abc`; no merging."""
    sidecar = receiver()
    client(origin, "/hello", endpoint=sidecar.endpoint, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20a%2Cb%3D , x-two=2")
    client(origin, "/hello", endpoint=sidecar.endpoint, OTEL_EXPORTER_OTLP_HEADERS="x-general=1",
           OTEL_EXPORTER_OTLP_TRACES_HEADERS="x-traces=1")
    first, second = (request.headers for request in sidecar.requests)
    assert (first["authorization"], first["x-two"]) == ("Bearer a,b=", "2")
    assert second["x-traces"] == "1" and "x-general" not in second


def test_a_malformed_header_is_skipped_said_once_and_its_value_kept_secret(receiver, origin):
    """design.md 1.5: header values are secrets. A decoded line end would let a value add headers of its own."""
    sidecar = receiver()
    end = client(origin, "/hello", endpoint=sidecar.endpoint, OTEL_EXPORTER_OTLP_HEADERS="hunter2,x-bad=a%0D%0Ax-evil: 1,x-good=1")
    [request] = sidecar.requests
    assert request.headers["x-good"] == "1" and "x-evil" not in request.headers
    assert len(end.complaints) >= 1 and all("OTEL_EXPORTER_OTLP_HEADERS" in line for line in end.complaints)
    assert "x-evil" not in end.text


# --- switches --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_disabled_means_no_span_no_thread_no_word(receiver, origin, value):
    """environment.md section 1: only `true`, in any case, is true."""
    sidecar = receiver()
    with running_client(origin, "/hello", "-", endpoint=sidecar.endpoint, OTEL_SDK_DISABLED=value, SPANLOAD_LOG=None) as running:
        time.sleep(0.4)
        assert os.listdir(f"/proc/{running.pid}/task") == [str(running.pid)]
        running.tell()
        end = running.stop(None)
    assert (end.stdout, end.stderr) == (b"200\n", b"")
    assert sidecar.connections == 0


def test_nothing_is_printed_when_nothing_is_wrong(receiver, origin):
    """Issue text: nothing else is ever printed. Many programs have stderr read by other programs."""
    end = client(origin, "/hello", endpoint=receiver().endpoint, SPANLOAD_LOG=None)
    assert end.stderr == b""


def test_exporter_none_makes_spans_and_sends_none(receiver, origin):
    """Issue text: OTEL_TRACES_EXPORTER=none makes spans and exports nothing."""
    sidecar = receiver()
    end = client(origin, "/hello", "/big", endpoint=sidecar.endpoint, OTEL_TRACES_EXPORTER="none")
    assert sidecar.connections == 0
    assert end.counters["started"] == end.counters["dropped_exporter_none"] == 2


def test_exporter_console_prints_lines_of_json(receiver, origin):
    """One request object per line, as OTLP files have it, so that a shell and jq suffice."""
    sidecar = receiver()
    end = client(origin, "/hello", "+300", "/big", endpoint=sidecar.endpoint, OTEL_TRACES_EXPORTER="console")
    lines = [line for line in end.stdout.splitlines() if line.startswith(b"{")]
    assert len(lines) >= 1 and all(json.loads(line) for line in lines)
    assert not violations_in(line for line in lines if b"resourceSpans" in line)
    assert b"/hello" in b"".join(lines) and b"/big" in b"".join(lines)
    assert end.counters["exported"] == 2 and sidecar.connections == 0


# --- sampling --------------------------------------------------------------------------------------------------------------

def asked(receiver, traceparents, **settings):
    """A server under these settings is asked once with each traceparent (None: without); its spans, and its counters."""
    sidecar = receiver()
    with server(sidecar.endpoint, **settings) as serving:
        for traceparent in traceparents:
            serving.ask("/asked", {"traceparent": traceparent} if traceparent else {})
        end = serving.quit()
    return [span for span in sidecar.spans if span["url.path"] == "/asked"], end.counters


SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


@pytest.mark.parametrize("sampler, argument, without, sampled, not_sampled", [
    (None, None, True, True, False),
    ("parentbased_always_on", None, True, True, False),
    ("ParentBased_Always_Off", None, False, True, False),
    ("parentbased_traceidratio", "0", False, True, False),
    ("parentbased_traceidratio", "1", True, True, False),
    ("always_on", None, True, True, True),
    ("always_off", None, False, False, False),
    ("traceidratio", "0", False, False, False),
    ("traceidratio", "1.0", True, True, True),
    ("traceidratio", None, True, True, True),
], ids=str)
def test_each_sampler_decides_as_specified(receiver, sampler, argument, without, sampled, not_sampled):
    """environment.md section 10. pitfalls.md: samplers that ignore the remote parent's decision (reported, OBI 3190)."""
    settings = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    spans, counters = asked(receiver, [None, SAMPLED, NOT_SAMPLED], **settings)
    assert len(spans) == without + sampled + not_sampled
    assert len([span for span in spans if span.parent_span_id]) == sampled + not_sampled
    assert counters["sampled_out"] == 4 - len(spans) - without  # the request that ends the server has no parent
    assert counters["started"] == 4


def test_what_a_ratio_samples_a_larger_ratio_samples_too(receiver):
    """environment.md section 10: deterministic on the trace id, superset property; about the share that was asked for."""
    traces = [f"{number * 0x9e3779b97f4a7c15f39cc0605cedc835 % 2**128:032x}" for number in range(1, 101)]
    parents = [f"00-{trace}-{PARENT}-00" for trace in traces]
    kept = []
    for ratio in ("0.2", "0.6"):
        spans, counters = asked(receiver, parents, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG=ratio)
        kept.append({span.trace_id for span in spans})
        assert counters["started"] == 101 and counters.dropped == 0
    assert kept[0] < kept[1] <= set(traces)
    assert 5 <= len(kept[0]) <= 40 and 40 <= len(kept[1]) <= 80


def test_half_of_our_own_traces_are_about_half(receiver, origin):
    """Own trace ids are random enough to sample on."""
    sidecar = receiver()
    end = client(origin, *["/nothing"] * 400, endpoint=sidecar.endpoint, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.5")
    assert end.counters["sampled_out"] + end.counters["exported"] == 400
    assert 140 <= end.counters["exported"] <= 260  # six standard deviations


def test_a_server_span_joins_the_trace_that_arrives(receiver):
    """environment.md section 6, otlp.md section 5: same trace, parent's id, and flags that say the parent is remote."""
    [span], _ = asked(receiver, [SAMPLED])
    assert (span.trace_id, span.parent_span_id, span.flags) == (TRACE, PARENT, 0x301)
    assert span.span_id != PARENT


@pytest.mark.parametrize("traceparent", [
    f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01-more", f"00-{TRACE}-{PARENT}", f"00-{TRACE[:-1]}-{PARENT}-01", "rubbish"], ids=str)
def test_an_invalid_traceparent_starts_a_new_trace(receiver, traceparent):
    """environment.md section 6: what does not parse is as if it were not there; nothing is guessed (design.md 1.2)."""
    [span], _ = asked(receiver, [traceparent])
    assert span.trace_id.lower() not in traceparent.lower() and span.parent_span_id == ""


def test_a_later_version_of_traceparent_is_read_as_far_as_known(receiver):
    """W3C Trace Context: version 01 may carry more after the flags."""
    [span], _ = asked(receiver, [f"01-{TRACE}-{PARENT}-01-what-comes-later"])
    assert (span.trace_id, span.parent_span_id) == (TRACE, PARENT)


# --- resource --------------------------------------------------------------------------------------------------------------

def resource_of(receiver, origin, service=None, **settings):
    sidecar = receiver()
    variables = environment(sidecar.endpoint, service, **settings)
    end = run([built("peer.c"), "client", origin.address, "/hello?password=hunter2"], variables)
    return sidecar.spans[0].resource, end


def test_the_resource_names_the_process_and_its_surroundings(receiver, origin):
    """semconv.md section 7; command arguments are opt-in, since they may hold secrets."""
    resource, end = resource_of(receiver, origin)
    assert resource["service.name"] == "unknown_service:peer"
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", resource["service.instance.id"])
    assert resource["process.pid"] == end.pid
    assert resource["process.executable.name"] == "peer" and resource["process.executable.path"].endswith("/peer")
    assert resource["host.name"] == socket.gethostname() and resource["os.type"] == "linux"
    assert resource["host.arch"] == {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    assert resource["telemetry.sdk.name"] != "opentelemetry" and resource["telemetry.sdk.version"]
    assert resource["telemetry.sdk.language"]
    assert not {"process.command_args", "process.command_line"} & set(resource) and "hunter2" not in str(resource)


def test_two_processes_are_two_instances(receiver, origin):
    """semconv.md section 7: service.instance.id is unique per process instance."""
    instances = {resource_of(receiver, origin)[0]["service.instance.id"] for _ in range(2)}
    assert len(instances) == 2


@pytest.mark.parametrize("service, attributes, expected", [
    ("by-name", "service.name=by-attributes,a=b", {"service.name": "by-name", "a": "b"}),
    (None, "service.name=by-attributes", {"service.name": "by-attributes"}),
    (None, "a=b%20c%2Cd%3De,umlaut=%C3%BC,plus=1+1", {"a": "b c,d=e", "umlaut": "ü", "plus": "1+1"}),
    (None, "k%20ey=v", {"k ey": "v"}),
    (None, "host.name=mine,deployment.environment.name=test", {"host.name": "mine", "deployment.environment.name": "test"}),
    (None, "empty=,a=1", {"empty": "", "a": "1"}),
], ids=str)
def test_resource_attributes_come_from_the_environment(receiver, origin, service, attributes, expected):
    """environment.md section 2: percent-decoded, above what was detected, below OTEL_SERVICE_NAME."""
    resource, end = resource_of(receiver, origin, service, OTEL_RESOURCE_ATTRIBUTES=attributes)
    assert {name: resource.get(name) for name in expected} == expected
    assert not end.complaints


@pytest.mark.parametrize("attributes", ["good=1,bad", "good=1,=nothing", "good=1,bad=%zz", "good=1,bad=%4"])
def test_one_error_discards_all_resource_attributes(receiver, origin, attributes):
    """environment.md section 2: any error discards the whole variable, and is reported."""
    resource, end = resource_of(receiver, origin, OTEL_RESOURCE_ATTRIBUTES=attributes)
    assert "good" not in resource and "bad" not in resource
    [line] = end.complaints
    assert "OTEL_RESOURCE_ATTRIBUTES" in line


# --- limits ----------------------------------------------------------------------------------------------------------------

def limited(receiver, origin, target="/hello", **settings):
    sidecar = receiver()
    client(origin, target, endpoint=sidecar.endpoint, **settings)
    return sidecar.spans[0]


@pytest.mark.parametrize("settings, kept", [
    ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": 3}, 3), ({"OTEL_ATTRIBUTE_COUNT_LIMIT": 4}, 4),
    ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": 2, "OTEL_ATTRIBUTE_COUNT_LIMIT": 5}, 2), ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": 0}, 0)], ids=str)
def test_attributes_above_the_limit_are_counted(receiver, origin, settings, kept):
    """environment.md section 3; the resource is exempt."""
    whole, cut = limited(receiver, origin), limited(receiver, origin, **settings)
    assert len(cut.attributes) == kept
    assert cut.dropped_attributes == len(whole.attributes) - kept and whole.dropped_attributes == 0
    assert len(cut.resource) == len(whole.resource)


@pytest.mark.parametrize("settings", [
    {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": 12}, {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": 12, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": 3}], ids=str)
def test_values_are_cut_to_the_limit_in_characters(receiver, origin, settings):
    """environment.md section 3: characters, not bytes; numbers and the resource are left alone."""
    whole, cut = (limited(receiver, origin, "/missing", **one) for one in ({}, settings))
    for name, value in whole.attributes.items():
        if isinstance(value, str):
            assert len(cut[name]) == min(len(value), 12)
    assert cut["url.full"] == "http://127.0" and cut["http.response.status_code"] == 404
    assert len(cut.resource["process.executable.path"]) > 12


def test_a_cut_value_ends_with_a_whole_character(receiver):
    """A limit of bytes would cut a character in half, and strict back ends would refuse the batch."""
    sidecar = receiver()
    with server(sidecar.endpoint, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=5) as serving:
        serving.ask("/x", {"User-Agent": "äöü€𝄞abc".encode()})
        serving.quit()
    assert sidecar.spans[0]["user_agent.original"] == "äöü€𝄞"


def test_bytes_that_are_no_text_never_break_a_batch(receiver):
    """pitfalls.md: strict back ends refuse what the Collector takes. Whatever a client sends, the body is valid UTF-8 JSON."""
    sidecar = receiver()
    with server(sidecar.endpoint) as serving:
        for agent in (b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b'quote " backslash \\ tab \t', b"\x01\x7f"):
            serving.ask("/x", {"User-Agent": agent})
        end = serving.quit()
    assert end.counters["exported"] == len(sidecar.spans) == 6  # the strict reader of the fixture has the last word


# --- bad values ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("variable, value, instead", [
    ("OTEL_BSP_SCHEDULE_DELAY", "soon", "5000"),
    ("OTEL_BSP_SCHEDULE_DELAY", "-1", "5000"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "30s", "30000"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "2048"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999999", "2048"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", "512"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1.5", "512"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "10000"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-5", "10000"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "few", "128"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "-3", "128"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1", ""),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "long", ""),
    ("OTEL_SDK_DISABLED", "yes", "false"),
    ("OTEL_SDK_DISABLED", "1", "false"),
    ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_always_on"),
    ("OTEL_TRACES_EXPORTER", "jaeger", "otlp"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/json"),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "carrier-pigeon", "http/json"),
    ("SPANLOAD_EXIT_TIMEOUT_MS", "ever", "200"),
])
def test_a_bad_value_is_said_in_one_line_and_the_default_holds(receiver, origin, variable, value, instead):
    """Issue text: one clear line on stderr that names the variable, the value and what is used instead."""
    sidecar = receiver()
    settings = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{sidecar.endpoint}/v1/traces", variable: value}
    end = client(origin, "/hello", **settings)
    [line] = end.complaints
    assert variable in line and value in line and instead in line
    assert end.status == 0 and end.counters["exported"] == len(sidecar.spans) == 1


def test_a_ratio_that_is_none_is_said_in_one_line(receiver, origin):
    """environment.md section 2: an invalid argument is logged and the default, 1, used."""
    for ratio in ("2", "-0.1", "half", "0.5x"):
        sidecar = receiver()
        end = client(origin, "/hello", endpoint=sidecar.endpoint, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG=ratio)
        [line] = end.complaints
        assert "OTEL_TRACES_SAMPLER_ARG" in line and ratio in line and len(sidecar.spans) == 1


def test_a_batch_larger_than_the_queue_is_said_and_cut(receiver, origin):
    """environment.md section 3: the batch size is at most the queue size."""
    sidecar = receiver()
    end = client(origin, "/hello", endpoint=sidecar.endpoint, OTEL_BSP_MAX_QUEUE_SIZE="64", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="65")
    [line] = end.complaints
    assert "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" in line and "65" in line and "64" in line
    assert end.counters["exported"] == 1


def test_an_empty_value_is_no_value(receiver, origin):
    """environment.md section 1: MUST. Pod specs are full of empty variables."""
    names = ("OTEL_SDK_DISABLED OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG OTEL_TRACES_EXPORTER OTEL_BSP_SCHEDULE_DELAY "
             "OTEL_BSP_EXPORT_TIMEOUT OTEL_BSP_MAX_QUEUE_SIZE OTEL_BSP_MAX_EXPORT_BATCH_SIZE OTEL_EXPORTER_OTLP_TIMEOUT "
             "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_PROTOCOL OTEL_RESOURCE_ATTRIBUTES "
             "OTEL_SERVICE_NAME OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT OTEL_EXPORTER_ENDPOINT "
             "SPANLOAD_EXIT_TIMEOUT_MS").split()
    sidecar = receiver()
    end = client(origin, "/hello", endpoint=sidecar.endpoint, **{name: "" for name in names})
    assert not end.complaints
    assert sidecar.spans[0].resource["service.name"] == "unknown_service:peer"

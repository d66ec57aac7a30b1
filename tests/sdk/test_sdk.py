"""test_sdk.py - an OpenTelemetry SDK in the same process: its ids are honoured, the header stays single, and each request has its
spans once, unless SPANLOAD_WITH_SDK=join asks for ours between its own. With OpenTelemetry's own Python and Node instrumentation.
"""
import pytest

from asked import FRONT, SERVICES, WAYS, service, started
from support.launch import environment, run
from support.ports import free_port
from support.talk import Server

LOADED = pytest.mark.parametrize("language, how", [("python", "environment"), ("node", "environment"), ("node", "arguments")])
BOTH = pytest.mark.parametrize("language", ["python", "node"])
SDK_ALONE = ["sdk CLIENT", "sdk SERVER", "front"]
JOINED = ["ours CLIENT", "sdk CLIENT", "sdk SERVER", "ours SERVER", "front"]
OURS_ALONE = ["ours CLIENT", "ours SERVER", "front"]


def asked_in_all_ways(it, language, one_by_one=10, at_once=20):
    return [trace for way in WAYS[language] for trace in it.ask_often(way, one_by_one, at_once)]


def check(it, traces, chain):
    """Every request has the spans of the chain and no other, and was sent on with one header, which names the first of it."""
    assert it.arrivals().keys() == set(traces)
    for trace in traces:
        assert it.chain(trace) == chain, it.words(trace)
        assert it.words(trace) == sorted(chain[:-1])
    assert len(it.spans) == len(traces) * (len(chain) - 1), it.tally
    assert not it.complaints


# --- standdown, the default ---

@LOADED
def test_each_request_has_the_spans_of_the_sdk_alone(installed, receiver, origin, language, how):
    with service(language, how, installed, receiver, origin) as it:
        traces = asked_in_all_ways(it, language)
        it.stop(2 * len(traces))
    check(it, traces, SDK_ALONE)


@BOTH
def test_a_client_that_the_sdk_does_not_instrument_has_ours(installed, receiver, origin, language):
    with service(language, "environment", installed, receiver, origin) as it:
        traces = it.ask_often("/bare", 10)
        it.stop(2 * len(traces))
    assert all(it.words(trace) == ["sdk SERVER"] for trace in traces)
    assert it.tally == {"sdk SERVER": 10, "ours CLIENT": 10}
    assert {(span.trace_id, span.span_id) for span in it.ours} == {(trace, span) for trace, (span, _) in it.arrivals().items()}


@BOTH
def test_what_the_sdk_exports_is_no_request_of_the_program(installed, receiver, origin, language):
    exporter = {"python": "otlp_json_http", "node": "otlp"}[language]
    with service(language, "environment", installed, receiver, origin, OTEL_METRICS_EXPORTER=exporter, OTEL_METRIC_EXPORT_INTERVAL=200,
                 OTEL_METRIC_EXPORT_TIMEOUT=150) as it:
        traces = it.ask_often("/alone", 10)
        receiver.wait_for(requests=4)
        it.stop(len(traces))
    assert {request.path for request in receiver.requests} == {"/v1/traces", "/v1/metrics"}
    assert it.tally == {"sdk SERVER": 10}


@BOTH
def test_an_sdk_in_the_code_of_the_program_is_recognised_by_the_first_request_that_it_sends_on(installed, receiver, origin, language):
    """The one SERVER span that was ours by then stands in front of the SDK's."""
    with service(language, "code", installed, receiver, origin) as it:
        first, *others = asked_in_all_ways(it, language)
        it.stop(2 * len(others) + 3)
    assert it.chain(first) == ["sdk CLIENT", "sdk SERVER", "ours SERVER", "front"]
    assert all(it.chain(trace) == SDK_ALONE for trace in others)
    assert it.tally == {"ours SERVER": 1, "sdk SERVER": 1 + len(others), "sdk CLIENT": 1 + len(others)}


@BOTH
def test_one_that_sends_nothing_on_is_not_recognised_and_its_exports_have_no_spans_all_the_same(installed, receiver, origin, language):
    """Each request has two SERVER spans then, the SDK's below ours."""
    with service(language, "code", installed, receiver, origin) as it:
        traces = it.ask_often("/alone", 10)
        it.stop(2 * len(traces))
    parents = {span.span_id: span.parent_span_id for span in it.spans}
    assert it.tally == {"ours SERVER": 10, "sdk SERVER": 10}
    assert all(parents[span.parent_span_id] == FRONT for span in it.spans if span not in it.ours)


# --- join ---

@BOTH
@pytest.mark.parametrize("how", ["environment", "code"])
def test_joined_ours_stand_around_those_of_the_sdk(installed, receiver, origin, language, how):
    with service(language, how, installed, receiver, origin, SPANLOAD_WITH_SDK="join") as it:
        traces = asked_in_all_ways(it, language)
        it.stop(4 * len(traces))
    check(it, traces, JOINED)


# --- from end to end ---

@BOTH
@pytest.mark.parametrize("with_sdk, between", [("standdown", ["sdk CLIENT", "sdk SERVER"]), ("join", JOINED[:-1])])
def test_curl_the_service_and_what_it_asks_are_one_trace(installed, receiver, origin, language, with_sdk, between):
    """curl and the last service are under the library, too, and know of no SDK."""
    leaf = Server(environment(receiver.endpoint, "leaf"))
    with leaf.running, service(language, "environment", installed, receiver, origin, SPANLOAD_WITH_SDK=with_sdk,
                               LEAF=f"http://127.0.0.1:{leaf.port}/") as it:
        curl = run(["curl", "-sf", f"http://127.0.0.1:{it.port}/library"], environment(receiver.endpoint, "curl"))
        assert curl.status == 0, curl.text
        it.stop(len(between) + 2)
        leaf.quit()
    [last] = [span for span in it.ours if span.resource["service.name"] == "leaf" and span["url.path"] == "/"]
    by_id, words = {span.span_id: span for span in it.spans if span.trace_id == last.trace_id}, []
    at = last.span_id
    while at:
        words.append(f"{by_id[at].resource['service.name']} {by_id[at].kind}")
        at = by_id[at].parent_span_id
    assert words == ["leaf SERVER", *(f"service {word.split()[1]}" for word in between), "curl CLIENT"]
    assert len(by_id) == len(words)


# --- propagators and samplers ---

@BOTH
@pytest.mark.parametrize("with_sdk, chain", [("standdown", SDK_ALONE), ("join", JOINED)])
def test_in_b3_it_is_the_same(installed, receiver, origin, language, with_sdk, chain):
    with service(language, "environment", installed, receiver, origin, propagator="b3", SPANLOAD_WITH_SDK=with_sdk) as it:
        traces = asked_in_all_ways(it, language, 5, 0)
        it.stop(len(traces) * (len(chain) - 1))
    check(it, traces, chain)
    assert not any("traceparent" in visit.heard.decode().lower() for visit in origin.visits)


@BOTH
@pytest.mark.parametrize("with_sdk", ["standdown", "join"])
def test_a_sampler_that_is_off_is_off_for_both(installed, receiver, origin, language, with_sdk):
    with service(language, "environment", installed, receiver, origin, OTEL_TRACES_SAMPLER="always_off", SPANLOAD_WITH_SDK=with_sdk) as it:
        traces = asked_in_all_ways(it, language, 5, 0)
        it.stop()
    assert not it.spans
    assert {trace: flags for trace, (_, flags) in it.arrivals().items()} == dict.fromkeys(traces, "00")


def test_one_that_is_off_in_the_code_of_the_program_is_honoured(installed, receiver, origin):
    with service("python", "code", installed, receiver, origin, SAMPLER="ALWAYS_OFF") as it:
        traces = it.ask_often("/library", 10)
        it.stop(1)
    assert it.tally == {"ours SERVER": 1} and it.words(traces[0]) == ["ours SERVER"], "before it was recognised"
    assert {trace: flags for trace, (_, flags) in it.arrivals().items()} == dict.fromkeys(traces, "00")


# --- without an SDK ---

@BOTH
@pytest.mark.parametrize("with_sdk", ["standdown", "join"])
def test_without_an_sdk_every_request_has_ours(installed, receiver, origin, language, with_sdk):
    with service(language, "not", installed, receiver, origin, SPANLOAD_WITH_SDK=with_sdk) as it:
        traces = asked_in_all_ways(it, language)
        it.stop(2 * len(traces))
    assert it.tally == {"ours SERVER": len(traces), "ours CLIENT": len(traces)}


def forwarder(receiver, origin, port):
    return started(["/usr/bin/python3", "-B", SERVICES / "forwarder.py", port], receiver, origin, port)


def test_who_hands_headers_on_is_not_taken_for_an_sdk(receiver, origin):
    with forwarder(receiver, origin, free_port()) as it:
        traces = it.ask_often("/now", 10, 40)
        it.stop(2 * len(traces))
    check(it, traces, OURS_ALONE)


@pytest.mark.parametrize("later, meanwhile", [(10, 0), (100, 0), (100, 1000)])
def test_nor_is_who_does_so_after_its_answer(receiver, origin, later, meanwhile):
    with forwarder(receiver, origin, free_port()) as it:
        traces = it.ask_often("/later", 0, later)
        others = [*it.ask_often("/nothing", 0, meanwhile), it.ask("/release"), *it.ask_often("/nothing", 10)]
        it.stop(2 * len(traces) + len(others))
    assert all(it.chain(trace) == OURS_ALONE for trace in traces)
    assert all(it.words(trace) == ["ours SERVER"] for trace in others)


def test_nor_where_all_of_them_are_of_one_trace(receiver, origin):
    with forwarder(receiver, origin, free_port()) as it:
        trace = it.ask("/nothing")
        for path, times in {"/later": 200, "/release": 1, "/nothing": 10}.items():
            assert it.ask_often(path, 0, times, trace) == [trace] * times
        it.stop(1 + 2 * 200 + 1 + 10)
    assert it.tally == {"ours SERVER": 212, "ours CLIENT": 200}


# --- how one is known before it does anything ---

PYTHON = "/opt/python/opentelemetry/instrumentation/auto_instrumentation:/opt/python"
NODE = "@opentelemetry/auto-instrumentations-node/register"
OPERATOR = "/otel-auto-instrumentation"  # where the Kubernetes operator puts them
LOADERS = [  # of which programs, and how: variables, or arguments
    ("python3.11", {"PYTHONPATH": PYTHON}, ()),
    ("python3", {"PYTHONPATH": f"{OPERATOR}-python/opentelemetry/instrumentation/auto_instrumentation:{OPERATOR}-python"}, ()),
    ("uwsgi", {"PYTHONPATH": PYTHON}, ()),
    ("node", {"NODE_OPTIONS": f"--max-old-space-size=512 --require {NODE}"}, ()),
    ("node", {"NODE_OPTIONS": f"--import {NODE}"}, ()),
    ("node", {"NODE_OPTIONS": f" --require {OPERATOR}-nodejs/autoinstrumentation.js"}, ()),
    ("node", {}, ("--require", NODE)),
    ("java", {"JAVA_TOOL_OPTIONS": "-javaagent:/opt/opentelemetry-javaagent.jar"}, ()),
    ("java", {"JAVA_TOOL_OPTIONS": f" -javaagent:{OPERATOR}-java/javaagent.jar"}, ()),
    ("java", {}, ("-javaagent:/opt/opentelemetry-javaagent.jar", "-jar")),
    ("of-any-name", {"CORECLR_PROFILER_PATH": f"{OPERATOR}-dotnet/linux-x64/OpenTelemetry.AutoInstrumentation.Native.so"}, ()),
    ("ruby3.1", {"RUBYOPT": "-r/opt/opentelemetry-auto-instrumentation"}, ()),
]


def spans_of_one_called(name, variables, arguments, place, receiver, origin):
    """What five requests come to at a server that is called so, and started so."""
    program, port = place / name, free_port()
    program.symlink_to("/usr/bin/python3")
    with started([program, "-B", SERVICES / "forwarder.py", port, *arguments], receiver, origin, port, **variables) as it:
        it.ask_often("/nothing", 5)
        it.stop()
    return it.tally


@pytest.mark.parametrize("name, variables, arguments", LOADERS, ids=lambda value: value if isinstance(value, str) else "")
def test_it_is_known_by_what_loads_it(tmp_path, receiver, origin, name, variables, arguments):
    assert not spans_of_one_called(name, variables, arguments, tmp_path, receiver, origin)


@pytest.mark.parametrize("name", ["nginx", "nodule", "python", "node", "java"])
def test_what_loads_one_says_nothing_of_programs_of_other_kinds(tmp_path, receiver, origin, name):
    """Variables are inherited: by what an instrumented program starts, and by all of a container."""
    own = {key for of, variables, _ in LOADERS if of[:4] in (name[:4], "of-a") for key in variables}
    others = {key: value for _, variables, _ in LOADERS for key, value in variables.items() if key not in own}
    assert spans_of_one_called(name, others, ("--require", "./tracing.js"), tmp_path, receiver, origin) == {"ours SERVER": 5}

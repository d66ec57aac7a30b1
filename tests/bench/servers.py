"""servers.py - rows of servers under load: what a request costs nginx and redis-server without the library and with it.

The load on nginx is wrk's: one thread, 32 connections, keep-alive. A round with an error in it ends the bench.
"""
import os
import re
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from bench.rounds import (LOAD_CPU, SERVER_CPU, Variant, best_of, in_turn, noise_in_words, noise_of, on_cpu, resident_kb,
                          session_of, task_ns)
from bench.row import Row, difference, ratio
from support.launch import BUILD, ROOT, Running, bare_environment, complaints_in, counters_in, environment, total
from support.ports import free_port, wait_until

CONNECTIONS = 32
FULL = 10        # rounds of a bench whose figures are to be believed
TOO_LONG_S = 30  # redis-benchmark asks for ever where nobody listens

NGINX_CONF = '''
worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
    client_body_temp_path {dir}/tmp; proxy_temp_path {dir}/tmp; fastcgi_temp_path {dir}/tmp; uwsgi_temp_path {dir}/tmp;
    scgi_temp_path {dir}/tmp;
    server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
'''


class Sink:
    """tests/bench/sink.c, on the load's processor. What it counted is there after stop()."""

    def __init__(self, late_ms=0):
        source, program = ROOT / "tests" / "bench" / "sink.c", BUILD / "tests" / "bench" / "sink"
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            program.parent.mkdir(parents=True, exist_ok=True)
            new = program.with_name(f"sink.{os.getpid()}")
            subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", str(source), "-o", str(new), "-lpthread"], check=True)
            new.replace(program)
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.running = Running.start(on_cpu(LOAD_CPU, [program, self.port, late_ms]), bare_environment(), port=self.port)
        self.requests = self.bytes = self.spans = None

    def stop(self):
        self.running.process.stdin.close()
        self.running.process.wait(10)
        self.running.kill()
        words = bytes(self.running.stdout).decode().split()
        self.requests, self.bytes, self.spans = map(int, words[1::2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.requests is None:
            self.stop()


def exported_environment(sink, place, **settings):
    return environment(sink.endpoint, "bench", place, OTEL_BSP_SCHEDULE_DELAY=None, **settings)


# --- the load ------------------------------------------------------------------------------------------------------

SCALE = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9}


def nanoseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * SCALE[unit]


def wrk(variant, path, seconds=1, cpu=LOAD_CPU, script=None):
    """-t1 -c32: one thread of wrk's, 32 connections, one request at a time on each."""
    command = ["/usr/bin/wrk", "--latency", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *(["-s", script] if script else []),
               f"http://127.0.0.1:{variant.port}{path}"]
    said = subprocess.run(on_cpu(cpu, command), env=bare_environment(), capture_output=True, text=True, check=True,
                          timeout=seconds + TOO_LONG_S).stdout
    assert "Socket errors" not in said and "Non-2xx" not in said, f"{variant.name}: {said}"  # said only where there are some
    requests, took = re.search(r"(\d+) requests in ([\d.]+(?:ms|s|m))", said).groups()
    p99 = re.search(r"99%\s+([\d.]+(?:us|ms|s))", said)[1]
    return int(requests), nanoseconds(took) / 1e9, nanoseconds(p99)


def warm_up(variants, load):
    """One turn of each that does not count; returns the requests it took."""
    in_turn(variants, load, 1)
    taken = {variant.name: variant.rounds.pop().requests for variant in variants}
    return taken


def accounted(variant, finished, loads, before=0, in_flight=CONNECTIONS):
    """The library's counters, after checking that each request that was answered is a span, and nothing else is: of those
    that were on their way when a load ended, one a connection, some are."""
    assert not complaints_in(finished.text), f"{variant.name}: {complaints_in(finished.text)}"
    counted = total(counters_in(finished.text))
    answered = before + sum(one.requests for one in variant.rounds)
    assert answered <= counted["started"] <= answered + loads * in_flight, \
        f"{variant.name}: wrk had {answered} answers, spans: {dict(counted)}"
    counted["answered"] = answered
    return counted


# --- nginx ---------------------------------------------------------------------------------------------------------

APPSCOPE_SPANS = "AppScope 0.15-0.37, 17-100 % reported; nginx's own OpenTelemetry module claims 0.85-0.90 at a tenth of this rate"


def prepare_www(place):
    (place / "www").mkdir(exist_ok=True)
    (place / "tmp").mkdir(exist_ok=True)
    (place / "tmp").chmod(0o777)
    (place / "www" / "1k.txt").write_bytes(b"x" * 1023 + b"\n")


def start_nginx(stack, place, name, env, cpu=SERVER_CPU):
    port, configuration = free_port(), place / f"{name.replace(' ', '-')}.conf"
    configuration.write_text(NGINX_CONF.format(dir=place, name=configuration.stem, port=port))
    running = Running.start(on_cpu(cpu, ["/usr/sbin/nginx", "-p", place, "-c", configuration]), env, port=port)
    return Variant(name, stack.enter_context(running), port)


def worker_of(variant):
    """The process that serves: nginx's master has one worker."""
    return next(pid for pid in session_of(variant.running.pid) if pid != variant.running.pid)


def library_thread(variant):
    """nginx's worker has one thread; the other is the library's."""
    worker = worker_of(variant)

    def others():
        return [task for task in Path(f"/proc/{worker}/task").iterdir() if task.name != str(worker)]
    return wait_until(others, 5, f"the library has no thread in {variant.name}")[0]


def nginx_variants(stack, place, sink):
    disabled = environment(sink.endpoint, "bench", place, OTEL_SDK_DISABLED="true", SPANLOAD_LOG=None, OTEL_BSP_SCHEDULE_DELAY=None)
    environments = {"bare": bare_environment(place), "disabled": disabled,
                    "framed": exported_environment(sink, place, OTEL_TRACES_SAMPLER="always_off"),
                    "exported": exported_environment(sink, place), "thread free": exported_environment(sink, place),
                    "bare again": bare_environment(place)}
    for name in ("disabled", "framed", "exported"):  # two processes of one program differ by up to one in a hundred
        environments[f"{name} again"] = environments[name]
    return [start_nginx(stack, place, name, env) for name, env in environments.items()]


def nginx(place, rounds):
    """Keep-alive, 1 kB, one worker. Returns the variants by name, the counters of those that count, and the sink."""
    prepare_www(place)
    with Sink() as sink, ExitStack() as stack:
        variants = nginx_variants(stack, place, sink)
        by_name = {variant.name: variant for variant in variants}

        def load(variant):
            return wrk(variant, "/1k.txt")
        taken = warm_up(variants, load)
        for name in ("exported", "thread free"):
            by_name[name].thread = library_thread(by_name[name])
        free = by_name["thread free"].thread
        os.sched_setaffinity(int(free.name), os.sched_getaffinity(0))
        in_turn(variants, load, rounds)
        assert free.exists(), "the library's thread that was set free has ended"
        thread_ns = task_ns(by_name["exported"].thread)
        ended = {name: variant.running.stop(3) for name, variant in by_name.items()}
        sink.stop()
    watched = [name for name in by_name if not name.startswith(("bare", "disabled"))]
    counted = {name: accounted(by_name[name], ended[name], rounds + 1, taken[name]) for name in watched}
    counted["exported"]["thread_ns"] = thread_ns
    assert sink.spans == sum(one["exported"] for one in counted.values()), \
        f"the sink read {sink.spans} spans, not {counted}"
    return by_name, counted, sink


def account_of(counted):
    return (f"{counted['answered']} answers, {counted['started']} spans started, {counted['exported']} exported, "
            f"{counted.dropped} dropped")


def nginx_cpu_rows(by_name, counted):
    variants = list(by_name.values())
    bare = best_of(variants, "bare")
    for name, title, reach, peers in (("disabled", "library present but disabled", 0.985, "AppScope's hooks 0.69"),
                                      ("framed", "every request framed, none sampled", 0.95, ""),
                                      ("exported", "every request exported", 0.90, APPSCOPE_SPANS)):
        spent = best_of(variants, name)
        remark = f"{(spent - bare) / 1e3:+.2f} us; {noise_in_words(variants, name)}"
        if name == "exported":
            remark += f"; {account_of(counted[name])}"
        yield ratio(f"nginx, {title}", "servers", bare / 1e3, spent / 1e3, reach, shown="{:.2f} us", peers=peers, remark=remark,
                    figures={**{one: by_name[one].figures for one in ("bare", "bare again", name)}, "counters": counted.get(name)})


def nginx_free_rows(by_name, counted):
    """The rate is also the load generator's, which shares the other processor with the library's thread and the receiver."""
    variants, free = list(by_name.values()), by_name["thread free"]
    figures = {**{one: by_name[one].figures for one in ("bare", "bare again", "thread free")}, "counters": counted["thread free"]}
    bare, rate = best_of(variants, "bare", "rate"), free.best("rate")
    yield Row("nginx, exported, its thread free: requests/s", "servers", f"{bare:,.0f}/s", f"{rate:,.0f}/s", rate / bare, "x", 0.95,
              remark=f"bare again {1 / noise_of(variants, 'rate'):.3f}; {account_of(counted['thread free'])}", figures=figures)
    bare, p99 = best_of(variants, "bare", "p99_ns"), free.best("p99_ns")
    yield Row("nginx, exported, its thread free: p99", "servers", f"{bare / 1e3:.0f} us", f"{p99 / 1e3:.0f} us", p99 / bare, "x", 1.1,
              at_least=False, peers="AppScope 3.8-5.8", remark=f"bare again {1 / noise_of(variants, 'p99_ns'):.3f}", figures=figures)


def exporter_rows(by_name, counted, sink):
    exported = by_name["exported"]
    spent, overall = exported.best("thread_ns"), counted["exported"]["thread_ns"] / counted["exported"]["exported"]
    yield Row("exporter, processor time per span", "servers", "", f"{spent:.0f} ns", spent, "ns", 200, at_least=False,
              remark=f"on nginx's processor, batching and sending counted; {overall:.0f} ns over all rounds",
              figures={"thread_ns": exported.figures["thread_ns"], "overall_ns": overall})
    size = sink.bytes / sink.spans
    yield Row("span on the wire", "servers", "", f"{size:.0f} bytes", size, "bytes", 850, at_least=False,
              remark="OTLP as JSON, heads of the requests counted",
              figures={"bytes": sink.bytes, "spans": sink.spans, "requests": sink.requests})


# --- nginx's memory ------------------------------------------------------------------------------------------------

PIPELINED = 8
PIPELINE = f'''
init = function(args)
    local one = wrk.format("GET", "/1k.txt")
    all = one:rep({PIPELINED})
end
request = function() return all end
'''
LIMIT_S = 240    # for one of the two servers
SETTLED_S = 0.5  # longer than environment()'s OTEL_BSP_SCHEDULE_DELAY: nothing is under way any more


def load_until(variant, script, wanted):
    """Requests until so many are answered, both processors free; returns how many were and how many loads they were."""
    answered = loads = 0
    give_up = time.monotonic() + LIMIT_S
    seconds = 1
    while answered < wanted and time.monotonic() < give_up:
        requests, took, _ = wrk(variant, "/", seconds, cpu="0-1", script=script)
        answered, loads = answered + requests, loads + 1
        seconds = max(1, min(30, round((wanted - answered) * took / requests)))
    return answered, loads


def memory_of(place, name, env, wanted):
    """Resident kB of nginx's worker at rest after its first second of load, and after all of it; and its counters."""
    script = place / "pipeline.lua"
    script.write_text(PIPELINE)
    with ExitStack() as stack:
        variant = start_nginx(stack, place, name, env, cpu="0-1")
        worker = worker_of(variant)
        first, loads = load_until(variant, script, 1)
        time.sleep(SETTLED_S)
        at_rest = resident_kb(worker)
        rest, more = load_until(variant, script, wanted - first)
        time.sleep(SETTLED_S)
        after = resident_kb(worker)
        ended = variant.running.stop(3)
    figures = {"requests": first + rest, "at_rest_kb": at_rest, "after_kb": after}
    if name != "bare":
        counted = accounted(variant, ended, loads + more, first + rest, CONNECTIONS * PIPELINED)
        figures.update(started=counted["started"], exported=counted["exported"], dropped=counted.dropped)
    return figures


def memory_rows(place, wanted):
    prepare_www(place)
    with Sink() as sink:
        bare = memory_of(place, "bare", bare_environment(place), wanted)
        with_it = memory_of(place, "exported", environment(sink.endpoint, "bench", place), wanted)
    figures, peers = {"bare": bare, "exported": with_it}, "AppScope +3 to +497 MB"
    name, millions = "nginx worker, resident memory", with_it["requests"] / 1e6
    yield difference(f"{name} at rest", "memory", bare["at_rest_kb"] / 1024, with_it["at_rest_kb"] / 1024, "MB", 1.5,
                     shown="{:.2f} MB", peers=peers, remark="after its first second of load", figures=figures)
    yield difference(f"{name} after {millions:.1f} million requests", "memory", bare["after_kb"] / 1024, with_it["after_kb"] / 1024, "MB", 1.5,
                     shown="{:.2f} MB", peers=peers, figures=figures,
                     remark=f"bare after {bare['requests'] / 1e6:.1f} million; pipelined by {PIPELINED}; {with_it['dropped']} spans dropped")
    grown, bare_grown = ((one["after_kb"] - one["at_rest_kb"]) / 1024 for one in (with_it, bare))
    yield Row(f"{name}, growth from at rest to then", "memory", f"{bare_grown:+.2f} MB", f"{grown:+.2f} MB", grown - bare_grown, "MB", 0.1,
              at_least=False, peers=peers, figures=figures)


def rows(place, rounds):
    by_name, counted, sink = nginx(place, rounds)
    yield from nginx_cpu_rows(by_name, counted)
    yield from nginx_free_rows(by_name, counted)
    yield from exporter_rows(by_name, counted, sink)
    yield from memory_rows(place, 10_000_000 if rounds >= FULL else rounds * 200_000)


# --- redis-server --------------------------------------------------------------------------------------------------

TURN_S = 0.25
TURNS = 3  # in place of one round: what disturbs lasts for tenths of seconds, and short turns fall between


def redis_benchmark(variant, command, pipeline, requests):
    """`requests` on 32 connections, always of the same key."""
    argv = on_cpu(LOAD_CPU, ["/usr/bin/redis-benchmark", "-p", variant.port, "-n", requests, "-c", CONNECTIONS, "-P", pipeline,
                             "-t", command, "--csv"])
    done = subprocess.run(argv, env=bare_environment(), capture_output=True, text=True, check=True, timeout=TOO_LONG_S)
    assert "rror" not in done.stdout + done.stderr, f"{variant.name}: {done.stdout} {done.stderr}"
    rate, *_, p99_ms, _ = [float(value) for value in re.findall(r'"([\d.]+)"', done.stdout.splitlines()[-1])]
    return requests, requests / rate, p99_ms * 1e6


def start_redis(stack, place, name, env):
    port = free_port()
    argv = on_cpu(SERVER_CPU, ["/usr/bin/redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", place])
    return Variant(name, stack.enter_context(Running.start(argv, env, port=port)), port)


def load_redis(variants, turns, command, pipeline, requests):
    for variant in variants:
        variant.rounds.clear()
    in_turn(variants, lambda variant: redis_benchmark(variant, command, pipeline, requests), turns)


def redis_row(variants, rounds, command, pipeline):
    load_redis(variants, 1, command, pipeline, 10000 * pipeline)  # warms up, and tells how many requests take a turn
    load_redis(variants, rounds * TURNS, command, pipeline, round(max(variant.best("rate") for variant in variants) * TURN_S))
    with_it, again = (next(variant for variant in variants if variant.name == name) for name in ("exported", "exported again"))
    remark = f"{noise_in_words(variants, 'exported')}, exported again {with_it.best('cpu_ns') / again.best('cpu_ns'):.3f}"
    return ratio(f"redis-server, {command.upper()}, {f'pipelined by {pipeline}' if pipeline > 1 else 'one at a time'}", "servers",
                 best_of(variants, "bare") / 1e3, best_of(variants, "exported") / 1e3, 0.99, shown="{:.3f} us",
                 peers="AppScope 0.78-0.84", remark=remark, figures={variant.name: variant.figures for variant in variants})


def redis_rows(place, rounds):
    """A protocol that is not ours: looked at once, then let alone. Two servers of each, because two bare ones differ as much as
    is to be measured."""
    with Sink() as sink, ExitStack() as stack:
        bare, exported = bare_environment(place), exported_environment(sink, place)
        environments = {"bare": bare, "exported": exported, "bare again": bare, "exported again": exported}
        variants = [start_redis(stack, place, name, env) for name, env in environments.items()]
        for pipeline in (1, 16):
            for command in ("set", "get"):  # in this order: what is read is there
                yield redis_row(variants, rounds, command, pipeline)
        for variant in variants:
            finished = variant.running.stop()
            assert not complaints_in(finished.text), f"{variant.name}: {complaints_in(finished.text)}"

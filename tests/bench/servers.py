"""servers.py - rows of servers under load: what a request costs the server without the library and with it."""
import re
import subprocess
from contextlib import ExitStack

from bench.rounds import LOAD_CPU, SERVER_CPU, Variant, in_turn, on_cpu
from support.launch import BUILD, ROOT, Running, bare_environment, environment
from support.ports import free_port

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
    """tests/bench/sink.c, on the load's processor."""

    def __init__(self):
        source, program = ROOT / "tests" / "bench" / "sink.c", BUILD / "tests" / "bench" / "sink"
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            program.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", str(source), "-o", str(program), "-lpthread"], check=True)
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.running = Running.start(on_cpu(LOAD_CPU, [program, str(self.port)]), bare_environment(), port=self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.process.stdin.close()
        self.running.process.wait(10)
        self.running.kill()


def variants_of(sink, place):
    """name -> environment."""
    return {
        "bare": bare_environment(place),
        "disabled": environment(sink.endpoint, "bench", place, OTEL_SDK_DISABLED="true", SPANLOAD_LOG=None, OTEL_BSP_SCHEDULE_DELAY=None),
        "framed": environment(sink.endpoint, "bench", place, OTEL_TRACES_SAMPLER="always_off", OTEL_BSP_SCHEDULE_DELAY=None),
        "exported": environment(sink.endpoint, "bench", place, OTEL_BSP_SCHEDULE_DELAY=None),
    }


def wrk(variant, path, seconds=1, connections=32):
    command = on_cpu(LOAD_CPU, ["/usr/bin/wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{variant.port}{path}"])
    said = subprocess.run(command, env=bare_environment(), capture_output=True, text=True, check=True).stdout
    requests, took, unit = re.search(r"(\d+) requests in ([\d.]+)(m?s)", said).groups()
    p99, p99_unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    scale = {"us": 1e3, "ms": 1e6, "s": 1e9}
    return int(requests), float(took) * scale[unit] / 1e9, float(p99) * scale[p99_unit]


def nginx(place, rounds):
    """Keep-alive, 1 kB, one worker, 32 connections. Yields the variants, each with its rounds."""
    (place / "www").mkdir()
    (place / "tmp").mkdir()
    (place / "tmp").chmod(0o777)
    (place / "www" / "1k.txt").write_bytes(b"x" * 1023 + b"\n")
    with Sink() as sink, ExitStack() as stack:
        variants = []
        for name, env in variants_of(sink, place).items():
            port = free_port()
            configuration = place / f"{name}.conf"
            configuration.write_text(NGINX_CONF.format(dir=place, name=name, port=port))
            running = Running.start(on_cpu(SERVER_CPU, ["/usr/sbin/nginx", "-p", place, "-c", configuration]), env, port=port)
            variants.append(Variant(name, stack.enter_context(running), port))
        in_turn(variants, lambda variant: wrk(variant, "/1k.txt"), rounds)
        ended = {variant.name: variant.running.stop(3) for variant in variants}
    return variants, ended


def redis_benchmark(variant, command, pipeline):
    requests = 60000 * (6 if pipeline > 1 else 1)
    argv = on_cpu(LOAD_CPU, ["/usr/bin/redis-benchmark", "-p", variant.port, "-n", requests, "-c", 32, "-P", pipeline, "-t", command, "--csv"])
    said = subprocess.run(argv, env=bare_environment(), capture_output=True, text=True, check=True).stdout
    rate, *_, p99_ms, _ = [float(value) for value in re.findall(r'"([\d.]+)"', said.splitlines()[-1])]
    return requests, requests / rate, p99_ms * 1e6


def redis(place, rounds, command, pipeline):
    """A protocol that is not ours: looked at once, then let alone."""
    with Sink() as sink, ExitStack() as stack:
        variants = []
        for name, env in variants_of(sink, place).items():
            if name not in ("bare", "exported"):
                continue
            port = free_port()
            argv = on_cpu(SERVER_CPU, ["/usr/bin/redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", place])
            variants.append(Variant(name, stack.enter_context(Running.start(argv, env, port=port)), port))
        in_turn(variants, lambda variant: redis_benchmark(variant, command, pipeline), rounds)
        ended = {variant.name: variant.running.stop() for variant in variants}
    return variants, ended

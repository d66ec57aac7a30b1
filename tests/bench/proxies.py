"""proxies.py - rows of nginx as a proxy: each request that comes and each that it makes is a span, and carries its context on.

The proxies share one processor, the load and the upstream (nginx without the library) the other; connections are kept on both
sides. Beside the default stands one that touches no byte (OTEL_PROPAGATORS=none): what is between them is what propagation costs.
"""
from contextlib import ExitStack

from bench.rounds import LOAD_CPU, SERVER_CPU, Variant, best_of, in_turn, noise_in_words, on_cpu
from bench.row import ratio
from bench.servers import CONNECTIONS, Sink, account_of, exported_environment, prepare_www, start_nginx, warm_up, wrk
from support.launch import Running, bare_environment, complaints_in, counters_in, total
from support.ports import free_port

SPANS_EACH = 2  # of the request that comes, and of the one that is made for it
CONF = '''
worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path {dir}/tmp; proxy_temp_path {dir}/tmp; fastcgi_temp_path {dir}/tmp; uwsgi_temp_path {dir}/tmp;
    scgi_temp_path {dir}/tmp;
    upstream next {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
'''


def start_proxy(stack, place, name, env, upstream):
    port, configuration = free_port(), place / f"proxy-{name.replace(' ', '-')}.conf"
    configuration.write_text(CONF.format(dir=place, name=configuration.stem, port=port, upstream=upstream.port))
    running = Running.start(on_cpu(SERVER_CPU, ["/usr/sbin/nginx", "-p", place, "-c", configuration]), env, port=port)
    return Variant(name, stack.enter_context(running), port)


def environments(sink, place):
    silent = exported_environment(sink, place, OTEL_PROPAGATORS="none")
    traced = exported_environment(sink, place)
    return {"bare": bare_environment(place), "untouched": silent, "exported": traced, "bare again": bare_environment(place),
            "untouched again": silent, "exported again": traced}


def accounted(variant, finished, answered, in_flight):
    """The counters, after checking that each answer is two spans, all of them exported, and each request that left named its own."""
    assert not complaints_in(finished.text), f"{variant.name}: {complaints_in(finished.text)}"
    counted = total(counters_in(finished.text))
    assert SPANS_EACH * answered <= counted["started"] <= SPANS_EACH * (answered + in_flight), f"{variant.name}: {answered} answers, {dict(counted)}"
    assert counted["exported"] == counted["started"], f"{variant.name}: not every span was exported: {dict(counted)}"
    if variant.name.startswith("exported"):
        assert counted["context_in"] >= answered and counted["context_out"] >= answered, f"{variant.name}: {dict(counted)}"
    counted["answered"] = answered
    return counted


def rows(place, rounds):
    prepare_www(place)
    with Sink() as sink, ExitStack() as stack:
        upstream = start_nginx(stack, place, "upstream", bare_environment(place), cpu=LOAD_CPU)
        variants = [start_proxy(stack, place, name, env, upstream) for name, env in environments(sink, place).items()]

        def load(variant):
            return wrk(variant, "/1k.txt")
        taken = warm_up(variants, load)
        in_turn(variants, load, rounds)
        ended = {variant.name: variant.running.stop(3) for variant in variants}
    counted = {}
    for variant in variants:
        if not variant.name.startswith("bare"):
            answered = taken[variant.name] + sum(one.requests for one in variant.rounds)
            counted[variant.name] = accounted(variant, ended[variant.name], answered, (rounds + 1) * CONNECTIONS)
    yield from in_rows(variants, counted)


def in_rows(variants, counted):
    bare = best_of(variants, "bare")
    by_name = {variant.name: variant for variant in variants}
    for name, title, reach in (("untouched", "OTEL_PROPAGATORS=none", None), ("exported", "context in, through and out", 0.90)):
        spent = best_of(variants, name)
        yield ratio(f"nginx as a proxy, both spans exported, {title}", "servers", bare / 1e3, spent / 1e3, reach, shown="{:.2f} us",
                    remark=f"{(spent - bare) / 1e3:+.2f} us; {noise_in_words(variants, name)}; {account_of(counted[name])}",
                    figures={**{one: by_name[one].figures for one in ("bare", "bare again", name)}, "counters": counted[name]})

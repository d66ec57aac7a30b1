"""test_node.py - what runtime/node/spanload.cjs promises, of services written as one writes them for Node.js."""
import os
import shutil

import pytest

from chain import OWN, Chain
from support.launch import ROOT, Running, bare_environment, run
from support.ports import free_port

HELPER = ROOT / "runtime" / "node" / "spanload.cjs"
NODE = os.environ.get("RUNTIME_NODE") or shutil.which("node", path="/usr/local/bin:/usr/bin")
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node")

SERVICE = '''
import http, {{get, request as named}} from "node:http";
import {{createRequire}} from "node:module";

const {{request: required}} = createRequire(import.meta.url)("http");
const agent = new http.Agent({{keepAlive: true, maxSockets: 7}});
await fetch("data:,");  // the first use of fetch sets its dispatcher
const dispatcher = Symbol.for("undici.globalDispatcher.1");
let pool;
const context = {{traceparent: "{own}"}};
const pause = () => new Promise(done => setTimeout(done, Math.random() * 20));

function asked(make, url, options, body) {{
    return new Promise((done, failed) => {{
        const made = make(url, options, answer => answer.resume().on("end", done));
        made.on("error", failed).end(body);
    }});
}}
const fetched = (url, options) => fetch(url, options).then(answer => answer.text());

const waiting = [];  // jobs of all requests, done by one timer that belongs to none
function queued(job) {{
    return new Promise((done, failed) => waiting.push(() => job().then(done, failed)));
}}
setInterval(() => waiting.splice(0).forEach(job => job()), 3);
setInterval(() => fetched("{origin}/outside").catch(() => 0), 40);

const ways = {{
    promises: async url => {{ await pause(); await asked(named, url, {{agent}}); await pause(); await asked(required, url); }},
    together: async url => {{ await Promise.all([1, 2, 3].map(async () => {{ await pause(); await fetched(url); }})); }},
    get: url => new Promise((done, failed) => get(url, {{agent}}, x => x.resume().on("end", done)).on("error", failed)),
    array: url => asked(http.request, url, {{headers: ["Host", "origin", "X-Own", "1"]}}),
    expect: url => asked(http.request, url, {{agent: false, method: "POST"}}, "body"),
    post: url => fetched(url, {{method: "POST", body: "body"}}),
    end: (url, request) => new Promise((done, failed) =>
        request.on("data", () => 0).on("end", () => asked(http.request, url, {{agent, method: "PUT"}}, "x").then(done, failed))),
    pipe: (url, request) => new Promise((done, failed) => request.pipe(
        http.request(url, {{agent, method: "POST"}}, answer => answer.resume().on("end", done)).on("error", failed))),
    immediate: url => new Promise((done, failed) => setImmediate(() => process.nextTick(() => fetched(url).then(done, failed)))),
    own: async url => {{
        await asked(named, url, {{headers: context}});
        await asked(named, url, {{headers: ["TraceParent", context.traceparent, "Host", "origin"]}});
        await fetched(url, {{headers: context}});
    }},
    pooled: url => fetched(url, {{dispatcher: pool || (pool = new global[dispatcher].constructor({{connections: 3}}))}}),
    late: async url => {{ setTimeout(() => fetched(url), 50); }},
    nothing: async () => {{ }},
}};

http.createServer((request, answer) => {{
    const [path, how] = request.url.split("?");
    ways[how]("{origin}" + path, request).then(() => answer.end("done"),
                                              error => {{ answer.statusCode = 500; answer.end(String(error.stack)); }});
}}).listen({port}, "127.0.0.1", () => console.log("ready"));
'''
WAYS = ("promises", "together", "get", "array", "expect", "post", "end", "pipe", "immediate")


def environment(library, **more):
    return {**bare_environment(), "NODE_OPTIONS": f"--require={HELPER}", "OTEL_TRACES_EXPORTER": "none",
            **({"LD_PRELOAD": str(library)} if library else {}), **more}


def served(directory, library, ways, first="", **more):
    """The chain around the service, which was given `ways` at once; how many requests it made of the origin."""
    chain = Chain(free_port(), free_port())
    file = directory / "service.mjs"
    file.write_text(first + SERVICE.format(port=chain.port, origin=f"http://127.0.0.1:{chain.origin_port}", own=OWN))
    options = {name: more.pop(name) for name in ("compare",) if name in more}
    with Running.start([NODE, file], environment(library, **more), port=chain.port) as service:
        count = chain.run(ways, **options)
        assert not service.ended and service.stderr == b""
    return count


def test_each_request_carries_the_context_of_the_request_that_it_is_made_for(empty_library, tmp_path):
    assert served(tmp_path, empty_library, WAYS + ("nothing",)) > 400


def test_a_header_that_the_application_set_stays(empty_library, tmp_path):
    assert served(tmp_path, empty_library, ("own", "promises")) > 400


def test_a_request_that_was_answered_passes_nothing_on(empty_library, tmp_path):
    assert served(tmp_path, empty_library, ("late", "together")) > 400


def right_or_nothing(how, is_, should_be):
    return is_ == should_be or how == "pooled" and is_ == {}


def test_a_request_that_waits_for_a_connection_carries_nothing_wrong(empty_library, tmp_path):
    assert served(tmp_path, empty_library, ("pooled", "together"), compare=right_or_nothing) > 400


SECURE = '''
const http = require("http"), https = require("https");
const server = http.createServer((request, answer) => {
    for (const made of [http.get("http://127.0.0.1:1"), https.get("https://127.0.0.1:1")])
        made.on("error", () => 0) && console.log(made.protocol, made.getHeaderNames().join());
    answer.end(() => process.exit());
}).listen(0, () => http.get({port: server.address().port, headers: {traceparent: "00-a-b-00"}}));
'''


def test_only_plain_http_carries_it(empty_library):
    assert run([NODE, "-e", SECURE], environment(empty_library)).stdout == b"http: host,traceparent\nhttps: host\n"


def same_trace(how, is_, should_be):
    """The library may name its own span in the place of the one that came in."""
    return not should_be or [one.split("-")[1] for one in is_.get("traceparent", ())] == [should_be["traceparent"][0].split("-")[1]]


def test_beside_the_real_library_the_trace_is_the_same(real_library, tmp_path):
    assert served(tmp_path, real_library, ("promises", "together", "pipe", "end"), compare=same_trace,
                  OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") > 400


def carries_nothing(how, is_, should_be):
    return is_ == {}


SDK = 'globalThis[Symbol.for("opentelemetry.js.api.1")] = {propagation: {}};\n'


@pytest.mark.parametrize("with_library,first,more", [
    (False, "", {}),
    (True, "", {"OTEL_SDK_DISABLED": "TRUE"}),
    (True, "", {"OTEL_PROPAGATORS": "none"}),
    (True, "", {"OTEL_PROPAGATORS": "b3,baggage"}),
    (True, SDK, {}),
], ids=["no library", "disabled", "no propagators", "other propagators", "an SDK"])
def test_it_does_nothing_where_it_has_nothing_to_do(empty_library, tmp_path, with_library, first, more):
    assert served(tmp_path, empty_library if with_library else None, ("promises", "together"), first=first,
                  compare=carries_nothing, **more) > 400


def test_baggage_goes_only_where_it_is_asked_for(empty_library, tmp_path):
    def without_baggage(how, is_, should_be):
        return is_ == {name: value for name, value in should_be.items() if name != "baggage"}
    assert served(tmp_path, empty_library, ("promises",), compare=without_baggage, OTEL_PROPAGATORS="tracecontext") > 400


PIPELINED = '''
const http = require("http");
const answers = [];
http.createServer((request, answer) => {
    setTimeout(() => http.get({port: origin.address().port, path: request.url}, inner => {
        inner.on("data", text => answer.end(String(text)));
    }), 20 - 5 * Number(request.url.slice(1)));
}).listen(0, function () {
    const client = require("net").connect(this.address().port);
    client.write([0, 1, 2, 3].map(i => `GET /${i} HTTP/1.1\\r\\nHost: x\\r\\n${i === 2 ? "" : `traceparent: of-${i}\\r\\n`}\\r\\n`).join(""));
    let text = "";
    client.on("data", data => {
        text += data;
        if (text.includes("/3")) { console.log(text.match(/\\/\\d=(of-\\d|undefined)/g).join(" ")); process.exit(); }
    });
});
const origin = http.createServer((request, answer) => answer.end(`${request.url}=${request.headers.traceparent}`)).listen(0);
'''


def test_requests_in_one_packet_are_told_apart(empty_library):
    done = run([NODE, "-e", PIPELINED], environment(empty_library))
    assert done.stdout == b"/0=of-0 /1=of-1 /2=undefined /3=of-3\n", done.text


RESTS = '''
const http = require("http"), plain = Number(process.argv[1]);
const server = http.createServer((request, answer) => {
    if (request.url === "/plain")
        return answer.end("plain");
    setTimeout(() => http.get({port: origin.address().port}, inner => inner.on("data", text => answer.end(String(text)))));
}).listen(0, () => {
    const client = require("net").connect(server.address().port), ask = number => `GET /ask HTTP/1.1\\r\\nHost: x\\r\\ntraceparent: of-${number}\\r\\n\\r\\n`;
    client.write("GET /plain HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".repeat(plain) + ask(1));
    let text = "", asked = 1;
    client.on("data", data => {
        text += data;
        const answers = text.match(/=(of-\\d|undefined)/g) || [];
        if (answers.length === asked && ++asked <= 3)
            client.write(ask(asked));
        if (answers.length === 3) { console.log((text.match(/plain/g) || []).length, answers.join(" ")); process.exit(); }
    });
});
const origin = http.createServer((request, answer) => answer.end(`=${request.headers.traceparent}`)).listen(0);
'''


# The origin is in the same process: its requests count as well.
@pytest.mark.parametrize(("plain", "carried"), [(0, b"=of-1 =of-2 =of-3"), (990, b"=of-1 =of-2 =of-3"), (1500, b"=undefined =of-2 =of-3")])
def test_contexts_rest_where_nothing_is_asked_and_are_there_again_when_something_is(empty_library, plain, carried):
    done = run([NODE, "-e", RESTS, str(plain)], environment(empty_library))
    assert done.stdout == b"%d %s\n" % (plain, carried), done.text


LOOKS = '''
const http = require("http"), {AsyncLocalStorage} = require("async_hooks");
console.log(http.request.name, http.request.length, http.get.name, http.get.length, Object.keys(http).join());
const server = http.createServer((request, answer) => {
    console.log(Object.keys(request).join(), Object.keys(answer).join(), answer.eventNames(), request.eventNames());
    answer.end();
}).listen(0, () => {
    const made = http.get({port: server.address().port, headers: {traceparent: "00-a-b-00"}}, answer => {
        console.log(made instanceof http.ClientRequest, made.getHeaderNames().join(), answer.statusCode);
        answer.resume().on("end", () => server.close());
    });
});
try { http.request("ftp://x"); } catch (error) { console.log(error.code, error.message); }
'''


def test_a_program_sees_no_difference(empty_library):
    preloaded = environment(empty_library)
    outputs = [run([NODE, "-e", LOOKS], env).stdout for env in (preloaded, {**preloaded, "NODE_OPTIONS": ""})]
    assert outputs[0] == outputs[1] and outputs[0]


def test_other_options_for_node_stay_in_force(empty_library, tmp_path):
    (tmp_path / "other.cjs").write_text("console.log('other')")
    done = run([NODE, "-e", "console.log('program')"],
               environment(empty_library, NODE_OPTIONS=f"--require={HELPER} --require={tmp_path}/other.cjs"))
    assert (done.status, done.stdout) == (0, b"other\nprogram\n")

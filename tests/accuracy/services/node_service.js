// node_service.js - PORT LEAF callbacks|timers|async|undici|forwarding: the service in node, in the ways that people write it.
//
// callbacks: http.request over an agent that keeps connections, one call after the other. timers: the same after a
// setTimeout each, over sixteen sockets, so that requests wait in the agent and are sent when another one's answer is there.
// async: await fetch, all calls at once. undici: fetch through an undici Agent of sixteen connections, where requests wait too.
// forwarding: async, and the traceparent of the request is passed on.
"use strict";
const http = require("http");

const [port, leaf, style] = process.argv.slice(2);
const agents = {
    kept: new http.Agent({keepAlive: true, maxSockets: style === "timers" ? 16 : Infinity}),
    fresh: new http.Agent({keepAlive: false}),
};
let dispatchers = {};

// undici is inside of node; its Agent is reached through the one that fetch uses.
async function prepare() {
    await fetch("data:,");
    const Agent = globalThis[Symbol.for("undici.globalDispatcher.1")].constructor;
    dispatchers = {
        kept: new Agent({connections: style === "undici" ? 16 : null}),
        fresh: new Agent({pipelining: 0}),
    };
}

function requested(path, how, done) {
    const request = http.request({host: "127.0.0.1", port: leaf, path, agent: agents[how], timeout: 1000}, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part) => { text += part; });
        answer.on("end", () => done(answer.statusCode, text));
        answer.on("error", () => done(0, ""));
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", () => done(0, ""));
    request.end();
}

async function fetched(path, how, headers) {
    try {
        const answer = await fetch(`http://127.0.0.1:${leaf}${path}`,
            {headers, dispatcher: dispatchers[how], signal: AbortSignal.timeout(style === "undici" ? 5000 : 1000)});
        return [answer.status, await answer.text()];
    } catch {
        return [0, ""];
    }
}

function answered(response, status, text) {
    response.writeHead(status, {"Content-Length": Buffer.byteLength(text)});
    response.end(text);
}

function byCallbacks(rid, fan, how, response) {
    let good = true, texts = "";
    const next = (number) => {
        if (number === fan) return answered(response, good ? 200 : 502, texts);
        const ask = () => requested(`/leaf/${rid}/${number}`, how, (status, text) => {
            good &&= status === 200;
            texts += text;
            next(number + 1);
        });
        return style === "timers" ? setTimeout(ask, Math.random() * 5) : ask();
    };
    next(0);
}

async function byPromises(rid, fan, how, response, headers) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    const calls = [...Array(fan).keys()].map((number) => fetched(`/leaf/${rid}/${number}`, how, headers));
    const answers = await Promise.all(calls);
    answered(response, answers.every(([status]) => status === 200) ? 200 : 502, answers.map(([, text]) => text).join(""));
}

const server = http.createServer((request, response) => {
    const [, , rid, fan, how] = request.url.split("/");
    const {traceparent} = request.headers;
    const headers = style === "forwarding" && traceparent ? {traceparent} : {};
    if (style === "callbacks" || style === "timers") byCallbacks(rid, +fan, how, response);
    else byPromises(rid, +fan, how, response, headers);
});
process.on("SIGTERM", () => process.exit(0));
prepare().then(() => server.listen(+port, "127.0.0.1"));

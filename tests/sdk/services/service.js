// service.js - a service as one writes it for Node, which asks LEAF; with SDK=code it sets OpenTelemetry's SDK up itself.
if (process.env.SDK === "code") {
    const {NodeSDK} = require("@opentelemetry/sdk-node");
    const {HttpInstrumentation} = require("@opentelemetry/instrumentation-http");
    const {UndiciInstrumentation} = require("@opentelemetry/instrumentation-undici");
    new NodeSDK({instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()]}).start();
}
const http = require("http");
const net = require("net");

const [port, leaf] = [Number(process.argv[2]), process.env.LEAF];
const ways = {
    // By clients that the SDK instruments.
    "/library": () => new Promise((done, failed) => http.get(leaf, answer => answer.resume().on("end", done)).on("error", failed)),
    "/fetch": () => fetch(leaf).then(answer => answer.text()),
    // By one that it does not.
    "/bare": () => new Promise((done, failed) => {
        const {hostname, port, pathname} = new URL(leaf);
        const head = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`;
        const socket = net.connect(port, hostname, () => socket.write(head));
        socket.on("end", done).on("error", failed).resume();
    }),
    "/alone": async () => { },
};

http.createServer((request, answer) => {
    const fail = why => { answer.statusCode = 500; answer.end(String(why)); };
    ways[request.url]().then(() => answer.end("answered"), fail);
}).listen(port, "127.0.0.1");
process.on("SIGTERM", () => setTimeout(() => process.exit(0), 300)); // the SDK delivers meanwhile

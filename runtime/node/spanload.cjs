/*
 * spanload.cjs - lets a Node.js program say which of its outgoing requests belongs to which incoming one.
 *
 * libspanload.so sees the bytes of both, but between them lie promises, timers and queues: only the runtime knows what
 * follows from what. The library writes into the head of each incoming request a `traceparent` that names it; this file
 * keeps the request in Node's own asynchronous context, and puts the header on HTTP requests that are made there and have
 * none. The library reads it there. Nothing else: no spans, no settings of its own, no bytes over a connection.
 *
 *     NODE_OPTIONS=--require=/opt/spanload/runtime/node/spanload.cjs
 *
 * It keeps out of the way of whoever does this already: a header that is set stays, and where an OpenTelemetry SDK has
 * registered itself, it does nothing. A request that was answered passes nothing on any more: whatever runs on in its
 * context (a pool's connection, a timer that stays) is not its work. A failure in here is nobody's failure.
 *
 * A context costs Node something for each object that it makes. A server that has answered a thousand requests and made none
 * does without: its contexts rest until it makes one. Only requests that are open at that moment pass nothing on.
 *
 * The file is read by whatever Node finds NODE_OPTIONS in its environment, hence no syntax younger than Node 8.
 */
'use strict';

/* ---- whether there is anything to do ---- */

const LIBRARY = 'libspanload.so';

function libraryIsLoaded() {
    if ((process.env.LD_PRELOAD || '').includes(LIBRARY))
        return true;
    try {
        return require('fs').readFileSync('/etc/ld.so.preload', 'utf8').includes(LIBRARY);
    } catch (none) {
        return false;
    }
}

/* The headers that OTEL_PROPAGATORS asks for, in lower case as Node has them; none without traceparent. */
function carriedHeaders() {
    const listed = (process.env.OTEL_PROPAGATORS || 'tracecontext,baggage').split(',').map(name => name.trim());
    if ((process.env.OTEL_SDK_DISABLED || '').toLowerCase() === 'true' || !listed.includes('tracecontext'))
        return [];
    return listed.includes('baggage') ? ['traceparent', 'tracestate', 'baggage'] : ['traceparent', 'tracestate'];
}

/* @opentelemetry/api keeps its globals here once an SDK has registered them. */
const openTelemetry = Symbol.for('opentelemetry.js.api.1');

function sdkIsActive() {
    const api = globalThis[openTelemetry];
    return api !== undefined && api.propagation !== undefined;
}

/* ---- the incoming request ---- */

/* Holds a weak reference to the response: contexts live as long as what was made in them, and must not keep a request. */
let storage;

/* From Node 24 on, what a parser calls after the head (data, end) has left the context that was entered during the head. */
const bodyIsElsewhere = Number(process.versions.node.split('.')[0]) >= 24;

function enterWithBody(request, reference) {
    const emit = request.emit;
    Object.defineProperty(request, 'emit', {
        configurable: true,
        writable: true,
        value: function (type) {
            return storage.run(reference, () => emit.apply(this, arguments));
        },
    });
}

/* Requests that came while none was made; -1: some was made, so contexts are kept for good. */
let unused = 0;
const UNUSED_MOST = 1000;

function contextsRest() {
    if (unused < 0 || unused > UNUSED_MOST)
        return unused > 0;
    if (++unused > UNUSED_MOST)
        storage.disable();
    return unused > UNUSED_MOST;
}

/* Replaces what an earlier request on the same connection left: its parser is the context of both. */
function requestStarted(message) {
    try {
        if (contextsRest() || sdkIsActive())
            return;
        const reference = new WeakRef(message.response);
        storage.enterWith(reference);
        if (bodyIsElsewhere)
            enterWithBody(message.request, reference);
    } catch (ignored) { /* then it has no context */ }
}

/* The request that is being answered by what runs now, or undefined. */
function currentRequest() {
    const reference = storage.getStore();
    const response = reference === undefined ? undefined : reference.deref();
    return response === undefined || response.writableFinished || response.destroyed ? undefined : response.req;
}

/* Calls put(name, value) for each header to add to an outgoing request of which has(name) tells what it has already. */
function carry(has, put) {
    const incoming = currentRequest();
    if (incoming === undefined || incoming.headers.traceparent === undefined || has('traceparent') || sdkIsActive())
        return;
    for (const name of carried)
        if (incoming.headers[name] !== undefined && !has(name))
            put(name, incoming.headers[name]);
}

/* ---- outgoing requests of http ---- */

/* Headers that were given as an array are a text already. It can be added to until it is sent. */
function carryInText(request) {
    if (request._headerSent || typeof request._header !== 'string')
        return;
    const end = request._header.indexOf('\r\n') + 2, text = request._header.toLowerCase();
    carry(name => text.includes(`\r\n${name}:`), (name, value) => {
        request._header = `${request._header.slice(0, end)}${name}: ${value}\r\n${request._header.slice(end)}`;
    });
}

function requestMade(request) {
    try {
        if (request.protocol !== 'http:')
            return;
        unused = -1;
        if (request.headersSent)
            carryInText(request);
        else
            carry(name => request.hasHeader(name), (name, value) => request.setHeader(name, value));
    } catch (ignored) { /* then it carries nothing */ }
}

/* Functions of the same name and length take the place of http.request and http.get, which is request and end as in Node. */
function watchHttp() {
    const http = require('http'), original = http.request;
    function request(url, options, cb) {
        const made = original.apply(this, arguments);
        requestMade(made);
        return made;
    }
    http.request = request;
    http.get = function get(url, options, cb) {
        const made = request(url, options, cb);
        made.end();
        return made;
    };
    require('module').syncBuiltinESMExports();
}

/* ---- fetch ---- */

/* Read through the prototype, as the original reads it: an `init` may be anything. */
function withHeaders(init, headers) {
    return Object.create(init === undefined || init === null ? null : init, {headers: {value: headers, enumerable: true}});
}

function carriedByFetch(input, init) {
    const isRequest = typeof input === 'object' && input !== null && typeof input.url === 'string';
    const own = init !== undefined && init !== null && init.headers !== undefined;
    const headers = new Headers(own ? init.headers : isRequest ? input.headers : undefined);
    let isAdded = false;
    carry(name => headers.has(name), (name, value) => {
        headers.set(name, value);
        isAdded = true;
    });
    return isAdded ? withHeaders(init, headers) : init;
}

/* Here, where it is asked for, and not where undici makes the request: in a pool that is limited that may be much later. */
function watchFetch() {
    const original = globalThis.fetch;
    if (typeof original !== 'function')
        return;
    globalThis.fetch = function fetch(input, init = undefined) {
        let options = init;
        try {
            const url = typeof input === 'object' && input !== null && input.url || input;
            if (String(url).startsWith('http:')) {
                unused = -1;
                if (currentRequest() !== undefined)
                    options = carriedByFetch(input, init);
            }
        } catch (ignored) { /* the original says what is wrong with it */ }
        return options === init ? original.apply(this, arguments) : original.call(this, input, options);
    };
}

/* ---- outgoing requests of undici ---- */

/* Its headers are a text up to version 5, a flat array of names and values from version 6. */
function undiciHas(headers, name) {
    if (typeof headers === 'string')
        return `\r\n${headers}`.toLowerCase().includes(`\r\n${name}:`);
    return headers.some((word, i) => i % 2 === 0 && String(word).toLowerCase() === name);
}

/* A request that waited for a connection, or follows a redirect, is made when the connection has news, in the context of
 * whoever opened it. Then what asked for it is not on the stack, and nothing else tells. Names are cheap to look at; a stack
 * as text is not. */
function frameAsks(frame) {
    return frame.getFunctionName() === 'httpNetworkFetch' || /api-(request|stream|pipeline)\.js$/.test(frame.getFileName());
}

function undiciIsCalled() {
    const limit = Error.stackTraceLimit, had = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    try {
        Error.stackTraceLimit = 20;
        Error.prepareStackTrace = (error, frames) => frames.some(frameAsks);
        return new Error().stack;
    } finally {
        Error.stackTraceLimit = limit;
        if (had === undefined)
            delete Error.prepareStackTrace;
        else
            Object.defineProperty(Error, 'prepareStackTrace', had);
    }
}

function undiciRequestMade(message) {
    try {
        const request = message.request;
        unused = -1;
        if (currentRequest() !== undefined && String(request.origin).startsWith('http:') && !undiciHas(request.headers, 'traceparent') &&
            undiciIsCalled())
            carry(name => undiciHas(request.headers, name), (name, value) => request.addHeader(name, value));
    } catch (ignored) { /* then it carries nothing */ }
}

/* ---- */

const carried = carriedHeaders();

function start() {
    const {AsyncLocalStorage} = require('async_hooks'), channels = require('diagnostics_channel');
    storage = new AsyncLocalStorage();
    channels.subscribe('http.server.request.start', requestStarted);
    channels.subscribe('undici:request:create', undiciRequestMade);
    watchHttp();
    watchFetch();
}

try {
    if (carried.length > 0 && typeof WeakRef === 'function' && libraryIsLoaded())
        start();
} catch (ignored) { /* a Node without one of these: the program runs without us */ }

"""application.py - a Flask application as one writes it, which asks LEAF; with SDK=code it sets OpenTelemetry's SDK up itself."""
import http.client
import os
from urllib.parse import urlsplit

import requests
from flask import Flask

LEAF = os.environ["LEAF"]
application = Flask(__name__)


def set_up(sampler):
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.sdk.trace import TracerProvider, sampling
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    provider = TracerProvider(sampler=getattr(sampling, sampler))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    FlaskInstrumentor().instrument_app(application)
    RequestsInstrumentor().instrument()


if os.environ.get("SDK") == "code":
    set_up(os.environ.get("SAMPLER", "DEFAULT_ON"))


@application.get("/library")
def library():
    """By a client that the SDK instruments."""
    return requests.get(LEAF).text


@application.get("/bare")
def bare():
    """By one that it does not."""
    connection = http.client.HTTPConnection(urlsplit(LEAF).netloc)
    connection.request("GET", urlsplit(LEAF).path)
    return connection.getresponse().read()


@application.get("/alone")
def alone():
    return "alone"

"""spans.py - an OTLP JSON trace request as a flat list of spans, for tests that ask what a span says.

Reads what receivers got and what the backend Collector wrote. Lenient on purpose: strict_otlp.c is the strict reader.
"""
import json
from dataclasses import dataclass, field

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
STATUSES = {0: "UNSET", 1: "OK", 2: "ERROR"}


@dataclass
class Span:
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_span_id: str
    flags: int
    trace_state: str
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    attributes: dict
    dropped_attributes: int
    resource: dict
    scope: str
    schema_url: str
    raw: dict = field(repr=False, default_factory=dict)

    @property
    def duration_s(self):
        return (self.end_ns - self.start_ns) / 1e9

    def __getitem__(self, key):
        """The attribute of that name, None where it is absent."""
        return self.attributes.get(key)


def value_of(any_value):
    """The Python value of an AnyValue; 64-bit integers come as strings."""
    for kind, value in any_value.items():
        if kind == "intValue":
            return int(value)
        if kind == "arrayValue":
            return [value_of(item) for item in value.get("values", [])]
        if kind == "kvlistValue":
            return attributes_of(value.get("values", []))
        return value
    return None


def attributes_of(pairs):
    return {pair["key"]: value_of(pair.get("value", {})) for pair in pairs}


def spans_of(request):
    """Every span of one ExportTraceServiceRequest, given as text, bytes or parsed JSON."""
    if isinstance(request, (str, bytes)):
        request = json.loads(request)
    found = []
    for resource_spans in request.get("resourceSpans", []):
        resource = attributes_of(resource_spans.get("resource", {}).get("attributes", []))
        for scope_spans in resource_spans.get("scopeSpans", []):
            scope = scope_spans.get("scope", {}).get("name", "")
            schema_url = scope_spans.get("schemaUrl", "") or resource_spans.get("schemaUrl", "")
            for raw in scope_spans.get("spans", []):
                status = raw.get("status", {})
                found.append(Span(
                    name=raw["name"], kind=KINDS[int(raw["kind"])],
                    trace_id=raw["traceId"], span_id=raw["spanId"], parent_span_id=raw.get("parentSpanId", ""),
                    flags=raw.get("flags", 0), trace_state=raw.get("traceState", ""),
                    start_ns=int(raw["startTimeUnixNano"]), end_ns=int(raw["endTimeUnixNano"]),
                    status=STATUSES[int(status.get("code", 0))], status_message=status.get("message", ""),
                    attributes=attributes_of(raw.get("attributes", [])),
                    dropped_attributes=raw.get("droppedAttributesCount", 0),
                    resource=resource, scope=scope, schema_url=schema_url, raw=raw))
    return found

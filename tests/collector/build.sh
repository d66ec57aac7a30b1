#!/bin/sh
# build.sh OUTDIR - leaves a Collector that the system tests can use at OUTDIR/otelcol.
#
# The first of: $OTELCOL, an `otelcol` on PATH (each only if it accepts sidecar.yaml and backend.yaml, which ask for
# components that not every distribution has), one built from builder.yaml. What is built stays until the manifest changes.
# Exit status: 0 there is a Collector; 77 there is none and nothing to build it with, said in one line; else it failed.
set -eu

ocb_version=v0.159.0
go_needed=1.26

here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || { echo "usage: build.sh OUTDIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
log=$out/otelcol.log

# The variables of both configurations; `validate` opens nothing.
accepts_our_configurations() {
    for config in sidecar backend; do
        SIDECAR_HTTP_PORT=4318 SIDECAR_HEALTH_PORT=13133 BACKEND_GRPC_PORT=4317 BACKEND_HEALTH_PORT=13134 \
            BACKEND_FILE=/dev/null "$1" validate "--config=$here/$config.yaml" >>"$log" 2>&1 || return 1
    done
}

use() {
    ln -sfn "$1" "$out/otelcol"
    rm -f "$out/otelcol.stamp"
    echo "build.sh: using $1"
    exit 0
}

go_is_new_enough() {
    have=$(go env GOVERSION 2>/dev/null) || return 1
    have=${have#go}
    [ "$(printf '%s\n%s\n' "$go_needed" "$have" | sort -V | head -n 1)" = "$go_needed" ]
}

if [ -n "${OTELCOL:-}" ]; then
    accepts_our_configurations "$OTELCOL" && use "$OTELCOL"
    echo "build.sh: OTELCOL=$OTELCOL does not accept our configurations, see $log" >&2
    exit 1
fi
if found=$(command -v otelcol) && accepts_our_configurations "$found"; then use "$found"; fi

stamp=$({ cat "$here/builder.yaml"; echo "$ocb_version"; } | sha256sum | cut -d ' ' -f 1)
if [ -x "$out/otelcol" ] && [ "$(cat "$out/otelcol.stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

if ! go_is_new_enough; then
    echo "build.sh: no Collector: none in OTELCOL or on PATH, and no go >= $go_needed to build one" >&2
    exit 77
fi

echo "build.sh: building the Collector, about two minutes once (log: $log)"
work=$out/otelcol-source
: >"$log"
rm -rf "$work"
mkdir -p "$work"
if ! {
    GOBIN=$out/gobin go install "go.opentelemetry.io/collector/cmd/builder@$ocb_version" &&
        cp "$here/builder.yaml" "$work/builder.yaml" &&
        (cd "$out" && CGO_ENABLED=0 gobin/builder --config="$work/builder.yaml")
} >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "build.sh: the Collector does not build, see $log" >&2
    exit 1
fi
rm -f "$out/otelcol" # it may be a link to somebody else's
mv "$work/otelcol" "$out/otelcol"
if ! accepts_our_configurations "$out/otelcol"; then
    tail -n 20 "$log" >&2
    echo "build.sh: the Collector built does not accept our configurations" >&2
    exit 1
fi
rm -rf "$work" "$out/gobin"
echo "$stamp" >"$out/otelcol.stamp"

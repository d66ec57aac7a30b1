#!/bin/sh
# run.sh - runs every lint of this directory; one line each, exit status 1 if one of them found something.
cd "$(dirname "$0")" || exit 2
status=0
for lint in ./*.py; do
    [ "$lint" = ./common.py ] && continue
    PYTHONDONTWRITEBYTECODE=1 python3 "$lint" || status=1
done
exit $status

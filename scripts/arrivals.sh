#!/usr/bin/env bash
# Draws docs/arrivals.svg anew: what arrives at a provider that answers every request with an error for 60 s, as
# test/fault/breaker.t sees it. Takes some minutes.
# usage: scripts/arrivals.sh
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

scripts/install_packages.sh build test
step build make -s -j 2
use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
trap remove_stage EXIT
step install scripts/fill_stage.sh "$STAGE"
step breaker as_user ATELIER_LONG=1 ATELIER_ARRIVALS="$STAGE/tmp/arrivals.json" scripts/run_fault.sh test/fault/breaker.t
scripts/draw_arrivals.py "$STAGE/tmp/arrivals.json" >docs/arrivals.svg

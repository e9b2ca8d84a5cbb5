#!/usr/bin/env bash
# Starts the four services on 127.0.0.1 and ends them together: with Ctrl-C, or when one of them ends.
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=${VENV:-.venv}/bin
export AUXIP_PORT=${AUXIP_PORT:-4001} CADIP_PORT=${CADIP_PORT:-4002}

trap 'trap - EXIT INT TERM; kill $(jobs -p) 2>/dev/null; wait' EXIT
trap exit INT TERM

node dist/examples/rs-server/stations.js &
"$bin/uvicorn" --app-dir examples/rs-server --port "${CATALOGUE_PORT:-4003}" --root-path /catalogue catalogue:app &
"$bin/tiled" serve config --public --port "${TILED_PORT:-4004}" examples/rs-server/tiled.yml &
wait -n

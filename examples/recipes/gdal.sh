#!/usr/bin/env bash
# Runs a program of GDAL that presents a key. LATCHKEY_API_KEY is in the environment.
set -euo pipefail

headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
printf 'Authorization: Apikey %s\n' "$LATCHKEY_API_KEY" >"$headers"
export GDAL_HTTP_HEADER_FILE=$headers
# Else it asks for forty files beside a raster that are not there, and each counts as a call.
export GDAL_DISABLE_READDIR_ON_OPEN=EMPTY_DIR

"$@"

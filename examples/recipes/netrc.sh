#!/usr/bin/env bash
# Adds a key to a file that curl, wget, requests, httpx and GDAL read. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment.
set -euo pipefail

host=$(sed -E 's#^https?://([^/:]+).*#\1#' <<<"$LATCHKEY_URL")
IFS=_ read -r _ id secret <<<"$LATCHKEY_API_KEY"
umask 077
printf 'machine %s\n  login %s\n  password %s\n' "$host" "$id" "$secret" >>"${NETRC:-$HOME/.netrc}"

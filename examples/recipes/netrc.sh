#!/usr/bin/env bash
# Adds a key to a file that curl, wget, requests, httpx and GDAL read. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment.
set -euo pipefail

host=$(sed -E 's#^https?://([^/:]+).*#\1#' <<<"$LATCHKEY_URL")
IFS=_ read -r _ id secret <<<"$LATCHKEY_API_KEY"
file=${NETRC:-$HOME/.netrc}
# The first entry counts: the key of before would go on being sent.
if [ -e "$file" ] && grep -qF "machine $host" "$file"; then
  echo "$file has a key for $host already: take it out first" >&2
  exit 1
fi
umask 077
printf 'machine %s\n  login %s\n  password %s\n' "$host" "$id" "$secret" >>"$file"

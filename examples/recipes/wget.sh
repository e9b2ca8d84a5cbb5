#!/usr/bin/env bash
# Reads a catalogue with wget. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment.
set -euo pipefail

# wget takes no header from a file, but its settings. It follows no redirect here: it would carry the key to any host.
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
printf 'max_redirect = 0\nheader = Authorization: Apikey %s\n' "$LATCHKEY_API_KEY" >"$settings"

wget --config "$settings" --quiet --output-document - "$LATCHKEY_URL/catalog/search?limit=5"

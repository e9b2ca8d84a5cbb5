#!/usr/bin/env bash
# Reads a catalogue with curl. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment.
set -euo pipefail

# From a file descriptor, not from the command line, which everybody on the machine can read.
curl --fail --silent --show-error --location --max-time 30 --retry 2 \
  --header @<(printf 'Authorization: Apikey %s\n' "$LATCHKEY_API_KEY") \
  "$LATCHKEY_URL/catalog/search?limit=5"

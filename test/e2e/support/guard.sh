#!/bin/sh
# Ends a process group when the process that started it is gone: guard.sh <group> <signal> [<temporary folder>]
# It reads from a pipe that only that process holds. A line dismisses it; the end of the pipe without a line means
# that the process died, however that happened, SIGKILL included.
read -r _ && exit 0

group=$1 signal=$2 folder=${3:-}

# With -s: dash takes `kill -TERM -- -1` for a bad number and kills nothing.
kill -s CONT -- "-$group"
kill -s "$signal" -- "-$group"
waited=0
while kill -s 0 -- "-$group" 2>/dev/null; do
  waited=$((waited + 1))
  [ "$waited" -eq 50 ] && kill -s KILL -- "-$group"
  [ "$waited" -eq 75 ] && exit 1
  sleep 0.2
done
[ -z "$folder" ] || rm -rf -- "$folder"

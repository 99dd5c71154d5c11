#!/usr/bin/env bash
# A web cluster on this machine, from building croft to nothing left: up, broken, scaled, changed and removed
# while visitors use it. The talk's own example: examples/talk, README.md.
set -euo pipefail
cd "$(dirname "$0")"

tools/setup.sh demo
if [[ ! -f build/release/build.ninja ]]; then cmake --preset release >/dev/null; fi
echo "building build/release/croft (the first time takes some minutes)"
cmake --build --preset release --target croft | tail -n 1

# Sandboxes need root: whoever is not root has sudo (tools/setup.sh has asked for it by now).
as_root=()
if ((EUID != 0)); then as_root=(sudo); fi
exec "${as_root[@]}" /usr/bin/python3 bench/web_cluster.py --tell

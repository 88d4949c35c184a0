#!/bin/sh
# The gateway installs without brownie: a production machine has no compiler and no contract framework.
# With --full it installs into a throw-away environment and imports; without, it only resolves.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if grep -qiE '^(eth-brownie|py-solc-x|pytest)==' "$here/requirements-gateway.lock"; then
    echo "requirements-gateway.lock holds tools of development" >&2
    exit 1
fi
python3.11 -m venv "$folder/venv"
pip="$folder/venv/bin/pip --disable-pip-version-check --quiet"
if [ "${1:-}" = --full ]; then
    $pip install --require-hashes -r "$here/requirements-gateway.lock"
    (cd "$here" && "$folder/venv/bin/python" -c 'import web3, fastapi, gateway.engine')
    $pip check
else
    $pip install --dry-run --require-hashes -r "$here/requirements-gateway.lock" >/dev/null
fi
echo "gateway: installs without brownie"

#!/usr/bin/env bash
# install.sh FOLDER VERSION: Grafana's own types of dashboards and panels, as it publishes them for that version of it
# (npm: @grafana/schema, https://github.com/grafana/grafana/tree/main/packages/grafana-schema), and a compiler that
# checks by them. Ends with another status than 0 if any of it cannot be had.
set -eu
folder=$1
version=$2
typescript=5.8.3

ROOT=$(cd "$(dirname "$0")/../../.." && pwd)
LOGS=$ROOT/build/logs
mkdir -p "$LOGS" "$folder"
. "$ROOT/tools/dev/deps.sh"

command -v npm >/dev/null || deps_install "nodejs npm" >&2
if [ ! -e "$folder/done" ]; then
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" "@grafana/schema@$version" \
		"typescript@$typescript" >&2
	touch "$folder/done"
fi

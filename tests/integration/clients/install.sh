#!/usr/bin/env bash
# install.sh FOLDER: what others wrote for Weixin, as they publish it, and what runs it. Ends with another status
# than 0 if any of it cannot be had.
set -eu
folder=$1
wechatpy=1.8.18
co_wechat_api=3.11.0

ROOT=$(cd "$(dirname "$0")/../../.." && pwd)
LOGS=$ROOT/build/logs
mkdir -p "$LOGS" "$folder"
. "$ROOT/tools/dev/deps.sh"

command -v ip >/dev/null || deps_install iproute2
/usr/bin/python3 -m pip --version >/dev/null 2>&1 || deps_install python3-pip
command -v npm >/dev/null || deps_install "nodejs npm"

if [ ! -e "$folder/python-$wechatpy/done" ]; then
	/usr/bin/python3 -m pip install -q --no-input --disable-pip-version-check --target "$folder/python-$wechatpy" \
		--upgrade "wechatpy==$wechatpy"
	touch "$folder/python-$wechatpy/done"
fi
if [ ! -e "$folder/node-$co_wechat_api/done" ]; then
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder/node-$co_wechat_api" \
		"co-wechat-api@$co_wechat_api"
	touch "$folder/node-$co_wechat_api/done"
fi
echo "PYTHONPATH=$folder/python-$wechatpy"
echo "NODE_PATH=$folder/node-$co_wechat_api/node_modules"

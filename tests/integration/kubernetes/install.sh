#!/usr/bin/env bash
# install.sh FOLDER: what deploy/kubernetes is held against, as it is published. Kubernetes' API schemas: the PyPI package
# kubernetes-validate (https://github.com/willthames/kubernetes-validate), made from Kubernetes' own OpenAPI documents.
# KEDA's resource definitions and the parameters of its scalers: its Go module (https://github.com/kedacore/keda:
# config/crd/bases, schema/generated), whose content Go's checksum database vouches for. Ends with another status than 0
# if any of it cannot be had.
set -eu
folder=$1
validate=1.37.0
keda=v2.20.2

ROOT=$(cd "$(dirname "$0")/../../.." && pwd)
LOGS=$ROOT/build/logs
mkdir -p "$LOGS" "$folder"
. "$ROOT/tools/dev/deps.sh"

/usr/bin/python3 -m pip --version >/dev/null 2>&1 || deps_install python3-pip >&2
if [ ! -e "$folder/validate-$validate/done" ]; then
	/usr/bin/python3 -m pip install -q --no-input --disable-pip-version-check --target "$folder/validate-$validate" \
		--upgrade "kubernetes-validate==$validate"
	touch "$folder/validate-$validate/done"
fi
modules=$folder/go/github.com/kedacore/keda/v2@$keda
if [ ! -e "$modules" ]; then
	command -v go >/dev/null || deps_install golang-go >&2
	cd "$folder"                    # in no module of ours
	env GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE="$folder/go" go mod download "github.com/kedacore/keda/v2@$keda"
fi
echo "VALIDATE=$folder/validate-$validate"
echo "KEDA=$modules"

# callers.sh GROUP PATHS...: a caller key at api-proxy for each business GROUP (with the PATHS of Weixin's that it
# calls, separated by commas) and each platform, unless its file has one.
set -eu
umask 077

components=$(grep -o '"component_appid" *: *"[^"]*"' /run/secrets/platforms-ingress.json | sed 's/.*"\([^"]*\)"$/\1/')
while [ $# -ge 2 ]; do
	file=/var/lib/wxbus/caller-keys/$1
	touch "$file"
	for component in $components; do
		if grep -q "^$component $1 " "$file"; then
			echo "$component: $1 has its caller key"
			continue
		fi
		# Added before, but its key was lost before it was written: a new one.
		line=$(wxbus callers add --component "$component" --id "$1" --accounts '*' --paths "$2" --groups "$1" ||
			wxbus callers rotate --component "$component" --id "$1")
		printf '%s\n' "$line" >>"$file"
		echo "$component: made a caller key for $1"
	done
	shift 2
done

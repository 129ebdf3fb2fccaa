# callers.sh: a caller key at api-proxy for each platform and each business whose manifest names paths of Weixin's that
# it calls ("calls"), unless its file has one. The manifests are the image's.
set -eu
umask 077

components=$(grep -o '"component_appid" *: *"[^"]*"' /run/secrets/platforms-ingress.json | sed 's/.*"\([^"]*\)"$/\1/')
for manifest in /usr/local/share/wxbus/migrations/*/manifest.json; do
	paths=$(tr -d ' \t\n"' <"$manifest" | sed -n 's/.*calls:\[\([^]]*\)\].*/\1/p')
	[ -n "$paths" ] || continue
	group=${manifest%/manifest.json}
	group=${group##*/}
	file=/var/lib/wxbus/caller-keys/$group
	touch "$file"
	for component in $components; do
		if grep -q "^$component $group " "$file"; then
			echo "$component: $group has its caller key"
			continue
		fi
		# Added before, but its key was lost before it was written: a new one.
		line=$(wxbus callers add --component "$component" --id "$group" --accounts '*' --paths "$paths" --groups "$group" ||
			wxbus callers rotate --component "$component" --id "$group")
		printf '%s\n' "$line" >>"$file"
		echo "$component: made a caller key for $group"
	done
done

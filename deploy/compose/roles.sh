# Gives each service's role the password of its database URL; runs before `wxbus migrate`, which makes the schemas.
set -eu

admin=$(cat /run/secrets/database-url-migrate)
for _ in $(seq 60); do          # `docker-compose run` waits for nobody
	! pg_isready -q -d "$admin" || break
	sleep 1
done
for file in /run/secrets/database-url-*; do
	[ "$file" != /run/secrets/database-url-migrate ] || continue
	url=$(cat "$file")
	login=${url#postgresql://}
	login=${login%%@*}
	# Through a variable of psql, quoted by it; make-secrets writes neither ':' nor '@' into a password.
	psql -X -q -v ON_ERROR_STOP=1 -v role="${login%%:*}" -v password="${login#*:}" "$admin" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role')
\gexec
ALTER ROLE :"role" PASSWORD :'password';
SQL
	echo "role ${login%%:*} has the password of ${file##*/}"
done

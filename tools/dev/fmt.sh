# ./dev fmt [--check]

command_fmt() {
	local files bad=0 file

	deps_require FORMAT
	mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
	if [ ${#files[@]} -eq 0 ]; then
		echo "no C files"
		return 0
	fi
	case ${1:-} in
	"")
		clang-format -i "${files[@]}"
		git diff --stat -- "${files[@]}"
		;;
	--check)
		for file in "${files[@]}"; do
			clang-format --dry-run -Werror "$file" >/dev/null 2>&1 && continue
			echo "not formatted: $file"
			bad=$((bad + 1))
		done
		echo "${#files[@]} files, $bad not formatted"
		[ $bad -eq 0 ]
		;;
	*)
		echo "./dev fmt: unknown option '$1'" >&2
		return 2
		;;
	esac
}

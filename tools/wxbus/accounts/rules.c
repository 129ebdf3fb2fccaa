/* wxbus rules: a business's own commands run its binary, which stands beside ours. */
#include "tools/wxbus/command.h"

#include "common/base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define PROGRAM "wxbus-auto-reply"

int rules_main(int argc, char **argv)
{
	char **words = xcalloc((size_t)argc + 2, sizeof(*words));
	char own[4096], *path;
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	struct err err;

	own[n > 0 ? n : 0] = '\0';
	if (strrchr(own, '/'))
		*strrchr(own, '/') = '\0';
	path = xasprintf("%s/" PROGRAM, own);
	words[0] = path;
	words[1] = xstrdup("rules");
	for (int i = 1; i < argc; i++)
		words[i + 1] = argv[i];
	(void)execv(path, words);
	err_set(&err, ERR_FATAL, errno, "cannot run %s: %s", path, strerror(errno));
	free(words[1]);
	free(path);
	free(words);
	return command_failed(&err);
}

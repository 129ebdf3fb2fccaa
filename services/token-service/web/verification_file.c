#include "services/token-service/web/verification_file.h"

#include "common/base/conf.h"
#include "services/token-service/web/page.h"

#include <stdlib.h>

#include "common/base/banned.h"

#define FILE_MAX_BYTES 4096

void verification_file(struct public_call *c)
{
	const char *folder = c->p->conf->verification_dir;
	char *text = NULL;
	size_t len = 0;
	struct err err;

	if (!folder[0] || conf_read_file(arena_printf(&c->arena, "%s/%s.txt", folder, c->route.name),
				  FILE_MAX_BYTES, &text, &len, &err) < 0) {
		public_refuse(c, 404);
		return;
	}
	public_count("verification_file");
	httpd_reply(
		c->req, 200, "text/plain; charset=utf-8", text, len, page_safe_headers, PAGE_SAFE_HEADERS);
	free(text);
}

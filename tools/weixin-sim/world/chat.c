#include "tools/weixin-sim/world/chat.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/banned.h"

#define ENTRY_MAX ((size_t)1 << 20)

void chat_release(struct chat *c)
{
	for (size_t i = 0; i < CHAT_MAX; i++)
		free(c->entries[i]);
	*c = (struct chat){.n = 0};
}

void chat_add(struct chat *c, enum chat_from from, int64_t at_ms, const struct json *message)
{
	static const char *const names[] = {[CHAT_FAN] = "fan",
		[CHAT_REPLY] = "reply",
		[CHAT_SERVICE] = "service",
		[CHAT_TEMPLATE] = "template",
		[CHAT_WEIXIN] = "weixin"};
	char **slot = &c->entries[c->n++ % CHAT_MAX];
	struct buf text = BUF_INIT(ENTRY_MAX);
	struct json *entry = json_new_object();

	json_set_int(entry, "n", (int64_t)c->n);
	json_set_str(entry, "from", names[from]);
	json_set_int(entry, "at_ms", at_ms);
	json_set(entry, "message", json_copy(message));
	json_write(entry, &text);
	free(*slot);
	*slot = buf_detach(&text);
	json_free(&entry);
}

void chat_write(const struct chat *c, uint64_t since, struct buf *out)
{
	uint64_t oldest = c->n > CHAT_MAX ? c->n - CHAT_MAX : 0;
	const char *separator = "";

	buf_addf(out, "{\"next\":%" PRIu64 ",\"entries\":[", c->n);
	for (uint64_t i = since > oldest ? since : oldest; i < c->n; i++) {
		buf_add_str(out, separator);
		buf_add_str(out, c->entries[i % CHAT_MAX]);
		separator = ",\n";
	}
	buf_add_str(out, "]}\n");
}

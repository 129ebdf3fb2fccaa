#include "tools/weixin-sim/world/fan.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define TYPING_AFTER_MS 30000 /* what the fan did last is no older */
#define TYPING_MS       15000

struct fan *fan_new(const char *openid, int64_t now_ms)
{
	struct fan *f = xcalloc(1, sizeof(*f));

	str_copy(f->openid, sizeof(f->openid), openid);
	f->subscribed = true;
	f->subscribed_ms = now_ms;
	return f;
}

void fan_free(struct fan **fp)
{
	struct fan *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	for (size_t i = 0; i < FAN_MESSAGES_MAX; i++)
		free(f->messages[i]);
	chat_release(&f->chat);
	free(f);
}

static bool is_one_of(const char *event, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(event, *list) == 0)
			return true;
	return false;
}

void fan_acts(struct fan *f, const struct allowance_rules *rules, const char *event, int64_t now_ms)
{
	/* VIEW and the other menu kinds open no window. */
	static const char *const actions[] = {
		"subscribe", "SCAN", "CLICK", "scancode_push", "scancode_waitmsg", NULL};

	f->acted_ms = now_ms;
	if (!event) {
		f->message = (struct window){rules->message_count, now_ms + rules->message_ms};
		return;
	}
	if (strcasecmp(event, "subscribe") == 0) {
		f->subscribed = true;
		f->subscribed_ms = now_ms;
	}
	if (strcasecmp(event, "unsubscribe") == 0)
		f->subscribed = false;
	if (is_one_of(event, actions))
		f->action = (struct window){rules->action_count, now_ms + rules->action_ms};
	else if (strcasecmp(event, "user_enter_tempsession") == 0)
		f->action = (struct window){rules->session_count, now_ms + rules->action_ms};
}

static int left(const struct window *w, int64_t now_ms)
{
	return now_ms < w->until_ms ? w->left : 0;
}

int fan_left(const struct fan *f, int64_t now_ms)
{
	int message = left(&f->message, now_ms), action = left(&f->action, now_ms);

	return message > action ? message : action; /* the windows do not add up */
}

int fan_take(struct fan *f, int64_t now_ms)
{
	if (now_ms >= f->message.until_ms && now_ms >= f->action.until_ms)
		return 45015;
	if (fan_left(f, now_ms) == 0)
		return 45047;
	if (f->message.left > 0)
		f->message.left--;
	if (f->action.left > 0)
		f->action.left--;
	return 0;
}

int fan_typing(struct fan *f, const char *command, int64_t now_ms)
{
	bool typing = strcmp(command, "Typing") == 0;

	if (!typing && strcmp(command, "CancelTyping") != 0)
		return 45072;
	if (f->acted_ms == 0 || now_ms - f->acted_ms > TYPING_AFTER_MS)
		return 45080;
	if (typing && now_ms < f->typing_until_ms)
		return 45081;
	f->typing_until_ms = typing ? now_ms + TYPING_MS : 0;
	return 0;
}

void fan_receive(struct fan *f, const char *body)
{
	char **slot = &f->messages[f->n_messages++ % FAN_MESSAGES_MAX];

	free(*slot);
	*slot = xstrdup(body);
}

const char *fan_message(const struct fan *f, uint64_t i)
{
	if (i >= f->n_messages || i + FAN_MESSAGES_MAX < f->n_messages)
		return NULL;
	return f->messages[i % FAN_MESSAGES_MAX];
}

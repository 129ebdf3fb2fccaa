#include "services/ingress/event.h"

#include "common/crypto/crypto.h"
#include "proto/trace.h"

#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define RELEASE_CHECK_GROUP "release-check"

/* Is `appid` one of the comma-separated list? Weixin's own pages print one of them in capitals, so case does
 * not count. */
static bool listed(const char *list, const char *appid)
{
	size_t len = strlen(appid);

	for (const char *p = list; len > 0 && p; p = strchr(p, ',')) {
		while (*p == ',' || *p == ' ')
			p++;
		if (strncasecmp(p, appid, len) == 0 && (p[len] == ',' || p[len] == ' ' || p[len] == '\0'))
			return true;
	}
	return false;
}

static void add_replier(struct event_plan *plan, const char *group)
{
	plan->repliers[plan->n_repliers++] = group;
}

static void plan_repliers(struct event_plan *plan, const struct push *p)
{
	const struct directory_entry *a = &plan->account;

	if (!a->known) {
		for (size_t i = 0; i < REPLIERS_MAX && p->platform->default_repliers[i]; i++)
			add_replier(plan, p->platform->default_repliers[i]);
	} else if (a->authorized) {
		for (size_t i = 0; i < a->n_repliers; i++)
			add_replier(plan, a->repliers[i]);
	}
}

enum refusal event_plan(
	const struct push *p, struct directory *d, const char *release_check_accounts, struct event_plan *out)
{
	memset(out, 0, sizeof(*out));
	if (p->platform_event) {
		out->topic = TOPIC_PLATFORM_EVENTS;
		return ACCEPTED;
	}
	directory_find(d, p->route.component_appid, p->appid, &out->account);
	out->unverified_account = !out->account.user_name[0];
	if (!out->unverified_account && strcmp(out->account.user_name, p->message.to_user_name) != 0)
		return REFUSE_ACCOUNT;
	out->may_send_customer_service = out->account.may_send_customer_service;
	if (listed(release_check_accounts, p->appid)) {
		out->topic = TOPIC_MESSAGES;
		add_replier(out, RELEASE_CHECK_GROUP);
		return ACCEPTED;
	}
	out->channel = out->account.channel;
	out->topic = out->channel == CHANNEL_TEST ? TOPIC_MESSAGES_TEST : TOPIC_MESSAGES;
	plan_repliers(out, p);
	return ACCEPTED;
}

static struct envelope envelope_of(
	const struct push *p, const struct event_plan *plan, int64_t received_ms, struct arena *arena)
{
	char type[MESSAGE_TYPE_MAX];
	struct envelope e = {
		.id = p->event_id,
		.component_appid = p->route.component_appid,
		.appid = p->appid,
		.content_type = p->platform_event ? "application/octet-stream" : "application/json",
		.traceparent = trace_current(),
		.time_ms = p->message.create_time_s > 0 ? p->message.create_time_s * 1000 : received_ms,
		.received_ms = received_ms,
		.unverified_account = plan->unverified_account,
		.n_repliers = plan->n_repliers,
	};

	message_type(&p->message, p->platform_event, type);
	e.type = arena_strdup(arena, type);
	if (!p->platform_event && p->message.from_user_name[0])
		e.subject = p->message.from_user_name;
	if (plan->n_repliers > 0)
		e.reply_deadline_ms = received_ms + REPLY_DEADLINE_MS;
	memcpy(e.repliers, plan->repliers, sizeof(e.repliers));
	return e;
}

/* appid/openid keeps one fan's events in order; a platform's events are in order for each authorizer. */
static const char *key_of(const struct push *p, struct arena *arena)
{
	if (p->platform_event)
		return arena_printf(arena, "%s/%s", p->route.component_appid, p->appid);
	return arena_printf(arena, "%s/%s", p->appid, p->message.from_user_name);
}

int event_record(const struct push *p, const struct event_plan *plan, const char *topic_name,
	const uint8_t event_key[32], int64_t received_ms, struct arena *arena, struct kafka_record *out,
	struct err *err)
{
	struct kafka_header *headers = arena_alloc(arena, ENVELOPE_HEADERS_MAX * sizeof(*headers));
	struct envelope e = envelope_of(p, plan, received_ms, arena);
	struct buf json = BUF_INIT(4 * MESSAGE_MAX_BYTES);
	struct buf sealed = BUF_INIT(4 * MESSAGE_MAX_BYTES + CRYPTO_BOX_OVERHEAD);
	const struct buf *value = &json;
	int rc = 0;

	json_write(p->message.fields, &json);
	if (p->platform_event) {
		value = &sealed;
		rc = crypto_box_seal(
			event_key, p->event_id, strlen(p->event_id), json.data, json.len, &sealed, err);
	}
	if (rc == 0 && (json.overflow || sealed.overflow))
		rc = err_set(err, ERR_REJECT, 0, "the event is too large");
	if (rc == 0) {
		const char *key = key_of(p, arena);

		*out = (struct kafka_record){
			.topic = topic_name,
			.partition = -1,
			.timestamp_ms = received_ms,
			.key = key,
			.key_len = strlen(key),
			.value = memcpy(arena_alloc(arena, value->len + 1), value->data, value->len),
			.value_len = value->len,
			.headers = headers,
			.n_headers = envelope_encode(&e, arena, headers),
		};
	}
	buf_wipe_release(&json);
	buf_release(&sealed);
	return rc;
}

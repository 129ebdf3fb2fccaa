#ifndef SERVICES_INGRESS_HANDLER_H
#define SERVICES_INGRESS_HANDLER_H

#include "common/httpd/httpd.h"
#include "common/kafka/producer.h"
#include "proto/topics.h"
#include "services/ingress/desk.h"
#include "services/ingress/directory.h"
#include "services/ingress/platform_set.h"

#include <stdbool.h>
#include <stdint.h>

/* What a request needs; filled by ingress.c, borrowed, unchanged while the server runs. */
struct handler {
	struct platform_set *platforms;
	struct directory *directory;
	struct desk *desk;
	struct producer *producer;
	bool (*ready)(void *arg); /* directory and replies read, topics warm */
	void *ready_arg;
	const char *release_check_accounts;
	int64_t push_window_s;
	uint8_t event_key[32];
	char topics[N_TOPICS][TOPIC_NAME_MAX + 1];
};

/* From now on durable or 503; from now on answered whatever is missing. Milliseconds after the request's
 * header came. Weixin gives up after 5 s. */
#define PUBLISH_LIMIT_MS 3500
#define ANSWER_LIMIT_MS  4300

/* An httpd_handler: `arg` is a struct handler. */
void handler_serve(struct httpd_request *req, void *arg);

#endif

#include "services/token-service/v1/v1_answer.h"

#include "common/base/log.h"
#include "services/token-service/metrics.h"

#include <stdio.h>

#include "common/base/banned.h"

#define ANSWER_MAX (1024 * 1024) /* a page of a list */

void v1_reply_text(struct httpd_request *req, int status, const struct buf *body)
{
	char label[8];

	httpd_reply(req, status, "application/json", body->data, body->len, NULL, 0);
	(void)snprintf(label, sizeof(label), "%d", status);
	metric_add(&token_service_metrics[M_REQUESTS], label, 1);
}

void v1_reply(struct httpd_request *req, int status, struct json **fields)
{
	struct buf body = BUF_INIT(ANSWER_MAX);

	json_write(*fields, &body);
	json_free(fields);
	v1_reply_text(req, status, &body);
	buf_wipe_release(&body);
}

void v1_refuse(struct httpd_request *req, int status, const char *word, const char *detail)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "error", word);
	json_set_str(fields, "detail", detail);
	v1_reply(req, status, &fields);
}

void v1_refuse_for_now(struct httpd_request *req, const char *subject, const struct err *err)
{
	log_warn(subject, "%s %s: %s", httpd_method(req), httpd_path(req), err->text);
	v1_refuse(req, 503, "unavailable", err->text);
}

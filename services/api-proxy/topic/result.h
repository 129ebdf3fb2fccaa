#ifndef API_PROXY_TOPIC_RESULT_H
#define API_PROXY_TOPIC_RESULT_H

#include "common/base/buf.h"
#include "services/api-proxy/calls/answer.h"

/* What is published for a request of the topic. Each appends one encoded api_result. */

#define RESULT_BODY_MAX                                                                                      \
	(512 * 1024) /* Weixin's answer; a longer one is left out and the result marked truncated */
#define RESULT_MAX_BYTES (RESULT_BODY_MAX + 64 * 1024)

void result_of_answer(const char *request_id, const struct answer *a, struct buf *out);
void result_of_refusal(const char *request_id, enum refusal refusal, struct buf *out);

#endif

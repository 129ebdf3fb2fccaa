#ifndef SERVICES_TOKEN_SERVICE_V1_V1_ANSWER_H
#define SERVICES_TOKEN_SERVICE_V1_V1_ANSWER_H

#include "common/httpd/httpd.h"
#include "common/json/json.h"

/* How /v1 answers; each is counted by its status. */

/* Takes the fields over. */
void v1_reply(struct httpd_request *req, int status, struct json **fields);
/* JSON that is written already. */
void v1_reply_text(struct httpd_request *req, int status, const struct buf *body);

/* {"error":"<word>","detail":"<a line>"} */
void v1_refuse(struct httpd_request *req, int status, const char *word, const char *detail);
/* What the caller can do: try again later, in every case that is not a named outcome. `subject`: whom the log
 * line is about. */
void v1_refuse_for_now(struct httpd_request *req, const char *subject, const struct err *err);

#endif

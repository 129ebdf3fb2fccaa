#ifndef PROTO_KEY_REPORT_H
#define PROTO_KEY_REPORT_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a service that keeps sealed values tells of its keys, and how it is asked to seal them anew; both are
 * requests of its /v1, scope admin.
 *
 * POST /v1/keys/list {} → 200
 *     {"keys":[{"kind":"master|event|ref","id","held":bool,"current":bool,"rows":12,"used_at":"..."|null,
 *               "needed_until":"..."|null},...]}
 * POST /v1/keys/reseal {"to":"<key id>","place":"...","limit":100} → 200
 *     {"place":"..."|null,"resealed":12,"unopened":0}
 *     One batch after `place` ("": at the beginning); null: that was the last one. 409: this process does not
 *     seal with `to`. Both are harmless to repeat. */
enum key_kind { KEY_MASTER, KEY_EVENT, KEY_REF, N_KEY_KINDS };

#define KEY_ID_MAX 64

struct key_row {
	enum key_kind kind;
	/* A master key's own; the first 8 bytes of an event key's SHA-256, in hex; the name of an internal
	 * key of scope `ref` */
	char id[KEY_ID_MAX + 1];
	bool held;       /* the process that answers has it */
	bool current;    /* it seals what is sealed from now on */
	int64_t rows;    /* of the database that open with nothing else */
	int64_t used_ms; /* when something was last sealed with it, about; 0: not known */
	/* Until then something outside the database may need it: what browsers and callers bring back, the
	 * records of a topic, the links that a business signed and somebody has opened. 0: nothing */
	int64_t needed_until_ms;
};

struct key_report {
	struct key_row *list;
	size_t n;
};

/* The row of this key, made if it is not there; good until the next call. */
struct key_row *key_report_row(struct key_report *r, enum key_kind kind, const char *id);
void key_report_release(struct key_report *r);

void key_report_encode(const struct key_report *r, struct buf *out);
int key_report_parse(const void *json, size_t len, struct key_report *out, struct err *err);

/* Nothing needs the key any more: it may be taken out of every file. Never known of a `ref` key: links that
 * nobody has opened yet are known to the business alone that signed them. */
bool key_row_removable(const struct key_row *row, int64_t now_ms);

const char *key_kind_name(enum key_kind kind);

#define RESEAL_LIMIT_MAX 1000
#define RESEAL_PLACE_MAX 300

struct reseal_request {
	char to[KEY_ID_MAX + 1];
	char place[RESEAL_PLACE_MAX + 1];
	int64_t limit;
};
struct reseal_answer {
	bool end;
	char place[RESEAL_PLACE_MAX + 1]; /* "" at the end */
	int64_t resealed;
	int64_t unopened; /* rows that do not open: copied from elsewhere, changed, or their key is gone */
};

struct json;
struct json *reseal_request_json(const struct reseal_request *r);
int reseal_request_read(const struct json *j, struct reseal_request *out, struct err *err);
struct json *reseal_answer_json(const struct reseal_answer *a);
int reseal_answer_read(const struct json *j, struct reseal_answer *out, struct err *err);

#endif

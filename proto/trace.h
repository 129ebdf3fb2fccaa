#ifndef PROTO_TRACE_H
#define PROTO_TRACE_H

#include "common/kafka/record.h"

#include <stdbool.h>
#include <stddef.h>

/* W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/): `traceparent` over HTTP,
 * ce_traceparent on topics. A thread says on whose behalf it works; from then on its log lines carry the
 * trace, and what it writes or asks for can be given trace_current(). Under the trace's id each process works
 * under an id of its own, so that a record's traceparent names the lines of the process that wrote it. No
 * spans are exported, and `tracestate` goes no further than here: it is of use only to those who export some.
 */

#define TRACE_HEADER     "traceparent" /* over HTTP; more than one of them: none */
#define TRACE_PARENT_LEN 55            /* "00-" trace id "-" span id "-" flags */
#define TRACE_ID_LEN     32
#define TRACE_SPAN_LEN   16

struct trace {
	char id[TRACE_ID_LEN + 1];     /* lower-case hex */
	char span[TRACE_SPAN_LEN + 1]; /* the sender's */
	bool sampled;
};

/* False: malformed, which means the same as absent: ids in capitals or of zeros only, version ff, anything
 * behind the flags in version 00. Of later versions what this one knows is read. */
bool trace_parse(const char *text, size_t len, struct trace *out);

/* The calling thread works for whoever sent `traceparent`; NULL or malformed: a new trace begins here. Until
 * it calls this again or trace_leave(). */
void trace_enter(const char *traceparent);
void trace_enter_record(const struct kafka_record *r); /* for whoever wrote it: ce_traceparent */
void trace_leave(void);

/* What the calling thread hands on; NULL: it works for nobody. Good until its next trace_enter() or
 * trace_leave(). */
const char *trace_current(void);

#endif

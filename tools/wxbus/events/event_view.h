#ifndef TOOLS_WXBUS_EVENTS_EVENT_VIEW_H
#define TOOLS_WXBUS_EVENTS_EVENT_VIEW_H

#include "common/base/buf.h"
#include "common/kafka/record.h"
#include "proto/envelope.h"

#include <stdbool.h>
#include <stdio.h>

/* One event as an operator sees it, in one line. */
struct event_view {
	bool json;
	bool reveal;       /* personal fields too */
	bool headers_only; /* the value is sealed, or none of an operator's business */
};

void event_view_title(const struct event_view *v, FILE *out);
/* `out` without the line's end. */
void event_view_line(const struct event_view *v, const char *topic, const struct kafka_record *r,
	const struct envelope *e, struct buf *out);

#define EVENT_LINE_MAX ((size_t)2 * 1024 * 1024)

#endif

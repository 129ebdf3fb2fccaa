#ifndef TOOLS_WXBUS_REPLAY_REPLAY_SHOW_H
#define TOOLS_WXBUS_REPLAY_REPLAY_SHOW_H

#include "tools/wxbus/replay/replay_feed.h"

#include <stdio.h>

/* How replays look to an operator. */

/* A bar on a terminal, one JSON line a second otherwise, on standard error. Zeroed but for the id and the
 * time at which it began. */
struct replay_bar {
	const char *id;
	int64_t began_ms; /* monotonic */
	int64_t told_ms, first_records;
	bool begun;
};
void replay_bar_show(struct replay_bar *bar, const struct feed_progress *p);

/* As one JSON line. `ahead`: what lies on its topic and waits for the group; below 0: not asked. */
void replay_print_json(const struct replay *r, int64_t ahead);
void replay_print_title(void);
void replay_print_row(const struct replay *r);
void replay_print_whole(const struct replay *r, int64_t ahead);

#endif

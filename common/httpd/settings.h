#ifndef COMMON_HTTPD_SETTINGS_H
#define COMMON_HTTPD_SETTINGS_H

#include "common/httpd/httpd.h"

/* What the options say, in CivetWeb's words. For this folder, and for the bare server that tools/bench
 * compares with: it runs on the same. */
struct httpd_settings {
	char listen[300], threads[16], request_ms[24], keep_alive_ms[24], header_max[24], queue[16];
	const char *list[32]; /* name, value, ..., NULL; borrowed from this struct */
};

/* ERR_FATAL: no address to listen on. */
int httpd_settings_fill(struct httpd_settings *s, const struct httpd_options *o, struct err *err);

long httpd_request_timeout_ms(const struct httpd_options *o);
long httpd_keep_alive_timeout_ms(const struct httpd_options *o);

#endif

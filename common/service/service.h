#ifndef COMMON_SERVICE_SERVICE_H
#define COMMON_SERVICE_SERVICE_H

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The shell of every process: settings, log, signals, health and metrics over HTTP, run, drain, stop.
 *
 *     rc = service_start(&svc, &ingress_service, argc, argv, &conf, &err);
 *     if (rc == 0) rc = ingress_init(&in, &svc, &conf, &err);
 *     if (rc == 0) rc = service_run(svc, &err);
 *     ingress_release(&in);
 *     return service_stop(&svc, rc, &err);
 *
 * All of it on the main thread. */
struct service;

struct service_def {
	const char *name;              /* folder = binary less "wxbus-" = log svc = Kafka client id */
	const char *summary;           /* one sentence for --help */
	const struct conf_item *items; /* the service's own rows; those of service_conf come by themselves */
	size_t n_items;
	size_t conf_size;
	const char *admin_listen; /* preset of WXBUS_ADMIN_LISTEN, "0.0.0.0:9080" */
	/* What one row cannot say (files that must parse, settings that must agree); may be NULL. */
	int (*check)(const void *conf, struct err *err);
	void (*print)(FILE *out); /* settings that are no rows, for --check; may be NULL */
};

/* Positive result of service_start(): --help, --version or --check has done its work; exit with success. */
#define SERVICE_DONE 1

/* Parses --help, --version, --check; loads WXBUS_LOG_*, WXBUS_ADMIN_LISTEN and the service's rows into `conf`
 * (conf_size bytes, zeroed here; released by service_stop()), then runs `check`; starts the log and the admin
 * port, on which /healthz answers 200, /readyz 503 until service_run(). A bad setting: -1, ERR_REJECT, one
 * line. Blocks SIGTERM, SIGINT, SIGHUP for all threads started later; ignores SIGPIPE. */
int service_start(struct service **out, const struct service_def *def, int argc, char **argv, void *conf,
	struct err *err);

/* A part of readiness. `check` runs on the admin port's threads and on the main thread, must not block, and
 * writes a few words into detail ("reading accounts, 1,200 left"). With `required` false it is only a detail.
 */
typedef bool (*service_check)(void *arg, char *detail, size_t size);
void service_add_check(struct service *s, const char *name, bool required, service_check check, void *arg);

/* Called on the main thread: on SIGHUP; about ten times a second; and once when SIGTERM or SIGINT came,
 * before the resources go, to refuse new work and finish the old within deadline_mono_ms. Any may stay unset.
 */
void service_on_reload(struct service *s, void (*reload)(void *arg), void *arg);
void service_on_tick(struct service *s, void (*tick)(void *arg), void *arg);
void service_on_drain(struct service *s, void (*drain)(void *arg, int64_t deadline_mono_ms), void *arg);

/* How long a drain may take: under the 30 s that Kubernetes waits before it kills. */
#define SERVICE_DRAIN_MS 20000

/* Returns 0 after a signal and the drain; -1 after service_fail(). */
int service_run(struct service *s, struct err *err);

bool service_stopping(const struct service *s); /* any thread */
/* Any thread: this process cannot go on; service_run() returns -1 with this error. */
void service_fail(struct service *s, const struct err *why);

/* Logs the failure (or prints it, before the log exists), frees `conf` and everything; the exit status. */
int service_stop(struct service **s, int rc, const struct err *err);

#endif

#include "common/service/service.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/httpd/httpd.h"
#include "common/service/metrics.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define TICK_MS    100
#define CHECKS_MAX 16

/* What every process has. */
struct shell_conf {
	char *log_format;
	char *log_level;
	char *admin_listen;
};

#define CONF_STRUCT struct shell_conf
static const struct conf_item shell_items[] = {
	CONF_ENUM("WXBUS_LOG_FORMAT", log_format, "text", "text|json",
		"form of the log lines on standard error"),
	CONF_ENUM("WXBUS_LOG_LEVEL", log_level, "info", "debug|info|warn|error",
		"the least level that is logged"),
	CONF_LISTEN("WXBUS_ADMIN_LISTEN", admin_listen, NULL, "/healthz, /readyz and /metrics"),
};
#define N_SHELL_ITEMS (sizeof(shell_items) / sizeof(shell_items[0]))

struct check {
	const char *name;
	bool required;
	service_check fn;
	void *arg;
};

struct hook {
	void (*fn)(void *arg);
	void *arg;
};

struct service {
	const struct service_def *def;
	void *conf;
	struct shell_conf shell;
	struct conf_item items[N_SHELL_ITEMS]; /* with the service's own admin port as preset */
	struct httpd *admin;
	pthread_mutex_t lock; /* checks, failed, failure */
	struct check checks[CHECKS_MAX];
	size_t n_checks;
	bool failed;
	struct err failure;
	atomic_bool running;
	atomic_bool stopping;
	struct hook reload, tick;
	void (*drain)(void *arg, int64_t deadline_mono_ms);
	void *drain_arg;
	int64_t started_wall_ms;
};

static void print_help(const struct service *s)
{
	struct conf_item *items;
	size_t n;

	printf("Usage: wxbus-%s [--check | --help | --version]\n\n%s\n\n"
	       "  --check    validate the settings, print them without secrets, and exit\n"
	       "  --help     this text\n"
	       "  --version  the version\n\n"
	       "SIGTERM and SIGINT end it after what is under way; SIGHUP rereads its files.\n"
	       "Settings come from the environment; for any NAME, NAME_FILE may name a file that holds the "
	       "value.\n\n",
		s->def->name, s->def->summary);
	n = s->def->n_items;
	items = xcalloc(n + N_SHELL_ITEMS, sizeof(*items));
	if (n > 0)
		memcpy(items, s->def->items, n * sizeof(*items));
	memcpy(items + n, s->items, sizeof(s->items));
	conf_help(items, n + N_SHELL_ITEMS, stdout);
	free(items);
}

enum mode { MODE_RUN, MODE_CHECK, MODE_DONE };

static int parse_arguments(
	const struct service *s, int argc, char **argv, enum mode *mode_out, struct err *err)
{
	static const struct option options[] = {{"check", no_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
	int c;

	*mode_out = MODE_RUN;
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			*mode_out = MODE_CHECK;
			break;
		case 'h':
			print_help(s);
			*mode_out = MODE_DONE;
			return 0;
		case 'v':
			printf("wxbus-%s %s\n", s->def->name, WXBUS_VERSION);
			*mode_out = MODE_DONE;
			return 0;
		default:
			return err_set(
				err, ERR_REJECT, EINVAL, "unknown option %s; see --help", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return err_set(err, ERR_REJECT, EINVAL, "unexpected argument %s; see --help", argv[optind]);
	return 0;
}

static int load_settings(struct service *s, struct err *err)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_TEXT;
	int rc;

	if ((rc = conf_load(s->items, N_SHELL_ITEMS, &s->shell, err)) < 0)
		return rc;
	log_level_parse(s->shell.log_level, &level);
	log_format_parse(s->shell.log_format, &format);
	log_init(s->def->name, format, level);
	if ((rc = conf_load(s->def->items, s->def->n_items, s->conf, err)) < 0)
		return rc;
	return s->def->check ? s->def->check(s->conf, err) : 0;
}

static void print_settings(const struct service *s)
{
	conf_print(s->def->items, s->def->n_items, s->conf, stdout);
	conf_print(s->items, N_SHELL_ITEMS, &s->shell, stdout);
	if (s->def->print)
		s->def->print(stdout);
}

/* A check's words go into JSON: what would break out of the string is replaced. */
static void add_words(struct buf *out, const char *words)
{
	for (; *words; words++)
		buf_add_char(
			out, *words == '"' || *words == '\\' || (unsigned char)*words < ' ' ? ' ' : *words);
}

/* {"ready":false,"checks":{"accounts":{"ok":false,"detail":"..."}}} */
static bool write_checks(struct service *s, struct buf *out)
{
	struct check checks[CHECKS_MAX];
	struct buf list = BUF_INIT(8192);
	bool running = atomic_load(&s->running);
	bool ready = running && !atomic_load(&s->stopping);
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = running ? s->n_checks : 0; /* what they ask may still be half-built */
	memcpy(checks, s->checks, n * sizeof(checks[0]));
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n; i++) {
		char detail[200] = "";
		bool ok = checks[i].fn(checks[i].arg, detail, sizeof(detail));

		ready = ready && (ok || !checks[i].required);
		buf_addf(&list, "%s\"%s\":{\"ok\":%s,\"required\":%s,\"detail\":\"", i ? "," : "",
			checks[i].name, ok ? "true" : "false", checks[i].required ? "true" : "false");
		add_words(&list, detail);
		buf_add_str(&list, "\"}");
	}
	buf_addf(out,
		"{\"service\":\"%s\",\"version\":\"%s\",\"ready\":%s,\"stopping\":%s,\"checks\":{%s}}\n",
		s->def->name, WXBUS_VERSION, ready ? "true" : "false",
		atomic_load(&s->stopping) ? "true" : "false", buf_cstr(&list));
	buf_release(&list);
	return ready;
}

static long resident_bytes(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void write_process_metrics(const struct service *s, struct buf *out)
{
	buf_addf(out,
		"# HELP wxbus_build_info The version that runs.\n# TYPE wxbus_build_info gauge\n"
		"wxbus_build_info{service=\"%s\",version=\"%s\"} 1\n"
		"# HELP process_start_time_seconds When the process started.\n# TYPE "
		"process_start_time_seconds gauge\n"
		"process_start_time_seconds %.3f\n"
		"# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes "
		"gauge\n"
		"process_resident_memory_bytes %ld\n",
		s->def->name, WXBUS_VERSION, (double)s->started_wall_ms / 1000.0, resident_bytes());
}

static void handle_admin(struct httpd_request *req, void *arg)
{
	struct service *s = arg;
	const char *path = httpd_path(req);
	struct buf out = BUF_INIT((size_t)4 << 20);
	const char *type = "application/json";
	int status = 200;

	if (strcmp(httpd_method(req), "GET") != 0) {
		httpd_refuse(req, 405);
		return;
	}
	if (strcmp(path, "/healthz") == 0) {
		write_checks(s, &out);
	} else if (strcmp(path, "/readyz") == 0) {
		status = write_checks(s, &out) ? 200 : 503;
	} else if (strcmp(path, "/metrics") == 0) {
		type = "text/plain; version=0.0.4";
		write_process_metrics(s, &out);
		metrics_write(&out);
	} else {
		httpd_refuse(req, 404);
		return;
	}
	httpd_reply(req, status, type, buf_cstr(&out), out.len, NULL, 0);
	buf_release(&out);
}

static int start_admin(struct service *s, struct err *err)
{
	const struct httpd_options options = {.listen = s->shell.admin_listen, .threads = 4};

	if (httpd_new(&s->admin, &options, handle_admin, s, err) < 0)
		return err_prefix(err, "WXBUS_ADMIN_LISTEN");
	return 0;
}

static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int service_start(struct service **out, const struct service_def *def, int argc, char **argv, void *conf,
	struct err *err)
{
	struct service *s = xcalloc(1, sizeof(*s));
	enum mode mode;
	int rc;

	*out = s;
	s->def = def;
	s->conf = conf;
	s->started_wall_ms = clock_wall_ms();
	pthread_mutex_init(&s->lock, NULL);
	memset(conf, 0, def->conf_size);
	memcpy(s->items, shell_items, sizeof(shell_items));
	s->items[N_SHELL_ITEMS - 1].preset = def->admin_listen;
	log_init(def->name, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);

	if ((rc = parse_arguments(s, argc, argv, &mode, err)) < 0)
		return rc;
	if (mode == MODE_DONE)
		return SERVICE_DONE;
	if ((rc = load_settings(s, err)) < 0)
		return rc;
	if (mode == MODE_CHECK) {
		print_settings(s);
		return SERVICE_DONE;
	}
	hold_signals();
	return start_admin(s, err);
}

void service_add_check(struct service *s, const char *name, bool required, service_check check, void *arg)
{
	pthread_mutex_lock(&s->lock);
	if (s->n_checks < CHECKS_MAX)
		s->checks[s->n_checks++] = (struct check){name, required, check, arg};
	pthread_mutex_unlock(&s->lock);
}

void service_on_reload(struct service *s, void (*reload)(void *arg), void *arg)
{
	s->reload = (struct hook){reload, arg};
}

void service_on_tick(struct service *s, void (*tick)(void *arg), void *arg)
{
	s->tick = (struct hook){tick, arg};
}

void service_on_drain(struct service *s, void (*drain)(void *arg, int64_t deadline_mono_ms), void *arg)
{
	s->drain = drain;
	s->drain_arg = arg;
}

bool service_stopping(const struct service *s)
{
	return atomic_load(&s->stopping);
}

void service_fail(struct service *s, const struct err *why)
{
	pthread_mutex_lock(&s->lock);
	if (!s->failed) {
		s->failed = true;
		s->failure = *why;
	}
	pthread_mutex_unlock(&s->lock);
}

static bool has_failed(struct service *s, struct err *err)
{
	bool failed;

	pthread_mutex_lock(&s->lock);
	failed = s->failed;
	if (failed && err)
		*err = s->failure;
	pthread_mutex_unlock(&s->lock);
	return failed;
}

/* Waits at most a tick for a signal. True: it is time to stop. */
static bool stop_asked(struct service *s)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sig = sigtimedwait(&set, NULL, &tick);
	if (sig == SIGHUP && s->reload.fn)
		s->reload.fn(s->reload.arg);
	return sig == SIGTERM || sig == SIGINT;
}

static int run(struct service *s, struct err *err)
{
	log_info(NULL, "started, version %s, admin port %d", WXBUS_VERSION, httpd_port(s->admin));
	atomic_store(&s->running, true);
	while (!stop_asked(s)) {
		if (has_failed(s, err))
			return -1;
		if (s->tick.fn)
			s->tick.fn(s->tick.arg);
	}
	log_info(NULL, "stopping: finishing what is under way");
	atomic_store(&s->stopping, true);
	if (s->drain)
		s->drain(s->drain_arg, clock_mono_ms() + SERVICE_DRAIN_MS);
	return has_failed(s, err) ? -1 : 0;
}

int service_run(struct service *s, struct err *err)
{
	int rc = run(s, err);

	httpd_free(&s->admin); /* its checks ask what the caller releases next */
	return rc;
}

int service_stop(struct service **sp, int rc, const struct err *err)
{
	struct service *s = *sp;

	*sp = NULL;
	if (rc < 0)
		log_error(NULL, "%s", err->text);
	else if (rc == 0)
		log_info(NULL, "stopped");
	if (s) {
		httpd_free(&s->admin);
		conf_release(s->def->items, s->def->n_items, s->conf);
		conf_release(s->items, N_SHELL_ITEMS, &s->shell);
		metrics_release();
		pthread_mutex_destroy(&s->lock);
		free(s);
	}
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

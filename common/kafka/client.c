#include "common/kafka/client.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* For every client. Times are chosen for "works again within 2 s of the broker's return": the library's own
 * presets wait up to 10 s between two attempts to connect and 30 s for one attempt. */
static const struct kafka_property presets[] = {
	{"reconnect.backoff.ms", "50"},
	{"reconnect.backoff.max.ms", "500"},
	{"socket.connection.setup.timeout.ms", "3000"},
	{"api.version.request.timeout.ms", "3000"},
	{"socket.nagle.disable", "true"},
	{"socket.keepalive.enable", "true"},
	{"allow.auto.create.topics", "false"},
	/* A missing topic is reported after a second instead of thirty; whoever waits for it asks again. */
	{"topic.metadata.propagation.max.ms", "1000"},
	{"topic.metadata.refresh.fast.interval.ms", "100"},
	{"log.connection.close", "false"},
	{"statistics.interval.ms", "0"},
};

int kafka_err_set(struct err *err, enum err_kind kind, rd_kafka_resp_err_t code, const char *what)
{
	return err_set(err, kind, code, "%s: %s", what, rd_kafka_err2str(code));
}

/* ---- the library's log ---- */

#define LOG_WINDOW_MS  10000
#define LOG_PER_WINDOW 3
#define LOG_CLASSES    16

struct log_class {
	char name[32];
	int64_t window_ms; /* monotonic start */
	unsigned allowed;
	unsigned suppressed;
};

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_class log_classes[LOG_CLASSES];

/* Names beyond the table share its last row. */
static struct log_class *find_class(const char *name)
{
	size_t i;

	for (i = 0; i < LOG_CLASSES - 1; i++) {
		if (log_classes[i].name[0] == '\0')
			snprintf(log_classes[i].name, sizeof(log_classes[i].name), "%s", name);
		if (strncmp(log_classes[i].name, name, sizeof(log_classes[i].name) - 1) == 0)
			break;
	}
	return &log_classes[i];
}

bool kafka_log_allowed(const char *class_name, unsigned *suppressed_out)
{
	int64_t now = clock_mono_ms();
	struct log_class *class;
	bool allowed;

	pthread_mutex_lock(&log_lock);
	class = find_class(class_name);
	if (class->allowed == 0 || now - class->window_ms >= LOG_WINDOW_MS) {
		class->window_ms = now;
		class->allowed = 0;
	}
	allowed = class->allowed < LOG_PER_WINDOW;
	if (allowed) {
		class->allowed++;
		*suppressed_out = class->suppressed;
		class->suppressed = 0;
	} else {
		class->suppressed++;
	}
	pthread_mutex_unlock(&log_lock);
	return allowed;
}

/* CONFWARN tells that a property is for another kind of client, which is so by design; AUTOCREATE that the
 * broker is too old to be told not to create topics, which among those in use is true of the embedded one
 * only. */
static bool is_chatter(int level, const char *facility)
{
	return level > 4 || strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "AUTOCREATE") == 0;
}

/* Warnings and errors of the library (syslog levels up to 4) are warnings of ours: whether it is an error is
 * for the service to say. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	unsigned more = 0;

	if (is_chatter(level, facility)) {
		log_debug("kafka", "%s: %s: %s", rk ? rd_kafka_name(rk) : "", facility, text);
		return;
	}
	if (!kafka_log_allowed(facility, &more))
		return;
	if (more)
		log_warn("kafka", "%s: %s (%u more %s lines before this one)", rk ? rd_kafka_name(rk) : "",
			text, more, facility);
	else
		log_warn("kafka", "%s: %s", rk ? rd_kafka_name(rk) : "", text);
}

/* ---- configuration and life ---- */

static int set_all(rd_kafka_conf_t *rk_conf, const struct kafka_property *p, size_t n, struct err *err)
{
	char text[160] = "";
	size_t i;

	for (i = 0; i < n; i++)
		if (rd_kafka_conf_set(rk_conf, p[i].name, p[i].value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
			return err_set(err, ERR_FATAL, 0, "%s", text);
	return 0;
}

rd_kafka_conf_t *kafka_client_conf(const struct kafka_conf *conf, const char *client_id,
	const struct kafka_property *own, size_t n, struct err *err)
{
	const struct kafka_property names[] = {
		{"client.id", client_id ? client_id : "wxbus"},
		{"bootstrap.servers", conf->bootstrap_servers},
	};
	rd_kafka_conf_t *rk_conf = rd_kafka_conf_new();

	rd_kafka_conf_set_log_cb(rk_conf, on_log);
	if (set_all(rk_conf, names, ARRAY_LEN(names), err) < 0 ||
		set_all(rk_conf, presets, ARRAY_LEN(presets), err) < 0 || set_all(rk_conf, own, n, err) < 0 ||
		kafka_conf_apply(rk_conf, err) < 0) {
		rd_kafka_conf_destroy(rk_conf);
		return NULL;
	}
	return rk_conf;
}

int kafka_client_new(rd_kafka_t **out, rd_kafka_type_t type, rd_kafka_conf_t *rk_conf, struct err *err)
{
	char text[160] = "";
	rd_kafka_t *rk = rd_kafka_new(type, rk_conf, text, sizeof(text));

	if (!rk) {
		rd_kafka_conf_destroy(rk_conf); /* taken only on success */
		return err_set(err, ERR_FATAL, 0, "Kafka client: %s", text);
	}
	*out = rk;
	return 0;
}

int kafka_thread_start(pthread_t *out, void *(*fn)(void *), void *arg, struct err *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(out, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : err_set(err, ERR_FATAL, rc, "cannot start a thread: %s", strerror(rc));
}

/* Shared by the one who waits and the thread that destroys; the last of them frees it. */
struct ending {
	rd_kafka_t *rk;
	int flags;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool ended;
	int refs;
};

static void ending_unref(struct ending *e)
{
	bool last;

	pthread_mutex_lock(&e->lock);
	last = --e->refs == 0;
	pthread_mutex_unlock(&e->lock);
	if (!last)
		return;
	pthread_cond_destroy(&e->over);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

static void *end_client(void *arg)
{
	struct ending *e = arg;

	rd_kafka_destroy_flags(e->rk, e->flags);
	pthread_mutex_lock(&e->lock);
	e->ended = true;
	pthread_cond_signal(&e->over);
	pthread_mutex_unlock(&e->lock);
	ending_unref(e);
	return NULL;
}

void kafka_client_destroy(rd_kafka_t **rk, int flags, int64_t within_ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + within_ms);
	struct ending *e;
	pthread_t thread;

	if (!*rk)
		return;
	e = xcalloc(1, sizeof(*e));
	*e = (struct ending){.rk = *rk, .flags = flags, .refs = 2};
	*rk = NULL;
	/* Its threads may notice the end up to a second later; what breaks until then concerns nobody. */
	rd_kafka_set_log_level(e->rk, 0);
	pthread_mutex_init(&e->lock, NULL);
	clock_cond_init(&e->over);
	if (kafka_thread_start(&thread, end_client, e, NULL) < 0) {
		end_client(e); /* no thread to be had: better late than never */
		ending_unref(e);
		return;
	}
	pthread_detach(thread);
	pthread_mutex_lock(&e->lock);
	while (!e->ended && pthread_cond_timedwait(&e->over, &e->lock, &until) == 0)
		;
	pthread_mutex_unlock(&e->lock);
	ending_unref(e);
}

int kafka_client_partitions(rd_kafka_t *rk, const char *topic, int ms, struct err *err)
{
	const struct rd_kafka_metadata *md = NULL;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	rd_kafka_resp_err_t code;
	int n;

	if (!rkt)
		return kafka_err_set(err, ERR_REJECT, rd_kafka_last_error(), topic);
	code = rd_kafka_metadata(rk, 0, rkt, &md, ms);
	rd_kafka_topic_destroy(rkt);
	if (code)
		return kafka_err_set(err, ERR_RETRY, code, "no metadata");
	n = md->topic_cnt == 1 && !md->topics[0].err ? md->topics[0].partition_cnt : 0;
	code = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	rd_kafka_metadata_destroy(md);
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return err_set(err, ERR_REJECT, code, "there is no topic %s", topic);
	return n > 0 ? n : kafka_err_set(err, ERR_RETRY, code, topic);
}

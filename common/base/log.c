#include "common/base/log.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define LOG_MESSAGE_BYTES 4096        /* what is longer is cut */
#define LOG_LINE_BYTES    (64 * 1024) /* a message and subject with every byte escaped twice fit */
#define LOG_SUBJECT_BYTES 512

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"text", "json"};

static const char *_Atomic log_svc = "wxbus";
static _Atomic enum log_format log_form = LOG_FORMAT_TEXT;
static _Atomic enum log_level log_least = LOG_LEVEL_INFO;

static _Thread_local char log_trace_id[LOG_TRACE_ID_LEN + 1], log_span_id[LOG_SPAN_ID_LEN + 1];

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink sink_fn;
static void *sink_arg;

void log_init(const char *svc, enum log_format format, enum log_level level)
{
	log_svc = svc;
	log_form = format;
	log_least = level;
}

void log_set_level(enum log_level level)
{
	log_least = level;
}

static int name_index(const char *const *names, int n, const char *name)
{
	int i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int log_level_parse(const char *name, enum log_level *level_out)
{
	int i = name_index(level_names, 4, name);

	if (i < 0)
		return -1;
	*level_out = (enum log_level)i;
	return 0;
}

int log_format_parse(const char *name, enum log_format *format_out)
{
	int i = name_index(format_names, 2, name);

	if (i < 0)
		return -1;
	*format_out = (enum log_format)i;
	return 0;
}

void log_set_trace(const char *trace_id, const char *span_id)
{
	(void)str_copy(log_trace_id, sizeof(log_trace_id), trace_id ? trace_id : "");
	(void)str_copy(log_span_id, sizeof(log_span_id), span_id ? span_id : "");
}

void log_set_sink(log_sink sink, void *arg)
{
	pthread_mutex_lock(&sink_lock);
	sink_fn = sink;
	sink_arg = arg;
	pthread_mutex_unlock(&sink_lock);
}

/* Control characters (also those of ISO 8859, which terminals obey), Unicode's own line ends and bytes that
 * are no UTF-8 become visible text. */
static void add_visible(struct buf *out, const char *s)
{
	size_t len = strlen(s), i, n;
	uint32_t cp = 0;

	for (i = 0; i < len; i += n) {
		n = str_utf8_char(s + i, len - i, &cp);
		if (n == 0) {
			buf_addf(out, "\\x%02x", (unsigned char)s[i]);
			n = 1;
		} else if (cp == '\n') {
			buf_add_str(out, "\\n");
		} else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029) {
			buf_addf(out, "\\u%04x", (unsigned)cp);
		} else {
			buf_add(out, s + i, n);
		}
	}
}

/* `s` is visible text already: only the two characters that JSON itself needs are left. */
static void add_json(struct buf *out, const char *key, const char *s)
{
	buf_addf(out, "%s\"%s\":\"", out->len > 1 ? "," : "", key);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *s);
	}
	buf_add_char(out, '"');
}

static void format_line(struct buf *out, enum log_level level, const char *subject, const char *message)
{
	char now[CLOCK_RFC3339_SIZE];

	clock_rfc3339(clock_wall_ms(), now);
	if (log_form == LOG_FORMAT_JSON) {
		buf_add_char(out, '{');
		add_json(out, "time", now);
		add_json(out, "level", level_names[level]);
		add_json(out, "svc", log_svc);
		if (log_trace_id[0]) {
			add_json(out, "trace_id", log_trace_id);
			add_json(out, "span_id", log_span_id);
		}
		if (subject)
			add_json(out, "subject", subject);
		add_json(out, "msg", message);
		buf_add_str(out, "}\n");
		return;
	}
	buf_addf(out, "%s %-5s %s ", now, level_names[level], log_svc);
	if (log_trace_id[0])
		buf_addf(out, "trace=%s/%s ", log_trace_id, log_span_id);
	if (subject)
		buf_addf(out, "[%s] ", subject);
	buf_add_str(out, message);
	buf_add_char(out, '\n');
}

/* One write a line: lines of several threads and processes do not mix. */
static void write_line(enum log_level level, const char *subject, const char *message)
{
	struct buf line = BUF_INIT(LOG_LINE_BYTES);
	ssize_t n;
	size_t done;

	format_line(&line, level, subject, message);
	for (done = 0; done < line.len; done += (size_t)n) {
		n = write(STDERR_FILENO, line.data + done, line.len - done);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			break;
	}
	buf_release(&line);
}

static int give_to_sink(enum log_level level, const char *subject, const char *message)
{
	int given;

	pthread_mutex_lock(&sink_lock);
	given = sink_fn != NULL;
	if (given)
		sink_fn(level, subject, message, sink_arg);
	pthread_mutex_unlock(&sink_lock);
	return given;
}

void log_write(enum log_level level, const char *subject, const char *fmt, ...)
{
	struct buf message = BUF_INIT(LOG_MESSAGE_BYTES * 6);
	struct buf who = BUF_INIT(LOG_SUBJECT_BYTES * 6);
	char raw[LOG_MESSAGE_BYTES], raw_subject[LOG_SUBJECT_BYTES];
	int saved_errno = errno;
	va_list ap;

	if (level < log_least)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	add_visible(&message, raw);
	snprintf(raw_subject, sizeof(raw_subject), "%s", subject ? subject : "");
	add_visible(&who, raw_subject);
	if (!give_to_sink(level, subject ? buf_cstr(&who) : NULL, buf_cstr(&message)))
		write_line(level, subject ? buf_cstr(&who) : NULL, buf_cstr(&message));
	buf_release(&message);
	buf_release(&who);
	errno = saved_errno;
}

#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include "common/base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* One line a call on standard error: time, svc, level, subject, message. Control bytes and invalid UTF-8 are
 * escaped, so that input cannot forge a line. Services log; libraries report. Any thread. `svc` is borrowed.
 */
void log_init(const char *svc, enum log_format format, enum log_level level);
void log_set_level(enum log_level level);
int log_level_parse(const char *name, enum log_level *level_out);    /* -1: no such name */
int log_format_parse(const char *name, enum log_format *format_out); /* -1: no such name */

/* `subject`: whom the line is about (an appid, an event id); NULL for the process itself. Never a secret. */
void log_write(enum log_level level, const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(subject, ...) log_write(LOG_LEVEL_DEBUG, subject, __VA_ARGS__)
#define log_info(subject, ...)  log_write(LOG_LEVEL_INFO, subject, __VA_ARGS__)
#define log_warn(subject, ...)  log_write(LOG_LEVEL_WARN, subject, __VA_ARGS__)
#define log_error(subject, ...) log_write(LOG_LEVEL_ERROR, subject, __VA_ARGS__)

/* The W3C trace (https://www.w3.org/TR/trace-context-1/) that the calling thread works for: its lines carry
 * both ids until its next call; a sink does not get them. NULL, NULL: none. Copied; at most LOG_TRACE_ID_LEN
 * and LOG_SPAN_ID_LEN hex digits count. */
#define LOG_TRACE_ID_LEN 32
#define LOG_SPAN_ID_LEN  16
void log_set_trace(const char *trace_id, const char *span_id);

/* Tests see what is logged. `sink` gets level, subject (or NULL) and the finished message; NULL restores
 * standard error. */
typedef void (*log_sink)(enum log_level level, const char *subject, const char *message, void *arg);
void log_set_sink(log_sink sink, void *arg);

#endif

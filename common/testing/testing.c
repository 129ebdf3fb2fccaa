#include "common/testing/testing.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define TESTING_EXPECTED_MAX 64
#define TESTING_FILE_BYTES   (16 * 1024 * 1024)
#define TESTING_TEMP_FDS     16

struct line {
	struct line *next;
	enum log_level level;
	char *text; /* "[subject] message" */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct line *logged; /* newest first */
static int unexpected;
static struct {
	enum log_level level;
	const char *part;
} expected[TESTING_EXPECTED_MAX];
static int n_expected;

/* What the test has below $TMPDIR. */
struct temp {
	struct temp *next;
	char *path;
};
static struct temp *temps;

/* The first declaration that this line fulfils is used up. */
static bool take_expected(enum log_level level, const char *text)
{
	int i;

	for (i = 0; i < n_expected; i++) {
		if (expected[i].level == level && strstr(text, expected[i].part)) {
			expected[i] = expected[--n_expected];
			return true;
		}
	}
	return false;
}

static void capture(enum log_level level, const char *subject, const char *message, void *arg)
{
	struct line *l = xmalloc(sizeof(*l));

	(void)arg;
	l->level = level;
	l->text = xasprintf("[%s] %s", subject ? subject : "", message);
	pthread_mutex_lock(&lock);
	l->next = logged;
	logged = l;
	if (!take_expected(level, l->text) && level >= LOG_LEVEL_WARN) {
		fprintf(stderr, "undeclared log line: %s\n", l->text);
		unexpected++;
	}
	pthread_mutex_unlock(&lock);
}

int testing_setup(void **state)
{
	(void)state;
	n_expected = 0;
	unexpected = 0;
	log_set_level(LOG_LEVEL_DEBUG);
	log_set_sink(capture, NULL);
	return 0;
}

static void forget_lines(void)
{
	struct line *l;

	while ((l = logged) != NULL) {
		logged = l->next;
		free(l->text);
		free(l);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void remove_temps(void)
{
	struct temp *t;

	while ((t = temps) != NULL) {
		temps = t->next;
		(void)nftw(t->path, remove_one, TESTING_TEMP_FDS, FTW_DEPTH | FTW_PHYS);
		free(t->path);
		free(t);
	}
}

int testing_teardown(void **state)
{
	int i, failed;

	(void)state;
	log_set_sink(NULL, NULL);
	log_set_level(LOG_LEVEL_INFO);
	clock_real();
	remove_temps();
	pthread_mutex_lock(&lock);
	for (i = 0; i < n_expected; i++)
		fprintf(stderr, "declared log line never came: %s\n", expected[i].part);
	failed = n_expected + unexpected;
	n_expected = 0;
	unexpected = 0;
	forget_lines();
	pthread_mutex_unlock(&lock);
	return failed ? -1 : 0;
}

void testing_expect_log(enum log_level level, const char *part)
{
	pthread_mutex_lock(&lock);
	assert_true(n_expected < TESTING_EXPECTED_MAX);
	expected[n_expected].level = level;
	expected[n_expected].part = part;
	n_expected++;
	pthread_mutex_unlock(&lock);
}

bool testing_logged(const char *part)
{
	const struct line *l;

	pthread_mutex_lock(&lock);
	for (l = logged; l; l = l->next)
		if (strstr(l->text, part))
			break;
	pthread_mutex_unlock(&lock);
	return l != NULL;
}

/* A path for mkstemp() or mkdtemp(). */
static char *new_temp(void)
{
	const char *root = getenv("TMPDIR");
	struct temp *t = xmalloc(sizeof(*t));

	t->path = xasprintf("%s/wxbus-test-XXXXXX", root && root[0] ? root : P_tmpdir);
	t->next = temps;
	temps = t;
	return t->path;
}

const char *testing_temp_file(const void *bytes, size_t len)
{
	char *path = new_temp();
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	return path;
}

const char *testing_temp_folder(void)
{
	char *path = new_temp();

	assert_non_null(mkdtemp(path));
	return path;
}

char *testing_read_file(const char *path, size_t *len_out)
{
	FILE *f = fopen(path, "rb");
	char *text;
	long size;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0 || size > TESTING_FILE_BYTES) {
		fail_msg("cannot read %s", path);
		return NULL;
	}
	rewind(f);
	text = xcalloc(1, (size_t)size + 1);
	assert_int_equal(fread(text, 1, (size_t)size, f), size);
	fclose(f);
	if (len_out)
		*len_out = (size_t)size;
	return text;
}

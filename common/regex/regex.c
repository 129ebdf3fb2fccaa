#include "common/regex/regex.h"

#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/base/banned.h"

/* PCRE2's own match limit counts anew from each place of the text at which a match could begin, so on a long
 * text it bounds nothing of use. Our steps are counted over the whole search, in a call-out before each item
 * of the expression (which is why it is not compiled to machine code: that costs memory for every rule, and
 * rules are short). */

#define COMPILED_MAX ((size_t)32 * 1024) /* "((a{100}){100}){100}" is short only to read */
#define NEST_MAX     50
#define DEPTH_MAX    5000
#define HEAP_MAX_KIB 4096

struct regex {
	pcre2_code *code;
};

static int too_large(struct err *err)
{
	return err_set(err, ERR_REJECT, 0, "the regular expression is too large");
}

static int bad_pattern(int code, PCRE2_SIZE offset, const char *pattern, struct err *err)
{
	unsigned char text[120];
	size_t chars = 0;

	for (PCRE2_SIZE i = 0; i < offset && pattern[i]; i++)
		chars += ((unsigned char)pattern[i] & 0xc0) != 0x80;
	if (code == PCRE2_ERROR_PATTERN_TOO_LARGE)
		return too_large(err);
	if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
		memcpy(text, "malformed", sizeof("malformed"));
	return err_set(err, ERR_REJECT, code, "not a regular expression: %s, at its character %zu",
		(const char *)text, chars + 1);
}

static int check_size(const pcre2_code *code, struct err *err)
{
	size_t size = 0;

	if (pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size) == 0 && size <= COMPILED_MAX)
		return 0;
	return too_large(err);
}

static int compile(pcre2_compile_context *limits, const char *pattern, bool ignore_case, pcre2_code **out,
	struct err *err)
{
	/* \C would leave a match in the middle of a character. */
	uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT |
			   (ignore_case ? PCRE2_CASELESS : 0);
	PCRE2_SIZE offset = 0;
	pcre2_code *code;
	int problem = 0;

	(void)pcre2_set_parens_nest_limit(limits, NEST_MAX);
	code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), options, &problem, &offset, limits);
	if (!code)
		return bad_pattern(problem, offset, pattern, err);
	if (check_size(code, err) < 0) {
		pcre2_code_free(code);
		return -1;
	}
	*out = code;
	return 0;
}

int regex_new(struct regex **out, const char *pattern, bool ignore_case, struct err *err)
{
	pcre2_compile_context *limits;
	struct regex *r;
	int rc;

	if (strlen(pattern) > REGEX_PATTERN_MAX)
		return err_set(
			err, ERR_REJECT, 0, "a regular expression has at most %d bytes", REGEX_PATTERN_MAX);
	limits = pcre2_compile_context_create(NULL);
	if (!limits)
		alloc_failed();
	r = xcalloc(1, sizeof(*r));
	rc = compile(limits, pattern, ignore_case, &r->code, err);
	pcre2_compile_context_free(limits);
	if (rc < 0) {
		regex_free(&r);
		return rc;
	}
	*out = r;
	return 0;
}

void regex_free(struct regex **rp)
{
	struct regex *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	pcre2_code_free(r->code); /* accepts NULL */
	free(r);
}

static int count_step(pcre2_callout_block *block, void *arg)
{
	uint32_t *steps = arg;

	(void)block;
	if (*steps == 0)
		return PCRE2_ERROR_CALLOUT; /* ends the search with this error */
	(*steps)--;
	return 0;
}

enum regex_result regex_search(const struct regex *r, const char *text, size_t len, uint32_t *steps)
{
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int rc;

	if (!context || !data)
		alloc_failed();
	(void)pcre2_set_callout(context, count_step, steps);
	(void)pcre2_set_match_limit(context, REGEX_STEPS);
	(void)pcre2_set_depth_limit(context, DEPTH_MAX);
	(void)pcre2_set_heap_limit(context, HEAP_MAX_KIB);
	rc = pcre2_match(r->code, (PCRE2_SPTR)text, len, 0, 0, data, context);
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	/* 0: a match, with more groups than there was room for. */
	return rc >= 0 ? REGEX_FOUND : rc == PCRE2_ERROR_NOMATCH ? REGEX_NOT_FOUND : REGEX_GAVE_UP;
}

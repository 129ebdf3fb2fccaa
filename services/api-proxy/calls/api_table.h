#ifndef API_PROXY_CALLS_API_TABLE_H
#define API_PROXY_CALLS_API_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What we know of Weixin's APIs: one row each. Whatever is not in the table passes, with cautious defaults:
 * no permission set is asked for, it is not repeated, and its quota is its own. Constant; any thread. */

#define API_SETS_MAX 6

enum api_for {
	API_FOR_ANY,      /* official accounts and mini programs */
	API_FOR_OFFICIAL, /* official accounts only */
	API_FOR_MINI,     /* mini programs only */
	API_FOR_PLATFORM, /* the platform's own token, not an account's */
	API_FOR_USER      /* the token of a person who authorized a web page */
};

enum api_body { API_BODY_NONE, API_BODY_JSON, API_BODY_FILE /* multipart/form-data */ };

enum api_flag {
	API_HARMLESS = 1, /* called twice it leaves what one call leaves */
	API_SECRET = 2,   /* answers with session keys or authorization codes: over HTTP only */
	API_FILE = 4,     /* its answer is a file */
	API_MINUTE = 8,   /* its 45009 speaks of this minute, not of this day */
	API_PERSONAL = 16 /* its 45011 speaks of one person, not of the account */
};

struct api_row {
	const char *path;
	const char *method; /* "GET", "POST"; "": either */
	enum api_for whose;
	int64_t sets[API_SETS_MAX]; /* permission sets, any of them; 0 after the last; none: not known to be
				       needed */
	enum api_body body;
	unsigned flags;     /* enum api_flag, or-ed */
	const char *quota;  /* APIs that use up one number; NULL: this path alone */
	const char *source; /* Weixin's page */
};

/* NULL: not in the table, or not with this method. The path as route_judge_path() lets it through. */
const struct api_row *api_find(const char *method, const char *path);
/* The same whatever the method. */
const struct api_row *api_find_path(const char *path);

bool api_is(const struct api_row *row, enum api_flag flag); /* NULL: false */
/* Is a call of this one harmless to repeat? */
bool api_repeatable(const char *method, const char *path);

/* What kind of API it is, for metrics: one of API_CLASSES_MAX words at most, whatever the path. */
#define API_CLASSES_MAX 17
const char *api_class(const char *path);

/* All rows. */
extern const struct api_row api_table[];
extern const size_t n_api_table;

#endif

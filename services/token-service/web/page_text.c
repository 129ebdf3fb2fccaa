#include "services/token-service/web/page_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define X(symbol, zh, en) [symbol] = {zh, en},
static const char *const texts[N_TEXTS][2] = {PAGE_TEXTS(X)};
#undef X

const char *page_text(enum lang lang, enum text text)
{
	return texts[text][lang];
}

const char *lang_tag(enum lang lang)
{
	return lang == LANG_EN ? "en" : "zh-CN";
}

/* The weight of one item "en-GB;q=0.8" in thousandths; 1000 if it names none. */
static int weight(const char *item, size_t len)
{
	const char *q = memchr(item, ';', len);
	int value = 0, scale = 100;

	if (!q)
		return 1000;
	for (q++; q < item + len && isspace((unsigned char)*q);)
		q++;
	if (item + len - q < 3 || strncasecmp(q, "q=", 2) != 0)
		return 1000;
	q += 2;
	if (*q == '1')
		return 1000;
	for (q++; q < item + len && (*q == '.' || isdigit((unsigned char)*q)) && scale > 0; q++) {
		if (*q == '.')
			continue;
		value += (*q - '0') * scale;
		scale /= 10;
	}
	return value;
}

static bool names(const char *item, size_t len, const char *tag)
{
	return len >= 2 && strncasecmp(item, tag, 2) == 0 && (len == 2 || !isalnum((unsigned char)item[2]));
}

enum lang lang_choose(const char *wish, const char *accept)
{
	int best = 0;
	enum lang lang = LANG_ZH;

	if (wish && (strcmp(wish, "en") == 0 || strcmp(wish, "zh") == 0))
		return wish[0] == 'e' ? LANG_EN : LANG_ZH;
	while (accept && *accept) {
		size_t len;

		accept += strspn(accept, " \t,");
		len = strcspn(accept, ",");
		if (names(accept, len, "zh") && weight(accept, len) > best) {
			best = weight(accept, len);
			lang = LANG_ZH;
		} else if (names(accept, len, "en") && weight(accept, len) > best) {
			best = weight(accept, len);
			lang = LANG_EN;
		}
		accept += len;
	}
	return lang;
}

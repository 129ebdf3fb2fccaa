#include "services/ingress/refusal.h"

#include "common/base/banned.h"

static const struct {
	int status;
	const char *word;
} rows[] = {[ACCEPTED] = {200, "accepted"},
#define REFUSAL(symbol, status_, word_) [symbol] = {status_, word_},
	REFUSAL_TABLE(REFUSAL)
#undef REFUSAL
};

int refusal_status(enum refusal r)
{
	return rows[r].status;
}

const char *refusal_word(enum refusal r)
{
	return rows[r].word;
}

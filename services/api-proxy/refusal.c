#include "services/api-proxy/refusal.h"

#include "common/base/banned.h"

const struct refusal_row refusal_table[N_REFUSALS] = {[REFUSAL_NONE] = {"none", 200, 0, "ok"},
#define R(symbol, name, status, errcode, text) [symbol] = {name, status, errcode, "wxbus: " text},
	REFUSAL_TABLE(R)
#undef R
};

#ifndef SERVICES_INGRESS_REFUSAL_H
#define SERVICES_INGRESS_REFUSAL_H

/* Why something is not a valid push: one row a reason. Outside everybody gets the status and one generic
 * body; the word goes to logs and metrics only. The framing of bodies has words of its own, from
 * common/httpd. */
#define REFUSAL_TABLE(REFUSAL)                                                                               \
	REFUSAL(REFUSE_METHOD, 405, "method")                                                                \
	REFUSAL(REFUSE_PATH, 404, "path")                                                                    \
	REFUSAL(REFUSE_PLATFORM, 404, "unknown_platform")                                                    \
	REFUSAL(REFUSE_QUERY, 400, "query")                                                                  \
	REFUSAL(REFUSE_BODY_READ, 400, "body_incomplete")                                                    \
	REFUSAL(REFUSE_EMPTY, 400, "empty_body")                                                             \
	REFUSAL(REFUSE_ENVELOPE, 400, "envelope")                                                            \
	REFUSAL(REFUSE_SIGNATURE_MISSING, 403, "signature_missing")                                          \
	REFUSAL(REFUSE_SIGNATURE, 403, "signature")                                                          \
	REFUSAL(REFUSE_TIMESTAMP, 403, "timestamp")                                                          \
	REFUSAL(REFUSE_BASE64, 403, "bad_base64")                                                            \
	REFUSAL(REFUSE_PADDING, 403, "bad_padding")                                                          \
	REFUSAL(REFUSE_LENGTH, 403, "bad_length")                                                            \
	REFUSAL(REFUSE_RECEIVER, 403, "bad_receiver")                                                        \
	REFUSAL(REFUSE_PAYLOAD, 400, "payload")                                                              \
	REFUSAL(REFUSE_ACCOUNT, 403, "wrong_account")                                                        \
	REFUSAL(REFUSE_ECHOSTR, 400, "echostr")

enum refusal {
	ACCEPTED = 0,
#define REFUSAL(symbol, status, word) symbol,
	REFUSAL_TABLE(REFUSAL)
#undef REFUSAL
};

int refusal_status(enum refusal r);
const char *refusal_word(enum refusal r);

#endif

#ifndef COMMON_KAFKA_RECORD_H
#define COMMON_KAFKA_RECORD_H

#include <stddef.h>
#include <stdint.h>

struct kafka_header {
	const char *name;
	const char *value; /* not necessarily text */
	size_t value_len;
};

/* One record, to be written or as it was read. All pointers are borrowed: from the caller when writing, from
 * the library until the next poll (or the callback's end) when reading. Topic names are whole, with the
 * prefix. */
struct kafka_record {
	const char *topic;
	int32_t partition;    /* writing: -1 for "by key" (murmur2, as other clients do) */
	int64_t offset;       /* reading */
	int64_t timestamp_ms; /* 0 when writing: now */
	const void *key;
	size_t key_len;
	const void *value;
	size_t value_len;
	const struct kafka_header *headers;
	size_t n_headers;
};

/* First header of that name; NULL: none. */
const struct kafka_header *kafka_record_header(const struct kafka_record *r, const char *name);

#endif

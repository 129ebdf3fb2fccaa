#include "common/kafka/record.h"

#include <string.h>

#include "common/base/banned.h"

const struct kafka_header *kafka_record_header(const struct kafka_record *r, const char *name)
{
	size_t i;

	/* Most of what is looked for is not there, and begins otherwise than what is. */
	for (i = 0; i < r->n_headers; i++)
		if (r->headers[i].name[0] == name[0] && strcmp(r->headers[i].name, name) == 0)
			return &r->headers[i];
	return NULL;
}

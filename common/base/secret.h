#ifndef COMMON_BASE_SECRET_H
#define COMMON_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

void secret_wipe(void *p, size_t n); /* the compiler may not leave it out */
void secret_free(char **s); /* wipe a NUL-terminated string, free it, leave NULL; accepts NULL in it */
bool secret_equal(
	const void *a, size_t a_len, const void *b, size_t b_len); /* time depends on lengths only */

#endif

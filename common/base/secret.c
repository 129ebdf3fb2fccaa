#include "common/base/secret.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

void secret_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

void secret_free(char **s)
{
	char *p = *s;

	*s = NULL;
	if (!p)
		return;
	secret_wipe(p, strlen(p));
	free(p);
}

bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	/* volatile: no early way out may be made of this loop */
	const volatile unsigned char *x = a, *y = b;
	volatile unsigned char diff = 0;
	size_t i;

	if (a_len != b_len)
		return false;
	for (i = 0; i < a_len; i++)
		diff = (unsigned char)(diff | (x[i] ^ y[i]));
	return diff == 0;
}

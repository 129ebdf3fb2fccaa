#ifndef COMMON_BASE_BANNED_H
#define COMMON_BASE_BANNED_H

/* Functions that lose lengths or errors. Include last in a .c file; using one of them does not compile. */
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol atoll strncat strncpy

#endif

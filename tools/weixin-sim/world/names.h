#ifndef WEIXIN_SIM_WORLD_NAMES_H
#define WEIXIN_SIM_WORLD_NAMES_H

/* Sizes of fields, with their NUL. Weixin advises 512 bytes for tokens. */
#define NAME_MAX_LEN 72  /* appids, original ids, openids */
#define TOKEN_MAX    160 /* tokens, tickets, codes */

#endif

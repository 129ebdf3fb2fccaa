/* wxbus-auto-reply: answers fans by the rules of each account; `wxbus-auto-reply rules` changes them. */
#include "services/business/auto-reply/auto_reply.h"
#include "services/business/auto-reply/rules_command.h"

#include <argp.h>
#include <string.h>

const char *argp_program_version = "wxbus-auto-reply " WXBUS_VERSION;

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "rules") == 0)
		return rules_command_main(argc, argv);
	return business_main(&auto_reply, argc, argv);
}

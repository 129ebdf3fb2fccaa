/* wxbus-release-check: answers each step of Weixin's network-wide release check. */
#include "services/business/release-check/release_check.h"

int main(int argc, char **argv)
{
	return business_main(&release_check, argc, argv);
}

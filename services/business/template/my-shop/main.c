/* wxbus-my-shop: README.md. */
#include "services/business/template/my-shop/my_shop.h"

int main(int argc, char **argv)
{
	return business_main(&my_shop_business, argc, argv);
}

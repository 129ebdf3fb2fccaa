#include "tools/weixin-sim/world/office.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static struct json *with(const char *name, const char *value)
{
	struct json *j = json_new_object();

	json_set_str(j, name, value);
	return j;
}

static void a_text_is_what_was_set_last(void **state)
{
	struct office o = {.texts = NULL};

	(void)state;
	assert_string_equal(office_get(&o, "open/wxa"), "");
	office_set(&o, "open/wxa", "wxopen1");
	assert_string_equal(office_get(&o, "open/wxa"), "wxopen1");
	assert_true(office_has_value(&o, "open/", "wxopen1"));
	assert_false(office_has_value(&o, "option/", "wxopen1"));
	office_set(&o, "open/wxa", "");
	assert_string_equal(office_get(&o, "open/wxa"), "");
	assert_false(office_has_value(&o, "open/", "wxopen1"));
	office_release(&o);
}

static void registrations_are_found_by_their_fields_and_end_in_their_order(void **state)
{
	struct registration *first, *second;
	struct office o = {.texts = NULL};

	(void)state;
	first = office_register(&o, REGISTRATION_ENTERPRISE, "wxc", "1", with("code", "91"));
	second = office_register(&o, REGISTRATION_ENTERPRISE, "wxc", "2", with("code", "92"));
	(void)office_register(&o, REGISTRATION_TRIAL, "wxc", "3", with("name", "n"));
	assert_ptr_equal(office_find(&o, REGISTRATION_ENTERPRISE, "wxc", "code", "91"), first);
	assert_null(office_find(&o, REGISTRATION_ENTERPRISE, "wxother", "code", "91"));
	assert_null(office_find(&o, REGISTRATION_PERSONAL, "wxc", "code", "91"));
	assert_ptr_equal(office_oldest(&o, REGISTRATION_ENTERPRISE, "wxc"), first);
	first->ended = true;
	assert_ptr_equal(office_oldest(&o, REGISTRATION_ENTERPRISE, "wxc"), second);
	second->ended = true;
	assert_null(office_oldest(&o, REGISTRATION_ENTERPRISE, "wxc"));
	office_release(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_text_is_what_was_set_last),
		TESTING_CASE(registrations_are_found_by_their_fields_and_end_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

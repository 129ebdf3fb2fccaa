#include "common/testing/testing.h"

#include "common/base/clock.h"
#include "common/service/metrics.h"
#include "common/service/service.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct t_conf {
	char *name;
	int64_t count;
};

#define CONF_STRUCT struct t_conf
static const struct conf_item items[] = {
	CONF_STR("T_NAME", name, NULL, "a name", "anna"),
	CONF_INT("T_COUNT", count, "3", 1, 10, "a number"),
};

static int check_settings(const void *conf, struct err *err)
{
	const struct t_conf *c = conf;

	if (c->count == 7)
		return err_set(
			err, ERR_REJECT, 0, "T_COUNT: 7 does not go with T_NAME; for example T_COUNT=3");
	return 0;
}

static const struct service_def def = {
	.name = "t",
	.summary = "A service for tests.",
	.items = items,
	.n_items = sizeof(items) / sizeof(items[0]),
	.conf_size = sizeof(struct t_conf),
	.admin_listen = "127.0.0.1:0",
	.check = check_settings,
};

static int start(struct service **svc, struct t_conf *conf, struct err *err, const char *option)
{
	char *argv[] = {(char[]){"wxbus-t"}, NULL, NULL};
	char copy[32];

	if (option) {
		snprintf(copy, sizeof(copy), "%s", option);
		argv[1] = copy;
	}
	return service_start(svc, &def, option ? 2 : 1, argv, conf, err);
}

static void a_missing_setting_stops_the_start_with_one_line(void **state)
{
	struct service *svc;
	struct t_conf conf;
	struct err err;

	(void)state;
	unsetenv("T_NAME");
	assert_int_equal(start(&svc, &conf, &err, NULL), -1);
	assert_int_equal(err.kind, ERR_FATAL);
	assert_non_null(strstr(err.text, "T_NAME"));
	testing_expect_log(LOG_LEVEL_ERROR, "T_NAME");
	assert_int_equal(service_stop(&svc, -1, &err), EXIT_FAILURE);
}

static void the_check_hook_refuses_settings_that_do_not_agree(void **state)
{
	struct service *svc;
	struct t_conf conf;
	struct err err;

	(void)state;
	setenv("T_NAME", "x", 1);
	setenv("T_COUNT", "7", 1);
	assert_int_equal(start(&svc, &conf, &err, "--check"), -1);
	testing_expect_log(LOG_LEVEL_ERROR, "does not go with");
	assert_int_equal(service_stop(&svc, -1, &err), EXIT_FAILURE);
	unsetenv("T_COUNT");
}

static void an_unknown_option_is_refused(void **state)
{
	struct service *svc;
	struct t_conf conf;
	struct err err;

	(void)state;
	assert_int_equal(start(&svc, &conf, &err, "--frobnicate"), -1);
	assert_non_null(strstr(err.text, "--frobnicate"));
	testing_expect_log(LOG_LEVEL_ERROR, "--frobnicate");
	service_stop(&svc, -1, &err);
}

/* What the service answers on its admin port. */
struct probe {
	struct service *svc;
	int port;
	int ticks;
	atomic_bool ready; /* the admin port asks from its own threads */
	char readyz[2048], not_readyz[2048], metrics[8192];
	bool drained;
};

static void get(int port, const char *path, char *out, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t n = 0;
	ssize_t got;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	dprintf(fd, "GET %s HTTP/1.0\r\n\r\n", path);
	while (n + 1 < size && (got = read(fd, out + n, size - n - 1)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(fd);
}

static bool probe_check(void *arg, char *detail, size_t size)
{
	struct probe *p = arg;

	snprintf(detail, size, "a \"word\"");
	return p->ready;
}

static void probe_tick(void *arg)
{
	struct probe *p = arg;

	if (p->ticks++ == 0) {
		get(p->port, "/readyz", p->not_readyz, sizeof(p->not_readyz));
		p->ready = true;
		get(p->port, "/readyz", p->readyz, sizeof(p->readyz));
		get(p->port, "/metrics", p->metrics, sizeof(p->metrics));
		kill(getpid(), SIGTERM);
	}
}

static void probe_drain(void *arg, int64_t deadline_mono_ms)
{
	struct probe *p = arg;

	p->drained = service_stopping(p->svc) && deadline_mono_ms > clock_mono_ms();
}

static int free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void a_service_is_ready_when_its_checks_are_and_drains_on_sigterm(void **state)
{
	struct probe p = {.port = free_port()};
	struct t_conf conf;
	struct err err;
	char listen[32];

	(void)state;
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", p.port);
	setenv("T_NAME", "x", 1);
	setenv("WXBUS_ADMIN_LISTEN", listen, 1);
	assert_int_equal(start(&p.svc, &conf, &err, NULL), 0);
	assert_int_equal(conf.count, 3);
	service_add_check(p.svc, "probe", true, probe_check, &p);
	service_on_tick(p.svc, probe_tick, &p);
	service_on_drain(p.svc, probe_drain, &p);
	assert_int_equal(service_run(p.svc, &err), 0);
	assert_int_equal(service_stop(&p.svc, 0, &err), EXIT_SUCCESS);
	assert_non_null(strstr(p.not_readyz, " 503 "));
	assert_non_null(strstr(p.readyz, " 200 "));
	assert_non_null(strstr(p.readyz, "\"detail\":\"a  word \""));
	assert_non_null(strstr(p.metrics, "wxbus_build_info{service=\"t\""));
	assert_true(p.drained);
	unsetenv("WXBUS_ADMIN_LISTEN");
}

static void fail_at_once(void *arg)
{
	struct err why;

	err_set(&why, ERR_FATAL, 0, "the roof is on fire");
	service_fail(*(struct service **)arg, &why);
}

static void service_fail_ends_the_run(void **state)
{
	struct service *svc;
	struct t_conf conf;
	struct err err;

	(void)state;
	assert_int_equal(start(&svc, &conf, &err, NULL), 0);
	service_on_tick(svc, fail_at_once, &svc);
	assert_int_equal(service_run(svc, &err), -1);
	assert_string_equal(err.text, "the roof is on fire");
	testing_expect_log(LOG_LEVEL_ERROR, "the roof is on fire");
	assert_int_equal(service_stop(&svc, -1, &err), EXIT_FAILURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_missing_setting_stops_the_start_with_one_line),
		TESTING_CASE(the_check_hook_refuses_settings_that_do_not_agree),
		TESTING_CASE(an_unknown_option_is_refused),
		TESTING_CASE(a_service_is_ready_when_its_checks_are_and_drains_on_sigterm),
		TESTING_CASE(service_fail_ends_the_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

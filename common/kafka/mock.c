#include "common/kafka/mock.h"

#include "common/base/alloc.h"
#include "common/kafka/client.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "common/base/banned.h"

struct kafka_mock {
	rd_kafka_t *rk; /* the cluster lives on its main thread */
	rd_kafka_mock_cluster_t *cluster;
	int brokers;
};

int kafka_mock_new(struct kafka_mock **out, int brokers, struct err *err)
{
	struct kafka_mock *m = xcalloc(1, sizeof(*m));
	rd_kafka_conf_t *rk_conf = rd_kafka_conf_new();

	/* Its log is the mock's own chatter; what matters shows at the clients. */
	rd_kafka_conf_set_log_cb(rk_conf, NULL);
	m->brokers = brokers;
	if (kafka_client_new(&m->rk, RD_KAFKA_PRODUCER, rk_conf, err) < 0) {
		free(m);
		return -1;
	}
	m->cluster = rd_kafka_mock_cluster_new(m->rk, brokers);
	if (!m->cluster) {
		kafka_mock_free(&m);
		return err_set(err, ERR_FATAL, 0, "the mock cluster could not be started");
	}
	*out = m;
	return 0;
}

void kafka_mock_free(struct kafka_mock **mp)
{
	struct kafka_mock *m = *mp;

	*mp = NULL;
	if (!m)
		return;
	if (m->cluster)
		rd_kafka_mock_cluster_destroy(m->cluster);
	rd_kafka_destroy(m->rk);
	free(m);
}

const char *kafka_mock_bootstrap(const struct kafka_mock *m)
{
	return rd_kafka_mock_cluster_bootstraps(m->cluster);
}

int kafka_mock_create_topic(struct kafka_mock *m, const char *topic, int partitions, struct err *err)
{
	rd_kafka_resp_err_t rc =
		rd_kafka_mock_topic_create(m->cluster, topic, partitions, m->brokers < 3 ? m->brokers : 3);

	return rc ? kafka_err_set(err, ERR_FATAL, rc, "the mock cluster refuses the topic") : 0;
}

void kafka_mock_set_down(struct kafka_mock *m, bool down)
{
	int32_t id;

	for (id = 1; id <= m->brokers; id++) {
		if (down)
			rd_kafka_mock_broker_set_down(m->cluster, id);
		else
			rd_kafka_mock_broker_set_up(m->cluster, id);
	}
}

void kafka_mock_set_missing(struct kafka_mock *m, const char *topic, bool missing)
{
	rd_kafka_mock_topic_set_error(m->cluster, topic,
		missing ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : RD_KAFKA_RESP_ERR_NO_ERROR);
}

void kafka_mock_set_leaderless(struct kafka_mock *m, const char *topic, int32_t partition, bool leaderless)
{
	rd_kafka_mock_partition_set_leader(m->cluster, topic, partition, leaderless ? -1 : 1);
}

void kafka_mock_set_latency(struct kafka_mock *m, int ms)
{
	int32_t id;

	for (id = 1; id <= m->brokers; id++)
		rd_kafka_mock_broker_set_rtt(m->cluster, id, ms);
}

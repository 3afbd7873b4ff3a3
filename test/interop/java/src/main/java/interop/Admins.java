package interop;

import static interop.Records.utf8;

import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.InvalidUpdateVersionException;
import org.apache.kafka.common.errors.NoReassignmentInProgressException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

final class Admins {
    private Admins() {}

    private static void fails(KafkaFuture<?> future, Class<? extends Throwable> type, String what) throws Exception {
        try {
            future.get();
        } catch (ExecutionException e) {
            if (type.isInstance(e.getCause())) return;
            throw new AssertionError(what + ": not " + type.getSimpleName(), e);
        }
        throw new AssertionError(what + " was accepted");
    }

    /** Metadata follows an acknowledged change only after a moment. */
    private static void eventually(Callable<Boolean> condition, String what) throws Exception {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.call()) {
            Check.that(System.nanoTime() < deadline, "not in 20 seconds: " + what);
            Thread.sleep(50);
        }
    }

    /** Create, describe, grow, look up offsets, delete records, delete. */
    static Map<String, Object> topics(Options options) throws Exception {
        String topic = options.text("topic");
        try (Admin admin = Admin.create(options.client())) {
            NewTopic wanted = new NewTopic(topic, 2, (short) 1).configs(Map.of("max.message.bytes", "2000000"));
            var created = admin.createTopics(List.of(wanted));
            created.all().get();
            Check.equal(2, created.numPartitions(topic).get(), "partitions in the reply");
            Check.equal(1, created.replicationFactor(topic).get(), "replication factor in the reply");
            Check.equal("2000000", created.config(topic).get().get("max.message.bytes").value(), "config in the reply");
            fails(admin.createTopics(List.of(wanted)).all(), TopicExistsException.class, "a second topic of that name");
            NewTopic invalid = new NewTopic("no spaces allowed", 1, (short) 1);
            fails(admin.createTopics(List.of(invalid)).all(), InvalidTopicException.class, "an invalid name");

            eventually(() -> admin.listTopics().names().get().contains(topic), "the topic is listed");
            TopicDescription described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            Check.equal(2, described.partitions().size(), "partitions");
            Check.equal(created.topicId(topic).get(), described.topicId(), "topic id");
            described.partitions().forEach(partition -> {
                Check.that(partition.leader() != null, "partition " + partition.partition() + " has a leader");
                Check.equal(1, partition.replicas().size(), "replicas");
                Check.equal(1, partition.isr().size(), "in-sync replicas");
            });

            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
            eventually(
                () -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 3,
                "the topic has three partitions");

            TopicPartition first = new TopicPartition(topic, 0);
            long before = System.currentTimeMillis();
            try (KafkaProducer<byte[], byte[]> producer = Records.producer(options.client())) {
                for (int i = 0; i < 10; i++) {
                    producer.send(new ProducerRecord<>(topic, 0, before + i, null, utf8("record-" + i))).get();
                }
            }
            Check.equal(0L, offset(admin, first, OffsetSpec.earliest()), "earliest offset");
            Check.equal(10L, offset(admin, first, OffsetSpec.latest()), "latest offset");
            Check.equal(5L, offset(admin, first, OffsetSpec.forTimestamp(before + 5)), "offset for a timestamp");
            Check.equal(9L, offset(admin, first, OffsetSpec.maxTimestamp()), "offset of the largest timestamp");

            var deletion = admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(4)));
            Check.equal(4L, deletion.lowWatermarks().get(first).get().lowWatermark(), "low watermark");
            Check.equal(4L, offset(admin, first, OffsetSpec.earliest()), "earliest offset after deleting records");
            fails(
                admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(99))).all(),
                OffsetOutOfRangeException.class,
                "deleting records past the end");

            admin.deleteTopics(List.of(topic)).all().get();
            eventually(() -> !admin.listTopics().names().get().contains(topic), "the topic is gone");
            fails(
                admin.deleteTopics(List.of(topic)).all(),
                UnknownTopicOrPartitionException.class,
                "deleting a topic twice");
            return Map.of("topicId", described.topicId().toString());
        }
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    /** Describe and alter the configuration of a topic; describe that of the broker. */
    static Map<String, Object> configs(Options options) throws Exception {
        String topic = options.text("topic");
        try (Admin admin = Admin.create(options.client())) {
            admin.createTopics(List.of(
                new NewTopic(topic, 1, (short) 1).configs(Map.of("cleanup.policy", "compact")))).all().get();
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            eventually(() -> describe(admin, resource).get("cleanup.policy") != null, "the topic has a configuration");
            ConfigEntry policy = describe(admin, resource).get("cleanup.policy");
            Check.equal("compact", policy.value(), "cleanup.policy");
            Check.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, policy.source(), "source of cleanup.policy");
            ConfigEntry retention = describe(admin, resource).get("retention.ms");
            Check.that(retention.isDefault(), "retention.ms is a default");

            alter(admin, resource, new ConfigEntry("retention.ms", "60000"), AlterConfigOp.OpType.SET);
            eventually(() -> "60000".equals(describe(admin, resource).get("retention.ms").value()), "retention.ms set");
            alter(admin, resource, new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.APPEND);
            eventually(
                () -> Arrays.stream(describe(admin, resource).get("cleanup.policy").value().split(","))
                    .collect(Collectors.toSet()).equals(Set.of("compact", "delete")),
                "cleanup.policy appended");
            alter(admin, resource, new ConfigEntry("retention.ms", null), AlterConfigOp.OpType.DELETE);
            eventually(() -> describe(admin, resource).get("retention.ms").isDefault(), "retention.ms back to default");

            String brokerId = admin.describeCluster().nodes().get().iterator().next().idString();
            Config broker = describe(admin, new ConfigResource(ConfigResource.Type.BROKER, brokerId));
            Check.that(!broker.entries().isEmpty(), "the broker has a configuration");
            ConfigResource own = new ConfigResource(ConfigResource.Type.BROKER, brokerId);
            ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
            // A setting that no other scenario minds.
            String name = "log.cleaner.backoff.ms";
            alter(admin, all, new ConfigEntry(name, "16000"), AlterConfigOp.OpType.SET);
            alter(admin, own, new ConfigEntry(name, "17000"), AlterConfigOp.OpType.SET);
            eventually(() -> "17000".equals(describe(admin, own).get(name).value()), name + " of the broker");
            Check.equal(
                ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG, describe(admin, own).get(name).source(), "its source");
            Check.equal("16000", describe(admin, all).get(name).value(), name + " of all brokers");
            alter(admin, own, new ConfigEntry(name, null), AlterConfigOp.OpType.DELETE);
            alter(admin, all, new ConfigEntry(name, null), AlterConfigOp.OpType.DELETE);
            eventually(() -> describe(admin, own).get(name).isDefault(), name + " back to default");
            fails(
                admin.incrementalAlterConfigs(Map.of(own, List.of(
                    new AlterConfigOp(new ConfigEntry("num.partitions", "2"), AlterConfigOp.OpType.SET)))).all(),
                InvalidRequestException.class,
                "a setting that is given at the start");
            admin.deleteTopics(List.of(topic)).all().get();
            return Map.of("brokerEntries", broker.entries().size());
        }
    }

    private static Config describe(Admin admin, ConfigResource resource) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource);
    }

    private static void alter(Admin admin, ConfigResource resource, ConfigEntry entry, AlterConfigOp.OpType operation)
            throws Exception {
        Collection<AlterConfigOp> operations = List.of(new AlterConfigOp(entry, operation));
        admin.incrementalAlterConfigs(Map.of(resource, operations)).all().get();
    }

    /** List and describe a group, alter and delete its offsets, delete it. */
    static Map<String, Object> groups(Options options) throws Exception {
        String topic = options.text("topic");
        String group = options.text("group");
        TopicPartition partition = new TopicPartition(topic, 0);
        Properties properties = options.client();
        properties.put("group.id", group);
        properties.put("group.protocol", options.text("protocol", "classic"));
        properties.put("enable.auto.commit", "false");
        try (Admin admin = Admin.create(options.client())) {
            try (KafkaProducer<byte[], byte[]> producer = Records.producer(options.client())) {
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 0, null, utf8("record-" + i)));
            }
            try (KafkaConsumer<byte[], byte[]> consumer = Records.consumer(properties)) {
                consumer.subscribe(List.of(topic));
                eventually(
                    () -> {
                        consumer.poll(Duration.ofMillis(100));
                        return !consumer.assignment().isEmpty();
                    },
                    "the member has partitions");
                consumer.commitSync(Map.of(partition, new OffsetAndMetadata(7, "note")));
                eventually(() -> describe(admin, group).groupState() == GroupState.STABLE, "the group is stable");
                ConsumerGroupDescription stable = describe(admin, group);
                Check.equal(1, stable.members().size(), "members");
                Check.equal(options.text("client-id", "java"), stable.members().iterator().next().clientId(), "client");
                Check.equal(
                    consumer.assignment(),
                    stable.members().iterator().next().assignment().topicPartitions(),
                    "assignment");
            }
            eventually(() -> describe(admin, group).groupState() == GroupState.EMPTY, "the group is empty");
            List<String> listed = admin.listGroups().all().get().stream().map(GroupListing::groupId).toList();
            Check.that(listed.contains(group), "the group is listed");

            Check.equal(Optional.of(new OffsetAndMetadata(7, "note")), committed(admin, group, partition), "committed");
            admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(3))).all().get();
            Check.equal(Optional.of(3L), committed(admin, group, partition).map(OffsetAndMetadata::offset), "altered");
            admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
            Check.equal(Optional.empty(), committed(admin, group, partition), "committed offset after its deletion");
            // Without members and offsets the group may be gone already, so it gets an offset to be deleted with.
            admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(1))).all().get();
            admin.deleteConsumerGroups(List.of(group)).all().get();
            fails(
                admin.deleteConsumerGroups(List.of(group)).all(),
                GroupIdNotFoundException.class,
                "deleting a group twice");
            return Map.of();
        }
    }

    private static ConsumerGroupDescription describe(Admin admin, String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    private static Optional<OffsetAndMetadata> committed(Admin admin, String group, TopicPartition partition)
            throws Exception {
        return Optional.ofNullable(
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition));
    }

    /** Look at an open transaction from outside, then at the same one committed. */
    static Map<String, Object> transactions(Options options) throws Exception {
        String topic = options.text("topic");
        String id = options.text("transactional-id");
        TopicPartition partition = new TopicPartition(topic, 0);
        Properties properties = options.client();
        properties.put("transactional.id", id);
        try (Admin admin = Admin.create(options.client());
                KafkaProducer<byte[], byte[]> producer = Records.producer(properties)) {
            producer.initTransactions();
            producer.beginTransaction();
            RecordMetadata sent = producer.send(new ProducerRecord<>(topic, 0, null, utf8("open"))).get();

            TransactionListing listing = admin.listTransactions().all().get().stream()
                .filter(transaction -> transaction.transactionalId().equals(id)).findFirst().orElseThrow();
            Check.equal(TransactionState.ONGOING, listing.state(), "state in the list");
            TransactionDescription described = admin.describeTransactions(List.of(id)).all().get().get(id);
            Check.equal(TransactionState.ONGOING, described.state(), "state");
            Check.equal(Set.of(partition), described.topicPartitions(), "partitions of the transaction");
            Check.equal(listing.producerId(), described.producerId(), "producer id");
            ProducerState active = producer(admin, partition, described.producerId());
            Check.equal(sent.offset(), active.currentTransactionStartOffset().orElse(-1), "first offset");

            producer.commitTransaction();
            eventually(
                () -> admin.describeTransactions(List.of(id)).all().get().get(id).state()
                    == TransactionState.COMPLETE_COMMIT,
                "the transaction is complete");
            eventually(
                () -> producer(admin, partition, described.producerId()).currentTransactionStartOffset().isEmpty(),
                "the producer has no open transaction");
            return Map.of("producerId", described.producerId());
        }
    }

    private static ProducerState producer(Admin admin, TopicPartition partition, long producerId) throws Exception {
        return admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().stream()
            .filter(state -> state.producerId() == producerId).findFirst().orElseThrow();
    }

    static Map<String, Object> acls(Options options) throws Exception {
        String topic = options.text("topic");
        AclBinding binding = new AclBinding(
            new ResourcePattern(ResourceType.TOPIC, topic, PatternType.PREFIXED),
            new AccessControlEntry("User:somebody", "*", AclOperation.READ, AclPermissionType.ALLOW));
        try (Admin admin = Admin.create(options.client())) {
            admin.createAcls(List.of(binding)).all().get();
            eventually(
                () -> List.of(binding).equals(List.copyOf(admin.describeAcls(binding.toFilter()).values().get())),
                "the binding is described");
            Check.equal(List.of(binding), List.copyOf(admin.deleteAcls(List.of(binding.toFilter())).all().get()), "deleted");
            eventually(() -> admin.describeAcls(binding.toFilter()).values().get().isEmpty(), "the binding is gone");
            return Map.of();
        }
    }

    static Map<String, Object> quotas(Options options) throws Exception {
        ClientQuotaEntity user = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, options.text("user")));
        ClientQuotaFilter filter = ClientQuotaFilter.containsOnly(
            List.of(ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.USER, options.text("user"))));
        try (Admin admin = Admin.create(options.client())) {
            alterQuota(admin, user, 1_000_000.0);
            eventually(
                () -> Map.of(user, Map.of("producer_byte_rate", 1_000_000.0))
                    .equals(admin.describeClientQuotas(filter).entities().get()),
                "the quota is described");
            alterQuota(admin, user, null);
            eventually(() -> admin.describeClientQuotas(filter).entities().get().isEmpty(), "the quota is gone");
            return Map.of("throttledMs", throttledMs(admin, options));
        }
    }

    /** How long a producer was told to wait that sends 600 KB, where 50 KB a second and 500 KB at once are allowed. */
    private static double throttledMs(Admin admin, Options options) throws Exception {
        String topic = options.text("topic");
        ClientQuotaEntity client = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, topic));
        alterQuota(admin, client, 50_000.0);
        Properties properties = options.client();
        properties.put("client.id", topic);
        long start = System.nanoTime();
        double throttledMs;
        try (KafkaProducer<byte[], byte[]> producer = Records.producer(properties)) {
            for (int i = 0; i < 60; i++) producer.send(new ProducerRecord<>(topic, 0, null, new byte[10_000])).get();
            // The time to wait is behind the last answer.
            producer.send(new ProducerRecord<>(topic, 0, null, utf8("last"))).get();
            throttledMs = (double) producer.metrics().entrySet().stream()
                .filter(metric -> metric.getKey().name().equals("produce-throttle-time-max"))
                .findFirst().orElseThrow().getValue().metricValue();
        } finally {
            alterQuota(admin, client, null);
        }
        Check.that(throttledMs > 0, "the producer was told to wait");
        long elapsedMs = (System.nanoTime() - start) / 1_000_000;
        Check.that(elapsedMs >= 1_500, "the producer waited, all took " + elapsedMs + " ms");
        return throttledMs;
    }

    private static void alterQuota(Admin admin, ClientQuotaEntity entity, Double rate) throws Exception {
        var operation = new ClientQuotaAlteration.Op("producer_byte_rate", rate);
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(operation)))).all().get();
    }

    static Map<String, Object> credentials(Options options) throws Exception {
        String user = options.text("user");
        ScramCredentialInfo info = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 8192);
        try (Admin admin = Admin.create(options.client())) {
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(user, info, "secret"))).all().get();
            eventually(() -> admin.describeUserScramCredentials().users().get().contains(user), "the user is listed");
            var described = admin.describeUserScramCredentials(List.of(user)).description(user).get();
            Check.equal(List.of(info), described.credentialInfos(), "credentials");
            var deletion = new UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256);
            admin.alterUserScramCredentials(List.of(deletion)).all().get();
            eventually(() -> !admin.describeUserScramCredentials().users().get().contains(user), "the user is gone");
            return Map.of();
        }
    }

    /** What operators of a cluster do that has one broker. Nothing is changed. */
    static Map<String, Object> operators(Options options) throws Exception {
        TopicPartition partition = new TopicPartition(options.text("topic"), 0);
        try (Admin admin = Admin.create(options.client())) {
            eventually(() -> admin.listTopics().names().get().contains(partition.topic()), "the topic is listed");
            var elected = admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).partitions().get().get(partition);
            Check.that(elected.get() instanceof ElectionNotNeededException, "an election is not needed: " + elected);
            var stay = Optional.of(new NewPartitionReassignment(List.of(1)));
            admin.alterPartitionReassignments(Map.of(partition, stay)).all().get();
            Check.equal(Map.of(), admin.listPartitionReassignments().reassignments().get(), "reassignments");
            var cancel = Map.of(partition, Optional.<NewPartitionReassignment>empty());
            fails(
                admin.alterPartitionReassignments(cancel).all(),
                NoReassignmentInProgressException.class,
                "the end of a reassignment that there is not");

            QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
            Check.equal(1, quorum.leaderId(), "the quorum's leader");
            Check.equal(1, quorum.voters().size(), "voters");

            FeatureMetadata features = admin.describeFeatures().featureMetadata().get();
            short level = features.finalizedFeatures().get("transaction.version").maxVersionLevel();
            Check.equal((short) 2, level, "transaction.version");
            var dryRun = new UpdateFeaturesOptions().validateOnly(true);
            var down = new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE);
            admin.updateFeatures(Map.of("transaction.version", down), dryRun).all().get();
            var silent = new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE);
            fails(
                admin.updateFeatures(Map.of("transaction.version", silent), dryRun).all(),
                InvalidUpdateVersionException.class,
                "a downgrade that does not say so");
            return Map.of("voters", quorum.voters().size(), "features", features.finalizedFeatures().keySet());
        }
    }

    static Map<String, Object> cluster(Options options) throws Exception {
        try (Admin admin = Admin.create(options.client())) {
            DescribeClusterResult cluster = admin.describeCluster();
            Check.that(!cluster.clusterId().get().isEmpty(), "the cluster has an id");
            Check.that(cluster.controller().get() != null, "the cluster has a controller");
            Check.that(!cluster.nodes().get().isEmpty(), "the cluster has brokers");
            int brokerId = cluster.nodes().get().iterator().next().id();
            var logDirs = admin.describeLogDirs(List.of(brokerId)).allDescriptions().get().get(brokerId);
            Check.that(!logDirs.isEmpty(), "the broker has a log directory");
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(brokerId));
            Check.that(
                admin.listConfigResources(Set.of(ConfigResource.Type.BROKER), new ListConfigResourcesOptions())
                    .all().get().contains(broker),
                "the broker is listed among the configurable resources");
            var features = admin.describeFeatures().featureMetadata().get();
            return Map.of(
                "clusterId", cluster.clusterId().get(),
                "nodes", cluster.nodes().get().size(),
                "finalizedFeatures", features.finalizedFeatures().keySet());
        }
    }
}

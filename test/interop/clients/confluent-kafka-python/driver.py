"""confluent-kafka-python as a client that does what it is told; see driver.ts for the commands."""

import base64
import json
import sys

import confluent_kafka as kafka


def decode(text):
    return None if text is None else base64.b64decode(text)


def encode(data):
    return None if data is None else base64.b64encode(data).decode()


def placed(position):
    return kafka.TopicPartition(position["topic"], position["partition"], position["offset"])


class Driver:
    def __init__(self):
        self.producer = None
        self.consumer = None

    def open(self, bootstrap, producer, consumer):
        self.close()
        common = {
            "bootstrap.servers": bootstrap,
            "socket.timeout.ms": 15_000,
            "reconnect.backoff.max.ms": 500,
            "log_level": 3,
        }
        if producer is not None:
            settings = {
                "enable.idempotence": producer["idempotent"],
                "acks": "all",
                "compression.type": producer["compression"],
                "batch.size": producer["batchBytes"],
                "message.timeout.ms": 30_000,
            }
            if producer["transactionalId"] is not None:
                settings["transactional.id"] = producer["transactionalId"]
            self.producer = kafka.Producer(common | settings)
            if producer["transactionalId"] is not None:
                self.producer.init_transactions(30)
        if consumer is not None:
            settings = {
                "group.id": consumer["group"],
                "group.protocol": consumer["protocol"],
                "isolation.level": consumer["isolation"],
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
            if consumer["protocol"] == "classic":
                settings |= {
                    "partition.assignment.strategy": consumer["assignor"],
                    "session.timeout.ms": 10_000,
                    "heartbeat.interval.ms": 500,
                }
            else:
                settings["group.remote.assignor"] = consumer["assignor"]
            self.consumer = kafka.Consumer(common | settings)
            self.consumer.subscribe(consumer["topics"])
        return {}

    def send(self, records):
        offsets = [None] * len(records)
        errors = []

        def delivery(index):
            def report(error, message):
                if error is None:
                    offsets[index] = message.offset()
                else:
                    errors.append(error)

            return report

        for index, record in enumerate(records):
            self.producer.produce(
                record["topic"],
                partition=record["partition"],
                timestamp=record["timestamp"],
                key=decode(record["key"]),
                value=decode(record["value"]),
                headers=[(name, decode(value)) for name, value in record["headers"]],
                on_delivery=delivery(index),
            )
        self.producer.flush()
        if errors:
            # Of the records of a fenced producer some are refused, and others never sent.
            raise RuntimeError("; ".join(sorted({described(error) for error in errors})))
        return {"offsets": offsets}

    def begin(self):
        self.producer.begin_transaction()
        return {}

    def sendOffsets(self, offsets):
        self.producer.send_offsets_to_transaction(
            [placed(offset) for offset in offsets], self.consumer.consumer_group_metadata(), 30
        )
        return {}

    def commit(self):
        self.producer.commit_transaction(30)
        return {}

    def abort(self):
        self.producer.abort_transaction(30)
        return {}

    def poll(self, timeoutMs, max):
        records = []
        for message in self.consumer.consume(max, timeoutMs / 1000):
            if message.error() is not None:
                raise kafka.KafkaException(message.error())
            records.append(
                {
                    "topic": message.topic(),
                    "partition": message.partition(),
                    "offset": message.offset(),
                    "timestamp": message.timestamp()[1],
                    "key": encode(message.key()),
                    "value": encode(message.value()),
                    "headers": [[name, encode(value)] for name, value in message.headers() or []],
                }
            )
        assigned = [{"topic": at.topic, "partition": at.partition} for at in self.consumer.assignment()]
        return {"records": records, "assigned": assigned}

    def commitOffsets(self, offsets):
        for committed in self.consumer.commit(offsets=[placed(offset) for offset in offsets], asynchronous=False):
            if committed.error is not None:
                raise kafka.KafkaException(committed.error)
        return {}

    def close(self):
        if self.consumer is not None:
            self.consumer.close()
        self.consumer = None
        self.producer = None
        return {}


def described(error):
    return f"{error.name()}: {error.str()}"


def words(error):
    cause = error.args[0] if isinstance(error, kafka.KafkaException) else None
    return described(cause) if isinstance(cause, kafka.KafkaError) else repr(error)


def main():
    version = f"{kafka.version()} (librdkafka {kafka.libversion()[0]})"
    print(json.dumps({"client": "confluent-kafka-python", "version": version}), flush=True)
    driver = Driver()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(driver, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": words(error)}
        print(json.dumps(answer), flush=True)


main()

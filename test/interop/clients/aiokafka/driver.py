"""aiokafka as a client that does what it is told; see driver.ts for the commands."""

import asyncio
import base64
import json
import sys

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

ASSIGNORS = {"range": RangePartitionAssignor, "sticky": StickyPartitionAssignor}


def decode(text):
    return None if text is None else base64.b64decode(text)


def encode(data):
    return None if data is None else base64.b64encode(data).decode()


def by_partition(positions):
    return {TopicPartition(at["topic"], at["partition"]): at["offset"] for at in positions}


class Driver:
    def __init__(self):
        self.producer = None
        self.consumer = None
        self.group = None

    async def open(self, bootstrap, producer, consumer):
        await self.close()
        common = {"bootstrap_servers": bootstrap, "request_timeout_ms": 15_000}
        if producer is not None:
            self.producer = AIOKafkaProducer(
                **common,
                acks="all",
                enable_idempotence=producer["idempotent"],
                compression_type=None if producer["compression"] == "none" else producer["compression"],
                max_batch_size=producer["batchBytes"],
                transactional_id=producer["transactionalId"],
                linger_ms=5,
            )
            await self.producer.start()
        if consumer is not None:
            self.group = consumer["group"]
            self.consumer = AIOKafkaConsumer(
                *consumer["topics"],
                **common,
                group_id=consumer["group"],
                isolation_level=consumer["isolation"],
                partition_assignment_strategy=[ASSIGNORS[consumer["assignor"]]],
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                session_timeout_ms=10_000,
                heartbeat_interval_ms=500,
            )
            await self.consumer.start()
        return {}

    async def send(self, records):
        sent = []
        for record in records:
            sent.append(
                await self.producer.send(
                    record["topic"],
                    partition=record["partition"],
                    timestamp_ms=record["timestamp"],
                    key=decode(record["key"]),
                    value=decode(record["value"]),
                    headers=[(name, decode(value)) for name, value in record["headers"]],
                )
            )
        return {"offsets": [metadata.offset for metadata in await asyncio.gather(*sent)]}

    async def begin(self):
        await self.producer.begin_transaction()
        return {}

    async def sendOffsets(self, offsets):
        await self.producer.send_offsets_to_transaction(by_partition(offsets), self.group)
        return {}

    async def commit(self):
        await self.producer.commit_transaction()
        return {}

    async def abort(self):
        await self.producer.abort_transaction()
        return {}

    async def poll(self, timeoutMs, max):
        records = []
        for batch in (await self.consumer.getmany(timeout_ms=timeoutMs, max_records=max)).values():
            for message in batch:
                records.append(
                    {
                        "topic": message.topic,
                        "partition": message.partition,
                        "offset": message.offset,
                        "timestamp": message.timestamp,
                        "key": encode(message.key),
                        "value": encode(message.value),
                        "headers": [[name, encode(value)] for name, value in message.headers],
                    }
                )
        assigned = [{"topic": at.topic, "partition": at.partition} for at in self.consumer.assignment()]
        return {"records": records, "assigned": assigned}

    async def commitOffsets(self, offsets):
        await self.consumer.commit(by_partition(offsets))
        return {}

    async def close(self):
        consumer, producer = self.consumer, self.producer
        self.consumer = self.producer = None
        if consumer is not None:
            await consumer.stop()
        if producer is not None:
            await producer.stop()
        return {}


async def main():
    print(json.dumps({"client": "aiokafka", "version": aiokafka.__version__}), flush=True)
    driver = Driver()
    # Commands come through a thread, so that heartbeats go on meanwhile.
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        try:
            answer = await getattr(driver, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


asyncio.run(main())

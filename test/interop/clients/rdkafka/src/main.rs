//! rdkafka as a client that does what it is told; see driver.ts for the commands.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::Mutex;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

const LONG: Duration = Duration::from_secs(30);

type Outcome = Result<Value, String>;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Command {
    Open {
        bootstrap: String,
        producer: Option<ProducerSettings>,
        consumer: Option<ConsumerSettings>,
    },
    Send {
        records: Vec<WireRecord>,
    },
    Begin,
    SendOffsets {
        offsets: Vec<Position>,
    },
    Commit,
    Abort,
    Poll {
        timeout_ms: u64,
        max: usize,
    },
    CommitOffsets {
        offsets: Vec<Position>,
    },
    Close,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProducerSettings {
    idempotent: bool,
    compression: String,
    transactional_id: Option<String>,
    batch_bytes: u32,
}

#[derive(Deserialize)]
struct ConsumerSettings {
    group: String,
    topics: Vec<String>,
    isolation: String,
    protocol: String,
    assignor: String,
}

#[derive(Deserialize)]
struct Position {
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Deserialize, Serialize)]
struct WireRecord {
    topic: String,
    partition: i32,
    #[serde(default)]
    offset: i64,
    timestamp: i64,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
}

/// Collects what became of each record, by its index in the `send`.
#[derive(Default)]
struct Deliveries {
    delivered: Mutex<Vec<(usize, Result<i64, KafkaError>)>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.clone()),
        };
        self.delivered.lock().unwrap().push((*index, outcome));
    }
}

#[derive(Default)]
struct Driver {
    producer: Option<BaseProducer<Deliveries>>,
    consumer: Option<BaseConsumer>,
}

impl Driver {
    fn handle(&mut self, command: Command) -> Outcome {
        match command {
            Command::Open {
                bootstrap,
                producer,
                consumer,
            } => self.open(&bootstrap, producer, consumer),
            Command::Send { records } => self.send(&records),
            Command::Begin => done(self.producer()?.begin_transaction()),
            Command::SendOffsets { offsets } => self.send_offsets(&offsets),
            Command::Commit => done(self.producer()?.commit_transaction(LONG)),
            Command::Abort => done(self.producer()?.abort_transaction(LONG)),
            Command::Poll { timeout_ms, max } => self.poll(Duration::from_millis(timeout_ms), max),
            Command::CommitOffsets { offsets } => done(
                self.consumer()?
                    .commit(&partition_list(&offsets)?, CommitMode::Sync),
            ),
            Command::Close => {
                self.close();
                Ok(json!({}))
            }
        }
    }

    fn open(
        &mut self,
        bootstrap: &str,
        producer: Option<ProducerSettings>,
        consumer: Option<ConsumerSettings>,
    ) -> Outcome {
        self.close();
        let mut common = ClientConfig::new();
        common
            .set("bootstrap.servers", bootstrap)
            .set("socket.timeout.ms", "15000")
            .set("reconnect.backoff.max.ms", "500")
            .set("log_level", "3");
        if let Some(settings) = producer {
            let mut config = common.clone();
            config
                .set("enable.idempotence", settings.idempotent.to_string())
                .set("acks", "all")
                .set("compression.type", &settings.compression)
                .set("batch.size", settings.batch_bytes.to_string())
                .set("message.timeout.ms", "30000");
            if let Some(id) = &settings.transactional_id {
                config.set("transactional.id", id);
            }
            let producer = config
                .create_with_context(Deliveries::default())
                .map_err(words)?;
            let producer = self.producer.insert(producer);
            if settings.transactional_id.is_some() {
                producer.init_transactions(LONG).map_err(words)?;
            }
        }
        if let Some(settings) = consumer {
            let mut config = common.clone();
            config
                .set("group.id", &settings.group)
                .set("group.protocol", &settings.protocol)
                .set("isolation.level", &settings.isolation)
                .set("auto.offset.reset", "earliest")
                .set("enable.auto.commit", "false");
            if settings.protocol == "classic" {
                config
                    .set("partition.assignment.strategy", &settings.assignor)
                    .set("session.timeout.ms", "10000")
                    .set("heartbeat.interval.ms", "500");
            } else {
                config.set("group.remote.assignor", &settings.assignor);
            }
            let consumer: BaseConsumer = config.create().map_err(words)?;
            let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
            consumer.subscribe(&topics).map_err(words)?;
            self.consumer = Some(consumer);
        }
        Ok(json!({}))
    }

    fn send(&self, records: &[WireRecord]) -> Outcome {
        let producer = self.producer()?;
        for (index, record) in records.iter().enumerate() {
            let key = bytes(&record.key)?;
            let value = bytes(&record.value)?;
            let mut headers = OwnedHeaders::new();
            for (name, value) in &record.headers {
                let value = bytes(value)?;
                headers = headers.insert(Header {
                    key: name,
                    value: value.as_ref(),
                });
            }
            let mut message =
                BaseRecord::<Vec<u8>, Vec<u8>, _>::with_opaque_to(&record.topic, Box::new(index))
                    .partition(record.partition)
                    .timestamp(record.timestamp)
                    .headers(headers);
            if let Some(key) = &key {
                message = message.key(key);
            }
            if let Some(value) = &value {
                message = message.payload(value);
            }
            producer.send(message).map_err(|(error, _)| words(error))?;
        }
        let flushed = producer.flush(LONG);
        let mut offsets = vec![-1; records.len()];
        let mut failures = BTreeSet::new();
        for (index, outcome) in producer.context().delivered.lock().unwrap().drain(..) {
            match outcome {
                Ok(offset) => offsets[index] = offset,
                Err(error) => drop(failures.insert(words(error))),
            }
        }
        if !failures.is_empty() {
            // Of the records of a fenced producer some are refused, and others never sent.
            return Err(failures.into_iter().collect::<Vec<_>>().join("; "));
        }
        flushed.map_err(words)?;
        Ok(json!({ "offsets": offsets }))
    }

    fn send_offsets(&self, offsets: &[Position]) -> Outcome {
        let metadata = self
            .consumer()?
            .group_metadata()
            .ok_or("the consumer is in no group")?;
        done(self.producer()?.send_offsets_to_transaction(
            &partition_list(offsets)?,
            &metadata,
            LONG,
        ))
    }

    fn poll(&self, timeout: Duration, max: usize) -> Outcome {
        let consumer = self.consumer()?;
        let mut records = Vec::new();
        while records.len() < max {
            let wait = if records.is_empty() {
                timeout
            } else {
                Duration::ZERO
            };
            let Some(message) = consumer.poll(wait) else {
                break;
            };
            let message = message.map_err(words)?;
            let headers = message
                .headers()
                .map(|headers| headers.iter().collect())
                .unwrap_or_else(Vec::new);
            records.push(WireRecord {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
                timestamp: message.timestamp().to_millis().unwrap_or(-1),
                key: message.key().map(|key| STANDARD.encode(key)),
                value: message.payload().map(|value| STANDARD.encode(value)),
                headers: headers
                    .iter()
                    .map(|header| {
                        (
                            header.key.to_owned(),
                            header.value.map(|value| STANDARD.encode(value)),
                        )
                    })
                    .collect(),
            });
        }
        let assigned: Vec<Value> = consumer
            .assignment()
            .map_err(words)?
            .elements()
            .iter()
            .map(|at| json!({ "topic": at.topic(), "partition": at.partition() }))
            .collect();
        Ok(json!({ "records": records, "assigned": assigned }))
    }

    /// Dropping a consumer closes it, which leaves the group.
    fn close(&mut self) {
        self.consumer = None;
        self.producer = None;
    }

    fn producer(&self) -> Result<&BaseProducer<Deliveries>, String> {
        self.producer
            .as_ref()
            .ok_or_else(|| "no producer is open".to_owned())
    }

    fn consumer(&self) -> Result<&BaseConsumer, String> {
        self.consumer
            .as_ref()
            .ok_or_else(|| "no consumer is open".to_owned())
    }
}

fn done(result: Result<(), KafkaError>) -> Outcome {
    result.map(|()| json!({})).map_err(words)
}

fn words(error: KafkaError) -> String {
    format!("{error:?}")
}

fn bytes(text: &Option<String>) -> Result<Option<Vec<u8>>, String> {
    text.as_ref()
        .map(|text| STANDARD.decode(text))
        .transpose()
        .map_err(|error| error.to_string())
}

fn partition_list(positions: &[Position]) -> Result<TopicPartitionList, String> {
    let mut list = TopicPartitionList::new();
    for at in positions {
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(at.offset))
            .map_err(words)?;
    }
    Ok(list)
}

fn main() {
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    let version = format!("{} (librdkafka {librdkafka})", env!("CARGO_PKG_VERSION"));
    println!("{}", json!({ "client": "rdkafka", "version": version }));
    let mut driver = Driver::default();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input can be read");
        let outcome = serde_json::from_str(&line)
            .map_err(|error| error.to_string())
            .and_then(|command| driver.handle(command));
        println!(
            "{}",
            outcome.unwrap_or_else(|error| json!({ "error": error }))
        );
    }
}

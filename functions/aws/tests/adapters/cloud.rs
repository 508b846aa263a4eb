//! The functions without Lambda: their runners over DynamoDB's emulator and the stand-ins, handed events as AWS's event source
//! mappings make them, with vendors around.

use crate::{place, stand_in::StandIn};
use aws_sdk_dynamodbstreams::types::{AttributeValue as Streamed, Record as Change, ShardIteratorType};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_aws::{
    Booted, S3Blobs, SecretsManagerVault, SqsQueue,
    config::Config,
    count::Counts,
    queue::name,
    run::{self, TimeLeft},
};
use concord_connector::{Entity, sandbox::WireRequest};
use concord_hub::{
    broker::Inbox,
    events::Count,
    hub::{Hub, Ports},
    ports::{Clock as _, Condition, Index, Query, QueueName, Table, TableChange, Vault},
    record::Record,
    testing::{MemoryQueue, SeededEntropy},
};
use concord_tests::world::{Account, PUBLIC_URL, World};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Messages that one invocation of a mapping gets.
const BATCH: i32 = 10;

/// A stack, as far as its functions can tell.
pub(crate) struct Cloud {
    pub(crate) world: World,
    pub(crate) booted: Arc<Booted>,
    pub(crate) queue: MemoryQueue,
    pub(crate) attributes: Arc<Mutex<Vec<Json>>>,
    /// How long an invocation may take.
    pub(crate) time: Duration,
    /// The trace that API Gateway gives to webhooks.
    pub(crate) trace: Option<String>,
    iterator: Option<String>,
    waiting: Vec<Json>,
}

impl Cloud {
    /// A stack with these connections; `table` may put something between the hub and its table.
    pub(crate) async fn new(accounts: &[Account<'_>], table: impl FnOnce(Arc<dyn Table>) -> Arc<dyn Table>) -> Self {
        let world = World::new(accounts).await;
        let stand_in = StandIn::at(world.clock.clone());
        let (queue, attributes) = (stand_in.queue.clone(), Arc::clone(&stand_in.attributes));
        let others = stand_in.serve().await;
        let counts = Arc::new(Counts::default());
        let clients = place::counted(&place::dynamo().await, &others, &counts).await;
        let names = Config {
            table: place::named_table(&clients).await,
            queues: format!("{others}/1/hub-"),
            bucket: "blobs".into(),
            secrets: "hub/".into(),
            public_url: PUBLIC_URL.into(),
            workers: 1,
        };
        let clock = Arc::new(world.clock.clone());
        let stored = concord_aws::DynamoTable::new(clients.table.clone(), &names.table, Arc::clone(&counts));
        let table = table(Arc::new(stored));
        let vault = SecretsManagerVault::new(clients.vault.clone(), Arc::clone(&table), &names.secrets, clock.clone());
        for account in accounts {
            let secrets = world.hub.vault.read(account.name).await.unwrap();
            assert!(vault.write(account.name, concord_hub::ports::Secrets { generation: 0, ..secrets }).await.unwrap());
        }
        let blobs = Arc::new(S3Blobs::new(clients.blobs.clone(), &names.bucket));
        let entropy = Arc::new(SeededEntropy::new(3));
        let ports = Ports {
            table,
            queue: Arc::new(SqsQueue::new(clients.queue.clone(), &names.queues, blobs.clone(), entropy.clone())),
            vault: Arc::new(vault),
            http: Arc::new(world.vendors.clone()),
            blobs,
            clock,
            entropy,
        };
        let hub = Arc::new(Hub::new(ports, (*world.hub.settings()).clone()));
        let iterator = Some(first(&clients.streams).await);
        let booted = Arc::new(Booted::of(hub, names, counts, clients));
        Self {
            world,
            booted,
            queue,
            attributes,
            time: Duration::from_secs(60),
            trace: None,
            iterator,
            waiting: Vec::new(),
        }
    }

    pub(crate) fn time(&self) -> TimeLeft {
        TimeLeft::of(self.time)
    }

    /// A webhook by way of API Gateway; the status.
    pub(crate) async fn post(&self, request: &WireRequest) -> u16 {
        let target = request.target.strip_prefix(PUBLIC_URL).unwrap_or(&request.target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: BTreeMap<_, _> = request.headers.clone().into_iter().collect();
        headers.extend(self.trace.clone().map(|trace| ("x-amzn-trace-id".to_owned(), trace)));
        let event = json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
            "requestContext": { "http": { "method": request.method, "sourceIp": "198.51.100.7" } },
            "body": STANDARD.encode(&request.body), "isBase64Encoded": true,
        });
        let answer = run::http::answer(&self.booted, event).await.unwrap();
        u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap()
    }

    /// Vendors send what is due.
    pub(crate) async fn push(&mut self) -> bool {
        let mut sent = false;
        for name in self.world.vendors.names() {
            let now = self.world.vendors.now(&name);
            for push in self.world.vendor(&name, |vendor| vendor.pushes(now)) {
                sent = true;
                if !(200..300).contains(&self.post(&push.request).await) {
                    self.world.vendor(&name, |vendor| vendor.failed(now, push));
                }
            }
        }
        sent
    }

    /// One batch of a queue, as an event; empty without any.
    pub(crate) async fn receive(&self, queue: &QueueName) -> Vec<Json> {
        let url = format!("{}{}", self.booted.names.queues, name::of(queue));
        let request = self.booted.clients.queue.receive_message().queue_url(&url).max_number_of_messages(BATCH);
        let request = request.visibility_timeout(180).message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.send().await.unwrap();
        let records = answer.messages().iter().map(|message| {
            let attributes: BTreeMap<String, String> = message
                .attributes()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
                .collect();
            let claim = message.body().filter(|body| body.starts_with("claims/"));
            let claimed = claim.map_or_else(|| json!({}), |claim| json!({ "claim": { "stringValue": claim } }));
            json!({
                "messageId": message.message_id(), "receiptHandle": message.receipt_handle(), "body": message.body(),
                "attributes": attributes, "messageAttributes": claimed,
                "eventSourceARN": format!("arn:aws:sqs:eu-west-1:1:hub-{}", name::of(queue)),
            })
        });
        records.collect()
    }

    /// Hands a batch over and deletes what did not fail, as a mapping does; the ids of what did.
    pub(crate) async fn hand_over(&self, queue: &QueueName, records: Vec<Json>) -> Vec<String> {
        let event = json!({ "Records": records });
        let answer = run::queue::work(&self.booted, event.clone(), self.time()).await.unwrap();
        let failed: Vec<String> = answer["batchItemFailures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["itemIdentifier"].as_str().unwrap().to_owned())
            .collect();
        let done = event["Records"].as_array().unwrap().iter();
        let done = done.filter(|record| !failed.contains(&record["messageId"].as_str().unwrap().to_owned()));
        let entries: Vec<_> = done
            .enumerate()
            .map(|(id, record)| {
                let receipt = record["receiptHandle"].as_str().unwrap();
                DeleteMessageBatchRequestEntry::builder().id(id.to_string()).receipt_handle(receipt).build().unwrap()
            })
            .collect();
        if !entries.is_empty() {
            let url = format!("{}{}", self.booted.names.queues, name::of(queue));
            let plain = aws_sdk_sqs::Client::new(&place::shared(url.split("/1/").next().unwrap()).await);
            plain.delete_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
        }
        failed
    }

    /// One batch of each queue that has any.
    pub(crate) async fn drain(&self) -> bool {
        let mut busy = false;
        for queue in self.queue.queues() {
            // What is held back counts as hidden until somebody asks after its time.
            let depth = self.queue.depth(&queue);
            if depth.waiting + depth.hidden == 0 {
                continue;
            }
            let records = self.receive(&queue).await;
            busy |= !records.is_empty();
            if !records.is_empty() {
                self.hand_over(&queue, records).await;
            }
        }
        busy
    }

    /// What has come by the table's stream and was not passed on yet.
    pub(crate) async fn stream(&mut self) -> Vec<Json> {
        if let Some(from) = self.iterator.take() {
            let answer = self.booted.clients.streams.get_records().shard_iterator(from).send().await.unwrap();
            self.iterator.clone_from(&answer.next_shard_iterator);
            // As the mapping's filter does.
            let of_record = |event: &Json| event["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().starts_with("R#");
            self.waiting.extend(answer.records().iter().map(event).filter(of_record));
        }
        self.waiting.clone()
    }

    /// The stream is switched off and on again: what it had is gone, and a new one begins.
    pub(crate) async fn lose_stream(&mut self) {
        self.stream().await;
        self.waiting.clear();
    }

    /// Passes the stream on; where it has to go on, if anywhere.
    pub(crate) async fn pass_on(&mut self) -> Option<String> {
        let records = self.stream().await;
        if records.is_empty() {
            return None;
        }
        let event = json!({ "Records": records });
        let answer = run::stream::work(&self.booted, event, self.time()).await.unwrap();
        let failed = answer["batchItemFailures"][0]["itemIdentifier"].as_str().map(str::to_owned);
        let at = |id: &String| records.iter().position(|record| record["dynamodb"]["SequenceNumber"] == **id);
        self.waiting = failed.as_ref().and_then(at).map_or(Vec::new(), |from| records[from..].to_vec());
        failed
    }

    /// Works until nothing happens for three minutes.
    pub(crate) async fn settle(&mut self) {
        let counts = |cloud: &Self| {
            let tally = &cloud.booted.hub.tally;
            [Count::Commits, Count::Deliveries, Count::Refusals, Count::Outages].map(|count| tally.get(count))
        };
        let mut quiet_since = self.world.clock.now();
        for _ in 0..2_000 {
            let before = counts(self);
            loop {
                let mut busy = self.push().await;
                busy |= self.drain().await;
                busy |= !self.stream().await.is_empty();
                self.pass_on().await;
                if !busy {
                    break;
                }
            }
            if counts(self) != before {
                quiet_since = self.world.clock.now();
            }
            let quiet = self.world.clock.now().since(quiet_since);
            if quiet > Duration::from_secs(180) {
                return;
            }
            self.world.clock.advance(Duration::from_secs(5 + quiet.as_secs() / 5));
            run::schedule::work(&self.booted, TimeLeft::of(Duration::ZERO)).await.unwrap();
        }
        panic!("no quiet: {:?}", self.booted.hub.tally.counts());
    }

    /// What takes away the marks of all webhooks.
    pub(crate) async fn marks(&self) -> Vec<TableChange> {
        let scan = self.booted.clients.table.scan().table_name(&self.booted.names.table).send().await.unwrap();
        let keys = scan.items().iter().map(|item| concord_aws::table::item::name(item).unwrap());
        let marks = keys.filter(|key| key.partition.starts_with("S#"));
        marks.map(|key| TableChange::Delete(key, Condition::None)).collect()
    }

    /// The organizations of a name.
    pub(crate) async fn named(&self, name: &str) -> Vec<Record> {
        let all = self.records(Entity::Organization).await.into_iter();
        all.filter(|record| record.value("name").and_then(|value| value.as_str()) == Some(name)).collect()
    }

    /// The records of an entity.
    pub(crate) async fn records(&self, entity: Entity) -> Vec<Record> {
        let hub = &self.booted.hub;
        let page = hub.table.query(Query::partition(Some(Index::List), entity.name(), 100)).await.unwrap();
        let mut records = Vec::new();
        for id in page.keys.iter().filter_map(|(_, key)| concord_hub::keys::record_id(key)) {
            records.extend(hub.record(&id).await.unwrap().map(|(record, _)| record));
        }
        records
    }
}

/// Where the only shard of the only stream begins.
async fn first(streams: &aws_sdk_dynamodbstreams::Client) -> String {
    let list = streams.list_streams().send().await.unwrap();
    let arn = list.streams()[0].stream_arn().unwrap().to_owned();
    let stream = streams.describe_stream().stream_arn(&arn).send().await.unwrap();
    let shard = stream.stream_description().unwrap().shards()[0].shard_id().unwrap().to_owned();
    let request = streams.get_shard_iterator().stream_arn(arn).shard_id(shard);
    let answer = request.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    answer.shard_iterator().unwrap().to_owned()
}

/// A change as Lambda is handed it.
fn event(record: &Change) -> Json {
    let change = record.dynamodb().unwrap();
    let image = |image: Option<&HashMap<String, Streamed>>| -> Json {
        image.map_or(Json::Null, |image| image.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
    };
    json!({
        "eventID": record.event_id(), "eventName": record.event_name().map(|name| name.as_str()),
        "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
        "dynamodb": {
            "Keys": image(change.keys()), "OldImage": image(change.old_image()), "NewImage": image(change.new_image()),
            "SequenceNumber": change.sequence_number(), "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    })
}

fn attribute(value: &Streamed) -> Json {
    match value {
        Streamed::S(text) => json!({ "S": text }),
        Streamed::N(number) => json!({ "N": number }),
        Streamed::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        Streamed::L(all) => json!({ "L": all.iter().map(attribute).collect::<Vec<_>>() }),
        other => panic!("no item of ours has {other:?}"),
    }
}

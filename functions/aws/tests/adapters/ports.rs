//! Each port's laws on each place that there is.

use crate::{place, stand_in::StandIn};
use async_trait::async_trait;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
};
use concord_aws::{S3Blobs, SecretsManagerVault, SqsQueue};
use concord_connector::Result;
use concord_hub::{
    broker::{Depth, Inbox},
    ports::{Blobs, Outgoing, Queue, QueueName, Received, Table, Vault},
    testing::{FakeClock, MemoryBlobs, MemoryQueue, MemoryTable, SeededEntropy, laws},
};
use std::{env, sync::Arc, time::Duration};
use tokio::runtime::{Handle, Runtime};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The laws ask for a fresh place without waiting for it.
fn now<T: Send>(work: impl Future<Output = T> + Send) -> T {
    tokio::task::block_in_place(|| Handle::current().block_on(work))
}

fn table_laws(endpoint: impl Future<Output = String> + Send) {
    runtime().block_on(async {
        let endpoint = endpoint.await;
        let clients = place::clients(&endpoint, &endpoint).await;
        laws::table(|| Arc::new(now(place::table(&clients))) as Arc<dyn Table>).await;
    });
}

#[test]
fn the_table_keeps_its_laws_on_an_emulator_in_this_process() {
    table_laws(place::dynamo());
}

#[test]
#[ignore = "needs AWS's DynamoDB Local: `make adapters` starts it"]
fn the_table_keeps_its_laws_on_dynamodb_local() {
    let endpoint =
        env::var("CONCORD_TEST_DYNAMODB").expect("CONCORD_TEST_DYNAMODB names the address of DynamoDB Local");
    table_laws(async { endpoint });
}

#[test]
#[ignore = "needs the emulator of all services: `make adapters` starts it"]
fn the_table_keeps_its_laws_on_the_emulator_of_all_services() {
    let endpoint = env::var("CONCORD_TEST_AWS").expect("CONCORD_TEST_AWS names the address of the emulator");
    table_laws(async { endpoint });
}

#[test]
fn the_vault_keeps_its_laws() {
    runtime().block_on(async {
        let endpoint = StandIn::default().serve().await;
        vault_laws(&endpoint).await;
    });
}

#[test]
#[ignore = "needs the emulator of all services: `make adapters` starts it"]
fn the_vault_keeps_its_laws_on_the_emulator_of_all_services() {
    let endpoint = env::var("CONCORD_TEST_AWS").expect("CONCORD_TEST_AWS names the address of the emulator");
    runtime().block_on(vault_laws(&endpoint));
}

fn table() -> Arc<dyn Table> {
    Arc::new(MemoryTable::default())
}

async fn vault_laws(endpoint: &str) {
    let client = place::clients(endpoint, endpoint).await.vault;
    let prefix = format!("laws-{}/", std::process::id());
    laws::vault(|| {
        let clock = Arc::new(FakeClock::default());
        Arc::new(SecretsManagerVault::new(client.clone(), table(), &prefix, clock)) as Arc<dyn Vault>
    })
    .await;
    let vault = SecretsManagerVault::new(client, table(), &prefix, Arc::new(FakeClock::default()));
    assert_eq!(vault.names().await.unwrap(), ["erp"], "names are listed below the prefix");
}

#[test]
fn what_was_read_is_kept_for_as_long_as_allowed_and_never_after_a_write() {
    runtime().block_on(async {
        let endpoint = StandIn::default().serve().await;
        let client = place::clients(&endpoint, &endpoint).await.vault;
        let clock = FakeClock::default();
        let keeping = SecretsManagerVault::new(client.clone(), table(), "k/", Arc::new(clock.clone()))
            .keeping(Duration::from_secs(60));
        let other = SecretsManagerVault::new(client, table(), "k/", Arc::new(clock.clone()));
        assert_eq!(keeping.read("crm").await.unwrap().generation, 0);
        assert!(other.write("crm", Default::default()).await.unwrap());
        assert_eq!(keeping.read("crm").await.unwrap().generation, 0, "kept");
        clock.advance(Duration::from_secs(60));
        assert_eq!(keeping.read("crm").await.unwrap().generation, 1);
        let read = keeping.read("crm").await.unwrap();
        assert!(keeping.write("crm", read).await.unwrap());
        assert_eq!(keeping.read("crm").await.unwrap().generation, 2);
    });
}

#[test]
fn blobs_keep_their_laws() {
    runtime().block_on(async {
        let endpoint = StandIn::default().serve().await;
        let client = place::clients(&endpoint, &endpoint).await.blobs;
        laws::blobs(|| Arc::new(S3Blobs::new(client.clone(), "laws")) as Arc<dyn Blobs>).await;
    });
}

#[test]
#[ignore = "needs the emulator of all services: `make adapters` starts it"]
fn blobs_keep_their_laws_on_the_emulator_of_all_services() {
    let endpoint = env::var("CONCORD_TEST_AWS").expect("CONCORD_TEST_AWS names the address of the emulator");
    runtime().block_on(async {
        let client = place::clients(&endpoint, &endpoint).await.blobs;
        let bucket = format!("laws-{}", std::process::id());
        // It makes buckets for whoever asks, signed or not.
        let there =
            "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
        let made = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .put(format!("{endpoint}/{bucket}"))
            .body(there)
            .send()
            .await
            .unwrap();
        assert!(made.status().is_success(), "{}", made.status());
        laws::blobs(|| Arc::new(S3Blobs::new(client.clone(), &bucket)) as Arc<dyn Blobs>).await;
    });
}

/// Sends by the adapter and receives as an event source mapping does; how full it is, only the stand-in can say at once.
struct Both {
    queue: SqsQueue,
    client: aws_sdk_sqs::Client,
    behind: MemoryQueue,
}

#[async_trait]
impl Queue for Both {
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()> {
        self.queue.send(queue, batch).await
    }
}

#[async_trait]
impl Inbox for Both {
    async fn receive(&self, queue: &QueueName, max: usize, visibility: Duration) -> Result<Vec<Received>> {
        let request = self.client.receive_message().queue_url(self.queue.url(queue));
        let request = request
            .max_number_of_messages(max as i32)
            .visibility_timeout(visibility.as_secs() as i32)
            .message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.send().await.unwrap();
        let received = answer.messages().iter().map(|message| {
            let attribute = |name| message.attributes().and_then(|attributes| attributes.get(&name)).cloned();
            Received {
                id: message.receipt_handle().unwrap().to_owned(),
                body: message.body().unwrap().to_owned(),
                receives: attribute(MessageSystemAttributeName::ApproximateReceiveCount).unwrap().parse().unwrap(),
                group: attribute(MessageSystemAttributeName::MessageGroupId),
                trace: None,
            }
        });
        Ok(received.collect())
    }
    async fn delete(&self, queue: &QueueName, ids: &[String]) -> Result<()> {
        for chunk in ids.chunks(10) {
            let entries = chunk.iter().enumerate().map(|(n, id)| {
                DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(id).build().unwrap()
            });
            let request = self.client.delete_message_batch().queue_url(self.queue.url(queue));
            request.set_entries(Some(entries.collect())).send().await.unwrap();
        }
        Ok(())
    }
    async fn release(&self, queue: &QueueName, waits: &[(String, Duration)]) -> Result<()> {
        let entries = waits.iter().enumerate().map(|(n, (id, wait))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(n.to_string())
                .receipt_handle(id)
                .visibility_timeout(wait.as_secs() as i32)
                .build()
                .unwrap()
        });
        let request = self.client.change_message_visibility_batch().queue_url(self.queue.url(queue));
        request.set_entries(Some(entries.collect())).send().await.unwrap();
        Ok(())
    }
    async fn wait(&self, queue: &QueueName) {
        self.behind.wait(queue).await;
    }
    fn depth(&self, queue: &QueueName) -> Depth {
        self.behind.depth(queue)
    }
}

#[test]
fn queues_keep_their_laws() {
    runtime().block_on(async {
        laws::queue(|clock| {
            let stand_in = StandIn::at(clock);
            let behind = stand_in.queue.clone();
            now(async {
                let endpoint = stand_in.serve().await;
                let client = place::clients(&endpoint, &endpoint).await.queue;
                let blobs = Arc::new(MemoryBlobs::default());
                let queue =
                    SqsQueue::new(client.clone(), format!("{endpoint}/1/hub-"), blobs, Arc::new(SeededEntropy::new(1)));
                Arc::new(Both { queue, client, behind })
            })
        })
        .await;
    });
}

//! Where the services are.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{
    config::{Credentials, Region},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, StreamSpecification, StreamViewType,
    },
};
use concord_aws::{
    Clients, S3,
    count::{Counting, Counts},
    table::item::SLOTS,
};
use concord_hub::{net::Net, ports::Http};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::net::TcpListener;

/// What an SDK client needs to speak to an address on this machine.
pub(crate) async fn shared(endpoint: &str) -> aws_config::SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .load()
        .await
}

/// Clients of services at addresses on this machine.
pub(crate) async fn clients(table: &str, others: &str) -> Clients {
    counted(table, others, &Arc::default()).await
}

/// The same; what they send to the table and to the queues is counted.
pub(crate) async fn counted(table: &str, others: &str, counts: &Arc<Counts>) -> Clients {
    let (table, others) = (shared(table).await, shared(others).await);
    let http = Arc::new(Net::new().unwrap());
    let counting = || Counting(Arc::clone(counts));
    let counted = aws_sdk_dynamodb::config::Builder::from(&table).interceptor(counting()).build();
    let sent = aws_sdk_sqs::config::Builder::from(&others).interceptor(counting()).build();
    Clients {
        who: others.credentials_provider(),
        table: aws_sdk_dynamodb::Client::from_conf(counted),
        streams: aws_sdk_dynamodbstreams::Client::new(&table),
        queue: aws_sdk_sqs::Client::from_conf(sent),
        blobs: S3::new(&others, Arc::clone(&http) as Arc<dyn Http>, Arc::clone(counts)),
        vault: aws_sdk_secretsmanager::Client::new(&others),
        http,
    }
}

/// DynamoDB in this process; its address.
pub(crate) async fn dynamo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    format!("http://{address}")
}

/// A new empty table, as the template makes it.
pub(crate) async fn table(clients: &Clients) -> concord_aws::DynamoTable {
    let name = named_table(clients).await;
    concord_aws::DynamoTable::new(clients.table.clone(), name, Arc::default()).with_streams(clients.streams.clone())
}

/// The name of a new empty table.
pub(crate) async fn named_table(clients: &Clients) -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let name = format!("laws-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let text = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let mut request = clients
        .table
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .attribute_definitions(text("pk"))
        .attribute_definitions(text("sk"))
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()
                .unwrap(),
        );
    for slot in 0..SLOTS {
        let (partition, sort) = (format!("p{slot}"), format!("q{slot}"));
        let index = GlobalSecondaryIndex::builder()
            .index_name(format!("pq{slot}"))
            .key_schema(key(&partition, KeyType::Hash))
            .key_schema(key(&sort, KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
        request = request
            .attribute_definitions(text(&partition))
            .attribute_definitions(text(&sort))
            .global_secondary_indexes(index.build().unwrap());
    }
    request.send().await.unwrap();
    name
}

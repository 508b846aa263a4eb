//! What a function makes once, before its first event: clients, ports, the hub, the configuration.

use crate::{
    blobs::S3Blobs,
    bucket::S3,
    config::Config,
    count::{Counting, Counts},
    queue::SqsQueue,
    settings,
    table::DynamoTable,
    vault::SecretsManagerVault,
};
use aws_config::{BehaviorVersion, SdkConfig};
#[cfg(not(feature = "stack"))]
use aws_config::{Region, environment::EnvironmentVariableCredentialsProvider};
use aws_credential_types::provider::SharedCredentialsProvider;
use concord_connector::{ConnectionName, Connector, Instant, Result};
use concord_hub::{
    hub::{Hub, Ports},
    net::Net,
    ports::{Blobs, Clock, Entropy, Http, Table},
    settings::Settings,
    system::{SystemClock, SystemEntropy},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The configuration is looked at this often: a new revision is in force everywhere after so long.
const LOOKED_EVERY: Duration = Duration::from_secs(10);

/// An admin is who the SDK's own tools take them for.
#[cfg(feature = "stack")]
async fn who() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// A function is told in its environment: the chain that asks profiles, other roles and the machine is code that it never
/// runs.
#[cfg(not(feature = "stack"))]
async fn who() -> SdkConfig {
    let environment = EnvironmentVariableCredentialsProvider::new();
    let mut who = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(environment))
        .region(crate::config::region().map(Region::new));
    who.set_endpoint_url(crate::config::endpoint());
    who.build()
}

/// Clients of the services, each of which counts what it sends.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Clients {
    pub table: aws_sdk_dynamodb::Client,
    #[cfg(feature = "feed")]
    pub streams: aws_sdk_dynamodbstreams::Client,
    pub queue: aws_sdk_sqs::Client,
    pub blobs: S3,
    pub vault: aws_sdk_secretsmanager::Client,
    pub http: Arc<Net>,
    pub who: Option<SharedCredentialsProvider>,
}

impl Clients {
    /// Clients for whoever the environment says we are.
    ///
    /// # Errors
    /// When the way out cannot be opened.
    pub async fn connect(counts: &Arc<Counts>) -> Result<Self> {
        let shared = who().await;
        let http = Arc::new(Net::new()?);
        let counting = || Counting(Arc::clone(counts));
        let table = aws_sdk_dynamodb::config::Builder::from(&shared).interceptor(counting()).build();
        let queue = aws_sdk_sqs::config::Builder::from(&shared).interceptor(counting()).build();
        let vault = aws_sdk_secretsmanager::config::Builder::from(&shared).interceptor(counting()).build();
        Ok(Self {
            table: aws_sdk_dynamodb::Client::from_conf(table),
            #[cfg(feature = "feed")]
            streams: aws_sdk_dynamodbstreams::Client::new(&shared),
            queue: aws_sdk_sqs::Client::from_conf(queue),
            blobs: S3::new(&shared, Arc::clone(&http) as Arc<dyn Http>, Arc::clone(counts)),
            vault: aws_sdk_secretsmanager::Client::from_conf(vault),
            http,
            who: shared.credentials_provider(),
        })
    }

    /// A hub's ports over these clients. Secrets that were read are taken to be true for as long as `keeps`.
    pub fn ports(&self, names: &Config, counts: &Arc<Counts>, keeps: Duration) -> Ports {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let blobs: Arc<dyn Blobs> = Arc::new(S3Blobs::new(self.blobs.clone(), &names.bucket));
        let table = DynamoTable::new(self.table.clone(), &names.table, Arc::clone(counts));
        #[cfg(feature = "feed")]
        let table = table.with_streams(self.streams.clone());
        let table: Arc<dyn Table> = Arc::new(table);
        let queue = SqsQueue::new(self.queue.clone(), &names.queues, Arc::clone(&blobs), Arc::clone(&entropy));
        let vault =
            SecretsManagerVault::new(self.vault.clone(), Arc::clone(&table), &names.secrets, Arc::clone(&clock));
        Ports {
            table,
            queue: Arc::new(queue),
            vault: Arc::new(vault.keeping(keeps).of(self.who.clone())),
            http: Arc::clone(&self.http) as Arc<dyn Http>,
            blobs,
            clock,
            entropy,
        }
    }
}

/// A hub that is ready for events.
pub struct Booted {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The names of its stack's resources.
    pub names: Config,
    /// What it asked of AWS.
    pub counts: Arc<Counts>,
    /// The clients that its ports use.
    pub clients: Clients,
    registry: Vec<Arc<dyn Connector>>,
    looked: Mutex<Instant>,
    strangers: Mutex<BTreeSet<ConnectionName>>,
}

impl Booted {
    /// A hub over ports that somebody else made.
    pub fn of(hub: Arc<Hub>, names: Config, counts: Arc<Counts>, clients: Clients) -> Self {
        let registry = concord_connectors::all();
        Self { hub, names, counts, clients, registry, looked: Mutex::new(Instant::EPOCH), strangers: Mutex::default() }
    }

    /// Looks for a new configuration now and then. Where that fails, the one before goes on: what it may not commit over is
    /// told by the records themselves.
    pub async fn refresh(&self) {
        let now = self.hub.now();
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if now.since(*looked) < LOOKED_EVERY && self.hub.settings().revision > 0 {
                return;
            }
            *looked = now;
        }
        match settings::reload(&self.hub, &self.registry, &self.names, &self.strangers).await {
            Ok(true) => tracing::info!(revision = self.hub.settings().revision, "A new configuration is in force."),
            Ok(false) => {}
            Err(fault) => {
                tracing::error!(reason = %fault, "The configuration could not be read; the one before is used.")
            }
        }
    }
}

/// Boots a function from its environment. Nothing is asked of AWS before the first event: a function that cannot reach the
/// table fails its events, which come again, and not its start.
///
/// # Errors
/// A sentence that names what the environment lacks.
pub async fn boot(keeps: Duration) -> Result<Booted> {
    let names = Config::from_env()?;
    let counts = Arc::new(Counts::default());
    let clients = Clients::connect(&counts).await?;
    let ports = clients.ports(&names, &counts, keeps);
    let hub = Arc::new(Hub::new(ports, Settings::default()));
    Ok(Booted::of(hub, names, counts, clients))
}

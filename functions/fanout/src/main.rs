//! Passes changes of records on: to history, to deliveries, to subscribers, and to whoever waits for a record.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), concord_aws::run::Error> {
    concord_aws::run::changes().await
}

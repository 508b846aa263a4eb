//! Takes webhooks in: verifies, drops repeats, puts what they say into the queue of their system, answers.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), concord_aws::run::Error> {
    concord_aws::run::ingest().await
}

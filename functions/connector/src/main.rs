//! The connector of one system, or the lane to subscribers: looks at what was signalled, and delivers what is wanted.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), concord_aws::run::Error> {
    concord_aws::run::messages().await
}

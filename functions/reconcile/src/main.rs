//! Settles what systems say into golden records.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), concord_aws::run::Error> {
    concord_aws::run::messages().await
}

//! Does what is due: polls, sweeps, what is overdue.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), concord_aws::run::Error> {
    concord_aws::run::due().await
}

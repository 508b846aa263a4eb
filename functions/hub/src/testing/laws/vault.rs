//! The laws of vaults.

use crate::ports::{Secret, Secrets, Vault};
use futures::future::join_all;
use std::sync::Arc;

/// Runs every law on an empty vault.
pub async fn vault(make: impl Fn() -> Arc<dyn Vault>) {
    let vault = make();
    assert_eq!(vault.read("crm").await.expect("reading works"), Secrets::default(), "nothing is generation 0");
    let secrets =
        |generation, token: &str| Secrets { generation, parts: [("token".to_owned(), Secret::new(token))].into() };
    assert!(vault.write("crm", secrets(0, "one")).await.expect("writing works"));
    assert_eq!(vault.read("crm").await.expect("reading works"), secrets(1, "one"));
    assert!(!vault.write("crm", secrets(0, "late")).await.expect("writing works"), "somebody wrote first");
    assert!(!vault.write("crm", secrets(2, "early")).await.expect("writing works"), "nor is a guess enough");

    // Of fifty workers that refresh one token at once, one keeps what it got.
    let tries = (0..50).map(|n| {
        let vault = vault.clone();
        async move { vault.write("crm", secrets(1, &n.to_string())).await.expect("writing works").then_some(n) }
    });
    let winners: Vec<i32> = join_all(tries).await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(vault.read("crm").await.expect("reading works"), secrets(2, &winners[0].to_string()));

    assert!(vault.write("erp", secrets(0, "other")).await.expect("writing works"), "names do not touch each other");
    vault.forget("crm").await.expect("forgetting works");
    vault.forget("crm").await.expect("a missing name is no error");
    assert_eq!(vault.read("crm").await.expect("reading works"), Secrets::default());
    assert_eq!(vault.read("erp").await.expect("reading works"), secrets(1, "other"));
}

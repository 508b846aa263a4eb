//! Blobs in a bucket.

use crate::bucket::{Operation, S3};
use async_trait::async_trait;
use concord_connector::Result;
use concord_hub::ports::Blobs;

/// A bucket.
pub struct S3Blobs {
    client: S3,
    bucket: String,
}

impl S3Blobs {
    /// A bucket by its name.
    pub fn new(client: S3, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }
}

/// The key of a name: letters that paths treat in their own way are told by their code.
fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_/".contains(&byte) {
            key.push(char::from(byte));
        } else {
            key.push_str(&format!("~{byte:02x}"));
        }
    }
    key
}

const PUT: Operation = Operation { name: "blobs.put", counted: "PutObject", method: "PUT" };
const GET: Operation = Operation { name: "blobs.get", counted: "GetObject", method: "GET" };
const DELETE: Operation = Operation { name: "blobs.delete", counted: "DeleteObject", method: "DELETE" };

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        self.client.send(PUT, &self.bucket, &key(name), &bytes).await.map(drop)
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let answer = self.client.send(GET, &self.bucket, &key(name), &[]).await?;
        Ok(Some(answer.body).filter(|_| answer.status != 404))
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.client.send(DELETE, &self.bucket, &key(name), &[]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_key_of_its_own() {
        assert_eq!(key("claims/0a-b_c"), "claims/0a-b_c");
        assert_eq!(key("../a "), "~2e~2e/a~20");
        assert_ne!(key("a~20"), key("a "));
    }
}

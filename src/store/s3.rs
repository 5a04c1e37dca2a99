//! Artifacts in a bucket that speaks S3.
//!
//! Layout: `<prefix>/<analysis-id>/<name>`. S3 has no rename, so a set of artifacts cannot
//! appear at once: they are written first, and the record that names them only afterwards. What a
//! failed write leaves is removed at once where the store still answers, and by its age otherwise.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, MultipartUpload, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutPayload, RetryConfig,
};

use crate::domain::AnalysisId;

use super::artifact_name::ArtifactName;
use super::error::StoreError;
use super::retention::{Holding, RetentionPolicy, SweepReport};
use super::step::Step;
use super::video_pieces::VideoPieces;

/// A store that takes longer than this to answer counts as away.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Objects written or removed at the same time for one analysis.
const PARALLEL: usize = 8;

/// A bucket, and where in it.
#[derive(Debug)]
pub(super) struct S3Artifacts {
    url: String,
    store: AmazonS3,
    prefix: Path,
}

impl S3Artifacts {
    /// Prepares for `s3://bucket/prefix` with what `AWS_*` variables say; sends nothing.
    pub(super) fn from_environment(url: &str) -> Result<Self, StoreError> {
        Self::new(url, AmazonS3Builder::from_env())
    }

    pub(super) fn new(url: &str, builder: AmazonS3Builder) -> Result<Self, StoreError> {
        let unusable = |reason: String| StoreError::ArtifactsUrl {
            url: url.to_owned(),
            reason,
        };
        let place = url.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(unusable("it names no bucket".into()));
        }
        let prefix = Path::parse(prefix).map_err(|error| unusable(error.to_string()))?;
        let builder = at_endpoint(builder.with_bucket_name(bucket), bucket).map_err(&unusable)?;
        // Whoever comes first chooses for the process; all of ours choose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = (builder.with_retry(few_retries()).build())
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            url: url.to_owned(),
            store,
            prefix,
        })
    }

    /// Whether the bucket answers and lets us in.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let mut listing = self.store.list(Some(&self.prefix));
        match listing.try_next().await {
            Ok(_) => Ok(()),
            Err(error) if is_refusal(&error) => Err(StoreError::ArtifactsRefused {
                url: self.url.clone(),
                source: Box::new(error),
            }),
            Err(error) => Err(from_object_store(error)),
        }
    }

    /// Writes all of `artifacts` or, as far as the store still answers, none.
    pub(super) async fn put_all(
        &self,
        id: AnalysisId,
        artifacts: &[(ArtifactName, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let objects: Vec<_> = (artifacts.iter())
            .map(|(name, bytes)| (self.path_of(id, name), PutPayload::from(bytes.clone())))
            .collect();
        let store = &self.store;
        let written = stream::iter(objects)
            .map(|(path, payload)| async move {
                let written = store.put(&path, payload).await.map(drop);
                Step::PicturesWritten.reached();
                written
            })
            .buffer_unordered(PARALLEL)
            .try_collect::<()>()
            .await;
        if written.is_err() {
            // Best effort: what stays belongs to no record and goes by its age.
            let _ = self.remove(id).await;
        }
        written.map_err(from_object_store)
    }

    /// Writes `video` as the only object of `id`, piece by piece, or nothing.
    pub(super) async fn put_video(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
        mut video: VideoPieces,
    ) -> Result<(), StoreError> {
        // Whoever follows a link to it downloads it; it is never shown as a page.
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, "application/octet-stream"),
            (Attribute::ContentDisposition, "attachment"),
        ]);
        let options = PutMultipartOptions::from(attributes);
        let path = self.path_of(id, name);
        let upload = self.store.put_multipart_opts(&path, options).await;
        let mut upload = upload.map_err(from_object_store)?;
        let written = async {
            while let Some(piece) = video.try_next().await? {
                (upload.put_part(piece.into()).await).map_err(from_object_store)?;
            }
            upload.complete().await.map_err(from_object_store)
        };
        let written = written.await.map(drop);
        if written.is_err() {
            // Best effort: parts of an upload that never ended are no object.
            let _ = upload.abort().await;
        }
        written
    }

    /// A kept video; `None` when there is none of this name.
    pub(super) async fn video(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<VideoPieces>, StoreError> {
        match self.store.get(&self.path_of(id, name)).await {
            Ok(found) => {
                let pieces = found.into_stream().map_ok(Vec::from);
                Ok(Some(Box::pin(pieces.map_err(from_object_store))))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(from_object_store(error)),
        }
    }

    pub(super) async fn read(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let read = async {
            let found = self.store.get(&self.path_of(id, name)).await?;
            found.bytes().await
        };
        match read.await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(from_object_store(error)),
        }
    }

    pub(super) async fn list(&self, id: AnalysisId) -> Result<Vec<ArtifactName>, StoreError> {
        let folder = self.prefix.clone().join(id.to_string());
        let objects: Vec<_> = self
            .store
            .list(Some(&folder))
            .try_collect()
            .await
            .map_err(from_object_store)?;
        let names = objects
            .iter()
            .filter_map(|object| object.location.filename());
        let mut names: Vec<_> = names
            .filter_map(|name| ArtifactName::parse(name).ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes the artifacts of one analysis; `false` when there were none.
    pub(super) async fn remove(&self, id: AnalysisId) -> Result<bool, StoreError> {
        let names = self.list(id).await?;
        let paths: Vec<_> = names.iter().map(|name| self.path_of(id, name)).collect();
        let (store, any) = (&self.store, !paths.is_empty());
        stream::iter(paths)
            .map(|path| async move { store.delete(&path).await })
            .buffer_unordered(PARALLEL)
            .try_collect::<()>()
            .await
            .map_err(from_object_store)?;
        Ok(any)
    }

    /// Applies `policy` as of `now`. Several services may sweep one bucket at once.
    pub(super) async fn sweep(
        &self,
        policy: &RetentionPolicy,
        now: SystemTime,
    ) -> Result<SweepReport, StoreError> {
        let plan = policy.plan(self.holdings().await?, now);
        for holding in plan.for_age.iter().chain(&plan.for_size) {
            self.remove(holding.id).await?;
        }
        Ok(plan.report())
    }

    pub(super) async fn usage_bytes(&self) -> Result<u64, StoreError> {
        let holdings = self.holdings().await?;
        Ok(holdings.iter().map(|holding| holding.bytes).sum())
    }

    /// A link to one artifact that works without our keys for `lifetime`.
    pub(super) async fn link(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
        lifetime: Duration,
    ) -> Result<String, StoreError> {
        let method = http_client::Method::GET;
        let path = self.path_of(id, name);
        let signed = self.store.signed_url(method, &path, lifetime).await;
        signed.map(String::from).map_err(from_object_store)
    }

    /// What each analysis holds. Objects not named by an analysis belong to somebody else.
    pub(super) async fn holdings(&self) -> Result<Vec<Holding>, StoreError> {
        let mut held: BTreeMap<AnalysisId, Holding> = BTreeMap::new();
        let mut objects = self.store.list(Some(&self.prefix));
        while let Some(object) = objects.try_next().await.map_err(from_object_store)? {
            let Some((id, name)) = self.analysis_of(&object.location) else {
                continue;
            };
            let stored_at = SystemTime::from(object.last_modified);
            let holding = held.entry(id).or_insert(Holding {
                id,
                stored_at,
                bytes: 0,
                is_video: false,
            });
            holding.is_video |= !name.is_picture();
            holding.stored_at = holding.stored_at.max(stored_at);
            holding.bytes += object.size;
        }
        Ok(held.into_values().collect())
    }

    fn analysis_of(&self, path: &Path) -> Option<(AnalysisId, ArtifactName)> {
        let mut parts = path.prefix_match(&self.prefix)?;
        let (folder, name) = (parts.next()?, parts.next()?);
        let name = ArtifactName::parse(name.as_ref()).ok()?;
        let id = AnalysisId::parse(folder.as_ref()).filter(|id| id.to_string() == folder.as_ref());
        Some((id?, name))
    }

    fn path_of(&self, id: AnalysisId, name: &ArtifactName) -> Path {
        self.prefix.clone().join(id.to_string()).join(name.as_str())
    }
}

/// Takes the endpoint as people write it: plain `http://` where it says so, and without the bucket
/// also for the virtual-hosted style, in which the bucket becomes part of the host.
fn at_endpoint(builder: AmazonS3Builder, bucket: &str) -> Result<AmazonS3Builder, String> {
    let value = |key| {
        builder
            .get_config_value(&key)
            .filter(|text| !text.is_empty())
    };
    let endpoint =
        value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint));
    let Some(endpoint) = endpoint else {
        return Ok(builder.with_client_options(client_options(false)));
    };
    let Some((scheme, host)) = endpoint.split_once("://") else {
        return Err(format!(
            "AWS_ENDPOINT must begin with http:// or https://, got {endpoint:?}"
        ));
    };
    let signs = value(AmazonS3ConfigKey::SkipSignature).is_none_or(|skip| skip != "true");
    if signs && value(AmazonS3ConfigKey::AccessKeyId).is_none() {
        return Err(
            "with AWS_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are needed".into(),
        );
    }
    let virtual_hosted = value(AmazonS3ConfigKey::VirtualHostedStyleRequest)
        .is_some_and(|style| matches!(style.to_lowercase().as_str(), "true" | "1" | "on" | "yes"));
    let options = client_options(scheme == "http");
    let builder = builder.with_client_options(options);
    if virtual_hosted && !host.starts_with(&format!("{bucket}.")) {
        return Ok(builder.with_endpoint(format!("{scheme}://{bucket}.{host}")));
    }
    Ok(builder.with_endpoint(endpoint))
}

fn client_options(allow_http: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(allow_http)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT)
        .with_default_content_type("image/jpeg")
}

/// A client waits for the answer: after a few tries the pictures go to the spool instead.
fn few_retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(10),
    }
}

/// Whether a bucket answered that it is not there or not for us: a mistake in the settings. The
/// codes are S3's own (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>);
/// object_store hands them on in the text of a listing's error.
fn is_refusal(error: &object_store::Error) -> bool {
    const CODES: [&str; 6] = [
        "NoSuchBucket",
        "InvalidBucketName",
        "AccessDenied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "PermanentRedirect",
    ];
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if CODES.iter().any(|code| text.contains(code)) {
            return true;
        }
        next = error.source();
    }
    false
}

fn from_object_store(error: object_store::Error) -> StoreError {
    StoreError::ArtifactsAway(Box::new(error))
}

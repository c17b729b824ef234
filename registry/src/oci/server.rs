//! The conversation with one OCI server: requests with credentials, and errors in words that say what to do.
//! What a request means is another's concern.
//! Invariant: every request ends, and no blob is taken in that is longer than was announced.

use super::credentials;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError, OciEnvelope, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::runtime::Runtime;

/// How long it may take until a server takes a connection, if it may be silent for so long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many times the time of silence a request may take as a whole, so that a server which sends a byte
/// now and then is not waited for without end.
const WHOLE_REQUEST: u32 = 30;

/// How often a manifest is asked for again that the server failed to send, and after how long.
const RETRIES: u32 = 5;
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Tags that are asked for at once.
const TAGS: usize = 100;

/// Pages of tags that are read at most.
const MAX_PAGES: usize = 1_000;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server does not have what was asked for.
    Missing,
    /// Anything else, for people.
    Failed(String),
}

/// One server.
pub(super) struct Server {
    host: String,
    timeout: Duration,
    session: RefCell<Option<Session>>,
    /// The repositories, each with what may be done there, of which the server has seen our credentials.
    known: RefCell<BTreeSet<(String, RegistryOperation)>>,
    runtime: Option<Runtime>,
}

#[derive(Clone)]
struct Session {
    client: Client,
    auth: RegistryAuth,
}

impl Server {
    /// The server of a host, which may be silent for as long as `timeout`. Nothing is sent yet.
    pub(super) fn new(host: &str, timeout: Duration) -> Result<Server, String> {
        // Another part of the process may have chosen one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(Server {
            host: host.to_owned(),
            timeout,
            session: RefCell::new(None),
            known: RefCell::new(BTreeSet::new()),
            runtime: Some(runtime),
        })
    }

    /// The tags of a repository.
    pub(super) fn tags(&self, repository: &Reference) -> Result<Vec<String>, Trouble> {
        let repository = repository.clone();
        self.request(&repository.clone(), RegistryOperation::Pull, |Session { client, auth }| async move {
            let mut tags: Vec<String> = Vec::new();
            for _ in 0..MAX_PAGES {
                let last = tags.last().cloned();
                let page = client.list_tags(&repository, &auth, Some(TAGS), last.as_deref()).await?;
                let before = tags.len();
                tags.extend(page.tags.into_iter().filter(|tag| Some(tag) != last.as_ref()));
                if tags.len() - before < TAGS {
                    break;
                }
            }
            Ok(tags)
        })
    }

    /// The manifest of a tag.
    pub(super) fn manifest(&self, reference: &Reference) -> Result<OciImageManifest, Trouble> {
        let reference = reference.clone();
        self.request(&reference.clone(), RegistryOperation::Pull, |Session { client, auth }| async move {
            let mut left = RETRIES;
            loop {
                match client.pull_image_manifest(&reference, &auth).await {
                    // Servers stumble over a tag that another is writing at this moment.
                    Err(OciDistributionError::ServerError { code: 500.., .. }) if left > 0 => {
                        left -= 1;
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                    pulled => break Ok(pulled?.0),
                }
            }
        })
    }

    /// The bytes of a blob, which have the digest that its descriptor says.
    pub(super) fn blob(&self, reference: &Reference, blob: &OciDescriptor) -> Result<Vec<u8>, Trouble> {
        let (reference, blob) = (reference.clone(), blob.clone());
        self.request(&reference.clone(), RegistryOperation::Pull, |Session { client, .. }| async move {
            let limit = usize::try_from(blob.size).unwrap_or_default();
            let mut taken = Limited { bytes: Vec::new(), limit };
            client.pull_blob(&reference, &blob, &mut taken).await?;
            Ok(taken.bytes)
        })
    }

    /// Sends a blob, unless the server has it.
    pub(super) fn push_blob(
        &self,
        reference: &Reference,
        bytes: Vec<u8>,
        digest: &str,
    ) -> Result<(), Trouble> {
        let (reference, digest) = (reference.clone(), digest.to_owned());
        self.request(&reference.clone(), RegistryOperation::Push, |Session { client, .. }| async move {
            // A server that cannot say whether it has a blob is sent it.
            if client.blob_exists(&reference, &digest).await.unwrap_or(false) {
                return Ok(());
            }
            client.push_blob(&reference, bytes, &digest).await.map(drop)
        })
    }

    /// Sends a manifest, which gives its tag to what was sent before.
    pub(super) fn push_manifest(
        &self,
        reference: &Reference,
        manifest: OciImageManifest,
    ) -> Result<(), Trouble> {
        let reference = reference.clone();
        self.request(&reference.clone(), RegistryOperation::Push, |Session { client, .. }| async move {
            let manifest = OciManifest::Image(manifest);
            let mut left = RETRIES;
            loop {
                match client.push_manifest(&reference, &manifest).await {
                    Err(error) if left > 0 && misses_blobs(&error) => {
                        left -= 1;
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                    pushed => return pushed.map(drop),
                }
            }
        })
    }

    fn request<T, F: Future<Output = Result<T, OciDistributionError>>>(
        &self,
        reference: &Reference,
        operation: RegistryOperation,
        request: impl FnOnce(Session) -> F,
    ) -> Result<T, Trouble> {
        let Some(runtime) = &self.runtime else { return Err(Trouble::Failed("it was closed".to_owned())) };
        let whole = self.timeout.saturating_mul(WHOLE_REQUEST);
        runtime.block_on(async {
            let answer = async {
                let session = self.session(reference, operation).await?;
                request(session).await.map_err(Trouble::from)
            };
            tokio::time::timeout(whole, answer).await.unwrap_or_else(|_| {
                let reason = format!("the server was not done after {} s; try again later", whole.as_secs());
                Err(Trouble::Failed(reason))
            })
        })
    }

    /// The client, after the server has seen the credentials for a repository.
    async fn session(&self, reference: &Reference, operation: RegistryOperation) -> Result<Session, Trouble> {
        let kept = self.session.borrow().clone();
        let session = match kept {
            Some(session) => session,
            None => {
                let auth = credentials::of(&self.host).map_err(Trouble::Failed)?;
                let session = Session { client: self.client()?, auth };
                self.session.replace(Some(session.clone()));
                session
            }
        };
        let seen = (reference.repository().to_owned(), operation);
        if self.known.borrow().contains(&seen) {
            return Ok(session);
        }
        let session = match session.client.auth(reference, &session.auth, operation).await {
            Ok(_) => session,
            // Old credentials are no reason to refuse what everybody may read, as `wkg` has it too. A client keeps
            // the credentials that it was given first, so this takes another.
            Err(OciDistributionError::AuthenticationFailure(_))
                if session.auth != RegistryAuth::Anonymous && operation == RegistryOperation::Pull =>
            {
                let stranger = Session { client: self.client()?, auth: RegistryAuth::Anonymous };
                let allowed = stranger.client.auth(reference, &stranger.auth, operation).await;
                if allowed.is_err() {
                    return Err(Trouble::Failed(REFUSED.to_owned()));
                }
                stranger
            }
            Err(error) => return Err(error.into()),
        };
        self.session.replace(Some(session.clone()));
        self.known.borrow_mut().insert(seen);
        Ok(session)
    }

    fn client(&self) -> Result<Client, Trouble> {
        let is_plain = credentials::is_plain(&self.host).map_err(Trouble::Failed)?;
        let is_plain = is_plain.unwrap_or_else(|| is_loopback(&self.host));
        let config = ClientConfig {
            protocol: if is_plain { ClientProtocol::Http } else { ClientProtocol::Https },
            read_timeout: Some(self.timeout),
            connect_timeout: Some(self.timeout.min(CONNECT_TIMEOUT)),
            // A component is for no platform, and an index of images is no component.
            platform_resolver: None,
            user_agent: concat!("interstice/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        Client::try_from(config).map_err(Trouble::from)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Looking up a name may take longer than anybody waits.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Takes in so many bytes and no more.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, io::Error>> {
        if self.bytes.len() + bytes.len() > self.limit {
            let reason =
                format!("the server sends more than the {} bytes that its manifest says", self.limit);
            return Poll::Ready(Err(io::Error::other(reason)));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// What is told of credentials that a server does not take.
const REFUSED: &str =
    "the server refuses these credentials; log in with `docker login`, or set them where `wkg` has them";

impl From<OciDistributionError> for Trouble {
    fn from(error: OciDistributionError) -> Trouble {
        use OciDistributionError as E;
        let reason = match &error {
            E::ImageManifestNotFoundError(_) => return Trouble::Missing,
            E::RegistryError { envelope, .. } => match told(envelope) {
                Some(reason) => reason,
                None => return Trouble::Missing,
            },
            // A list of tags that is null: they were all deleted.
            E::JsonError(error) if error.is_data() => return Trouble::Missing,
            E::ServerError { code: 401, .. } | E::AuthenticationFailure(_) | E::UnauthorizedError { .. } => {
                REFUSED.to_owned()
            }
            E::ServerError { code, message, .. } => match serde_json::from_str::<OciEnvelope>(message) {
                Ok(envelope) => told(&envelope).unwrap_or_else(|| format!("the server answers {code}")),
                Err(_) if *code == 404 => return Trouble::Missing,
                Err(_) => format!("the server answers {code}: {}", printable(message)),
            },
            E::RequestError(request) if request.status().is_some_and(|status| status.as_u16() == 404) => {
                return Trouble::Missing;
            }
            E::RequestError(request) => unanswered(request),
            E::DigestError(DigestError::VerificationError { expected, actual }) => format!(
                "what the server sends was changed: its content is {actual}, and its name says {expected}; use nothing of it"
            ),
            E::ImageIndexParsingNoPlatformResolverError => {
                "it is an index of images, and no component".to_owned()
            }
            other => printable(&other.to_string()),
        };
        Trouble::Failed(reason)
    }
}

/// Whether a server says of a manifest that it lacks what the manifest names. Docker's was seen to say so of blobs that it
/// had, while another publisher sent the same ones.
fn misses_blobs(error: &OciDistributionError) -> bool {
    let is_of_a_blob =
        |code: &OciErrorCode| matches!(code, OciErrorCode::ManifestBlobUnknown | OciErrorCode::DigestInvalid);
    let says_so = |envelope: &OciEnvelope| {
        !envelope.errors.is_empty() && envelope.errors.iter().all(|error| is_of_a_blob(&error.code))
    };
    match error {
        OciDistributionError::RegistryError { envelope, .. } => says_so(envelope),
        // The same, of some requests.
        OciDistributionError::ServerError { message, .. } => {
            serde_json::from_str(message).is_ok_and(|envelope| says_so(&envelope))
        }
        _ => false,
    }
}

/// What a server says, or nothing if that is only that it does not have what was asked for.
fn told(envelope: &OciEnvelope) -> Option<String> {
    let is_missing = |code: &OciErrorCode| {
        matches!(code, OciErrorCode::NameUnknown | OciErrorCode::ManifestUnknown | OciErrorCode::NotFound)
    };
    if envelope.errors.iter().all(|error| is_missing(&error.code)) {
        return None;
    }
    if envelope.errors.iter().any(|error| matches!(error.code, OciErrorCode::Unauthorized)) {
        return Some(REFUSED.to_owned());
    }
    let messages: Vec<_> = envelope.errors.iter().map(|error| printable(&error.message)).collect();
    Some(format!("the server says: {}", messages.join("; ")))
}

fn unanswered(request: &reqwest::Error) -> String {
    if request.is_timeout() {
        return "the server does not answer; try again later".to_owned();
    }
    // The innermost cause is what an operator understands: `connection refused`.
    let mut cause: &dyn std::error::Error = request;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match request.status() {
        Some(status) if status.as_u16() == 401 => REFUSED.to_owned(),
        Some(status) => format!("the server answers {status}"),
        None if request.is_connect() => format!("the server cannot be reached: {cause}"),
        None => format!("the connection broke: {cause}"),
    }
}

/// A server's words without what could disturb a terminal, and not too many of them.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}

/// Whether a host is this machine, where nobody listens in between.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["ghcr.io", "localhost.example.com", "10.0.0.1:5000", "127.0.0.1.example.com", "[::2]:80"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn what_a_server_says_cannot_disturb_a_terminal() {
        let message = format!("\u{1b}[2J{}", "a".repeat(1_000));
        let error = OciDistributionError::ServerError { code: 500, url: String::new(), message };
        let Trouble::Failed(reason) = Trouble::from(error) else { panic!("it is no missing thing") };
        assert!(reason.starts_with("the server answers 500: [2Jaaa"), "{reason}");
        assert!(reason.len() < 500, "{reason}");
    }
}

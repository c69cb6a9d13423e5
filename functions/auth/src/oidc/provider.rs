//! The provider: what it says of itself, and what it says of who comes back from it.
//!
//! Its addresses are looked up for each log-in, with its keys: so it may change both at any time, and nothing is asked of
//! it before somebody wants to log in. It is called as links and webhooks are (`outbound`): its own origin wherever the
//! administrator says that it is, anything else that it names by https at public addresses only.

use std::{pin::Pin, time::Duration};

use chrono::{DateTime, Utc};
use http_body_util::Full;
use identity::hash_secret;
use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    TokenResponse as _,
    core::{
        CoreClient, CoreIdTokenClaims, CoreJwsSigningAlgorithm as Alg, CoreProviderMetadata,
        CoreResponseType, CoreTokenResponse, CoreUserInfoClaims,
    },
};
use outbound::{Outbound, Rules, Trust};
use url::Url;

use super::OidcConfig;

/// For all calls of one step together: a person waits.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer at most.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Signatures by keys that the provider publishes. None that our own secret makes, and no unsigned ones.
const SIGNATURES: [Alg; 9] = [
    Alg::RsaSsaPkcs1V15Sha256,
    Alg::RsaSsaPkcs1V15Sha384,
    Alg::RsaSsaPkcs1V15Sha512,
    Alg::RsaSsaPssSha256,
    Alg::RsaSsaPssSha384,
    Alg::RsaSsaPssSha512,
    Alg::EcdsaP256Sha256,
    Alg::EcdsaP384Sha384,
    Alg::EdDsa,
];

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A future whose parts nobody has to look into.
type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a log-in is recognized by when it comes back. All of it follows from one secret, which only the browser has, and
/// from the provider: with another one, nothing fits.
pub(crate) struct Flow {
    pub(crate) state: String,
    nonce: String,
    verifier: String,
}

impl Flow {
    pub(crate) fn of(secret: &str, provider: &Provider) -> Self {
        let derive = |purpose: &str| hash_secret(&format!("{purpose} {} {secret}", provider.id));
        Self { state: derive("state"), nonce: derive("nonce"), verifier: derive("verifier") }
    }
}

/// Who has come back.
pub(crate) struct ProviderUser {
    /// Names them at this provider, for ever: a hash of issuer and subject.
    pub(crate) identity: String,
    /// The mail address, if the provider says that it is proven.
    pub(crate) proven_email: Option<String>,
}

/// Why nobody is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("the provider can't be reached: {0}")]
    Away(String),
    #[error("the provider refused the code: {0}")]
    Refused(String),
    #[error("the provider's answer is invalid: {0}")]
    Invalid(String),
}
use ProviderError::{Away, Invalid, Refused};

/// A provider that the configuration names.
pub(crate) struct Provider {
    pub(crate) id: String,
    pub(crate) name: String,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    outbound: Outbound,
}

impl Provider {
    pub(crate) fn open(config: OidcConfig, public_url: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let rules = Rules { trusted: vec![Url::parse(&config.issuer)?], ..Rules::default() };
        Ok(Self {
            redirect: RedirectUrl::new(config.callback(public_url))?,
            id: config.id,
            name: config.name,
            issuer: IssuerUrl::new(config.issuer)?,
            client_id: ClientId::new(config.client_id),
            client_secret: Some(config.client_secret).filter(|it| !it.is_empty()).map(ClientSecret::new),
            outbound: Outbound::new(rules, Trust::public().and_of_the_system())?,
        })
    }

    /// Whether an answer says that it is of this provider, or says nothing (RFC 9207).
    pub(crate) fn is_issuer(&self, said: Option<&str>) -> bool {
        said.is_none_or(|said| said == self.issuer.as_str())
    }

    /// Where the browser is sent.
    pub(crate) fn begin(&self, flow: Flow) -> Work<'_, Result<String, ProviderError>> {
        Box::pin(patiently(self.place(flow)))
    }

    async fn place(&self, flow: Flow) -> Result<String, ProviderError> {
        let client = self.client().await?;
        let Flow { state, nonce, verifier } = flow;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier));
        let (url, _, _) = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scope(Scope::new("email".into()))
            .set_pkce_challenge(challenge)
            .url();
        Ok(url.into())
    }

    /// Who the code is of. `now` is what the token's time is held against.
    pub(crate) fn finish(
        &self,
        code: String,
        flow: Flow,
        now: DateTime<Utc>,
    ) -> Work<'_, Result<ProviderUser, ProviderError>> {
        Box::pin(patiently(self.person(code, flow, now)))
    }

    async fn person(
        &self,
        code: String,
        flow: Flow,
        now: DateTime<Utc>,
    ) -> Result<ProviderUser, ProviderError> {
        let client = self.client().await?;
        let http = Http(self.outbound.clone());
        let tokens: CoreTokenResponse = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(invalid)?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier))
            .request_async(&http)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(says) => Refused(says.to_string()),
                RequestTokenError::Request(error) => Away(error.to_string()),
                RequestTokenError::Parse(error, _) => invalid(error),
                RequestTokenError::Other(error) => Invalid(error),
            })?;
        let claims = verified(&client, &tokens, Nonce::new(flow.nonce), now)?;
        let subject = claims.subject();
        let identity = hash_secret(&format!("{} {}", self.issuer.as_str(), subject.as_str()));
        let told = |email: Option<&openidconnect::EndUserEmail>, proven: Option<bool>| {
            email.filter(|_| proven == Some(true)).map(|email| email.as_str().to_owned())
        };
        if claims.email().is_some() {
            return Ok(ProviderUser {
                identity,
                proven_email: told(claims.email(), claims.email_verified()),
            });
        }
        // Many tell it only to who asks for it.
        let Ok(request) = client.user_info(tokens.access_token().clone(), Some(subject.clone())) else {
            return Ok(ProviderUser { identity, proven_email: None });
        };
        let claims: CoreUserInfoClaims = request.request_async(&http).await.map_err(invalid)?;
        Ok(ProviderUser { identity, proven_email: told(claims.email(), claims.email_verified()) })
    }

    async fn client(&self) -> Result<Client, ProviderError> {
        let http = Http(self.outbound.clone());
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &http).await;
        let metadata = metadata.map_err(|error| match error {
            openidconnect::DiscoveryError::Request(error) => Away(error.to_string()),
            error => invalid(error),
        })?;
        let client =
            CoreClient::from_provider_metadata(metadata, self.client_id.clone(), self.client_secret.clone());
        Ok(client.set_redirect_uri(self.redirect.clone()))
    }
}

/// What the ID token says, once it is the provider's, for us, for this log-in and of today.
fn verified(
    client: &Client,
    tokens: &CoreTokenResponse,
    nonce: Nonce,
    now: DateTime<Utc>,
) -> Result<CoreIdTokenClaims, ProviderError> {
    let token = tokens.id_token().ok_or_else(|| Invalid("there is no ID token".into()))?;
    let verifier = client.id_token_verifier().set_allowed_algs(SIGNATURES).set_time_fn(move || now);
    let claims = token.claims(&verifier, &nonce).map_err(invalid)?;
    if let Some(expected) = claims.access_token_hash() {
        let (algorithm, key) =
            (token.signing_alg().map_err(invalid)?, token.signing_key(&verifier).map_err(invalid)?);
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(invalid)?;
        if actual != *expected {
            return Err(Invalid("the access token is another one's".into()));
        }
    }
    Ok(claims.clone())
}

fn invalid(error: impl std::error::Error) -> ProviderError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    Invalid(text)
}

async fn patiently<T>(work: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
    let late = |_| Away(format!("no answer in {} seconds", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, work).await.map_err(late)?
}

/// A call that did not come to an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct CallError(String);

/// How the provider is called.
struct Http(Outbound);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = CallError;
    type Future = Work<'static, Result<HttpResponse, CallError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(call(self.0.clone(), request))
    }
}

async fn call(outbound: Outbound, request: HttpRequest) -> Result<HttpResponse, CallError> {
    fn failed(error: &dyn std::fmt::Display) -> CallError {
        CallError(error.to_string())
    }
    let url = Url::parse(&request.uri().to_string()).map_err(|error| failed(&error))?;
    let request = request.map(|body| Full::new(axum::body::Bytes::from(body)));
    let answer = outbound.send(&url, request).await.map_err(|error| failed(&error))?;
    let (status, headers) = (answer.status, answer.headers.clone());
    let body = answer.read(LONGEST_ANSWER).await.map_err(|error| failed(&error))?;
    let mut response = HttpResponse::new(body);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

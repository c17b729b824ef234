//! Credentials where `wkg` and docker keep them, in the order in which `wkg` looks: a variable of the
//! environment, `wkg`'s configuration, docker's with its helpers.
//! Invariant: no secret stands in an error.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;
use std::io;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item};

/// Base64 with padding or without it: tools write both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The credentials for a host; anonymous where there are none. An error is a reason for people.
pub(super) fn of(host: &str) -> Result<RegistryAuth, String> {
    if let Some(token) = std::env::var(variable(host)).ok().filter(|token| !token.is_empty()) {
        return Ok(RegistryAuth::Bearer(token));
    }
    if let Some(config) = wkg_config()?
        && let Some(auth) = from_wkg(&config, host)?
    {
        return Ok(auth);
    }
    let Some((path, docker)) = docker_config()? else { return Ok(RegistryAuth::Anonymous) };
    for server in [host.to_owned(), format!("https://{host}")] {
        match get_credential_from_reader(docker.as_bytes(), &server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(RegistryAuth::Basic(user, password));
            }
            Ok(DockerCredential::IdentityToken(_)) => {
                return Err(format!(
                    "docker has an identity token for {host}, which cannot be used here; log in with a password or \
                     an access token"
                ));
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => {
                return Err(format!(
                    "docker's configuration names a credential helper for {host} that cannot be run"
                ));
            }
            Err(CredentialRetrievalError::CredentialDecodingError) => {
                return Err(format!("docker's credentials for {host} are not base64 of `user:password`"));
            }
            Err(CredentialRetrievalError::MalformedHelperResponse) => {
                return Err(format!(
                    "docker's credential helper for {host} answers what docker does not understand"
                ));
            }
            Err(CredentialRetrievalError::CredentialMismatchError) => {
                return Err(format!("{} has two different credentials for {host}", path.display()));
            }
            Err(CredentialRetrievalError::ConfigReadError) => {
                return Err(format!(
                    "{} is no configuration of docker; mend it or move it away",
                    path.display()
                ));
            }
            // No entry, or a helper that has none: nobody is logged in.
            Err(_) => {}
        }
    }
    Ok(RegistryAuth::Anonymous)
}

/// Whether a host speaks plain HTTP, if `wkg`'s configuration says so or otherwise. An error is a reason for people.
pub(super) fn is_plain(host: &str) -> Result<Option<bool>, String> {
    let config = wkg_config()?;
    let protocol = config.as_ref().and_then(|config| oci(config, host)?.get("protocol")?.as_str());
    Ok(protocol.map(|protocol| protocol == "http"))
}

/// `WKG_REGISTRY_LOCALHOST_5000_AUTH_BEARER`
fn variable(host: &str) -> String {
    let name: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("WKG_REGISTRY_{}_AUTH_BEARER", name.to_ascii_uppercase())
}

fn wkg_config() -> Result<Option<DocumentMut>, String> {
    let named = std::env::var_os("WKG_CONFIG_FILE").map(PathBuf::from);
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".config")));
    let Some(path) = named.or_else(|| folder.map(|folder| folder.join("wasm-pkg/config.toml"))) else {
        return Ok(None);
    };
    let Some(text) = text_of(&path)? else { return Ok(None) };
    // The error of the parser shows the line, in which a secret may stand.
    text.parse().map(Some).map_err(|_| format!("{} is no TOML; mend it or move it away", path.display()))
}

/// Docker's configuration and where it lies.
fn docker_config() -> Result<Option<(PathBuf, String)>, String> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let Some(folder) = folder.or_else(|| std::env::home_dir().map(|home| home.join(".docker"))) else {
        return Ok(None);
    };
    let path = folder.join("config.json");
    Ok(text_of(&path)?.map(|text| (path, text)))
}

/// What a file says; nothing if there is none.
fn text_of(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

fn oci<'a>(config: &'a DocumentMut, host: &str) -> Option<&'a Item> {
    config.get("registry")?.get(host)?.get("oci")
}

/// `auth = { username = "…", password = "…" }`, or base64 of the two with a colon between.
fn from_wkg(config: &DocumentMut, host: &str) -> Result<Option<RegistryAuth>, String> {
    let Some(auth) = oci(config, host).and_then(|oci| oci.get("auth")) else { return Ok(None) };
    if let (Some(user), Some(password)) =
        (auth.get("username").and_then(Item::as_str), auth.get("password").and_then(Item::as_str))
    {
        return Ok(Some(RegistryAuth::Basic(user.to_owned(), password.to_owned())));
    }
    let decoded = auth
        .as_str()
        .and_then(|text| BASE64.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => Ok(Some(RegistryAuth::Basic(user.to_owned(), password.to_owned()))),
        None => {
            Err(format!("wkg's configuration for {host} has an `auth` that is not base64 of `user:password`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wkg_has_credentials_in_two_forms() {
        let config: DocumentMut = "[registry.\"example.com:5000\".oci]\nauth = { username = \"open\", password = \"sesame\" }\n\
            [registry.\"wasi.dev\".oci]\nauth = \"cGluZzpwb25n\"\nprotocol = \"http\"\n[registry.\"bad\".oci]\nauth = \"?\"\n"
            .parse()
            .expect("TOML");
        let basic =
            |user: &str, password: &str| Some(RegistryAuth::Basic(user.to_owned(), password.to_owned()));
        assert_eq!(from_wkg(&config, "example.com:5000"), Ok(basic("open", "sesame")));
        assert_eq!(from_wkg(&config, "wasi.dev"), Ok(basic("ping", "pong")));
        assert_eq!(from_wkg(&config, "other.dev"), Ok(None));
        assert!(
            from_wkg(&config, "bad").expect_err("it is no base64").contains("wkg's configuration for bad")
        );
        assert_eq!(variable("localhost:1234"), "WKG_REGISTRY_LOCALHOST_1234_AUTH_BEARER");
    }
}

//! Credentials where `wkg` and docker keep them, in the order in which `wkg` looks: a variable of the
//! environment, `wkg`'s configuration, docker's with its helpers.
//! Invariant: no secret stands in an error.

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;
use std::path::PathBuf;
use toml_edit::{DocumentMut, Item};

/// The credentials for a host; anonymous where there are none. An error is a reason for people.
pub(super) fn of(host: &str) -> Result<RegistryAuth, String> {
    if let Some(token) = std::env::var(variable(host)).ok().filter(|token| !token.is_empty()) {
        return Ok(RegistryAuth::Bearer(token));
    }
    if let Some(config) = wkg_config()
        && let Some(auth) = from_wkg(&config, host)?
    {
        return Ok(auth);
    }
    for server in [host.to_owned(), format!("https://{host}")] {
        match docker_credential::get_credential(&server) {
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
            // No file, no entry, or a helper that has none: nobody is logged in.
            Err(_) => {}
        }
    }
    Ok(RegistryAuth::Anonymous)
}

/// Whether a host speaks plain HTTP, if `wkg`'s configuration says so or otherwise.
pub(super) fn is_plain(host: &str) -> Option<bool> {
    Some(oci(&wkg_config()?, host)?.get("protocol")?.as_str()? == "http")
}

/// `WKG_REGISTRY_LOCALHOST_5000_AUTH_BEARER`
fn variable(host: &str) -> String {
    let name: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("WKG_REGISTRY_{}_AUTH_BEARER", name.to_ascii_uppercase())
}

fn wkg_config() -> Option<DocumentMut> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    let path = std::env::var_os("WKG_CONFIG_FILE").map(PathBuf::from);
    let path = path.unwrap_or_else(|| folder.join("wasm-pkg/config.toml"));
    std::fs::read_to_string(path).ok()?.parse().ok()
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
    let decoded = auth.as_str().and_then(decode).and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => Ok(Some(RegistryAuth::Basic(user.to_owned(), password.to_owned()))),
        None => {
            Err(format!("wkg's configuration for {host} has an `auth` that is not base64 of `user:password`"))
        }
    }
}

/// Base64 in the standard alphabet, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
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

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for (text, expected) in [
            ("", ""),
            ("YQ==", "a"),
            ("YQ", "a"),
            ("YWI=", "ab"),
            ("YWJj", "abc"),
            ("cGluZzpwb25n", "ping:pong"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(expected.as_bytes()), "{text}");
        }
        assert_eq!(decode("a b"), None);
    }
}

//! TLS for a link, by rustls with ring.
//!
//! Owns reading certificates and keys, and saying in a sentence why a handshake failed. The broker's certificate is
//! always verified; there is no option to turn that off. Leaves the connection to `link`.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use super::options::TlsOptions;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of what it should.
    #[error("cannot read {what} from {path}: {reason}; check `{key}` of the link")]
    File {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// The config key that names the file.
        key: &'static str,
    },
    /// The certificate and the key do not belong together, or the library refuses them.
    #[error("the client certificate {cert} cannot be used with the key {key}: {reason}")]
    Identity {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        reason: String,
    },
    /// The library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// The TLS client that `options` describe.
///
/// # Errors
/// A file cannot be read, or what is in it cannot be used.
pub fn client_config(options: &TlsOptions) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    let authorities = certificates(&options.ca, "ca")?;
    let (added, refused) = roots.add_parsable_certificates(authorities);
    if added == 0 {
        let reason = format!("none of its {refused} certificates can be used");
        return Err(file_error("certificates", &options.ca, reason, "ca"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?
        .with_root_certificates(roots);
    let config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.cert, "cert")?;
            let key = PrivateKeyDer::from_pem_file(&identity.key)
                .map_err(|error| file_error("a private key", &identity.key, error.to_string(), "key"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| TlsError::Identity {
                cert: identity.cert.clone(),
                key: identity.key.clone(),
                reason: error.to_string(),
            })?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path, key: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |reason: String| file_error("certificates", path, reason, key);
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|error| failed(error.to_string()))?
        .collect::<Result<_, _>>()
        .map_err(|error| failed(error.to_string()))?;
    if found.is_empty() { Err(failed("it holds no certificate in PEM form".to_owned())) } else { Ok(found) }
}

fn file_error(what: &'static str, path: &Path, reason: String, key: &'static str) -> TlsError {
    TlsError::File { what, path: path.to_owned(), reason, key }
}

/// What went wrong in a handshake and what to do, where `error` comes from one.
pub fn explain(error: &(dyn StdError + 'static), host: &str) -> Option<String> {
    Some(match tls_error(error)? {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the broker's certificate is not signed by an authority in `ca` of the link: check that file".to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the broker's certificate has expired, or this machine's clock is wrong: check both".to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "the broker's certificate is not valid yet, or this machine's clock is wrong: check both".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("the broker's certificate is not for {host}: use the name in the certificate as `broker`"),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the broker wants a client certificate: set `cert` and `key` of the link".to_owned()
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown,
        ) => "the broker does not accept the client certificate: check `cert` of the link".to_owned(),
        other => format!("TLS failed: {other}"),
    })
}

/// The TLS error in the chain of `error`. An I/O error hides what it wraps from `source`, so it is asked itself.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next: Option<&'a (dyn StdError + 'static)> = Some(error);
    // Chains are short; the bound is against one that is not.
    for _ in 0..16 {
        let current = next?;
        if let Some(found) = current.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        next = match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::options::TlsIdentity;

    #[test]
    fn a_file_that_is_missing_or_holds_nothing_is_named_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        for ca in [folder.path().join("missing.pem"), empty] {
            let refused = client_config(&TlsOptions { ca: ca.clone(), identity: None }).unwrap_err().to_string();
            assert!(refused.contains(ca.to_str().unwrap()) && refused.contains("`ca`"), "{refused}");
        }
    }

    #[test]
    fn the_client_certificate_is_named_too() {
        let system = PathBuf::from(crate::fleet::options::SYSTEM_CA);
        if !system.exists() {
            println!("skipped: {} is not there (install ca-certificates)", system.display());
            return;
        }
        let identity = TlsIdentity { cert: "/nowhere/cert.pem".into(), key: "/nowhere/key.pem".into() };
        let options = TlsOptions { ca: system, identity: Some(identity) };
        let refused = client_config(&options).unwrap_err().to_string();
        assert!(refused.contains("/nowhere/cert.pem") && refused.contains("`cert`"), "{refused}");
        assert!(client_config(&TlsOptions { identity: None, ..options }).is_ok());
    }

    #[test]
    fn a_handshake_error_is_found_inside_an_io_error() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = std::io::Error::new(std::io::ErrorKind::InvalidData, inner);
        assert!(explain(&wrapped, "broker").unwrap().contains("`ca`"));
        assert_eq!(explain(&std::io::Error::other("cable"), "broker"), None);
    }
}

//! A certificate authority for tests: makes a root and certificates below it, as PEM.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

/// A root that signs certificates for the servers of one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its private key, as PEM.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names to refuse");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a self-signed root") }
    }

    /// The root, as PEM: what a configuration's `ca_file` holds.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these DNS names, valid from yesterday until next year, or ended a day ago.
    pub fn certificate(&self, hosts: &[&str], expired: bool) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).expect("no names to refuse");
        params.subject_alt_names = hosts.iter().map(|host| SanType::DnsName((*host).try_into().expect("a DNS name"))).collect();
        params.distinguished_name.push(DnType::CommonName, hosts.first().copied().unwrap_or("test"));
        let day = Duration::from_secs(86_400);
        let now = std::time::SystemTime::now();
        params.not_before = (now - 30 * day).into();
        params.not_after = if expired { (now - day).into() } else { (now + 365 * day).into() };
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signed certificate");
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

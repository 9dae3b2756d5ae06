//! [`Service`]: which of the services that share the port a request is for.

/// A service of AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// Queues.
    #[default]
    Sqs,
    /// Who calls, and sessions. It speaks the Query protocol only.
    Sts,
    /// Users, roles and their keys. It speaks the Query protocol only.
    Iam,
}

impl Service {
    /// All of them, as signatures name them.
    pub const SCOPES: [&str; 3] = ["sqs", "sts", "iam"];

    /// The service that a signature is scoped to.
    pub fn of_scope(scope: &str) -> Option<Service> {
        match scope {
            "sqs" => Some(Service::Sqs),
            "sts" => Some(Service::Sts),
            "iam" => Some(Service::Iam),
            _ => None,
        }
    }

    /// The service whose API has this version, where no signature tells.
    pub fn of_version(version: &str) -> Option<Service> {
        let services = [Service::Sqs, Service::Sts, Service::Iam];
        services.into_iter().find(|service| service.version() == version)
    }

    /// What the service is called as part of an operation.
    pub fn name(self) -> &'static str {
        match self {
            Service::Sqs => "AmazonSQS",
            Service::Sts => "AWSSecurityTokenService",
            Service::Iam => "AWSIdentityManagement",
        }
    }

    /// The version of its Query API.
    pub fn version(self) -> &'static str {
        match self {
            Service::Sqs => "2012-11-05",
            Service::Sts => "2011-06-15",
            Service::Iam => "2010-05-08",
        }
    }

    /// The namespace of its answers in XML.
    pub fn namespace(self) -> &'static str {
        match self {
            Service::Sqs => "http://queue.amazonaws.com/doc/2012-11-05/",
            Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_scope_and_its_version() {
        for scope in Service::SCOPES {
            let service = Service::of_scope(scope).unwrap();
            assert_eq!(Service::of_version(service.version()), Some(service));
            assert!(service.namespace().ends_with(&format!("/doc/{}/", service.version())));
        }
        assert_eq!(Service::of_scope("sns"), None);
        assert_eq!(Service::of_version("2010-03-31"), None);
    }
}

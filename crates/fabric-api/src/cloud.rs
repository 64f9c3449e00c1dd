//! Microsoft's clouds: where each signs in, and what its services are called.

use std::str::FromStr;

/// One of Microsoft's clouds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// The one that everybody else is in.
    #[default]
    Public,
    /// Azure Government.
    UsGovernment,
    /// Azure operated by 21Vianet.
    China,
}

/// A service that tokens are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The Fabric API.
    Fabric,
    /// Instances.
    Sql,
}

impl Cloud {
    /// Every cloud, by the name that Microsoft's own provider has for it.
    pub const NAMES: [(&'static str, Self); 3] =
        [("public", Self::Public), ("usgovernment", Self::UsGovernment), ("china", Self::China)];

    /// Entra's login endpoint. Source: Learn, "National clouds".
    pub fn authority_host(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// Fabric's endpoint. UNCONFIRMED outside the public cloud: no page of Microsoft's names one, the names are those
    /// that tools of others use.
    pub fn fabric_endpoint(self) -> &'static str {
        match self {
            Self::Public => "https://api.fabric.microsoft.com",
            Self::UsGovernment => "https://api.fabric.microsoft.us",
            Self::China => "https://api.fabric.azure.cn",
        }
    }

    /// The scope of tokens for a service. Instances: sql-mi facts §8, UNCONFIRMED outside the public cloud; Fabric: as
    /// its endpoint.
    pub(crate) fn scope(self, service: Service) -> String {
        let resource = match (service, self) {
            (Service::Fabric, _) => self.fabric_endpoint(),
            (Service::Sql, Self::Public) => "https://database.windows.net",
            (Service::Sql, Self::UsGovernment) => "https://database.usgovcloudapi.net",
            (Service::Sql, Self::China) => "https://database.chinacloudapi.cn",
        };
        format!("{resource}/.default")
    }
}

/// No cloud has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cloud: it is `public`, `usgovernment` or `china`")]
pub struct NoCloud(String);

impl FromStr for Cloud {
    type Err = NoCloud;

    /// By [`Self::NAMES`], in upper or lower case.
    fn from_str(text: &str) -> Result<Self, NoCloud> {
        let named = Self::NAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        named.map(|(_, cloud)| cloud).ok_or_else(|| NoCloud(text.to_owned()))
    }
}

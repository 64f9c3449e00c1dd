//! Which endpoint of the emulated instance a connection's `server` means. Spellings are compared in canonical form:
//! case, `tcp:` and the default port do not matter (sql-mi facts §6.3).

use super::Served;
use crate::tenant::Host;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `NAME.public.ZONE.database.windows.net,3342`.
    Public,
    /// `NAME.ZONE.database.windows.net`, port 1433: inside the virtual network.
    Private,
    /// Where the emulator listens, or another process whose state it goes on with did: `localhost`, 127.0.0.1 or ::1 with
    /// its port. Stands for the public endpoint, and for
    /// the private one where that is off.
    Loopback,
    /// Not this instance.
    Elsewhere,
}

/// The instance that a spelling leads to, by its place, and the endpoint.
pub fn find(server: &str, instances: &[Served]) -> Option<(usize, Endpoint)> {
    let among = |ports: fn(&Served) -> &[u16]| {
        let endpoints = instances.iter().map(|served| endpoint(server, &served.host, ports(served)));
        endpoints.enumerate().find(|(_, endpoint)| *endpoint != Endpoint::Elsewhere)
    };
    // A port that is one's own now may have been another's before.
    among(|served| &served.ports[..1]).or_else(|| among(|served| &served.ports))
}

fn endpoint(server: &str, instance: &Host, loopback_ports: &[u16]) -> Endpoint {
    let server = server.trim().to_ascii_lowercase();
    let server = server.strip_prefix("tcp:").unwrap_or(&server);
    let (host, port) = match server.rsplit_once(',') {
        Some((host, port)) => match port.trim().parse::<u16>() {
            Ok(port) => (host.trim(), port),
            Err(_) => return Endpoint::Elsewhere,
        },
        None => (server, 1433),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    match (host, port) {
        ("localhost" | "127.0.0.1" | "::1" | "[::1]", port) if loopback_ports.contains(&port) => {
            if instance.public.is_some() { Endpoint::Loopback } else { Endpoint::Private }
        }
        (host, 3342) if instance.public.as_deref().is_some_and(|public| host.eq_ignore_ascii_case(public)) => {
            Endpoint::Public
        }
        (host, 1433) if host.eq_ignore_ascii_case(&instance.private) => Endpoint::Private,
        _ => Endpoint::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_endpoint_are_one() {
        let instance = Host {
            name: "contoso-mi".to_owned(),
            private: "contoso-mi.abc123.database.windows.net".to_owned(),
            public: Some("contoso-mi.public.abc123.database.windows.net".to_owned()),
            identity: uuid::Uuid::nil(),
        };
        let of = |server| endpoint(server, &instance, &[50_123, 50_001]);
        for server in ["localhost,50123", "localhost,50001", "127.0.0.1, 50123", "TCP:LocalHost,50123", "[::1],50123"] {
            assert_eq!(of(server), Endpoint::Loopback, "{server}");
        }
        assert_eq!(of("Contoso-MI.public.abc123.database.windows.net,3342"), Endpoint::Public);
        assert_eq!(of("contoso-mi.abc123.database.windows.net"), Endpoint::Private);
        assert_eq!(of("contoso-mi.abc123.database.windows.net,1433"), Endpoint::Private);
        for server in [
            "localhost",
            "localhost,1433",
            "localhost:50123",
            "contoso-mi.public.abc123.database.windows.net",
            "contoso-mi.public.abc123.database.windows.net,1433",
            "other.abc123.database.windows.net",
            "localhost,port",
        ] {
            assert_eq!(of(server), Endpoint::Elsewhere, "{server}");
        }
    }
}

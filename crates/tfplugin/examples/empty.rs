//! The least there can be of a provider: the tests of the handshake start it.

use std::process::ExitCode;

use tfplugin::schema::Attribute;
use tfplugin::{CancellationToken, Diagnostic, Diagnostics, HandlerError, Nothing, Provider, ProviderType};

struct Empty;

struct Said(Diagnostic);

impl From<Diagnostic> for Said {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(diagnostic)
    }
}

impl HandlerError for Said {
    fn diagnose(self, _: &[Attribute]) -> Diagnostics {
        self.0.into()
    }
}

impl ProviderType for Empty {
    const NAME: &'static str = "empty";
    type Config = Nothing;
    type Error = Said;

    async fn configure(_: Nothing, _: CancellationToken) -> Result<Self, Said> {
        Ok(Self)
    }
}

fn main() -> ExitCode {
    tfplugin::serve(Provider::<Empty>::new())
}

//! What all parts of the emulator share, and the steps of the world that can be left out of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::data::{DataError, DataFile, Kept, Ports};
use crate::entra::signing::KeyError;
use crate::entra::{SigningKey, Tokens};
use crate::fabric::gateway_keys::KeyGeneration;
use crate::faults::Faults;
use crate::journal::Journal;
use crate::scenario::Scenario;
use crate::tls::Tls;
use crate::world::{CapacityState, PrimaryIdentity, Reachability, Standing, TenantSetting, UpdatePolicy, World};

/// What all parts share.
pub struct Parts {
    pub scenario: Arc<Scenario>,
    /// The world at the beginning, with what `--break` left out.
    pub beginning: Standing,
    pub clock: Arc<Clock>,
    pub world: World,
    pub journal: Arc<Journal>,
    pub faults: Arc<Faults>,
    pub tls: Tls,
    pub tokens: Arc<Tokens>,
    /// Where the state is kept, and what was kept there by the process before.
    pub data: Option<(DataFile, Option<Kept>)>,
}

/// A step outside SQL and Fabric that the world can leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Step {
    /// The capacity is paused.
    Capacity,
    /// A user-assigned identity is the primary one of every instance.
    PrimaryIdentity,
    /// Every instance has the update policy SQL Server 2022.
    UpdatePolicy,
    /// OneLake is closed to apps external to Fabric.
    TenantSetting,
    /// The gateway is down.
    Gateway,
    /// Fabric does not reach the instance.
    Network,
}

/// Why the emulator does not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no certificate or key could be made: {0}")]
    Certificates(#[from] rcgen::Error),
    #[error(transparent)]
    TokenKey(#[from] KeyError),
    #[error(transparent)]
    GatewayKey(#[from] KeyGeneration),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("loopback cannot be listened on: {0}")]
    Listen(#[source] io::Error),
    #[error("{path} cannot be written: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("the scenario does not add up: {0}")]
    Sql(String),
}

impl Step {
    fn leave_out(self, world: &mut Standing) {
        match self {
            Self::Capacity => world.facts.capacity_state = CapacityState::Inactive,
            Self::PrimaryIdentity => world.set_primary_identity(PrimaryIdentity::UserAssigned),
            Self::UpdatePolicy => world.set_update_policy(UpdatePolicy::SQLServer2022),
            Self::TenantSetting => world.facts.tenant_setting = TenantSetting::Off,
            Self::Gateway => world.facts.gateway = Reachability::Unreachable,
            Self::Network => world.facts.network = Reachability::Unreachable,
        }
    }
}

impl Parts {
    /// # Errors
    /// [`StartError::Certificates`].
    pub fn prepare(scenario: Scenario, time_scale: f64, left_out: &[Step]) -> Result<Self, StartError> {
        let mut beginning = scenario.standing();
        for step in left_out {
            step.leave_out(&mut beginning);
        }
        let clock = Arc::new(Clock::new(time_scale));
        Ok(Self {
            tokens: Arc::new(Tokens::new(SigningKey::default(), scenario.directory.tenant_id, clock.clone())),
            scenario: Arc::new(scenario),
            world: World::new(beginning.clone()),
            beginning,
            clock,
            journal: Arc::default(),
            faults: Arc::default(),
            tls: Tls::generate()?,
            data: None,
        })
    }

    /// Keeps the state in a file, and goes on from what it holds.
    ///
    /// # Errors
    /// See [`DataFile::open`].
    pub fn keep_in(&mut self, path: &Path) -> Result<(), StartError> {
        let (file, kept) = DataFile::open(path, &self.scenario, &self.beginning)?;
        if let Some(Kept { process, .. }) = &kept {
            self.clock = Arc::new(Clock::resume(self.clock.scale(), process.clock));
            let tenant = self.scenario.directory.tenant_id;
            let key = process.token_key.as_deref().map(SigningKey::resume).transpose()?;
            self.tokens = Arc::new(Tokens::new(key.unwrap_or_default(), tenant, self.clock.clone()));
        }
        self.data = Some((file, kept));
        Ok(())
    }

    /// Those of the process before, where one kept its state.
    pub fn former_ports(&self) -> Option<&Ports> {
        let (_, kept) = self.data.as_ref()?;
        kept.as_ref().map(|kept| &kept.process.ports)
    }
}

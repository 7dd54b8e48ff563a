//! The local cloud that `--local` deploys to: an emulator of AWS, and a real `MariaDB` server
//! where the emulated database instance says it is. Both are daemons below `.wmctl/local`,
//! listen on loopback only, and stay until `wmctl local stop`.

mod database;
mod mariadb;
mod ministack;
mod program;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use serde::Serialize;

use self::mariadb::MariaDb;
use self::ministack::MiniStack;
use self::service::Service;
use self::state::State;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::process::Process;

pub struct Local {
    project: PathBuf,
    /// Everything is below it, and only its owner can enter it.
    root: PathBuf,
    /// The emulator to run instead of the one installed for this project.
    ministack: Option<PathBuf>,
    state: Mutex<State>,
}

/// Ports to use from now on; without, the ones used last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub gateway_port: Option<u16>,
    pub database_port: Option<u16>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub endpoint_url: String,
    pub directory: PathBuf,
    pub ca_file: PathBuf,
    pub gateway: Daemon,
    pub database: Daemon,
}

#[derive(Debug, Clone, Serialize)]
pub struct Daemon {
    /// Its process is there and answers.
    pub running: bool,
    pub pid: Option<u32>,
    pub port: u16,
    pub log: PathBuf,
    pub version: Option<String>,
}

impl Status {
    pub fn running(&self) -> bool {
        self.gateway.running && self.database.running
    }
}

impl Local {
    pub fn open(project: &Path) -> Result<Self> {
        let project = std::path::absolute(project).map_err(|error| {
            Error::environment("the project directory is not known").because(error)
        })?;
        let root = project.join(".wmctl/local");
        let state = Mutex::new(State::load(&root));
        Ok(Self {
            project,
            root,
            ministack: ministack::named_executable(),
            state,
        })
    }

    /// Starts what does not run and waits until both answer. When both run, that is all it sees.
    pub async fn start(&self, options: &Options, events: &Events) -> Result<Status> {
        state::private_dir(&self.root)?;
        let _lock = state::lock(&self.root, events).await?;
        *self.state() = State::load(&self.root);
        self.choose_ports(options, events).await?;
        let (gateway, database) = (self.gateway(), self.database());
        // What keeps one from starting shows before the other runs.
        let ready = tokio::join!(
            self.prepare_one(&gateway, events),
            self.prepare_one(&database, events),
        );
        ready.0.and(ready.1)?;
        let (gateway, database) = tokio::join!(
            self.start_one(&gateway, events),
            self.start_one(&database, events),
        );
        gateway.and(database)?;
        self.status().await
    }

    /// Ends both, each after it has saved its state. Nothing to end is no error.
    pub async fn stop(&self, events: &Events) -> Result<()> {
        if !self.root.exists() {
            return Ok(());
        }
        let _lock = state::lock(&self.root, events).await?;
        *self.state() = State::load(&self.root);
        let (gateway, database) = tokio::join!(
            self.stop_one::<MiniStack>(events),
            self.stop_one::<MariaDb>(events)
        );
        gateway.and(database)
    }

    pub async fn status(&self) -> Result<Status> {
        *self.state() = State::load(&self.root);
        let (gateway, database) = (self.gateway(), self.database());
        let (gateway, database) = tokio::join!(self.look_at(&gateway), self.look_at(&database));
        Ok(Status {
            endpoint_url: self.endpoint_url(),
            directory: self.root.clone(),
            ca_file: self.ca_file(),
            gateway,
            database,
        })
    }

    pub fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.state().gateway_port)
    }

    /// Where a deployed API answers: a URL on loopback, and the `Host` header that names the API.
    /// The name itself resolves to loopback on some systems only.
    pub fn execute_api_url(&self, api_id: &str, stage: &str, path: &str) -> (String, String) {
        let port = self.state().gateway_port;
        let path = path.trim_start_matches('/');
        (
            format!("http://127.0.0.1:{port}/{stage}/{path}"),
            format!("{api_id}.execute-api.localhost:{port}"),
        )
    }

    pub fn database_port(&self) -> u16 {
        self.state().database_port
    }

    /// The authority that signed the database's certificate.
    pub fn ca_file(&self) -> PathBuf {
        tls::ca_file(&self.root)
    }

    /// What RDS does behind `CreateDBInstance`: an empty database, and a master user with this
    /// password. Run again, it sets the password again and keeps the data.
    pub async fn provision_database(
        &self,
        name: &str,
        admin: &str,
        password: &SecretString,
    ) -> Result<()> {
        let mut connection = self.database().connect().await?;
        database::provision(&mut connection, name, admin, password).await
    }

    /// What RDS does behind `DeleteDBInstance`: the database and everyone who could use it are gone.
    pub async fn drop_database(&self, name: &str, admin: &str) -> Result<()> {
        let mut connection = self.database().connect().await?;
        database::drop(&mut connection, name, admin).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gateway(&self) -> MiniStack {
        let port = self.state().gateway_port;
        MiniStack::new(self.ministack.clone(), &self.project, &self.root, port)
    }

    fn database(&self) -> MariaDb {
        MariaDb::new(&self.root, self.state().database_port)
    }

    /// A port asked for that is not the one in use moves the daemon there.
    async fn choose_ports(&self, options: &Options, events: &Events) -> Result<()> {
        let old = self.state().clone();
        let gateway_port = options.gateway_port.unwrap_or(old.gateway_port);
        let database_port = options.database_port.unwrap_or(old.database_port);
        if gateway_port == database_port {
            return Err(Error::usage(format!(
                "the gateway and the database cannot both listen on port {gateway_port}"
            ))
            .hint("give --gateway-port and --database-port two different ports"));
        }
        if gateway_port != old.gateway_port {
            self.stop_one::<MiniStack>(events).await?;
        }
        if database_port != old.database_port {
            self.stop_one::<MariaDb>(events).await?;
        }
        let mut state = self.state();
        state.gateway_port = gateway_port;
        state.database_port = database_port;
        Ok(())
    }

    async fn prepare_one<S: Service>(&self, service: &S, events: &Events) -> Result<()> {
        match self.running::<S>().await {
            Some(_) => Ok(()),
            None => service::prepare(service, events).await,
        }
    }

    async fn start_one<S: Service>(&self, service: &S, events: &Events) -> Result<()> {
        let running = self.running::<S>().await;
        let record = |process| {
            let mut state = self.state();
            *S::record(&mut state) = Some(process);
            state.save(&self.root)
        };
        service::start(service, running, record, events).await
    }

    async fn stop_one<S: Service>(&self, events: &Events) -> Result<()> {
        if let Some(process) = self.running::<S>().await {
            service::stop::<S>(&process, events).await;
        }
        let mut state = self.state();
        *S::record(&mut state) = None;
        state.save(&self.root)
    }

    async fn look_at<S: Service>(&self, service: &S) -> Daemon {
        let process = self.running::<S>().await;
        let version = match process {
            Some(_) => service.answer().await,
            None => None,
        };
        Daemon {
            running: version.is_some(),
            pid: process.map(|process| process.pid),
            port: service.port(),
            log: service.log(),
            version,
        }
    }

    /// The recorded process, if it is still the one that was started.
    async fn running<S: Service>(&self) -> Option<Process> {
        let process = S::record(&mut self.state()).clone()?;
        process.is_alive().await.then_some(process)
    }
}

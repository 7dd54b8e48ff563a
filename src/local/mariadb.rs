//! The database server: this machine's own `MariaDB`, on a private directory.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{Connection as _, Executor as _, Row as _};
use tokio::time::Instant;

use super::program::{find, run};
use super::service::Service;
use super::state::{State, cannot_write, private_dir};
use super::tls;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::process::Process;

pub(super) struct MariaDb {
    root: PathBuf,
    port: u16,
}

impl MariaDb {
    pub fn new(root: &Path, port: u16) -> Self {
        let root = root.to_owned();
        Self { root, port }
    }

    fn dir(&self) -> PathBuf {
        self.root.join("database")
    }

    /// The server's private entrance. A socket's path is limited to about a hundred bytes,
    /// so below a long directory it moves to a short one of the same owner.
    fn socket(&self) -> PathBuf {
        let socket = self.dir().join("socket");
        if socket.as_os_str().len() <= 100 {
            return socket;
        }
        let digest = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        let name = u64::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 8]));
        Path::new("/tmp").join(format!("wmctl-{name:016x}/socket"))
    }

    /// A connection as the server's owner, whom it knows by the system's user, not by a password.
    async fn knock(&self) -> Result<MySqlConnection, sqlx::Error> {
        let user = user().await.unwrap_or_default();
        let options = MySqlConnectOptions::new()
            .socket(self.socket())
            .username(&user)
            .ssl_mode(MySqlSslMode::Disabled);
        MySqlConnection::connect_with(&options).await
    }

    pub async fn connect(&self) -> Result<MySqlConnection> {
        self.knock().await.map_err(|error| {
            Error::environment("the local database does not answer")
                .because(error)
                .hint("wmctl local start")
        })
    }

    /// Made beside its place and moved there, so that what is there is complete.
    async fn make_data(&self, server: &Path, events: &Events) -> Result<()> {
        let data = self.dir().join("data");
        if data.exists() {
            return Ok(());
        }
        let begun = Instant::now();
        events.started("local/data", "creating");
        let new = self.dir().join("data.new");
        let _ = fs::remove_dir_all(&new);
        private_dir(&new)?;
        let installer = find(&["mariadb-install-db", "mysql_install_db"], server.parent())
            .ok_or_else(|| absent("mariadb-install-db"))?;
        let user = user().await?;
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", new.display()),
            // A server that starts removes temporary tables that it finds, whoever's they are.
            format!("--tmpdir={}", self.dir().join("tmp").display()),
            "--auth-root-authentication-method=socket".to_owned(),
            format!("--auth-root-socket-user={user}"),
            "--skip-test-db".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--skip-log-bin".to_owned(),
        ];
        if user == "root" {
            // Not `--user`, which the installer takes for itself and then trips over spaces
            // in the directory's name; this it hands on to the server.
            arguments.push("-uroot".to_owned());
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&installer, &arguments).await.map_err(|failure| {
            Error::environment("the local database's files could not be created")
                .because(failure.output)
                .hint("wmctl local start")
        })?;
        fs::rename(&new, &data).map_err(|error| cannot_write(&data, error))?;
        events.done("local/data", "created", begun.elapsed());
        Ok(())
    }
}

impl Service for MariaDb {
    const ID: &str = "local/database";
    const NAME: &str = "MariaDB";
    const PORT_OPTION: &str = "--database-port";
    const GRACE: Duration = Duration::from_mins(1);

    fn port(&self) -> u16 {
        self.port
    }

    fn log(&self) -> PathBuf {
        self.dir().with_extension("log")
    }

    fn record(state: &mut State) -> &mut Option<Process> {
        &mut state.database
    }

    async fn prepare(&self, events: &Events) -> Result<()> {
        let server = server()?;
        private_dir(&self.dir())?;
        private_dir(&self.dir().join("tmp"))?;
        if let Some(directory) = self.socket().parent() {
            private_dir(directory)?;
        }
        tls::ensure(&self.root)?;
        self.make_data(&server, events).await
    }

    async fn command(&self) -> Result<Command> {
        let mut command = Command::new(server()?);
        let option = |name: &str, value: PathBuf| {
            let mut option = OsString::from(name);
            option.push("=");
            option.push(value);
            option
        };
        command
            .current_dir(self.dir())
            .arg("--no-defaults")
            .arg(option("--datadir", self.dir().join("data")))
            .arg(option("--tmpdir", self.dir().join("tmp")))
            .arg(option("--secure-file-priv", self.dir().join("tmp")))
            .arg(option("--socket", self.socket()))
            .arg(option("--pid-file", self.dir().join("pid")))
            .arg(option("--ssl-cert", tls::certificate_file(&self.root)))
            .arg(option("--ssl-key", tls::key_file(&self.root)))
            .arg(format!("--port={}", self.port))
            .args([
                "--bind-address=127.0.0.1",
                // As RDS has it with the parameter of this name.
                "--require-secure-transport=ON",
                "--skip-name-resolve",
                "--skip-log-bin",
                "--skip-symbolic-links",
                "--local-infile=OFF",
                "--default-time-zone=+00:00",
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_unicode_ci",
                // A guest on the operator's machine, not its purpose.
                "--innodb-buffer-pool-size=64M",
                "--innodb-log-file-size=32M",
                "--performance-schema=OFF",
            ]);
        if user().await? == "root" {
            command.arg("--user=root");
        }
        Ok(command)
    }

    async fn answer(&self) -> Option<String> {
        let mut connection = self.knock().await.ok()?;
        let row = connection.fetch_one("SELECT VERSION()").await.ok()?;
        let _ = connection.close().await;
        row.try_get(0).ok()
    }
}

async fn user() -> Result<String> {
    match run(Path::new("id"), &["-un"]).await {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(failure) => Err(
            Error::environment("the name of the current user is not known")
                .because(failure.output)
                .hint("run as a user that the system knows by name: `id -un` must answer"),
        ),
    }
}

fn server() -> Result<PathBuf> {
    find(&["mariadbd", "mysqld"], None).ok_or_else(|| absent("mariadbd"))
}

fn absent(program: &str) -> Error {
    Error::environment(format!(
        "MariaDB's server is not installed ({program} is nowhere on this machine); \
         the local cloud's database is a real one"
    ))
    .hint(
        "install it: apt-get install mariadb-server, dnf install mariadb-server, \
         pacman -S mariadb, apk add mariadb, or brew install mariadb",
    )
    .hint("scripts/quickstart")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_path_stays_short() {
        let long = format!("/home/{}", "long/".repeat(30));
        let socket = |root: &str| MariaDb::new(Path::new(root), 1).socket();
        assert_eq!(socket("/p"), Path::new("/p/database/socket"));
        assert!(socket(&long).as_os_str().len() < 50);
        assert_eq!(socket(&long), socket(&long));
        assert_ne!(socket(&long), socket(&format!("{long}x")));
    }
}

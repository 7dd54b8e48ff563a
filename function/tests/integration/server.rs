//! A MariaDB server of the tests' own: a private folder, a free loopback port, TLS only.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

pub const ADMINISTRATOR: &str = "root_of_tests";
pub const ADMINISTRATOR_PASSWORD: &str = "administrator's \\ \"secret\"";

const PATIENCE: Duration = Duration::from_mins(1);

/// A running server; ended when dropped.
pub struct Server {
    folder: TempDir,
    port: u16,
    options: &'static [&'static str],
    process: Mutex<Option<Child>>,
}

/// The server that all tests share, for as long as one of them runs.
static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::new());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// A server for one test alone.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same with other options: the last one of a name counts.
    pub fn with(options: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        certificates(folder.path());
        fs::create_dir(folder.path().join("tmp")).expect("a folder");
        let installed = Command::new(tool("mariadb-install-db"))
            .args([
                "--no-defaults",
                "--user=root",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .args(folders(folder.path()))
            .output()
            .expect("mariadb-install-db runs");
        assert!(
            installed.status.success(),
            "{}",
            String::from_utf8_lossy(&installed.stderr)
        );
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let server = Self {
            folder,
            port,
            options,
            process: Mutex::new(None),
        };
        server.start();
        server.execute(&format!(
            "CREATE USER {ADMINISTRATOR}@'%' IDENTIFIED BY '{}'",
            ADMINISTRATOR_PASSWORD
                .replace('\\', "\\\\")
                .replace('\'', "\\'")
        ));
        server.execute(&format!(
            "GRANT ALL PRIVILEGES ON *.* TO {ADMINISTRATOR}@'%' WITH GRANT OPTION"
        ));
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The running server's process.
    pub fn process(&self) -> u32 {
        let process = self.process.lock().unwrap();
        process.as_ref().expect("a running server").id()
    }

    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Starts it and waits until it answers.
    pub fn start(&self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let child = Command::new(tool("mariadbd"))
            .args([
                "--no-defaults",
                "--user=root",
                "--bind-address=127.0.0.1",
                "--skip-log-bin",
                "--require-secure-transport=ON",
            ])
            .arg(format!("--port={}", self.port))
            .args(folders(self.folder.path()))
            .arg(format!("--socket={}", path("socket")))
            .arg(format!("--pid-file={}", path("pid")))
            .arg(format!("--log-error={}", path("log")))
            .arg(format!("--ssl-ca={}", path("ca.pem")))
            .arg(format!("--ssl-cert={}", path("server.pem")))
            .arg(format!("--ssl-key={}", path("server.key")))
            .args(["--innodb-buffer-pool-size=64M", "--innodb-fast-shutdown=2"])
            .args(self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd starts");
        let mut process = self.process.lock().unwrap();
        let child = process.insert(child);
        let end = Instant::now() + PATIENCE;
        while run(self.root(None)).is_err() {
            let ended = child.try_wait().expect("its state");
            let log = || fs::read_to_string(path("log")).unwrap_or_default();
            assert!(ended.is_none(), "mariadbd ended: {}", log());
            assert!(Instant::now() < end, "mariadbd does not answer: {}", log());
            std::thread::yield_now();
        }
    }

    /// Stops it as a crash would.
    pub fn stop(&self) {
        if let Some(mut child) = self
            .process
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Makes it hang: it keeps its connections and answers none. The signal reaches one thread
    /// after the other, so this waits for the last, where the system tells of them.
    pub fn pause(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.process());
        let is_running = |task: fs::DirEntry| {
            let state = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            let state = state.rsplit(") ").next().unwrap_or_default();
            !state.is_empty() && !state.starts_with('T')
        };
        let running = || {
            let mut tasks = fs::read_dir(&tasks).into_iter().flatten().flatten();
            tasks.any(is_running)
        };
        while running() {
            std::thread::yield_now();
        }
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let process = self.process.lock().unwrap();
        let id = process.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// A connection as root, beside the network.
    pub async fn root(&self, schema: Option<&str>) -> Result<MySqlConnection, sqlx::Error> {
        let mut options = MySqlConnectOptions::new()
            .socket(self.socket())
            .username("root")
            .ssl_mode(MySqlSslMode::Disabled);
        if let Some(schema) = schema {
            options = options.database(schema);
        }
        options.connect().await
    }

    /// Any statement, as root.
    pub fn execute(&self, statement: &str) {
        run(async {
            let mut root = self.root(None).await?;
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut root)
                .await?;
            root.close().await
        })
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// The first column of a query's rows, as root.
    pub fn column(&self, query: &str) -> Vec<String> {
        use sqlx::Row as _;
        run(async {
            let mut root = self.root(None).await?;
            let rows = sqlx::raw_sql(AssertSqlSafe(query))
                .fetch_all(&mut root)
                .await?;
            rows.iter()
                .map(|row| row.try_get_unchecked::<String, _>(0))
                .collect::<Result<Vec<_>, _>>()
        })
        .unwrap_or_else(|error: sqlx::Error| panic!("{query}: {error}"))
    }

    /// A connection over TLS, with the server's name verified, as a user of the network.
    pub fn connect(
        &self,
        user: &str,
        password: &str,
        tls: MySqlSslMode,
    ) -> Result<MySqlConnection, sqlx::Error> {
        let options = MySqlConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port)
            .username(user)
            .password(password)
            .ssl_mode(tls)
            .ssl_ca(self.ca_file());
        run(options.connect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a future to its end, on one runtime: a connection lives as long as the one it was made on.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    });
    RUNTIME.block_on(future)
}

fn tool(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not installed: these tests need it (apt-get install mariadb-server)")
    })
}

/// Where a server keeps its data, and its temporary tables: a server that starts removes
/// those it finds, so in a common folder it would take them from under the others.
fn folders(folder: &Path) -> [String; 2] {
    let option = |name: &str| format!("--{name}dir={}", folder.join(name).display());
    [option("data"), option("tmp")]
}

/// An authority, and a certificate for the loopback address.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
    fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

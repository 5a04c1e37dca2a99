//! TLS as clients meet it: curl and openssl against certificates that openssl made.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{Server, program, repository};

const NOW: (&str, &str) = ("20200101000000Z", "20491231000000Z");

/// An authority of certificates for 127.0.0.1 in a folder; gone when dropped.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self {
            folder: tempfile::tempdir().expect("a directory"),
        };
        let folder = authority.folder.path();
        let settings = format!(
            "[ca]\ndefault_ca = it\n[it]\nnew_certs_dir = {0}\ndatabase = {0}/index\nserial = {0}/serial\n\
             default_md = sha256\npolicy = any\nunique_subject = no\nx509_extensions = leaf\n\
             [any]\ncommonName = supplied\n[leaf]\nsubjectAltName = IP:127.0.0.1\n",
            folder.display()
        );
        std::fs::write(folder.join("settings"), settings).expect("a file");
        std::fs::write(folder.join("index"), "").expect("a file");
        std::fs::write(folder.join("serial"), "01\n").expect("a file");
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
             -subj /CN=authority -keyout authority.key -out authority.pem",
        );
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes `NAME.pem` and `NAME.key`, valid between two moments.
    fn issue(&self, name: &str, (from, until): (&str, &str)) {
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
             -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "ca -batch -notext -config settings -cert authority.pem -keyfile authority.key \
             -startdate {from} -enddate {until} -in {name}.csr -out {name}.pem"
        ));
    }

    /// Puts a pair where the server looks.
    fn serve(&self, name: &str) {
        for ending in ["pem", "key"] {
            let copied = std::fs::copy(
                self.path(&format!("{name}.{ending}")),
                self.path(&format!("served.{ending}")),
            );
            copied.expect("a pair that was issued");
        }
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace());
        let output = command.current_dir(self.folder.path()).output();
        let output = output.expect("openssl is needed: run scripts/setup.sh --test");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    async fn start(&self, settings: &[(&str, &str)]) -> Server {
        let (certificate, key) = (self.path("served.pem"), self.path("served.key"));
        let mut all = vec![
            ("tls_certificate", certificate.to_str().expect("text")),
            ("tls_key", key.to_str().expect("text")),
        ];
        all.extend(settings);
        Server::start_with(&all).await
    }

    /// curl, trusting this authority only.
    fn curl(&self, server: &Server, path: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "--cacert"]);
        command.arg(self.path("authority.pem")).args(arguments);
        command.arg(server.url(path)).output().expect("curl runs")
    }

    /// What one more handshake shows: the subject of the certificate and the protocol chosen.
    fn handshake(&self, server: &Server) -> String {
        let output = Command::new("openssl")
            .args(["s_client", "-alpn", "h2,http/1.1", "-verify_return_error"])
            .arg("-CAfile")
            .arg(self.path("authority.pem"))
            .arg("-connect")
            .arg(address(server).to_string())
            .stdin(Stdio::null())
            .output()
            .expect("openssl runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }
}

fn address(server: &Server) -> SocketAddr {
    let url = server.url("");
    let (_, address) = url.split_once("://").expect("a URL");
    address.parse().expect("an address")
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: never");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test]
async fn who_trusts_the_authority_is_served_over_tls_and_told_to_use_nothing_else() {
    let authority = Authority::new();
    authority.issue("first", NOW);
    authority.serve("first");
    let server = authority.start(&[("hsts_max_age_s", "600")]).await;
    assert!(
        server.url("/").starts_with("https://"),
        "{}",
        server.url("/")
    );

    let clip = format!("file=@{}", repository("videos/genuine.mp4").display());
    let answer = authority.curl(&server, "/predict", &["-F", &clip]);
    let verdict: Value = serde_json::from_slice(&answer.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&answer)));
    assert_eq!(verdict["filename"], "genuine.mp4");
    for path in ["/", "/livez", "/nowhere"] {
        let answer = text(&authority.curl(&server, path, &["-i"]));
        let hsts = "strict-transport-security: max-age=600\r\n";
        assert!(answer.contains(hsts), "{answer}");
    }
    // HTTP/2 would know no limit on heads; see src/http/tls.rs.
    let said = authority.handshake(&server);
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");

    let stranger = Authority::new().curl(&server, "/livez", &[]);
    assert_eq!(stranger.status.code(), Some(60), "{}", text(&stranger));
    let plain = reqwest::get(format!("http://{}/livez", address(&server))).await;
    assert!(plain.is_err(), "{plain:?}");
    let answer = text(&authority.curl(&server, "/livez", &[]));
    assert!(answer.contains("\"ok\""), "{answer}");
}

#[tokio::test]
async fn without_a_certificate_nobody_is_told_to_use_https() {
    let server = Server::shared().await;
    let response = server.get("/livez").await;
    assert!(!(response.headers()).contains_key("strict-transport-security"));
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_handshake_and_a_broken_one_never() {
    let authority = Authority::new();
    for name in ["first", "second", "other"] {
        authority.issue(name, NOW);
    }
    authority.issue("expired", ("20200101000000Z", "20200102000000Z"));
    authority.serve("first");
    let server = authority.start(&[("tls_reload_interval_s", "1")]).await;
    let shows = |name: &str| {
        authority
            .handshake(&server)
            .contains(&format!("CN = {name}"))
    };
    assert!(shows("first"));

    authority.serve("second");
    until("the second certificate", || shows("second"));

    let complaints = || server.log().matches("the certificate in use stays").count();
    let key = std::fs::read(authority.path("other.key")).expect("a key");
    std::fs::write(authority.path("served.key"), key).expect("a file");
    until("the key of another", || complaints() == 1);
    authority.serve("expired");
    until("the expired one", || complaints() == 2);
    std::fs::remove_file(authority.path("served.pem")).expect("a file");
    until("no certificate", || complaints() == 3);
    // Looked at again and again, and said once.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(complaints(), 3, "{}", server.log());
    assert!(shows("second"));

    authority.serve("first");
    until("the first again", || shows("first"));
    assert!(!server.log().contains("PRIVATE KEY"), "{}", server.log());
}

/// What the program says when it does not start.
fn refusal(home: &Path, certificate: &Path, key: &Path) -> String {
    let output = program()
        .args(["serve", "--bind", "127.0.0.1:0", "--data-dir"])
        .arg(home)
        .env("FRAMEWITNESS_TLS_CERTIFICATE", certificate)
        .env("FRAMEWITNESS_TLS_KEY", key)
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    text(&output)
}

#[test]
fn files_that_cannot_serve_are_refused_at_the_start_by_name() {
    let authority = Authority::new();
    for name in ["good", "other"] {
        authority.issue(name, NOW);
    }
    authority.issue("expired", ("20200101000000Z", "20200102000000Z"));
    authority.issue("early", ("20480101000000Z", "20490101000000Z"));
    authority.openssl("pkey -in good.key -aes128 -passout pass:secret -out locked.key");
    std::fs::write(
        authority.path("cut.pem"),
        "-----BEGIN CERTIFICATE-----\nMIIB",
    )
    .expect("a file");
    std::fs::write(authority.path("words.pem"), "no certificate").expect("a file");
    let home = tempfile::tempdir().expect("a directory");
    for (certificate, key, said) in [
        (
            "good.pem",
            "",
            "tls_certificate and tls_key belong together",
        ),
        (
            "",
            "good.key",
            "tls_certificate and tls_key belong together",
        ),
        (
            "absent.pem",
            "good.key",
            "absent.pem cannot be read: No such file",
        ),
        (
            "good.pem",
            "absent.key",
            "absent.key cannot be read: No such file",
        ),
        ("words.pem", "good.key", "words.pem holds no certificate"),
        ("cut.pem", "good.key", "cut.pem holds no certificate"),
        (
            "good.pem",
            "locked.key",
            "locked.key holds no unencrypted private key",
        ),
        (
            "good.pem",
            "good.pem",
            "good.pem holds no unencrypted private key",
        ),
        ("good.pem", "other.key", "is not that of the certificate"),
        (
            "expired.pem",
            "expired.key",
            "expired at 2020-01-02T00:00:00Z",
        ),
        (
            "early.pem",
            "early.key",
            "is not valid before 2048-01-01T00:00:00Z",
        ),
    ] {
        let path = |name: &str| match name {
            "" => PathBuf::new(),
            name => authority.path(name),
        };
        let refused = refusal(home.path(), &path(certificate), &path(key));
        assert!(refused.contains(said), "{certificate}, {key}: {refused}");
        assert!(!refused.contains("BEGIN"), "{refused}");
    }
}

#[tokio::test]
async fn a_handshake_or_a_head_that_does_not_come_is_given_up() {
    let authority = Authority::new();
    authority.issue("first", NOW);
    authority.serve("first");
    let head = [("head_timeout_s", "1")];
    let (tls, plain) = (
        authority.start(&head).await,
        Server::start_with(&head).await,
    );
    for (server, beginning, answer) in [
        (&tls, &b""[..], &b""[..]),
        (&tls, &b"\x16\x03\x01\x02\x00\x01"[..], &b""[..]),
        (
            &plain,
            &b"GET /livez HTTP/1.1\r\nhost: "[..],
            &b"HTTP/1.1 408 "[..],
        ),
    ] {
        let mut client = TcpStream::connect(address(server)).expect("a connection");
        client.write_all(beginning).expect("a beginning");
        client
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a timeout");
        let mut read = Vec::new();
        // A reset is an end as well; a read that times out is not.
        if let Err(error) = client.read_to_end(&mut read) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        assert!(
            read.starts_with(answer),
            "{}",
            String::from_utf8_lossy(&read)
        );
    }
    assert_eq!(plain.get("/livez").await.status(), 200);
    let limits: Value = plain
        .get("/api/v1/limits")
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(limits["head_timeout_s"], 1.0);
}

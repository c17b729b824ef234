//! A real OCI registry for tests: the server of Debian's `docker-registry` on a port of this machine, and what
//! may stand between it and us: a connection that breaks, one that stalls, and a gate that wants tokens.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use crate::support::Case;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A registry server with its storage, which ends with the test.
pub struct Server {
    process: Child,
    port: u16,
}

/// How a server is set up besides its storage.
#[derive(Clone, Copy, Default)]
pub struct Setup<'a> {
    /// A file of accounts, as `htpasswd -B` writes it.
    pub accounts: Option<&'a Path>,
    /// A certificate and its key.
    pub tls: Option<(&'a Path, &'a Path)>,
}

impl Server {
    /// A server that stores in the folder `storage` of a case.
    pub fn start(case: &Case) -> Server {
        Server::start_with(case, Setup::default())
    }

    pub fn start_with(case: &Case, setup: Setup<'_>) -> Server {
        // The port is free for a moment only, so another is taken if somebody was faster.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = Server::spawn(case, port, setup);
            if server.answers() {
                return server;
            }
        }
        panic!("the registry server does not start");
    }

    fn spawn(case: &Case, port: u16, setup: Setup<'_>) -> Server {
        let tls = setup.tls.map_or_else(String::new, |(certificate, key)| {
            format!("  tls:\n    certificate: {}\n    key: {}\n", certificate.display(), key.display())
        });
        let accounts = setup.accounts.map_or_else(String::new, |path| {
            format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display())
        });
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: \
             127.0.0.1:{port}\n{tls}{accounts}",
            case.path("storage").display()
        );
        let config = case.write(&format!("server-{port}.yml"), config);
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("docker-registry is installed by `cargo xtask setup`");
        Server { process, port }
    }

    fn answers(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a loss of power would.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again at the same address.
    pub fn restart(&mut self, case: &Case) {
        self.kill();
        for _ in 0..50 {
            let mut next = Server::spawn(case, self.port, Setup::default());
            if next.answers() {
                std::mem::swap(self, &mut next);
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("the registry server does not start again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a connection does once so many bytes have gone to the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It breaks.
    Break,
    /// It hands nothing on any more, and stays open.
    Stall,
}

/// A way to a server that goes bad after so many bytes, of all connections together.
pub struct Way {
    port: u16,
    left: Arc<AtomicUsize>,
}

impl Way {
    pub fn to(server: &Server, bytes: usize, after: After) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (to, left) = (server.address(), Arc::new(AtomicUsize::new(bytes)));
        let shared = Arc::clone(&left);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&to) else { continue };
                let (client_in, server_in) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let left = Arc::clone(&shared);
                thread::spawn(move || forward(client, server, Some((&left, after))));
                thread::spawn(move || forward(server_in, client_in, None));
            }
        });
        Way { port, left }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How many bytes may still go to the server.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, limit: Option<(&AtomicUsize, After)>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut passed = length;
        if let Some((left, after)) = limit {
            let before = left.load(Ordering::SeqCst);
            passed = length.min(before);
            left.store(before - passed, Ordering::SeqCst);
            if passed < length && after == After::Stall {
                let _ = to.write_all(&buffer[..passed]);
                // Held open until the client gives up.
                while let Ok(1..) = from.read(&mut buffer) {}
                break;
            }
        }
        if to.write_all(&buffer[..passed]).is_err() || passed < length {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// The token that [`Gate`] gives, in the form of a JSON Web Token that ends in the year 2100.
pub const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjQxMDI0NDQ4MDB9.c2lnbmF0dXJl";

/// A gate before a server, as large registries have it: what comes without a token is sent to fetch one, with the
/// name `open` and the password `sesame`.
pub struct Gate {
    port: u16,
    stumbles: Arc<AtomicUsize>,
}

impl Gate {
    pub fn before(server: &Server) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (to, stumbles) = (server.address(), Arc::new(AtomicUsize::new(0)));
        let shared = Arc::clone(&stumbles);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (to, stumbles) = (to.clone(), Arc::clone(&shared));
                thread::spawn(move || serve(client, &to, port, &stumbles));
            }
        });
        Gate { port, stumbles }
    }

    /// Has the server say of the next manifests, so many, that it lacks what they name.
    pub fn stumble(&self, manifests: usize) {
        self.stumbles.store(manifests, Ordering::SeqCst);
    }

    /// Over how many it will stumble yet.
    pub fn stumbles(&self) -> usize {
        self.stumbles.load(Ordering::SeqCst)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Answers one request, and closes the connection.
fn serve(mut client: TcpStream, to: &str, port: u16, stumbles: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push(line);
    }
    let has = |wanted: &str| head.iter().any(|line| line.trim_end().eq_ignore_ascii_case(wanted));
    let answer = |client: &mut TcpStream, status: &str, more: &str, body: &str| {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\nContent-Type: \
             application/json\r\n{more}\r\n{body}"
        );
        client.write_all(text.as_bytes()).ok()
    };
    if head.first()?.contains(" /token?") {
        // base64 of `open:sesame`.
        return match has("authorization: Basic b3BlbjpzZXNhbWU=") {
            true => answer(&mut client, "200 OK", "", &format!("{{\"token\": \"{TOKEN}\"}}")),
            false => answer(&mut client, "401 Unauthorized", "", "{}"),
        };
    }
    if !has(&format!("authorization: Bearer {TOKEN}")) {
        let challenge =
            format!("WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"test\"\r\n");
        let body = "{\"errors\": [{\"code\": \"UNAUTHORIZED\", \"message\": \"authentication required\"}]}";
        return answer(&mut client, "401 Unauthorized", &challenge, body);
    }
    let is_manifest = head[0].starts_with("PUT ") && head[0].contains("/manifests/");
    if is_manifest
        && stumbles.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    {
        let length = head.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        reader.read_exact(&mut vec![0; length?]).ok()?;
        // What docker-registry answered while another publisher sent the same blobs.
        let body = "{\"errors\": [{\"code\": \"DIGEST_INVALID\", \"message\": \"provided digest did not match uploaded \
                    content\"}, {\"code\": \"MANIFEST_BLOB_UNKNOWN\", \"message\": \"blob unknown to registry\"}]}";
        return answer(&mut client, "400 Bad Request", "", body);
    }
    let mut server = TcpStream::connect(to).ok()?;
    for line in head {
        // The server would look for its own accounts, and keep the connection.
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if name != "authorization" && name != "connection" {
            server.write_all(line.as_bytes()).ok()?;
        }
    }
    server.write_all(b"Connection: close\r\n\r\n").ok()?;
    let (to_server, from_client) = (server.try_clone().ok()?, reader);
    thread::spawn(move || {
        let (mut to_server, mut from_client) = (to_server, from_client);
        let _ = std::io::copy(&mut from_client, &mut to_server);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    Some(())
}

//! A hub on the loopback that has nothing, and remembers who asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A running site; it ends with its process.
pub(crate) struct Site {
    endpoint: String,
    authorizations: Arc<Mutex<Vec<Option<String>>>>,
}

impl Site {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let authorizations = Arc::default();
        let seen = Arc::clone(&authorizations);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                refuse(&connection, &seen);
            }
        });
        Self { endpoint, authorizations }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The `Authorization` of the last request.
    pub(crate) fn last_authorization(&self) -> Option<String> {
        self.authorizations.lock().unwrap().last().expect("a request").clone()
    }
}

/// Reads a request without a body, and says that there is nothing.
fn refuse(mut connection: &TcpStream, seen: &Mutex<Vec<Option<String>>>) {
    let mut authorization = None;
    for line in BufReader::new(connection).lines().map_while(Result::ok) {
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.to_owned());
            }
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    seen.lock().unwrap().push(authorization);
    let nothing = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _gone = connection.write_all(nothing);
}

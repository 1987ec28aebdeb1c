//! A real Chromium that looks at the panel, driven over its DevTools protocol.
//!
//! Owns one headless browser with a fresh profile and one page in it: what the page asks the network for, what it writes
//! to its console, and what a person does with mouse and keyboard. Clicks and keys go through the browser's own input,
//! so that an element that is covered or disabled cannot be used.
//!
//! The protocol: JSON messages over one WebSocket, whose address the browser writes to `DevToolsActivePort` in its
//! profile (port, line break, path). A command `{id, sessionId, method, params}` is answered by `{id, result}` or
//! `{id, error}`; an event is `{sessionId, method, params}`.

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::{PATIENCE, eventually, skip};

/// What Chromium is called: on Debian, and elsewhere.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Headless, and silent on the network: any name but the loopback address resolves to nothing.
const OPTIONS: [&str; 15] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--no-pings",
    "--window-size=1280,800",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
];

/// How many commands may wait to be sent.
const QUEUE: usize = 64;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Something that the page's console shows as an error.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// Who complains: `exception`, `console`, or a source of the browser's log such as `network` or `security`.
    pub source: String,
    /// What about.
    pub text: String,
}

#[derive(Default)]
struct Seen {
    answers: HashMap<u64, oneshot::Sender<Value>>,
    addresses: Vec<String>,
    complaints: Vec<Complaint>,
}

/// A browser with one page, ended with the test.
pub struct Browser {
    child: Child,
    session: String,
    commands: mpsc::Sender<Message>,
    next: AtomicU64,
    seen: Arc<Mutex<Seen>>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser and opens `address` in it; none, and said so, where Chromium is not installed.
    ///
    /// # Panics
    /// The browser does not start.
    pub async fn open(address: &str) -> Option<Self> {
        let Some(program) = crate::installed(&NAMES) else {
            skip("chromium is not installed (packaging/dependencies test)");
            return None;
        };
        let profile = tempfile::tempdir().expect("a temporary folder");
        let child = start(program, &profile);
        let socket = connect(&profile).await;
        let (sender, receiver) = socket.split();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (commands, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(send(sender, waiting));
        tokio::spawn(receive(receiver, Arc::clone(&seen)));
        let next = AtomicU64::new(1);
        let mut browser = Self { child, session: String::new(), commands, next, seen, _profile: profile };
        let target = browser.command("Target.createTarget", json!({"url": "about:blank"})).await;
        let attached = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.command("Target.attachToTarget", attached).await;
        attached["sessionId"].as_str().expect("a session has an id").clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.command(&format!("{domain}.enable"), json!({})).await;
        }
        let opened = browser.command("Page.navigate", json!({"url": address})).await;
        assert!(opened.get("errorText").is_none(), "{address} does not open: {opened}");
        Some(browser)
    }

    /// The value of a JavaScript expression in the page.
    pub async fn value(&self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.command("Runtime.evaluate", asked).await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The text of every element that `selector` selects and that is displayed, in the order of the page.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let selector = json!(selector);
        let texts = self
            .value(&format!(
                "[...document.querySelectorAll({selector})].filter((it) => it.checkVisibility()).map((it) => it.innerText)"
            ))
            .await;
        texts.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// Waits until an element that `selector` selects shows `text`.
    pub async fn shows(&self, selector: &str, text: &str) {
        eventually(&format!("{selector} to show {text:?}"), async || {
            self.texts(selector).await.iter().any(|shown| shown.contains(text)).then_some(())
        })
        .await;
    }

    /// Waits until no displayed element is selected by `selector`.
    pub async fn hides(&self, selector: &str) {
        eventually(&format!("{selector} to be hidden"), async || self.texts(selector).await.is_empty().then_some(()))
            .await;
    }

    /// Presses the mouse on the middle of the element.
    ///
    /// # Panics
    /// There is none, or something else lies over it.
    pub async fn click(&self, selector: &str) {
        let quoted = json!(selector);
        let point = self
            .value(&format!(
                "(() => {{
                    const wanted = document.querySelector({quoted});
                    wanted?.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                    const box = wanted?.getBoundingClientRect();
                    if (!box) return null;
                    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                    return wanted.contains(document.elementFromPoint(x, y)) ? {{ x, y }} : null;
                }})()"
            ))
            .await;
        assert!(point.is_object(), "{selector} is not there, or covered");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": point["x"], "y": point["y"], "button": "left", "clickCount": 1});
            self.command("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Clicks into a box, types `text` and presses return.
    pub async fn type_into(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.insert(text).await;
        self.press("Enter").await;
    }

    /// Types `text` where the focus is.
    pub async fn insert(&self, text: &str) {
        self.command("Input.insertText", json!({"text": text})).await;
    }

    /// Presses a key: `Enter`, `ArrowDown`, `ArrowUp`, `Tab` or `Escape`.
    ///
    /// # Panics
    /// It is another key.
    pub async fn press(&self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "ArrowDown" => 40,
            "ArrowUp" => 38,
            "Tab" => 9,
            "Escape" => 27,
            _ => panic!("the key {key} is not known here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if key == "Enter" {
                event["text"] = json!("\r");
            }
            self.command("Input.dispatchKeyEvent", event).await;
        }
    }

    /// The address of everything that the page asked the network for, WebSockets included.
    pub fn addresses(&self) -> Vec<String> {
        self.seen.lock().expect("no test panicked here").addresses.clone()
    }

    /// Every error on the page's console.
    pub fn complaints(&self) -> Vec<Complaint> {
        self.seen.lock().expect("no test panicked here").complaints.clone()
    }

    async fn command(&self, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        let (sender, answer) = oneshot::channel();
        self.seen.lock().expect("no test panicked here").answers.insert(id, sender);
        self.commands.send(Message::text(command.to_string())).await.expect("the browser lives");
        let answer = timeout(PATIENCE, answer).await.unwrap_or_else(|_elapsed| panic!("{method} is not answered"));
        let mut answer = answer.expect("the browser lives");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The group: Chromium is many processes.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _already_ended = kill_process_group(group, Signal::KILL);
        }
        let _reaped = self.child.wait();
    }
}

fn start(program: PathBuf, profile: &TempDir) -> Child {
    Command::new(program)
        .args(OPTIONS)
        .arg(format!("--user-data-dir={}", profile.path().join("data").display()))
        .arg("about:blank")
        .env("HOME", profile.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("chromium starts")
}

async fn connect(profile: &TempDir) -> Socket {
    let file = profile.path().join("data/DevToolsActivePort");
    eventually("chromium to take commands", async || {
        let text = std::fs::read_to_string(&file).ok()?;
        let (port, path) = text.trim().split_once('\n')?;
        let (socket, _answer) = tokio_tungstenite::connect_async(format!("ws://127.0.0.1:{port}{path}")).await.ok()?;
        Some(socket)
    })
    .await
}

async fn send(mut socket: SplitSink<Socket, Message>, mut waiting: mpsc::Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn receive(mut socket: SplitStream<Socket>, seen: Arc<Mutex<Seen>>) {
    while let Some(Ok(message)) = socket.next().await {
        let Ok(Ok(said)) = message.to_text().map(serde_json::from_str::<Value>) else { continue };
        let mut seen = seen.lock().expect("no test panicked here");
        if let Some(id) = said["id"].as_u64() {
            if let Some(asker) = seen.answers.remove(&id) {
                let _nobody_waits = asker.send(said);
            }
            continue;
        }
        note(&mut seen, &said);
    }
    // Whoever still waits is told that nothing more will come.
    seen.lock().expect("no test panicked here").answers.clear();
}

fn note(seen: &mut Seen, event: &Value) {
    let params = &event["params"];
    let mut complain = |source: &str, text: &Value| {
        let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
        seen.complaints.push(Complaint { source: source.to_owned(), text });
    };
    match event["method"].as_str().unwrap_or_default() {
        "Runtime.exceptionThrown" => complain("exception", &params["exceptionDetails"]),
        "Runtime.consoleAPICalled" if params["type"] == "error" => complain("console", &params["args"]),
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            complain(params["entry"]["source"].as_str().unwrap_or_default(), &params["entry"]["text"]);
        }
        "Network.requestWillBeSent" => seen.addresses.extend(params["request"]["url"].as_str().map(str::to_owned)),
        "Network.webSocketCreated" => seen.addresses.extend(params["url"].as_str().map(str::to_owned)),
        _ => {}
    }
}

//! The panel in a real browser: it shows what is so, does what is asked, and says when it cannot know.

use std::net::SocketAddr;

use serde_json::json;
use victus_tests::browser::{Browser, Complaint};
use victus_tests::daemon::Daemon;
use victus_tests::eventually;

/// The card of the extraction fan.
const FAN: &str = ".card:has(#set-fan\\.extraction_fan)";

/// The same, when what was asked of it has been answered; until then it takes no click.
const FAN_AT_REST: &str = ".card:not(.busy):has(#set-fan\\.extraction_fan)";

/// Its switch.
const FAN_SWITCH: &str = "#set-fan\\.extraction_fan";

/// A daemon and a browser that shows its panel, connected.
async fn opened() -> Option<(Daemon, Browser)> {
    let daemon = Daemon::start_with_panel("").await;
    let browser = Browser::open(&format!("http://{}/", daemon.panel())).await?;
    browser.shows("#health-word", "All well").await;
    // Gone after a reload.
    browser.value("window.opened = true").await;
    Some((daemon, browser))
}

async fn assert_not_reloaded(browser: &Browser) {
    assert_eq!(browser.value("window.opened === true").await, json!(true), "the page was loaded again");
}

fn assert_only_asks(browser: &Browser, host: SocketAddr) {
    let addresses = browser.addresses();
    assert!(addresses.iter().any(|it| it.starts_with("ws://")), "the journal is live: {addresses:?}");
    let ours = [format!("http://{host}/"), format!("ws://{host}/"), "data:".to_owned()];
    for address in &addresses {
        assert!(ours.iter().any(|start| address.starts_with(start)), "the panel asks {address}");
    }
}

fn assert_no_complaints(complaints: &[Complaint]) {
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn panel_shows_every_entity_with_its_state() {
    let Some((daemon, browser)) = opened().await else { return };
    browser.shows("#device", "box").await;
    browser.shows("#simulated", "Simulated").await;
    assert_eq!(browser.texts(".area h3").await, ["Boiler room", "Press hall"]);
    assert_eq!(browser.texts(".card h4").await, ["Main valve", "Extraction fan"]);
    assert_eq!(browser.texts(".card .state").await, ["Closed", "Off"]);
    assert_eq!(browser.texts(".turn").await, Vec::<String>::new());
    assert_no_complaints(&browser.complaints());
    assert_only_asks(&browser, daemon.panel());
}

#[tokio::test(flavor = "multi_thread")]
async fn panel_answers_a_typed_request_and_shows_it_live() {
    let Some((daemon, browser)) = opened().await else { return };
    browser.type_into("#ask-text", "turn on the extraction fan").await;
    browser.shows(".turn .request", "turn on the extraction fan").await;
    browser.shows(".turn .reply", "Extraction fan").await;
    browser.shows(".turn .result", "done").await;
    browser.shows(&format!("{FAN}.on .state"), "On").await;
    browser.shows("#events .said", "Request, typed in the panel: “turn on the extraction fan”").await;
    browser.shows("#events .said", "Extraction fan is on").await;
    browser.shows("#events .said", "Request done").await;
    assert_eq!(daemon.line("GPIO17"), "high");
    assert_eq!(browser.value("document.querySelector('#ask-text').value").await, json!(""));

    // What somebody else asks appears as well.
    daemon.ask("turn off the extraction fan").await;
    browser.shows(".turn .request", "turn off the extraction fan").await;
    browser.shows(&format!("{FAN}:not(.on) .state"), "Off").await;
    browser.shows("#events .said", "Extraction fan is off").await;
    let turns = browser.texts(".turn").await;
    assert_eq!(turns.len(), 2, "each request once: {turns:#?}");

    // What nobody understands is said to be so.
    browser.type_into("#ask-text", "sing me <b>a song</b>").await;
    browser.shows(".turn .request", "sing me <b>a song</b>").await;
    browser.shows(".turn .result", "not understood").await;
    assert_eq!(browser.value("document.querySelector('.turn b')").await, json!(null), "text is never read as HTML");

    assert_not_reloaded(&browser).await;
    assert_no_complaints(&browser.complaints());
    assert_only_asks(&browser, daemon.panel());
}

#[tokio::test(flavor = "multi_thread")]
async fn panel_switches_the_line() {
    let Some((daemon, browser)) = opened().await else { return };
    for (level, state) in [("high", "On"), ("low", "Off")] {
        browser.click(FAN_SWITCH).await;
        browser.shows(&format!("{FAN_AT_REST} .state"), state).await;
        assert_eq!(daemon.line("GPIO17"), level);
    }
    // Wired the other way round: open is low.
    browser.click("#set-valve\\.main_valve").await;
    browser.shows(".card .state", "Open").await;
    assert_eq!(daemon.line("GPIO27"), "low");

    // Stop makes safe what is marked for it.
    browser.click(FAN_SWITCH).await;
    browser.shows(&format!("{FAN}.on .state"), "On").await;
    browser.click("#stop").await;
    browser.shows(&format!("{FAN}:not(.on) .state"), "Off").await;
    assert_eq!(daemon.line("GPIO17"), "low");
    assert_not_reloaded(&browser).await;
    assert_no_complaints(&browser.complaints());
}

#[tokio::test(flavor = "multi_thread")]
async fn panel_says_that_the_connection_is_lost_and_resumes() {
    let Some((mut daemon, browser)) = opened().await else { return };
    browser.type_into("#ask-text", "turn on the extraction fan").await;
    browser.shows(&format!("{FAN}.on .state"), "On").await;
    assert_no_complaints(&browser.complaints());

    daemon.kill();
    browser.shows("#banner", "Connection to the appliance lost").await;
    browser.shows("#health-word", "Not connected").await;
    browser.type_into("#ask-text", "turn off the extraction fan").await;
    browser.shows(".turn .reply.bad", "cannot be reached").await;

    daemon.resume().await;
    browser.hides("#banner").await;
    browser.shows("#health-word", "All well").await;
    // It starts in its safe state, and the panel shows what is so.
    browser.shows(&format!("{FAN}:not(.on) .state"), "Off").await;
    browser.type_into("#ask-text", "turn on the extraction fan").await;
    browser.shows(&format!("{FAN}.on .state"), "On").await;
    let starts = eventually("the restart to be in the journal", async || {
        let texts = browser.texts("#events .said").await;
        let starts = texts.iter().filter(|text| text.contains("is up, ready after")).count();
        (starts > 1).then_some(starts)
    })
    .await;
    assert_eq!(starts, 2, "each start once");

    assert_not_reloaded(&browser).await;
    assert_only_asks(&browser, daemon.panel());
    // The browser itself writes down each failed connection; nothing else may complain.
    let others: Vec<_> = browser.complaints().into_iter().filter(|it| !it.text.contains("ERR_CONNECTION")).collect();
    assert_no_complaints(&others);
}

#[tokio::test(flavor = "multi_thread")]
async fn panel_tells_what_can_be_said_and_goes_on_with_what_is_typed() {
    let Some((daemon, browser)) = opened().await else { return };
    let text = || browser.value("document.querySelector('#ask-text').value");
    // Examples, with the names there are; one is put into the box and not sent.
    browser.click("#say summary").await;
    browser.shows("#say-list button", "open the Main valve").await;
    let examples = browser.texts("#say-list button").await;
    assert!(examples.contains(&"turn on the Extraction fan".to_owned()), "{examples:?}");
    assert!(!examples.iter().any(|example| example.contains("lock")), "there is no lock: {examples:?}");
    browser.click("#say-list li[data-intent=HassStartTimer] button").await;
    assert_eq!(text().await, json!("set a timer for 10 minutes"));
    browser.press("Enter").await;
    browser.shows(".turn .reply", "Timer set for ten minutes").await;

    // What is typed is completed; keys choose, and a whole sentence waits to be sent.
    browser.click("#ask-text").await;
    browser.insert("turn on the ext").await;
    browser.shows("#ask-options li", "turn on the Extraction fan").await;
    assert_eq!(browser.value("document.activeElement.getAttribute('aria-expanded')").await, json!("true"));
    browser.press("ArrowDown").await;
    browser.shows("#ask-options li[aria-selected=true]", "turn on the Extraction fan").await;
    assert_eq!(
        browser
            .value("document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).textContent")
            .await,
        json!("turn on the Extraction fan")
    );
    browser.press("Enter").await;
    assert_eq!(text().await, json!("turn on the Extraction fan"));
    browser.hides("#ask-options").await;
    assert_eq!(daemon.line("GPIO17"), "low", "nothing is sent before it is sent");
    browser.press("Enter").await;
    browser.shows(&format!("{FAN}.on .state"), "On").await;

    // A part is gone on with, by a click too, and Escape closes the list and keeps the text.
    browser.click("#ask-text").await;
    browser.insert("close the m").await;
    browser.shows("#ask-options li", "close the Main valve").await;
    browser.click("#ask-options li").await;
    assert_eq!(text().await, json!("close the Main valve"));
    browser.press("Escape").await;
    browser.hides("#ask-options").await;
    assert_eq!(text().await, json!("close the Main valve"));

    // New sentences are told at once.
    daemon.write(
        "sentences/en/own.yaml",
        "language: en\nintents:\n  HassToggle:\n    data:\n      - sentences: ['jiggle {name}']\n        requires_context: {domain: fan}\n        example: 'jiggle {name}'\n",
    );
    browser.click("#say summary").await;
    daemon.reload();
    browser.shows("#say-list button", "jiggle Extraction fan").await;
    browser.shows("#events .said", "The sentences were read again").await;
    assert_not_reloaded(&browser).await;
    assert_no_complaints(&browser.complaints());
    assert_only_asks(&browser, daemon.panel());
}

//! The panel's files: whole, self-contained, cached only as long as they are the same.

use crate::bench::Bench;

#[tokio::test]
async fn every_file_that_the_panel_names_is_there() {
    let bench = Bench::start().await;
    let door = bench.network();
    let mut waiting = vec!["/".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = waiting.pop() {
        if seen.contains(&path) {
            continue;
        }
        let answer = door.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let kind = answer.headers["content-type"].to_str().unwrap();
        let extension = path.rsplit_once('.').map_or("html", |(_, extension)| extension);
        let expected = match extension {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(kind, expected, "{path}");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let names = text.split(['"', '\'']).skip(1).step_by(2).filter_map(|quoted| {
            let path = quoted.strip_prefix("./").or_else(|| quoted.strip_prefix('/'))?.split('#').next()?;
            let file = path.ends_with(".js") || path.ends_with(".css") || path.ends_with(".svg");
            (file && !path.contains(' ')).then(|| format!("/{path}"))
        });
        waiting.extend(names);
        seen.push(path);
    }
    for module in ["/panel.css", "/panel.js", "/api.js", "/live.js", "/journal.js", "/icons.svg", "/icon.svg"] {
        assert!(seen.contains(&module.to_owned()), "{module} is reached from / : {seen:?}");
    }
    bench.end().await;
}

#[tokio::test]
async fn nothing_is_loaded_from_elsewhere_and_no_data_becomes_html() {
    let bench = Bench::start().await;
    for path in [
        "/",
        "/panel.css",
        "/panel.js",
        "/alarms.js",
        "/api.js",
        "/elements.js",
        "/entities.js",
        "/journal.js",
        "/live.js",
        "/say.js",
        "/sentences.js",
        "/talk.js",
        "/time.js",
    ] {
        let answer = bench.network().get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        for foreign in
            ["https://", "http://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            let allowed = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!allowed.contains(foreign), "{path} has {foreign}");
        }
        if path == "/" {
            assert!(
                !text.contains("style=") && !text.contains("<style") && !text.contains("onclick"),
                "the policy forbids it"
            );
        }
    }
    bench.end().await;
}

#[tokio::test]
async fn a_browser_asks_each_time_and_gets_the_file_only_when_it_changed() {
    let bench = Bench::start().await;
    let door = bench.network();
    let first = door.get("/panel.css").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.headers["cache-control"], "no-cache");
    let again = door.send("GET", "/panel.css", &[("if-none-match", &tag)], "").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let other = door.send("GET", "/panel.css", &[("if-none-match", "\"other\"")], "").await;
    assert_eq!((other.status, other.body), (200, first.body));
    let head = door.send("HEAD", "/panel.css", &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    bench.end().await;
}

#[tokio::test]
async fn every_kind_of_event_has_a_sentence_and_a_group() {
    let source = include_str!("../../../agent/src/event/class.rs");
    let names = source.split("pub fn name(&self)").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let kinds: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    assert!(kinds.contains(&"turn_finished") && kinds.len() > 10, "{kinds:?}");
    let bench = Bench::start().await;
    let answer = bench.network().get("/sentences.js").await;
    let script = String::from_utf8(answer.body.to_vec()).unwrap();
    let (groups, sentences) = script.split_once("const SENTENCES").unwrap();
    for kind in kinds {
        assert!(groups.contains(&format!("\"{kind}\"")), "{kind} has no group");
        assert!(sentences.contains(&format!("\n  {kind}: ")), "{kind} has no sentence");
    }
    bench.end().await;
}

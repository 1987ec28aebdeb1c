//! The spoken coffee orders beside the checkout, heard with the sentences of `tests/sentences/barista`: for tests and benches.
#![allow(dead_code, reason = "each test target uses a part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::Path;

use victus_agent::intents::matcher::Context;
use victus_agent::intents::{Matcher, Sentences, Vocabulary, speech};
use victus_agent::recognise::Recogniser;
use victus_hw::audio::file::read_wav;

use crate::opened;

/// One order: what was spoken, and what it has to be understood as.
pub(crate) struct Order {
    pub(crate) file: String,
    pub(crate) samples: Vec<i16>,
    intent: String,
    slots: BTreeMap<String, String>,
}

/// Every order that has a label, by file name.
pub(crate) fn read(shared: &Path) -> Vec<Order> {
    let folder = shared.join("audio/barista");
    let labels = std::fs::read_to_string(folder.join("labels.json")).unwrap();
    let labels: BTreeMap<String, serde_json::Value> = serde_json::from_str(&labels).unwrap();
    let order = |(file, label): (String, serde_json::Value)| {
        let slots = label["slots"].as_object().unwrap().iter();
        Order {
            samples: read_wav(&folder.join(&file)).unwrap(),
            intent: label["intent"].as_str().unwrap().to_owned(),
            slots: slots.map(|(name, value)| (name.clone(), value.as_str().unwrap().trim().to_owned())).collect(),
            file,
        }
    };
    labels.into_iter().map(order).collect()
}

/// A recogniser and a parser for orders.
pub(crate) struct Counter {
    recogniser: Box<dyn Recogniser>,
    matcher: Matcher,
}

impl Counter {
    /// Opens both; `folder` is for files that are needed while loading.
    pub(crate) fn open(folder: &Path) -> Self {
        let sentences = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sentences/barista");
        let (sentences, problems) = Sentences::from_folder(&sentences);
        assert_eq!(problems, []);
        let names = Vocabulary::default();
        let (matcher, problems) = Matcher::compile(&sentences, &names);
        assert_eq!(problems, []);
        let (grammar, problems) = speech::grammar(&sentences, &names);
        assert_eq!(problems, []);
        let opened = opened::open_now(&opened::config(folder), &grammar).unwrap();
        assert_eq!(opened.problems, []);
        Self { recogniser: opened.recogniser, matcher }
    }

    /// The words heard in these samples, and whether intent and all slots are those of the order and no more.
    pub(crate) fn take(&mut self, order: &Order, samples: &[i16]) -> (String, bool) {
        self.recogniser.start().unwrap();
        self.recogniser.feed(samples).unwrap();
        let text = self.recogniser.finish().unwrap().text;
        let best = self.matcher.matches_in(&text, &Context::new()).best;
        let right = best.is_some_and(|best| {
            let slots = best.slots.iter().map(|(name, value)| (name.clone(), value.to_string().trim().to_owned()));
            best.intent == order.intent && slots.collect::<BTreeMap<_, _>>() == order.slots
        });
        (text, right)
    }
}

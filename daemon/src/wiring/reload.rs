//! Entities, workflows and sentences read again while everything runs.
//!
//! Owns the order of a reload: first the entities (`configuration`), then the sentences, which are compiled for
//! their names; and the way from changed sentence files to what is understood, said and heard from the next request on. Promises that
//! whoever is being served is served with the sentences of before, that the exchange is one step for matcher and replies,
//! and that recognising goes on with the old sentences until the new recogniser is open. Faults cost what they stand in
//! and are logged; the event `sentences_loaded` tells of them.

use std::path::PathBuf;
use std::sync::Arc;

use victus_agent::appliance::Appliance;
use victus_agent::event::EventKind;
use victus_agent::intents::{Problem, Sentences};
use victus_agent::language::Language;
use victus_hw::clock::Clock;

use super::configuration::Configuration;
use super::hearing::{Hearing, NextRecogniser, open_recogniser};
use crate::config::Config;

/// What opens a recogniser for new sentences.
pub(super) struct Ears {
    pub(super) models: PathBuf,
    pub(super) work: PathBuf,
    pub(super) next: NextRecogniser,
}

/// Reads entities, workflows and sentences again.
pub struct Reload {
    pub(super) config: Arc<Config>,
    pub(super) appliance: Arc<Appliance>,
    pub(super) clock: Arc<dyn Clock>,
    /// Nothing where the appliance has no voice.
    pub(super) ears: Option<Ears>,
    /// Nothing where the configuration has no files.
    pub(super) configuration: Option<Configuration>,
}

/// The sentences of the configuration's language with those of the users, and what is wrong in them.
pub fn load_sentences(config: &Config) -> (Sentences, Vec<Problem>) {
    let users = Some(config.device.sentences.as_path()).filter(|folder| folder.is_dir());
    Sentences::for_language(&config.device.language, users)
}

impl Reload {
    /// Reads the workflow files and takes what they say. Runs that have begun keep the text with which they began.
    async fn workflows(&self) {
        let (workflows, faults) = Arc::clone(&self.appliance.workflows).reload().await;
        log::info!(workflows, faults; "the workflows were read");
    }

    /// Reads the files and takes what they say.
    pub async fn again(self: Arc<Self>) {
        let this = Arc::clone(&self);
        let entities = move || this.configuration.as_ref().and_then(|it| it.load(&this.config, &this.appliance));
        match tokio::task::spawn_blocking(entities).await {
            Ok(Some(loaded)) => {
                self.appliance.store.journal().append(None, loaded).await;
            }
            Ok(None) => {}
            Err(error) => log::error!("the entities stay as they are: reading them crashed: {error}"),
        }
        self.workflows().await;
        self.sentences().await;
    }

    async fn sentences(self: Arc<Self>) {
        let this = Arc::clone(&self);
        let loaded = match tokio::task::spawn_blocking(move || this.load()).await {
            Ok(loaded) => loaded,
            Err(error) => return log::error!("the sentences stay as they are: reading them crashed: {error}"),
        };
        self.appliance.store.journal().append(None, loaded).await;
        let opened = tokio::task::spawn_blocking(move || self.listen_for_them()).await;
        if let Err(error) = opened {
            log::error!("the recogniser knows only the sentences of before: opening another crashed: {error}");
        }
    }

    fn load(&self) -> EventKind {
        let (sentences, mut problems) = load_sentences(&self.config);
        let templates = sentences.template_count();
        let (language, more) = Language::compile(Arc::new(sentences), &self.appliance.entities);
        problems.extend(more);
        for problem in &problems {
            log::warn!("{problem}");
        }
        let faults = problems.len();
        log::info!(templates, faults; "the sentences are taken from the next request on");
        self.appliance.orchestrator.set_language(Arc::new(language));
        EventKind::SentencesLoaded { templates, faults }
    }

    fn listen_for_them(&self) {
        let Some(ears) = &self.ears else { return };
        let hearing = Hearing {
            config: &self.config,
            models: &ears.models,
            work: ears.work.clone(),
            clock: Arc::clone(&self.clock),
        };
        // One that nobody took yet is out of date, and a model is large.
        drop(ears.next.take());
        match open_recogniser(&self.appliance, &hearing) {
            Ok(recogniser) => ears.next.offer(recogniser),
            Err(error) => log::error!("the recogniser knows only the sentences of before: {error}"),
        }
    }
}

//! From the end of an utterance to the end of its answer.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use victus_hw::audio::duration_of;

use super::{Doing, Session, Utterance, milliseconds};
use crate::voice::event::VoiceEventKind;
use crate::voice::health::Part;
use crate::voice::ports::{Heard, Reply, Speech, Understood};
use crate::voice::utterance::Outcome;
use crate::voice::{Utter, VoiceState};

/// How much longer than its sound an answer may take to be spoken.
const SPEAKER_SLACK: Duration = Duration::from_secs(15);

impl Session<'_> {
    /// Sees whether what is being done is done.
    pub(super) fn progress(&mut self, wait: Duration) {
        let now = self.voice.clock.monotonic();
        match &self.doing {
            Doing::Idle | Doing::Listening(_) => {}
            Doing::Recognising(utterance, until) => {
                let (utterance, late) = (*utterance, now > *until);
                self.recognise(utterance, late, wait);
            }
            Doing::Answering(until) => {
                let late = now > *until;
                self.answer(late, wait);
            }
            Doing::Speaking { until, keep_listening, .. } => {
                let (late, keep_listening) = (now > *until, *keep_listening);
                self.spoken(late, keep_listening, wait);
            }
            Doing::Settling { until, keep_listening } => {
                let keep_listening = *keep_listening;
                if now < *until {
                    // A live source has taken its time in `pass_by`, unless it is gone.
                    std::thread::sleep(wait);
                } else if keep_listening && !self.voice.muted {
                    self.listen();
                } else {
                    self.idle();
                }
            }
        }
    }

    fn recognise(&mut self, utterance: Utterance, late: bool, wait: Duration) {
        match self.voice.utterance.outcome(wait) {
            Outcome::Pending if late => {
                self.voice.utterance.abandon();
                self.fail(Part::Recogniser, "the recogniser takes too long: use a smaller model");
            }
            Outcome::Pending => {}
            Outcome::Failed(why) => self.fail(Part::Recogniser, &why),
            Outcome::Understood(understood) => {
                self.voice.note(Part::Recogniser, None);
                self.request(utterance, understood);
            }
        }
    }

    fn request(&mut self, utterance: Utterance, understood: Understood) {
        let Understood { text, confidence } = understood;
        self.emit(VoiceEventKind::Transcript { text: text.clone(), confidence });
        let recognised = self.voice.clock.monotonic();
        let heard = Heard {
            text,
            confidence,
            reason: utterance.reason,
            speech_start_ms: milliseconds(utterance.begun),
            speech_end_ms: milliseconds(utterance.ended),
            lost_ms: milliseconds(utterance.lost),
            speech_ended: utterance.speech_ended,
            endpoint: utterance.endpoint,
            recognised,
        };
        if self.voice.turns.submit(heard) {
            self.doing = Doing::Answering(recognised.saturating_add(self.voice.settings.reply));
        } else {
            self.fail(Part::Replies, "the request before is still being worked on");
        }
    }

    fn answer(&mut self, late: bool, wait: Duration) {
        match self.voice.turns.answer(wait) {
            None if late => {
                self.voice.turns.give_up();
                self.fail(Part::Replies, "the last request takes too long");
            }
            None => {}
            Some(Err(_)) => self.fail(Part::Replies, "the last request crashed its turn"),
            Some(Ok(reply)) => {
                self.voice.note(Part::Replies, None);
                self.reply(reply);
            }
        }
    }

    fn reply(&mut self, reply: Reply) {
        if let Some(meaning) = reply.meaning {
            self.emit(VoiceEventKind::Intent { intent: meaning.intent, slots: meaning.slots });
        }
        for step in reply.steps {
            self.emit(VoiceEventKind::Action { tool: step.tool, args: step.args, outcome: step.outcome });
        }
        self.speak(reply.speech, reply.keep_listening);
    }

    /// A part has failed: the request is answered with an apology.
    fn fail(&mut self, part: Part, why: &str) {
        log::error!("a spoken request failed: {why}");
        self.voice.note(part, Some(why.to_owned()));
        self.speak(self.voice.settings.apology.clone(), false);
    }

    fn speak(&mut self, speech: Speech, keep_listening: bool) {
        self.emit(VoiceEventKind::Reply { text: speech.text.clone() });
        let keep_listening = keep_listening && !self.silenced;
        if self.silenced || speech.samples.is_empty() || speech.rate == 0 {
            self.settle(Duration::ZERO, keep_listening);
            return;
        }
        let length = duration_of(speech.samples.len() as u64, speech.rate);
        let until = self.voice.clock.monotonic().saturating_add(length).saturating_add(SPEAKER_SLACK);
        let cancel = Arc::new(AtomicBool::new(false));
        if self.voice.speaker.submit(Utter { speech, cancel: cancel.clone() }) {
            self.doing = Doing::Speaking { cancel, until, keep_listening };
            self.voice.enter(VoiceState::Speaking);
        } else {
            self.voice.note(Part::Speaker, Some("the speaker is still busy with the answer before".to_owned()));
            self.settle(Duration::ZERO, keep_listening);
        }
    }

    fn spoken(&mut self, late: bool, keep_listening: bool, wait: Duration) {
        let problem = match self.voice.speaker.answer(wait) {
            None if late => {
                self.cancel_speech();
                self.voice.speaker.give_up();
                Some("the speaker does not come to an end".to_owned())
            }
            None => return,
            Some(Ok(Ok(_))) => None,
            Some(Ok(Err(error))) => Some(error.to_string()),
            Some(Err(_)) => Some("the speaker's program part has crashed".to_owned()),
        };
        self.voice.note(Part::Speaker, problem);
        let settle = if self.source.is_live() { self.voice.settings.settle } else { Duration::ZERO };
        self.settle(settle, keep_listening);
    }

    fn settle(&mut self, settle: Duration, keep_listening: bool) {
        let until = self.voice.clock.monotonic().saturating_add(settle);
        self.doing = Doing::Settling { until, keep_listening };
    }
}

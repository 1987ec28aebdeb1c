//! Evidence: how sure PocketSphinx may be of what it heard.
//!
//! A closed grammar fits its nearest sentence to whatever is said. Two questions tell whether that was it:
//!
//! * **Fit.** Is the sentence nearly as likely as the best row of sounds, free of any grammar? Over the frames of its words,
//!   the decoder's acoustic score of the words is compared with that of a loop of all phones (Rose and Paul, "A hidden Markov
//!   model based keyword recognition system", 1990). Speech about something else fits the sounds far better.
//! * **Lead.** How much likelier is it than the likeliest sentence that means something else and differs in one word
//!   (`rivals`)? `on` and `off` at the end of a request are a few frames apart, and have to be told apart twice as well.
//!
//! Owns both measures and what they are worth together. `make bench-understanding` fits the constants on one half of the
//! recordings and reports them on the other. Promises a confidence between 0 and 1 that falls with either measure, and that
//! a doubt between two sentences is a question and not silence. Leaves decoding to its parent.

use super::super::pronunciation::Phones;
use super::ffi::Segment;

/// What a phone is called in the dictionary, so that no word of a sentence has its name.
const PHONE: &str = "__";

/// The fit, in score for each frame of 10 ms, at which a sentence is as likely to be meant as not, and how much more or less
/// makes it e times as likely. Scores are PocketSphinx's logarithms with the English model.
const FIT_EVEN: f32 = -10.7;
const FIT_STEP: f32 = 5.8;
/// The same for the lead, in score. A wrong action counts as much as five questions too many.
const LEAD_EVEN: f32 = 368.0;
const LEAD_STEP: f32 = 157.0;
/// How much further a sentence has to be ahead of one that would do the opposite. Who is given another lamp sees it; who is
/// given `on` for `off` may have a hand in the machine.
const OPPOSITE_COUNTS: f32 = 2.0;
/// The least that a doubt between two sentences leaves: enough for a question.
const DOUBT_LEAVES: f32 = 0.35;

/// What an utterance tells about what was heard in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// How much less likely the words are than the best row of sounds, in score for each frame; 0 is as likely.
    pub fit: f32,
    /// How much likelier they are than the likeliest rival about something else, in score; nothing where there is none.
    pub lead: Option<f32>,
    /// The same for rivals that would do something else with the same things.
    pub lead_on_opposite: Option<f32>,
}

impl Evidence {
    /// The lead that decides: a lead over the opposite counts half.
    pub fn least_lead(&self) -> Option<f32> {
        let over_opposite = self.lead_on_opposite.map(|lead| if lead > 0.0 { lead / OPPOSITE_COUNTS } else { lead });
        self.lead.into_iter().chain(over_opposite).reduce(f32::min)
    }

    /// How sure it is that these words were said, 0 to 1.
    pub fn confidence(&self) -> f32 {
        let sure = |measure: f32, even: f32, step: f32| 1.0 / (1.0 + ((even - measure) / step).exp());
        let fit = sure(self.fit, FIT_EVEN, FIT_STEP);
        let lead = self.least_lead().map_or(1.0, |lead| sure(lead, LEAD_EVEN, LEAD_STEP).max(DOUBT_LEAVES));
        if fit.is_finite() && lead.is_finite() { fit.min(lead) } else { 0.0 }
    }
}

/// A grammar in JSGF that any row of phones fits.
pub(super) fn phone_loop(phones: impl Iterator<Item = impl AsRef<str>>) -> String {
    let phones: Vec<String> = phones.map(|phone| format!("{PHONE}{}", phone.as_ref())).collect();
    format!("#JSGF V1.0;\ngrammar phones;\npublic <phones> = ( {} )+;\n", phones.join(" | "))
}

/// The lines of the dictionary that the phone loop needs.
pub(super) fn phone_dictionary(phones: impl Iterator<Item = impl AsRef<str>>) -> String {
    phones.map(|phone| format!("{PHONE}{} {}\n", phone.as_ref(), phone.as_ref())).collect()
}

/// Whether a phone is sound of a voice: the model's silence and noise are none.
pub(super) fn is_voice(phone: &str) -> bool {
    phone != "SIL" && !phone.starts_with('+')
}

/// The fit of words to the sounds: their own scores beside those of the phone loop over the same frames. Nothing where
/// there are no words.
pub(super) fn fit(words: &[Segment], sounds: &[Segment]) -> Option<f32> {
    let frames = words.iter().chain(sounds).map(|segment| segment.last + 1).max().unwrap_or(0);
    let mut best = vec![0.0_f64; frames];
    for sound in sounds.iter().filter(|sound| sound.frames() > 0) {
        let each = f64::from(sound.acoustic) / sound.frames() as f64;
        best.get_mut(sound.first..=sound.last)?.fill(each);
    }
    let (mut difference, mut count) = (0.0, 0);
    for word in words.iter().filter(|word| word.is_word() && word.frames() > 0) {
        difference += f64::from(word.acoustic) - best.get(word.first..=word.last)?.iter().sum::<f64>();
        count += word.frames();
    }
    (count > 0).then(|| (difference / count as f64) as f32)
}

/// The acoustic score of all segments.
pub(super) fn score(segments: &[Segment]) -> f64 {
    segments.iter().map(|segment| f64::from(segment.acoustic)).sum()
}

/// How much of one pronunciation has to be changed to have the other, as a share of the longer.
pub(super) fn sounds_differ(one: &Phones, other: &Phones) -> f32 {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, phone) in one.iter().enumerate() {
        let mut before = std::mem::replace(&mut row[0], place + 1);
        for (index, other) in other.iter().enumerate() {
            let replaced = before + usize::from(phone != other);
            before = row[index + 1];
            row[index + 1] = replaced.min(before + 1).min(row[index] + 1);
        }
    }
    row.last().copied().unwrap_or(0) as f32 / one.len().max(other.len()).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(word: &str, first: usize, last: usize, acoustic: i32) -> Segment {
        Segment { word: word.to_owned(), first, last, acoustic }
    }

    #[test]
    fn the_fit_is_over_the_frames_of_words() {
        let words = [segment("<sil>", 0, 9, -900), segment("turn", 10, 19, -300), segment("on", 20, 29, -100)];
        let sounds = [segment("__T", 0, 14, -150), segment("__AA", 15, 29, -150)];
        assert_eq!(fit(&words, &sounds), Some((-400.0 + 200.0) / 20.0));
        assert_eq!(fit(&words[..1], &sounds), None);
        assert_eq!(fit(&[], &[]), None);
    }

    #[test]
    fn sounds_differ_by_their_share() {
        let phones = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Phones>();
        assert_eq!(sounds_differ(&phones("F AE N"), &phones("F AE N")), 0.0);
        assert_eq!(sounds_differ(&phones("F AE N"), &phones("V AE N")), 1.0 / 3.0);
        assert_eq!(sounds_differ(&phones("AA N"), &phones("AO F")), 1.0);
        assert_eq!(sounds_differ(&phones(""), &phones("AO F")), 1.0);
    }

    #[test]
    fn the_loop_and_its_dictionary_have_the_same_names() {
        let phones = ["AA", "B"];
        assert_eq!(phone_dictionary(phones.iter()), "__AA AA\n__B B\n");
        assert!(phone_loop(phones.iter()).contains("( __AA | __B )+;"));
    }

    proptest! {
        #[test]
        fn confidence_falls_with_either_measure(fit in -100.0_f32..20.0, lead in -500.0_f32..3000.0) {
            let sure = |fit, lead| Evidence { fit, lead, lead_on_opposite: None }.confidence();
            let here = sure(fit, Some(lead));
            let beside_opposite = Evidence { fit, lead: None, lead_on_opposite: Some(lead) }.confidence();
            prop_assert!((0.0..=1.0).contains(&beside_opposite) && beside_opposite <= here);
            prop_assert!((0.0..=1.0).contains(&here));
            prop_assert!(sure(fit - 1.0, Some(lead)) <= here && sure(fit, Some(lead - 10.0)) <= here);
            prop_assert!(sure(fit, None) >= here);
            prop_assert!(sure(f32::NAN, None) == 0.0);
        }
    }
}

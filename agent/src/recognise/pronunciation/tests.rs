use proptest::prelude::*;

use super::*;

const DICTIONARY: &str = "lamp L AE M P\nthe DH AH\nthe(2) DH IY\nturn T ER N\nbad Q Q\n";

fn phones() -> BTreeSet<String> {
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
        .split(' ')
        .map(str::to_owned)
        .collect()
}

struct Setup {
    folder: tempfile::TempDir,
    spoken: BTreeMap<String, Vec<String>>,
    espeak: Option<PathBuf>,
}

impl Setup {
    fn new(dictionary: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("words.dict"), dictionary).unwrap();
        Self { folder, spoken: BTreeMap::new(), espeak: None }
    }

    fn pronounce(&self, words: &[&str]) -> Result<Pronunciations, PronunciationError> {
        let sources = Sources {
            dictionary: &self.folder.path().join("words.dict"),
            phones: &phones(),
            spoken: &self.spoken,
            espeak: self.espeak.as_deref(),
        };
        pronounce(&words.iter().map(|word| (*word).to_owned()).collect(), &sources)
    }
}

fn said(found: &Pronunciations, word: &str) -> Vec<String> {
    found.words.get(word).into_iter().flatten().map(|phones| phones.join(" ")).collect()
}

#[test]
fn the_dictionary_gives_all_variants() {
    let found = Setup::new(DICTIONARY).pronounce(&["the", "lamp"]).unwrap();
    assert_eq!(said(&found, "the"), ["DH AH", "DH IY"]);
    assert_eq!(found.to_dictionary(), "lamp L AE M P\nthe DH AH\nthe(2) DH IY\n");
    assert!(found.missing.is_empty() && found.problems.is_empty());
}

#[test]
fn what_the_owner_writes_comes_first() {
    let mut setup = Setup::new(DICTIONARY);
    setup.spoken.insert("lamp".into(), vec!["L AA1 M P".into(), "l ae m".into()]);
    setup.spoken.insert("fume".into(), vec!["F Y UW M".into()]);
    setup.spoken.insert("absent".into(), vec!["nonsense".into()]);
    let found = setup.pronounce(&["lamp", "fume"]).unwrap();
    assert_eq!(said(&found, "lamp"), ["L AA M P", "L AE M"]);
    assert_eq!(said(&found, "fume"), ["F Y UW M"]);
    assert_eq!(found.problems, []);
}

#[test]
fn an_unknown_phone_is_named_and_the_word_still_heard() {
    let mut setup = Setup::new(DICTIONARY);
    setup.spoken.insert("lamp".into(), vec!["L XX M P".into(), String::new()]);
    let found = setup.pronounce(&["lamp"]).unwrap();
    assert_eq!(said(&found, "lamp"), ["L AE M P"]);
    let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("“L XX M P” of “lamp”") && problems[0].contains("`XX`: use AA AE"), "{problems:?}");
    assert!(problems[1].contains("has 0 phones"), "{problems:?}");
}

#[test]
fn other_scripts_and_digits_are_missing_and_latin_letters_never() {
    let words = ["漢字", "42", "дверь", "-", "lathe", "zoë", "mk2", "øre", "xyzzy", "bad", "q"];
    let found = Setup::new(DICTIONARY).pronounce(&words).unwrap();
    let missing: Vec<&str> = found.missing.iter().map(String::as_str).collect();
    assert_eq!(missing, ["-", "42", "дверь", "漢字"]);
    assert_eq!(found.words.len(), words.len() - missing.len());
    assert_eq!(said(&found, "mk2"), ["M K T UW"]);
    assert_eq!(said(&found, "bad"), ["B AE D"]);
}

#[test]
fn a_broken_dictionary_is_an_error_and_a_cut_one_is_used() {
    let error = Setup::new("").pronounce(&["lamp"]).unwrap_err().to_string();
    assert!(error.contains("has no words in it") && error.contains("apt install --reinstall"), "{error}");
    let setup = Setup::new(DICTIONARY);
    std::fs::write(setup.folder.path().join("words.dict"), [0xFF, 0xFE, 0, b'\n', 7]).unwrap();
    assert!(matches!(setup.pronounce(&["lamp"]), Err(PronunciationError::Empty(_))));
    std::fs::remove_file(setup.folder.path().join("words.dict")).unwrap();
    assert!(setup.pronounce(&["lamp"]).unwrap_err().to_string().contains("words.dict"));
    // The last line has lost its end, and its word a phone.
    let found = Setup::new("the DH AH\nlamp L AE M").pronounce(&["lamp"]).unwrap();
    assert_eq!(said(&found, "lamp"), ["L AE M P"]);
}

#[test]
fn without_espeak_a_table_is_used_and_said_so() {
    let mut setup = Setup::new(DICTIONARY);
    setup.espeak = Some(PathBuf::from("/nonexistent/espeak-ng"));
    let found = setup.pronounce(&["fume"]).unwrap();
    assert_eq!(said(&found, "fume"), ["F AH M"]);
    assert_eq!(found.problems.len(), 1);
    assert!(found.problems[0].to_string().contains("apt install espeak-ng"), "{:?}", found.problems);
    // One that answers nonsense is no better.
    setup.espeak = Some(PathBuf::from("/bin/true"));
    assert_eq!(said(&setup.pronounce(&["fume"]).unwrap(), "fume"), ["F AH M"]);
}

#[test]
fn espeak_knows_letter_to_sound_rules() {
    if !Path::new("/usr/bin/espeak-ng").exists() {
        println!("skipped: espeak-ng is not installed");
        return;
    }
    let mut setup = Setup::new(DICTIONARY);
    setup.espeak = Some(PathBuf::from("espeak-ng"));
    let odd = ["a,b.c!", "[[x]]", "<p>", "zoë", "mk2", "grüß"];
    let words: Vec<&str> = ["fume", "lathe", "ecobee", "kettle"].into_iter().chain(odd).collect();
    let found = setup.pronounce(&words).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!(said(&found, "fume"), ["F Y UW M"]);
    assert_eq!(said(&found, "lathe"), ["L EY DH"]);
    assert_eq!(said(&found, "ecobee"), ["EH K OW B IY"]);
    assert_eq!(said(&found, "kettle"), ["K EH T AH L", "K EH D AH L"]);
    assert_eq!(found.words.len(), words.len(), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_word_has_known_phones_or_is_missing(word in "\\PC{1,12}") {
        let found = Setup::new(DICTIONARY).pronounce(&[&word]).unwrap();
        prop_assert!(found.missing.contains(&word) != found.words.contains_key(&word));
        let known = phones();
        prop_assert!(found.words.values().flatten().flatten().all(|phone| known.contains(phone)));
    }

    #[test]
    fn latin_words_are_never_missing(word in "[a-zäöüéèñçåøß]{1,15}") {
        prop_assert!(Setup::new(DICTIONARY).pronounce(&[&word]).unwrap().missing.is_empty());
    }

    #[test]
    fn any_answer_of_espeak_is_survived(ipa in "\\PC{0,40}") {
        let known = phones();
        prop_assert!(arpabet::from_ipa(&ipa).iter().flatten().all(|phone| known.contains(phone)));
    }
}

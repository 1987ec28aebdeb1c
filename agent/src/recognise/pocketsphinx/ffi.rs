//! libpocketsphinx as Rust calls it: opened at run time, so that building needs nothing and a machine may do without.
//!
//! Owns every pointer of the library. The interface is that of Debian's 0.8+5prealpha (`libpocketsphinx.so.3`); arguments
//! are given as the text of a command line, so that no struct of the library is laid out here.
// Calling a C library is what this file is for.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::{Arc, Mutex, PoisonError};

use libloading::Library;

/// Names under which the library is installed, the best known first.
const LIBRARIES: &[&str] = &["libpocketsphinx.so.3"];

type Config = c_void;
type PsDecoder = c_void;
type PsSeg = c_void;

/// The search that a decoder is made with, by the library's name for it.
pub(super) const MAIN_SEARCH: &CStr = c"_default";

/// A word of the best hypothesis, with the frames (10 ms) that it takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    /// Its token; `<sil>`, `++NOISE++` and `(NULL)` are no words.
    pub(super) word: String,
    pub(super) first: usize,
    /// The last of its frames.
    pub(super) last: usize,
    /// The acoustic score, a logarithm.
    pub(super) acoustic: i32,
}

impl Segment {
    pub(super) fn is_word(&self) -> bool {
        !self.word.starts_with(['<', '(', '+'])
    }

    /// How many frames it takes; none for what stands between words.
    pub(super) fn frames(&self) -> usize {
        if self.word.starts_with('(') { 0 } else { (self.last + 1).saturating_sub(self.first) }
    }
}

/// The functions of the library that are used.
pub(super) struct Api {
    ps_args: unsafe extern "C" fn() -> *const c_void,
    cmd_ln_parse_r: unsafe extern "C" fn(*mut Config, *const c_void, i32, *mut *mut c_char, i32) -> *mut Config,
    cmd_ln_free_r: unsafe extern "C" fn(*mut Config) -> c_int,
    ps_init: unsafe extern "C" fn(*mut Config) -> *mut PsDecoder,
    ps_free: unsafe extern "C" fn(*mut PsDecoder) -> c_int,
    ps_set_jsgf_string: unsafe extern "C" fn(*mut PsDecoder, *const c_char, *const c_char) -> c_int,
    ps_set_search: unsafe extern "C" fn(*mut PsDecoder, *const c_char) -> c_int,
    ps_start_stream: unsafe extern "C" fn(*mut PsDecoder) -> c_int,
    ps_start_utt: unsafe extern "C" fn(*mut PsDecoder) -> c_int,
    ps_process_raw: unsafe extern "C" fn(*mut PsDecoder, *const i16, usize, c_int, c_int) -> c_int,
    ps_end_utt: unsafe extern "C" fn(*mut PsDecoder) -> c_int,
    ps_get_hyp: unsafe extern "C" fn(*mut PsDecoder, *mut i32) -> *const c_char,
    ps_seg_iter: unsafe extern "C" fn(*mut PsDecoder) -> *mut PsSeg,
    ps_seg_next: unsafe extern "C" fn(*mut PsSeg) -> *mut PsSeg,
    ps_seg_word: unsafe extern "C" fn(*mut PsSeg) -> *const c_char,
    ps_seg_frames: unsafe extern "C" fn(*mut PsSeg, *mut c_int, *mut c_int),
    ps_seg_prob: unsafe extern "C" fn(*mut PsSeg, *mut i32, *mut i32, *mut i32) -> i32,
    ps_seg_free: unsafe extern "C" fn(*mut PsSeg),
    // Keeps the functions above valid.
    _library: Library,
}

/// Where the library's messages go. It has one place for the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Messages {
    /// Nowhere.
    Dropped,
    /// To standard error, as in a child process whose standard error is read.
    StandardError,
}

impl Api {
    /// Opens the library, once for the process.
    pub(super) fn open(messages: Messages) -> Result<Arc<Self>, String> {
        static OPEN: Mutex<Option<Arc<Api>>> = Mutex::new(None);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(api) = open.as_ref() {
            return Ok(Arc::clone(api));
        }
        let api = Arc::new(Self::load(messages)?);
        *open = Some(Arc::clone(&api));
        Ok(api)
    }

    fn load(messages: Messages) -> Result<Self, String> {
        let mut refusals = Vec::new();
        let mut library = None;
        for name in LIBRARIES {
            // SAFETY: opening a library runs its initialisers; these libraries have none with requirements.
            match unsafe { Library::new(*name) } {
                Ok(found) => {
                    library = Some(found);
                    break;
                }
                Err(error) => refusals.push(error.to_string()),
            }
        }
        let library = library.ok_or_else(|| refusals.join("; "))?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type is that of the declaration in the headers of this version of the library. A name that
                // libpocketsphinx itself has not is found in libsphinxbase, which it depends on.
                *unsafe { library.get($name) }.map_err(|error| error.to_string())?
            };
        }
        if messages == Messages::Dropped {
            let err_set_logfp: unsafe extern "C" fn(*mut c_void) = function!("err_set_logfp");
            // SAFETY: a null stream is documented to turn messages off.
            unsafe { err_set_logfp(null_mut()) };
        }
        Ok(Self {
            ps_args: function!("ps_args"),
            cmd_ln_parse_r: function!("cmd_ln_parse_r"),
            cmd_ln_free_r: function!("cmd_ln_free_r"),
            ps_init: function!("ps_init"),
            ps_free: function!("ps_free"),
            ps_set_jsgf_string: function!("ps_set_jsgf_string"),
            ps_set_search: function!("ps_set_search"),
            ps_start_stream: function!("ps_start_stream"),
            ps_start_utt: function!("ps_start_utt"),
            ps_process_raw: function!("ps_process_raw"),
            ps_end_utt: function!("ps_end_utt"),
            ps_get_hyp: function!("ps_get_hyp"),
            ps_seg_iter: function!("ps_seg_iter"),
            ps_seg_next: function!("ps_seg_next"),
            ps_seg_word: function!("ps_seg_word"),
            ps_seg_frames: function!("ps_seg_frames"),
            ps_seg_prob: function!("ps_seg_prob"),
            ps_seg_free: function!("ps_seg_free"),
            _library: library,
        })
    }
}

/// A decoder with its model.
pub(super) struct Decoder {
    api: Arc<Api>,
    decoder: NonNull<PsDecoder>,
    config: NonNull<Config>,
    // The library keeps pointers into its arguments as long as it has the configuration.
    _arguments: Vec<CString>,
}

// SAFETY: a decoder is used by one thread at a time (every method takes `&mut self`) and holds nothing that belongs to a
// thread; the library keeps its state in the decoder.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Loads a model. Ends the process on some broken models: see `probe`.
    pub(super) fn new(api: &Arc<Api>, arguments: Vec<CString>) -> Result<Self, String> {
        let mut pointers: Vec<*mut c_char> = std::iter::once(c"victus".as_ptr())
            .chain(arguments.iter().map(|text| text.as_ptr()))
            .map(<*const c_char>::cast_mut)
            .collect();
        let count = i32::try_from(pointers.len()).map_err(|_| "too many arguments".to_owned())?;
        // SAFETY: the definitions are the library's own; the array has `count` strings, which live as long as the
        // configuration because `Decoder` owns them and frees it first (the name "victus" is static). The library only
        // reads them.
        let config = unsafe { (api.cmd_ln_parse_r)(null_mut(), (api.ps_args)(), count, pointers.as_mut_ptr(), 1) };
        let config = NonNull::new(config).ok_or("it refuses its arguments")?;
        // SAFETY: the configuration is valid; the decoder takes its own reference to it.
        let decoder = unsafe { (api.ps_init)(config.as_ptr()) };
        let Some(decoder) = NonNull::new(decoder) else {
            // SAFETY: this was the only reference left.
            unsafe { (api.cmd_ln_free_r)(config.as_ptr()) };
            return Err("it cannot load the model".to_owned());
        };
        Ok(Self { api: Arc::clone(api), decoder, config, _arguments: arguments })
    }

    /// Adds a grammar under a name, or takes it in the place of the one of that name, and searches by it.
    pub(super) fn set_grammar(&mut self, name: &CStr, jsgf: &CStr) -> Result<(), String> {
        // SAFETY: decoder and strings are valid; the library copies both strings.
        let code = unsafe { (self.api.ps_set_jsgf_string)(self.decoder.as_ptr(), name.as_ptr(), jsgf.as_ptr()) };
        if code != 0 {
            return Err("it refuses the grammar".to_owned());
        }
        self.search_by(name)
    }

    /// Searches by the grammar of that name from the next utterance on.
    pub(super) fn search_by(&mut self, name: &CStr) -> Result<(), String> {
        // SAFETY: decoder and name are valid; a name that no search has is refused with a code.
        match unsafe { (self.api.ps_set_search)(self.decoder.as_ptr(), name.as_ptr()) } {
            0 => Ok(()),
            _ => Err("it cannot search by the grammar".to_owned()),
        }
    }

    /// Begins an utterance, without the noise level of those before it.
    pub(super) fn start(&mut self) -> Result<(), String> {
        // SAFETY: the decoder is valid. A wrong state is refused with a code.
        let code = unsafe {
            match (self.api.ps_start_stream)(self.decoder.as_ptr()) {
                0 => (self.api.ps_start_utt)(self.decoder.as_ptr()),
                code => code,
            }
        };
        if code == 0 { Ok(()) } else { Err("it cannot begin an utterance".to_owned()) }
    }

    /// Decodes further samples of the utterance; `whole` if these are all of it.
    pub(super) fn process(&mut self, samples: &[i16], whole: bool) -> Result<(), String> {
        // SAFETY: the library reads `samples.len()` samples and keeps no pointer to them.
        let frames = unsafe {
            (self.api.ps_process_raw)(self.decoder.as_ptr(), samples.as_ptr(), samples.len(), 0, c_int::from(whole))
        };
        if frames < 0 { Err("it cannot decode these samples".to_owned()) } else { Ok(()) }
    }

    /// Ends the utterance.
    pub(super) fn end(&mut self) -> Result<(), String> {
        // SAFETY: the decoder is valid. A wrong state is refused with a code.
        if unsafe { (self.api.ps_end_utt)(self.decoder.as_ptr()) } < 0 {
            return Err("it cannot end the utterance".to_owned());
        }
        Ok(())
    }

    /// The best hypothesis so far, or after the end; none if nothing fits.
    pub(super) fn hypothesis(&mut self) -> Option<String> {
        // SAFETY: the decoder is valid; the score is not wanted, for which a null pointer is allowed.
        let text = unsafe { (self.api.ps_get_hyp)(self.decoder.as_ptr(), null::<i32>().cast_mut()) };
        if text.is_null() {
            return None;
        }
        // SAFETY: the string ends with NUL and is valid until the next call on this decoder; it is copied here.
        Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }

    /// The words of the best hypothesis after the end, with silence and noise between them; at most `most`.
    pub(super) fn segments(&mut self, most: usize) -> Vec<Segment> {
        let mut segments = Vec::new();
        // SAFETY: the decoder is valid; null, where there is no hypothesis, is not followed.
        let mut at = unsafe { (self.api.ps_seg_iter)(self.decoder.as_ptr()) };
        while !at.is_null() {
            if segments.len() == most {
                // SAFETY: the iterator is valid and not used any more.
                unsafe { (self.api.ps_seg_free)(at) };
                break;
            }
            let (mut first, mut last, mut acoustic, mut language, mut back) = (0, 0, 0, 0, 0);
            // SAFETY: the iterator is valid and each pointer is that of a local variable; the word is a string of the
            // dictionary that ends with NUL and is copied here. Asked for the next, the library frees the iterator or
            // gives the next one.
            unsafe {
                (self.api.ps_seg_frames)(at, &raw mut first, &raw mut last);
                (self.api.ps_seg_prob)(at, &raw mut acoustic, &raw mut language, &raw mut back);
                let word = (self.api.ps_seg_word)(at);
                if !word.is_null() {
                    let word = CStr::from_ptr(word).to_string_lossy().into_owned();
                    let frame = |frame: c_int| usize::try_from(frame).unwrap_or(0);
                    segments.push(Segment { word, first: frame(first), last: frame(last), acoustic });
                }
                at = (self.api.ps_seg_next)(at);
            }
        }
        segments
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: both are valid, are freed once, and the decoder lets go of its own reference first.
        unsafe {
            (self.api.ps_free)(self.decoder.as_ptr());
            (self.api.cmd_ln_free_r)(self.config.as_ptr());
        }
    }
}

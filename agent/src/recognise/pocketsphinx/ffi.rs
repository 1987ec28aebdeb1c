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

    /// Restricts the decoder to a grammar.
    pub(super) fn set_grammar(&mut self, name: &CStr, jsgf: &CStr) -> Result<(), String> {
        // SAFETY: decoder and strings are valid; the library copies both strings.
        let code = unsafe { (self.api.ps_set_jsgf_string)(self.decoder.as_ptr(), name.as_ptr(), jsgf.as_ptr()) };
        if code != 0 {
            return Err("it refuses the grammar".to_owned());
        }
        // SAFETY: as above; the name is that of the search which was just made.
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

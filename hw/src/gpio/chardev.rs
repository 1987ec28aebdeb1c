//! Lines by the kernel's GPIO character device: Jetson, Raspberry Pi and any other Linux machine.
//!
//! Owns the search for chips and lines and the translation of the kernel's errors. The kernel keeps two users of a line
//! apart and frees a line when its holder ends, however it ends.

use gpiocdev::chip::chips;
use gpiocdev::line::{Bias as KernelBias, Offset, Value};
use gpiocdev::{Chip, Error as KernelError, Request};

use super::{Bias, CONSUMER, GpioBackend, GpioError, InputLine, Level, LineReference, OutputLine, known_lines};

/// Numbers of the kernel's errors (`errno.h`), the same on every Linux architecture that Victus runs on.
const EPERM: i32 = 1;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;

/// The lines of every GPIO chip in `/dev`.
#[derive(Debug)]
pub struct CharacterDevice(());

impl CharacterDevice {
    /// Looks for chips.
    ///
    /// # Errors
    /// [`GpioError::NotHere`] without a chip, [`GpioError::Permission`] when none may be opened.
    pub fn new() -> Result<Self, GpioError> {
        let found = chips().map_err(|error| chips_error(&error))?;
        if found.is_empty() {
            return Err(no_chips("no /dev/gpiochip* exists".to_owned()));
        }
        for path in &found {
            match Chip::from_path(path) {
                Ok(_) => return Ok(Self(())),
                Err(error) if is_permission(&error) => {}
                Err(error) => log::warn!("The GPIO chip {} cannot be opened: {error}", path.display()),
            }
        }
        Err(GpioError::Permission { what: list(&found) })
    }

    fn find(&self, line: &LineReference) -> Result<Place, GpioError> {
        let mut places = Vec::new();
        let mut denied = None;
        for path in chips().map_err(|error| chips_error(&error))? {
            let chip = match Chip::from_path(&path) {
                Ok(chip) => chip,
                Err(error) => {
                    if is_permission(&error) {
                        denied = Some(path);
                    }
                    continue;
                }
            };
            places.extend(places_on(&chip, line).map_err(|error| device(line, "found", &error))?);
        }
        match (places.pop(), places.is_empty(), denied) {
            (Some(place), true, _) => Ok(place),
            (Some(place), false, _) => {
                places.push(place);
                let places: Vec<String> =
                    places.iter().map(|place| format!("{} offset {}", place.label, place.offset)).collect();
                Err(GpioError::Ambiguous { line: line.to_string(), places: places.join(", ") })
            }
            (None, _, Some(path)) => Err(GpioError::Permission { what: path.display().to_string() }),
            (None, ..) => Err(GpioError::NoSuchLine { line: line.to_string(), known: known_lines(&self.lines()?) }),
        }
    }
}

/// Where a line was found.
#[derive(Debug)]
struct Place {
    path: std::path::PathBuf,
    label: String,
    offset: Offset,
}

fn places_on(chip: &Chip, line: &LineReference) -> Result<Vec<Place>, KernelError> {
    let info = chip.info()?;
    let place = |offset| Place { path: chip.path().to_owned(), label: info.label.clone(), offset };
    match line {
        LineReference::Offset { chip: label, offset } => {
            Ok((info.label == *label && *offset < info.num_lines).then(|| place(*offset)).into_iter().collect())
        }
        LineReference::Name(name) => {
            let mut found = Vec::new();
            for line in chip.line_info_iter()? {
                let line = line?;
                if line.name == *name {
                    found.push(place(line.offset));
                }
            }
            Ok(found)
        }
    }
}

fn list(paths: &[std::path::PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn no_chips(reason: String) -> GpioError {
    GpioError::NotHere { backend: "chardev", reason, advice: "Run on a board with GPIO lines, or with `--simulate`." }
}

fn chips_error(error: &KernelError) -> GpioError {
    if is_permission(error) {
        GpioError::Permission { what: "/dev/gpiochip*".to_owned() }
    } else {
        no_chips(error.to_string())
    }
}

fn errno(error: &KernelError) -> Option<i32> {
    // The type of a uAPI error is not exported and its number cannot be reached; its text is that of the number.
    match error {
        KernelError::Os(errno) => Some(errno.0),
        KernelError::Uapi(_, source) => {
            let text = source.to_string();
            [EPERM, EACCES, EBUSY].into_iter().find(|n| std::io::Error::from_raw_os_error(*n).to_string() == text)
        }
        _ => None,
    }
}

fn is_permission(error: &KernelError) -> bool {
    matches!(errno(error), Some(EPERM | EACCES))
}

fn device(line: &LineReference, action: &'static str, error: &KernelError) -> GpioError {
    GpioError::Device { line: line.to_string(), action, reason: error.to_string() }
}

/// Who the kernel says holds the line.
fn holder(place: &Place) -> String {
    Chip::from_path(&place.path)
        .and_then(|chip| chip.line_info(place.offset))
        .map(|info| info.consumer)
        .ok()
        .filter(|consumer| !consumer.is_empty())
        .map_or_else(|| "another program or a kernel driver".to_owned(), |consumer| format!("`{consumer}`"))
}

fn request_error(line: &LineReference, place: &Place, error: &KernelError) -> GpioError {
    match errno(error) {
        Some(EBUSY) => GpioError::Busy { line: line.to_string(), holder: holder(place) },
        Some(EPERM | EACCES) => GpioError::Permission { what: place.path.display().to_string() },
        _ => device(line, "requested", error),
    }
}

const fn value(level: Level) -> Value {
    match level {
        Level::Low => Value::Inactive,
        Level::High => Value::Active,
    }
}

const fn level(value: Value) -> Level {
    match value {
        Value::Inactive => Level::Low,
        Value::Active => Level::High,
    }
}

impl GpioBackend for CharacterDevice {
    fn name(&self) -> &'static str {
        "chardev"
    }

    fn request_output(&self, line: &LineReference, initial: Level) -> Result<Box<dyn OutputLine>, GpioError> {
        let place = self.find(line)?;
        let request = Request::builder()
            .on_chip(&place.path)
            .with_consumer(CONSUMER)
            .with_line(place.offset)
            .as_output(value(initial))
            .request()
            .map_err(|error| request_error(line, &place, &error))?;
        Ok(Box::new(HeldLine { line: line.clone(), offset: place.offset, request }))
    }

    fn request_input(&self, line: &LineReference, bias: Bias) -> Result<Box<dyn InputLine>, GpioError> {
        let place = self.find(line)?;
        let bias = match bias {
            Bias::AsIs => None,
            Bias::Disabled => Some(KernelBias::Disabled),
            Bias::PullUp => Some(KernelBias::PullUp),
            Bias::PullDown => Some(KernelBias::PullDown),
        };
        let request = Request::builder()
            .on_chip(&place.path)
            .with_consumer(CONSUMER)
            .with_line(place.offset)
            .as_input()
            .with_bias(bias)
            .request()
            .map_err(|error| request_error(line, &place, &error))?;
        Ok(Box::new(HeldLine { line: line.clone(), offset: place.offset, request }))
    }

    fn lines(&self) -> Result<Vec<LineReference>, GpioError> {
        let mut lines = Vec::new();
        for path in chips().map_err(|error| chips_error(&error))? {
            let Ok(chip) = Chip::from_path(&path) else { continue };
            let Ok(info) = chip.info() else { continue };
            let Ok(infos) = chip.line_info_iter() else { continue };
            lines.extend(infos.filter_map(Result::ok).map(|line| {
                if line.name.is_empty() {
                    LineReference::Offset { chip: info.label.clone(), offset: line.offset }
                } else {
                    LineReference::Name(line.name)
                }
            }));
        }
        Ok(lines)
    }
}

/// One line held through the kernel; the kernel frees it when this is dropped.
#[derive(Debug)]
struct HeldLine {
    line: LineReference,
    offset: Offset,
    request: Request,
}

impl OutputLine for HeldLine {
    fn set(&mut self, to: Level) -> Result<(), GpioError> {
        self.request.set_value(self.offset, value(to)).map_err(|error| device(&self.line, "set", &error))
    }

    fn read_back(&self) -> Result<Level, GpioError> {
        self.read()
    }
}

impl InputLine for HeldLine {
    fn read(&self) -> Result<Level, GpioError> {
        self.request.value(self.offset).map(level).map_err(|error| device(&self.line, "read", &error))
    }
}

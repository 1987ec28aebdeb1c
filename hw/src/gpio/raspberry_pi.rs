//! Lines of a Raspberry Pi by its registers (rppal).
//!
//! Owns the translation between BCM numbers (`GPIO17`) and lines. The registers know no owner: rppal keeps two users
//! apart only within one process, so this backend asks the kernel first whether a driver or another program holds the
//! line. For the same reason a killed process leaves its pin as it was until `victus-safe` takes it.

use rppal::gpio::{Error as RegisterError, Gpio, InputPin, Level as PinLevel, OutputPin, Pin};

use super::{Bias, GpioBackend, GpioError, InputLine, Level, LineReference, OutputLine, known_lines};

/// The highest BCM number on the header of any Raspberry Pi.
const HIGHEST_HEADER_LINE: u8 = 27;

/// The lines of a Raspberry Pi.
#[derive(Debug)]
pub struct RaspberryPi {
    gpio: Gpio,
}

impl RaspberryPi {
    /// Opens the registers.
    ///
    /// # Errors
    /// [`GpioError::NotHere`] off a Raspberry Pi, [`GpioError::Permission`] when `/dev/gpiomem*` may not be opened.
    pub fn new() -> Result<Self, GpioError> {
        Gpio::new().map(|gpio| Self { gpio }).map_err(|error| match error {
            RegisterError::PermissionDenied(what) => GpioError::Permission { what },
            error => GpioError::NotHere {
                backend: "rppal",
                reason: error.to_string(),
                advice: "Use the backend `chardev` (or `auto`), which works on every Linux board.",
            },
        })
    }

    fn pin(&self, line: &LineReference) -> Result<Pin, GpioError> {
        let number = bcm_number(line).ok_or_else(|| no_such_line(line))?;
        if let LineReference::Name(name) = line
            && let Some(found) = gpiocdev::find_named_line(name)
            && found.info.used
        {
            return Err(GpioError::Busy { line: line.to_string(), holder: format!("`{}`", found.info.consumer) });
        }
        self.gpio.get(number).map_err(|error| match error {
            RegisterError::PinUsed(_) => {
                GpioError::Busy { line: line.to_string(), holder: "this program already".to_owned() }
            }
            RegisterError::PinNotAvailable(_) => no_such_line(line),
            RegisterError::PermissionDenied(what) => GpioError::Permission { what },
            error => GpioError::Device { line: line.to_string(), action: "requested", reason: error.to_string() },
        })
    }
}

fn header_lines() -> Vec<LineReference> {
    (0..=HIGHEST_HEADER_LINE).map(|number| LineReference::Name(format!("GPIO{number}"))).collect()
}

fn no_such_line(line: &LineReference) -> GpioError {
    GpioError::NoSuchLine { line: line.to_string(), known: known_lines(&header_lines()) }
}

/// The BCM number of a line called `GPIO<n>`, or of an offset on the chip of the header.
fn bcm_number(line: &LineReference) -> Option<u8> {
    match line {
        LineReference::Name(name) => {
            let digits = name.strip_prefix("GPIO")?;
            if digits.starts_with('+') || (digits.len() > 1 && digits.starts_with('0')) {
                return None;
            }
            digits.parse().ok()
        }
        LineReference::Offset { chip, offset } => {
            // On the header's chip the offset is the BCM number: pinctrl-bcm2835, -bcm2711, -rp1.
            if chip.starts_with("pinctrl-bcm") || chip == "pinctrl-rp1" { u8::try_from(*offset).ok() } else { None }
        }
    }
}

const fn level(level: PinLevel) -> Level {
    match level {
        PinLevel::Low => Level::Low,
        PinLevel::High => Level::High,
    }
}

impl GpioBackend for RaspberryPi {
    fn name(&self) -> &'static str {
        "rppal"
    }

    fn request_output(&self, line: &LineReference, initial: Level) -> Result<Box<dyn OutputLine>, GpioError> {
        let pin = self.pin(line)?;
        // The level goes into the output register before the pin becomes an output.
        let pin = match initial {
            Level::Low => pin.into_output_low(),
            Level::High => pin.into_output_high(),
        };
        Ok(Box::new(Output { pin }))
    }

    fn request_input(&self, line: &LineReference, bias: Bias) -> Result<Box<dyn InputLine>, GpioError> {
        let pin = self.pin(line)?;
        // The register backend cannot leave the resistors as they are, so `as_is` means none here.
        let pin = match bias {
            Bias::AsIs | Bias::Disabled => pin.into_input(),
            Bias::PullUp => pin.into_input_pullup(),
            Bias::PullDown => pin.into_input_pulldown(),
        };
        Ok(Box::new(Input { pin }))
    }

    fn lines(&self) -> Result<Vec<LineReference>, GpioError> {
        Ok(header_lines())
    }
}

#[derive(Debug)]
struct Output {
    pin: OutputPin,
}

impl OutputLine for Output {
    fn set(&mut self, to: Level) -> Result<(), GpioError> {
        match to {
            Level::Low => self.pin.set_low(),
            Level::High => self.pin.set_high(),
        }
        Ok(())
    }

    fn read_back(&self) -> Result<Level, GpioError> {
        // The level register shows the pin itself, not what was written.
        Ok(if self.pin.is_set_high() { Level::High } else { Level::Low })
    }
}

#[derive(Debug)]
struct Input {
    pin: InputPin,
}

impl InputLine for Input {
    fn read(&self) -> Result<Level, GpioError> {
        Ok(level(self.pin.read()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_from_names_and_from_the_header_chip() {
        for (name, number) in [("GPIO17", Some(17)), ("GPIO0", Some(0)), ("GPIO017", None), ("GPIO+7", None)] {
            assert_eq!(bcm_number(&name.into()), number, "{name}");
        }
        for name in ["17", "GPIO", "GPIO999", "gpio17", "PQ.05"] {
            assert_eq!(bcm_number(&name.into()), None, "{name}");
        }
        let offset = |chip: &str| LineReference::Offset { chip: chip.to_owned(), offset: 22 };
        assert_eq!(bcm_number(&offset("pinctrl-rp1")), Some(22));
        assert_eq!(bcm_number(&offset("raspberrypi-exp-gpio")), None);
    }
}

//! Reads WAV as programs write it to a pipe: with lengths that are not known when the header is written.
//!
//! Format (little-endian): `RIFF`, a length, `WAVE`; then chunks, each of four letters, a 32-bit length, the bytes and a
//! filling byte if the length is odd. `fmt ` has format (1 is PCM; 0xFFFE is PCM in the extended form), channels, samples
//! per second, bytes per second, bytes per frame and bits per sample; `data` has the samples. A length of `data` that is
//! 0 or beyond the end means: to the end. Only 16-bit PCM is read; several channels are mixed to one.

/// Samples and their rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// The samples.
    pub samples: Vec<i16>,
    /// Samples in a second.
    pub rate: u32,
}

/// Reads a WAV file from memory.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Wav, String> {
    if bytes.get(..4) != Some(b"RIFF".as_slice()) || bytes.get(8..12) != Some(b"WAVE".as_slice()) {
        return Err("it does not begin as a WAV file does".to_owned());
    }
    let mut at = 12;
    let mut format = None;
    loop {
        let head = bytes.get(at..at + 8).ok_or("it is a WAV file without samples")?;
        let length = usize::try_from(number(head, 4, 4)?).map_err(|error| error.to_string())?;
        let body = bytes.get(at + 8..).unwrap_or_default();
        match head.get(..4) {
            Some(b"fmt ") => format = Some(parse_format(body)?),
            Some(b"data") => {
                let (channels, rate) = format.ok_or("it is a WAV file with samples before their format")?;
                let length = if length == 0 { body.len() } else { length.min(body.len()) };
                let frames = body[..length].chunks_exact(2 * usize::from(channels));
                return Ok(Wav { samples: frames.map(mix).collect(), rate });
            }
            _ => {}
        }
        at = at.saturating_add(8).saturating_add(length).saturating_add(length % 2);
        if at > bytes.len() {
            return Err("it is a WAV file without samples".to_owned());
        }
    }
}

/// One sample of all channels: their mean.
fn mix(frame: &[u8]) -> i16 {
    let channels = frame.chunks_exact(2).map(|pair| i32::from(i16::from_le_bytes([pair[0], pair[1]])));
    let count = i32::try_from(frame.len() / 2).unwrap_or(1);
    i16::try_from(channels.sum::<i32>() / count.max(1)).unwrap_or_default()
}

/// Channels and sample rate of a format chunk, if it is one that is read.
fn parse_format(body: &[u8]) -> Result<(u8, u32), String> {
    let (format, channels, rate, bits) =
        (number(body, 0, 2)?, number(body, 2, 2)?, number(body, 4, 4)?, number(body, 14, 2)?);
    if !matches!(format, 1 | 0xFFFE) || bits != 16 {
        return Err(format!("it is a WAV file of format {format} with {bits} bits: PCM of 16 bits is needed"));
    }
    if !(4_000..=192_000).contains(&rate) {
        return Err(format!("it is a WAV file with {rate} samples a second: 4000 to 192000 are possible"));
    }
    match u8::try_from(channels) {
        Ok(channels @ 1..=8) => Ok((channels, rate)),
        _ => Err(format!("it is a WAV file with {channels} channels: 1 to 8 are possible")),
    }
}

fn number(bytes: &[u8], at: usize, length: usize) -> Result<u32, String> {
    let field = bytes.get(at..at + length).ok_or("it is a WAV file that was cut off in its header")?;
    Ok(field.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

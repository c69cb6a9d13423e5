//! Sound that takes an encoder some time.

const RATE: u32 = 48_000;

/// Noise in stereo at 48 kHz.
pub(crate) fn wav(seconds: u32) -> Vec<u8> {
    let data = seconds * RATE * 4;
    let mut file = Vec::with_capacity(data as usize + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 4).to_le_bytes());
    file.extend_from_slice(b"\x04\0\x10\0data");
    file.extend_from_slice(&data.to_le_bytes());
    let mut state = 1_u32;
    for _ in 0..seconds * RATE * 2 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        file.extend_from_slice(&[0, (state >> 28) as u8]);
    }
    file
}

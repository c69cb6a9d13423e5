//! Transport streams by the packet, so that they can list what no multiplexer would (ISO/IEC 13818-1, 2.4.3 and 2.4.4).

/// A packet's length in bytes.
const PACKET: usize = 188;

/// What every stream of these tables is said to be: AAC.
const AAC: u8 = 0x0f;

/// The packets of `stream` that don't belong to these PIDs.
pub(crate) fn without(stream: &[u8], pids: &[u16]) -> Vec<u8> {
    let pid = |packet: &[u8]| u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
    stream.chunks_exact(PACKET).filter(|packet| !pids.contains(&pid(packet))).flatten().copied().collect()
}

/// The tables of so many programs, whose streams have these PIDs.
pub(crate) fn tables(programs: &[Vec<u16>]) -> Vec<u8> {
    let map = |program: u16| 0x1f00 + program;
    let list = (1..).zip(programs).flat_map(|(program, _)| numbers(&[program, 0xe000 | map(program)]));
    let mut packets = section(0, 0, 1, &list.collect::<Vec<u8>>());
    for (program, pids) in (1..).zip(programs) {
        let first = [0xff, 0xff, 0xf0, 0];
        let streams = pids.iter().flat_map(|pid| [&[AAC][..], &numbers(&[0xe000 | pid, 0xf000])].concat());
        packets.extend(section(
            map(program),
            2,
            program,
            &first.into_iter().chain(streams).collect::<Vec<u8>>(),
        ));
    }
    packets
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A table in as many packets as it needs.
fn section(pid: u16, table: u8, number: u16, body: &[u8]) -> Vec<u8> {
    let length = 0xb000 | (body.len() + 9) as u16;
    let head = [&[table][..], &numbers(&[length, number]), &[0xc1, 0, 0]].concat();
    let mut section = [&head, body].concat();
    section.extend(crc(&section).to_be_bytes());
    section.insert(0, 0);
    let packet = |(counter, bytes): (u8, &[u8])| {
        let start = if counter == 0 { 0x4000 } else { 0 };
        let mut packet = [&[0x47][..], &numbers(&[start | pid]), &[0x10 | counter & 15], bytes].concat();
        packet.resize(PACKET, 0xff);
        packet
    };
    (0..).zip(section.chunks(PACKET - 4)).flat_map(packet).collect()
}

/// CRC-32/MPEG-2, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}

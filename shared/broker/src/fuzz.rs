//! What reads events from messages, as plain functions: for fuzzing.

use contracts::Envelope;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};

use crate::amqp::layout;

/// A header's value, of the kinds that AMQP has.
#[derive(Clone, Debug)]
pub enum Value {
    /// What we write.
    Long(Vec<u8>),
    /// Up to 255 bytes.
    Short(String),
    /// A number of 64 bits.
    Number(i64),
    /// A number of 8 bits.
    Byte(u8),
    /// Anything else.
    Nothing,
}

impl From<Value> for AMQPValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Long(bytes) => Self::LongString(bytes.into()),
            Value::Short(text) => Self::ShortString(text.as_str().into()),
            Value::Number(number) => Self::LongLongInt(number),
            Value::Byte(byte) => Self::ShortShortUInt(byte),
            Value::Nothing => Self::Void,
        }
    }
}

/// The event of a message, and how often it was delivered before.
///
/// # Errors
/// What is wrong with it.
pub fn event(headers: Vec<(String, Value)>, body: &[u8]) -> Result<(Envelope, u32), String> {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.as_str().into(), value.into());
    }
    let properties = BasicProperties::default().with_headers(table);
    Ok((layout::envelope(&properties, body)?, layout::earlier_deliveries(&properties)))
}

/// The event as it is read from the message that we write of it.
///
/// # Errors
/// What is wrong with that.
pub fn there_and_back(envelope: &Envelope) -> Result<Envelope, String> {
    layout::envelope(&layout::properties(envelope), envelope.data.to_string().as_bytes())
}

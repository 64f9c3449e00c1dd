//! Bytes as they were seen on the wire, and bytes nobody should send.

use rand::{RngExt, SeedableRng};

use crate::login7::{Login7, fetched_token};
use crate::packet::{self, kind, read_message};
use crate::prelogin::Prelogin;
use crate::reader::Reader;
use crate::request;
use crate::tokens::{Change, End, Tokens};
use crate::types::{decode, encode};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

#[test]
fn the_prelogin_of_tiberius_is_answered_as_seen_on_the_wire() {
    let request =
        hex("00 001A 0006 01 0020 0001 02 0021 0001 03 0022 0004 04 0026 0001 FF 00000D000000 03 00 00000000 00");
    let prelogin = Prelogin::decode(&request).unwrap();
    assert_eq!(prelogin, Prelogin { encryption: 3, federated: false });
    let answer = hex("00 001A 0006 01 0020 0001 02 0021 0001 03 0022 0000 04 0022 0001 FF 0C0007D00000 03 00 00");
    assert_eq!(prelogin.answer(), answer);
}

#[test]
fn environment_changes_and_messages_have_their_documented_bytes() {
    let mut tokens = Tokens::default();
    tokens.change(Change::Database { new: "x", old: "db1" });
    tokens.change(Change::Collation);
    tokens.change(Change::Began(0x1001));
    tokens.change(Change::Committed(0x1001));
    tokens.change(Change::ResetDone);
    tokens.message(&Message::new(5701, 0, 2, "x"), "s");
    tokens.done(End::Batch, 0x10, 0xC1, 3);
    let expected = hex("E3 0B00 01 01 7800 03 640062003100 \
         E3 0800 07 05 0904D00034 00 \
         E3 0B00 08 08 0110000000000000 00 \
         E3 0B00 09 00 08 0110000000000000 \
         E3 0300 12 00 00 \
         AB 1200 45160000 02 00 0100 7800 01 7300 00 01000000 \
         FD 1000 C100 0300000000000000");
    assert_eq!(tokens.0, expected);
}

/// Severity 10 leaves the server as 0, whatever said it; what is below and above stays.
#[test]
fn informational_messages_of_severity_10_are_of_class_0() {
    for (severity, token, class) in [(0, 0xAB, 0), (9, 0xAB, 9), (10, 0xAB, 0), (11, 0xAA, 11), (16, 0xAA, 16)] {
        let mut tokens = Tokens::default();
        tokens.message(&Message::new(50000, severity, 1, "x"), "s");
        assert_eq!((tokens.0[0], tokens.0[8]), (token, class), "severity {severity}");
    }
}

#[test]
fn values_have_their_documented_bytes() {
    let noon = 12 * 3600 * 10_000_000 + 1_234_567;
    let guid = uuid::Uuid::parse_str("00112233-4455-6677-8899-aabbccddeeff").unwrap();
    let cases = [
        (SqlType::Int, Value::Int(-7), "26 04 04 F9FFFFFF"),
        (SqlType::Bit, Value::Bit(true), "68 01 01 01"),
        (SqlType::Real, Value::Float(1.5), "6D 04 04 0000C03F"),
        (
            SqlType::Decimal { precision: 18, scale: 4 },
            Value::Decimal { unscaled: -123_456_789, scale: 4 },
            "6C 09 12 04 09 00 15CD5B0700000000",
        ),
        (SqlType::Money, Value::Decimal { unscaled: 1_234_500, scale: 4 }, "6E 08 08 00000000 44D61200"),
        (SqlType::DateTime, Value::DateTime { days: 738_885, ticks: 432_000_000_000 }, "6F 08 08 EAB00000 00C1C500"),
        (SqlType::Date, Value::Date(738_885), "28 03 45460B"),
        (SqlType::Time { scale: 7 }, Value::Time(noon), "29 07 05 87B6479564"),
        (SqlType::UniqueIdentifier, Value::Guid(guid), "24 10 10 33221100 5544 7766 8899AABBCCDDEEFF"),
        (SqlType::NVarChar(Some(4000)), Value::Text("a".into()), "E7 401F 0904D00034 0200 6100"),
        (SqlType::VarChar(Some(8000)), Value::Text("café".into()), "A7 401F 0904D00034 0400 636166E9"),
        (SqlType::VarBinary(Some(8000)), Value::Bytes(vec![1, 2, 3]), "A5 401F 0300 010203"),
        (SqlType::NVarChar(None), Value::Text(String::new()), "E7 FFFF 0904D00034 0000000000000000 00000000"),
        (SqlType::NVarChar(None), Value::Null, "E7 FFFF 0904D00034 FFFFFFFFFFFFFFFF"),
        (SqlType::SqlVariant, Value::Int(42), "62 491F0000 06000000 38 00 2A000000"),
        (SqlType::Xml, Value::Null, "F1 00 FFFFFFFFFFFFFFFF"),
    ];
    for (sql_type, value, expected) in cases {
        let mut bytes = Vec::new();
        encode::type_info(&mut bytes, sql_type);
        encode::value(&mut bytes, sql_type, &value).unwrap();
        assert_eq!(bytes, hex(expected), "{sql_type:?} {value:?}");
        let mut reader = Reader::new(&bytes);
        let (decoded_type, decoded) = decode::typed_value(&mut reader).unwrap();
        assert_eq!((decoded_type, decoded), (sql_type, value));
        assert!(reader.is_empty());
    }
}

#[test]
fn what_does_not_fit_its_type_is_refused_and_leaves_nothing_behind() {
    let cases = [
        (SqlType::TinyInt, Value::Int(256)),
        (SqlType::SmallMoney, Value::Int(1_000_000)),
        (SqlType::Decimal { precision: 9, scale: 0 }, Value::Int(1 << 40)),
        (SqlType::Time { scale: 7 }, Value::Time(u64::MAX)),
        (SqlType::Int, Value::Text("1".into())),
        (SqlType::SmallDateTime, Value::DateTime { days: 0, ticks: 0 }),
    ];
    for (sql_type, value) in cases {
        let mut bytes = vec![1];
        assert!(encode::value(&mut bytes, sql_type, &value).is_err(), "{sql_type:?} {value:?}");
        assert_eq!(bytes, [1]);
    }
}

/// An RPC with a parameter of each kind drivers send, as `(type, value)` bytes.
fn rpc_message() -> Vec<u8> {
    let mut message = hex("16000000 12000000 0200 0000000000000000 01000000 FFFF 0A00 0000");
    for parameter in [
        "00 00 E7 401F 0904D00034 0200 6100",
        "00 00 1F",
        "00 01 26 08 08 0100000000000000",
        "00 00 38 01000000",
        "00 00 F1 00 FEFFFFFFFFFFFFFF 02000000 6100 00000000",
        "00 00 A7 FFFF 0000000000 0300000000000000 03000000 616263 00000000",
        "00 00 62 491F0000 09000000 6C 02 12 04 01 01000000",
        "00 00 63 FFFFFF7F 0000000000 02000000 6100",
        "00 00 2B 03 09 00000001 45460B 7800",
    ] {
        message.extend(hex(parameter));
    }
    message
}

fn login_message() -> Vec<u8> {
    let mut fixed = vec![0; 94];
    let mut data = Vec::new();
    let mut put = |fixed: &mut Vec<u8>, at: usize, bytes: &[u8], count: usize| {
        fixed[at..at + 2].copy_from_slice(&((94 + data.len()) as u16).to_le_bytes());
        fixed[at + 2..at + 4].copy_from_slice(&(count as u16).to_le_bytes());
        data.extend_from_slice(bytes);
    };
    put(&mut fixed, 40, &hex("73006100"), 2);
    put(&mut fixed, 44, &hex("A0A53BA5"), 2);
    let list = (94 + 8 + 4) as u32;
    put(&mut fixed, 56, &list.to_le_bytes(), 4);
    data.extend(hex("02 0B000000 03 06000000 6700 6F00 6F00 0A 01000000 01 FF"));
    fixed[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
    fixed[27] = 0x10;
    let length = (fixed.len() + data.len()) as u32;
    fixed[..4].copy_from_slice(&length.to_le_bytes());
    fixed.extend(data);
    fixed
}

#[test]
fn a_login_is_read_with_its_password_and_features() {
    let login = Login7::decode(&login_message()).unwrap();
    assert_eq!((login.user.as_str(), login.password.as_str()), ("sa", "Pé"));
    assert_eq!(login.features, [(2, hex("03 06000000 6700 6F00 6F00")), (10, vec![1])]);
    assert!(login.federated().unwrap().is_some());
}

#[test]
fn parameters_are_read() {
    let calls = request::rpc(&rpc_message()).unwrap();
    let values: Vec<_> = calls[0].arguments.iter().map(|argument| &argument.value).collect();
    assert_eq!(values[0], &Value::Text("a".into()));
    assert_eq!(values[1], &Value::Null);
    assert_eq!(values[4], &Value::Text("a".into()));
    assert_eq!(values[6], &Value::Decimal { unscaled: 1, scale: 4 });
    assert!(calls[0].arguments[2].output);
}

#[test]
fn a_message_cut_anywhere_is_an_error_and_never_a_panic() {
    type Decodes = fn(&[u8]) -> bool;
    let decoders: [(Vec<u8>, Decodes); 2] = [
        (rpc_message(), |bytes| request::rpc(bytes).is_ok()),
        (login_message(), |bytes| Login7::decode(bytes).is_ok()),
    ];
    for (message, decodes) in decoders {
        assert!(decodes(&message));
        let whole = (0..message.len()).filter(|end| decodes(&message[..*end])).count();
        // Parameters are not counted in the message: a cut between two of them reads as a shorter call.
        assert!(whole <= 9, "{whole} prefixes were taken for whole messages");
    }
}

#[test]
fn random_and_mutated_bytes_never_panic() {
    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    let seeds = [rpc_message(), login_message(), hex("00 0006 0000 FF"), Vec::new()];
    for round in 0..20_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        if bytes.is_empty() {
            bytes = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
        }
        for _ in 0..rng.random_range(0..6) {
            if let Some(byte) = (!bytes.is_empty()).then(|| rng.random_range(0..bytes.len())) {
                bytes[byte] = rng.random();
            }
        }
        let _ = Prelogin::decode(&bytes);
        let _ = Login7::decode(&bytes).map(|login| login.federated().is_ok());
        let _ = fetched_token(&bytes);
        let _ = request::batch(&bytes);
        let _ = request::rpc(&bytes);
        let _ = request::transaction(&bytes);
    }
}

#[tokio::test]
async fn packets_are_joined_and_limits_hold() {
    let mut framed = Vec::new();
    packet::frame(&mut framed, kind::BATCH, 12, 0, &mut 1, b"0123456789", true);
    assert_eq!(framed.len(), 10 + 3 * 8);
    let message = read_message(&mut framed.as_slice(), 10).await.unwrap().unwrap();
    assert_eq!(message.payload, b"0123456789");
    assert!(read_message(&mut framed.as_slice(), 9).await.is_err());
    assert!(read_message(&mut &framed[..20], 10).await.is_err());
    assert!(read_message(&mut [].as_slice(), 10).await.unwrap().is_none());
    assert!(read_message(&mut hex("01 01 0007 0000 01 00").as_slice(), 10).await.is_err());
}

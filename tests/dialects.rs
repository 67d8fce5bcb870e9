//! Names and properties of dialects, and sets of them.

use hybi::*;

/// All dialects, oldest first, with their names and whether they have binary messages, pings and a
/// closing handshake.
const TABLE: [(Dialect, &str, [bool; 3]); 5] = [
    (Dialect::Hixie75, "Hixie-75", [false, false, false]),
    (Dialect::Hixie76, "Hixie-76", [false, false, true]),
    (Dialect::HyBi7, "HyBi-7", [true, true, true]),
    (Dialect::HyBi8, "HyBi-8", [true, true, true]),
    (Dialect::Rfc6455, "RFC 6455", [true, true, true]),
];

#[test]
fn the_properties_of_a_dialect_are_those_of_its_connections_fr_12_cl_20() {
    for (dialect, _, properties) in TABLE {
        let open = || Connection::established_server(Config::new(), &Handshake::new(dialect));
        let is_sent = |result: Result<(), SendError>| {
            let of_dialect =
                |error| matches!(error, SendError::Unsupported { dialect: d, .. } if d == dialect);
            assert!(result.is_ok() || result.is_err_and(of_dialect));
            result.is_ok()
        };
        let mut conn = open();
        let has_binary = is_sent(conn.send_binary(b"a"));
        let has_ping = is_sent(conn.send_ping(b"a"));
        let mut conn = open();
        conn.close(&Close::EMPTY).unwrap();
        let has_close = conn.wants_write();
        assert_eq!([has_binary, has_ping, has_close], properties, "{dialect}");
        let [binary, ping, close] = properties;
        assert_eq!(dialect.has_binary(), binary, "{dialect}");
        assert_eq!(dialect.has_ping(), ping, "{dialect}");
        assert_eq!(dialect.has_close(), close, "{dialect}");
    }
}

#[test]
fn a_dialect_is_parsed_from_its_name_in_any_case_and_with_any_separator() {
    assert!(
        Dialects::ALL
            .iter()
            .eq(TABLE.map(|row| row.0).into_iter().rev())
    );
    for (dialect, name, _) in TABLE {
        assert_eq!(dialect.to_string(), name);
        for separator in [" ", "-", ""] {
            let name = name.replace([' ', '-'], separator);
            for name in [name.to_uppercase(), name.to_lowercase(), name] {
                assert_eq!(name.parse(), Ok(dialect), "{name}");
            }
        }
        let (series, number) = name.split_once([' ', '-']).unwrap();
        let mut invalid = vec![
            series.to_owned(),
            number.to_owned(),
            format!("{series}--{number}"),
            format!("{series}_{number}"),
            format!("{series}-0{number}"),
            format!("{series}\u{e9}{number}"),
        ];
        invalid.extend([format!("{name} "), format!(" {name}"), format!("{name}0")]);
        for name in invalid {
            let error = name.parse::<Dialect>().unwrap_err();
            let message = "unknown dialect; the dialects are \
                Hixie-75, Hixie-76, HyBi-7, HyBi-8, RFC 6455";
            assert_eq!(error.to_string(), message, "{name}");
        }
    }
    for name in ["", "-", " ", "Hi\u{e9}ie-75"] {
        assert!(name.parse::<Dialect>().is_err(), "{name}");
    }
}

/// Each subset, compared with a vector of its dialects, newest first.
#[test]
fn a_set_of_dialects_is_a_collection_in_the_order_of_their_age() {
    assert_eq!(Dialects::default(), Dialects::DEFAULT);
    assert_eq!(Dialects::ALL.without(Dialect::Hixie75), Dialects::DEFAULT);
    for bits in 0..1 << TABLE.len() {
        let rows = TABLE.iter().enumerate().rev();
        let members = rows.filter(|(i, _)| bits >> i & 1 == 1);
        let members: Vec<Dialect> = members.map(|(_, row)| row.0).collect();
        let set: Dialects = members.iter().copied().collect();
        let braces = format!("{members:?}").replace('[', "{").replace(']', "}");
        assert_eq!(format!("{set:?}"), braces);
        assert!(set.into_iter().eq(members.iter().copied()));
        assert!(set.iter().rev().eq(members.iter().rev().copied()));
        assert_eq!(set.iter().len(), members.len());
        let mut extended = Dialects::NONE;
        extended.extend(set);
        extended.extend(set);
        assert_eq!(extended, set);
        for (dialect, ..) in TABLE {
            let is_member = members.contains(&dialect);
            assert_eq!(set.contains(dialect), is_member);
            assert_eq!(set.with(dialect).with(dialect) == set, is_member);
            assert_eq!(set.without(dialect).without(dialect) == set, !is_member);
            assert_eq!(set.with(dialect).without(dialect), set.without(dialect));
        }
        let mut both_ends = set.iter();
        while let Some(newest) = both_ends.next() {
            assert!(both_ends.next_back() != Some(newest));
        }
        assert_eq!((both_ends.next(), both_ends.next_back()), (None, None));
    }
}

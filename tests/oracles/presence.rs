//! The table of the dialects, whole: each of the deciding fields there or not, with every value
//! that matters, and each dialect on alone, all of them, or none.

use crate::oracles::dialects;

#[test]
fn every_request_is_in_the_dialect_that_the_table_says() {
    let digit = |number: u32| b'0' + number as u8;
    for fields in 0..1 << 8 {
        let fields: [u8; 8] = std::array::from_fn(|at| digit(fields >> at & 1));
        for (version, draft) in (0..9).flat_map(|version| (0..4).map(move |draft| (version, draft)))
        {
            for on in [0, 1, 2, 4, 8, 16, 31] {
                for plain in [0, 1] {
                    let rest = [version, draft, on, plain].map(digit);
                    dialects(&[&fields[..], &rest].concat());
                }
            }
        }
    }
}

//! Fields of errors.

/// Returns the field of an error of the given variant, and panics for another one. The variants are
/// `#[non_exhaustive]`, so that tests cannot construct the expected error.
#[macro_export]
macro_rules! error_field {
    ($error:expr, $variant:path { $field:ident }) => {
        match $error {
            $variant { $field, .. } => $field,
            other => panic!("{other:?}"),
        }
    };
}

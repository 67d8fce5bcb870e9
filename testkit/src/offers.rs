//! What a server may answer to an offer of compression.

/// Returns the name, the parameters and their values of an extension, without quotes.
fn parts(extension: &str) -> (&str, Vec<(&str, String)>) {
    let trim = |text| str::trim_matches(text, [' ', '\t']);
    let mut segments = extension.split(';');
    let name = trim(segments.next().unwrap_or_default());
    let parameters = segments.map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        (trim(name), trim(value).replace(['"', '\\'], ""))
    });
    (name, parameters.collect())
}

/// Returns whether RFC 7692, section 7.1, allows `reply` to `offer`, which is valid. Of an
/// x-webkit-deflate-frame it compares only the name, since a server may require anything (DF-8).
pub fn is_allowed_reply(offer: &str, reply: &str) -> bool {
    let ((name, offered), (reply_name, agreed)) = (parts(offer), parts(reply));
    let has = |parameters: &[(&str, String)], name| parameters.iter().any(|(n, _)| *n == name);
    // `client_max_window_bits` may lack its value.
    let bits = |parameters: &[(&str, String)], name| {
        let (_, value) = parameters.iter().find(|(n, _)| *n == name)?;
        Some(value.parse().unwrap_or(15_u8))
    };
    let (takeover, server) = ("server_no_context_takeover", "server_max_window_bits");
    let client = "client_max_window_bits";
    let server_bits = match (bits(&offered, server), bits(&agreed, server)) {
        (Some(offered), agreed) => agreed.is_some_and(|agreed| agreed <= offered),
        (None, _) => true,
    };
    let client_bits = match (bits(&offered, client), bits(&agreed, client)) {
        (offered, Some(agreed)) => offered.is_some_and(|offered| agreed <= offered),
        (_, None) => true,
    };
    let is_limited =
        server_bits && client_bits && (!has(&offered, takeover) || has(&agreed, takeover));
    name == reply_name && (is_limited || name != "permessage-deflate")
}

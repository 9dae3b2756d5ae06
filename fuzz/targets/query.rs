//! Any bytes as a query string and as a form, for any action of the Query protocol.

#![no_main]

use formiga_fuzz::{check_refusal, fuzz_target, lines, with_an_input};
use formiga_wire::protocol::{Call, Head};
use formiga_wire::service::Service;

// The action's number, the path, the query string, and a form in the rest.
fuzz_target!(|data: &[u8]| {
    let Some((number, rest)) = data.split_first() else { return };
    let lines = lines(rest);
    let [path, query, body @ ..] = lines.as_slice() else { return };
    let (Ok(path), Ok(query)) = (str::from_utf8(path), str::from_utf8(query)) else { return };
    let body = body.first().copied().unwrap_or_default();
    let head = Head { method: "POST", path, query: Some(query), ..Head::default() };
    let parameters = match head.parameters(body) {
        Ok(parameters) => parameters.into_owned(),
        Err(error) => return check_refusal(&error),
    };
    let action = match parameters.action() {
        Ok(action) => action.to_owned(),
        Err(error) => return check_refusal(&error),
    };
    let mut call: Call<'_, Vec<u8>> =
        match Call::query(&head, Service::Sqs, &action, parameters, "id") {
            Ok(call) => call,
            Err(error) => return check_refusal(&error),
        };
    macro_rules! decode {
        ($input:ty) => {
            if let Err(error) = call.decode::<$input>() {
                check_refusal(&error);
            }
        };
    }
    with_an_input!(number, decode);
});

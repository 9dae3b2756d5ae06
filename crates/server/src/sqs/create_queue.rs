//! `CreateQueue`

use std::collections::BTreeMap;

use formiga_engine::attributes::AttributeName;
use formiga_engine::catalog::CreateRefusal;
use formiga_engine::names::QueueName;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{CreateQueueInput, CreateQueueOutput};

use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queue_url;

/// Creates a queue of the caller's, or answers the URL of the one that exists with equal
/// attributes.
pub(crate) async fn create_queue(
    ctx: &Context,
    input: CreateQueueInput,
) -> Result<CreateQueueOutput, ApiError> {
    let attributes = input.attributes.unwrap_or_default();
    let name = parse_name(input.queue_name.as_deref(), &attributes)?;
    if input.tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(unsupported("Tags are"));
    }
    let attributes = parse_attributes(attributes)?;
    let created = ctx.queues.create(ctx.own(name), attributes).await;
    let created = created.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    let entry = created.map_err(refused)?;
    Ok(CreateQueueOutput { queue_url: queue_url::write(&ctx.host, &entry.key) })
}

/// A name with `.fifo` and `FifoQueue=true` go together.
fn parse_name(
    name: Option<&str>,
    attributes: &BTreeMap<String, String>,
) -> Result<QueueName, ApiError> {
    let invalid = |message: &str| Err(ApiError::new(ErrorKind::InvalidParameterValue, message));
    let name = match name {
        None => {
            return invalid(
                "Value for parameter QueueName is invalid. Reason: Must specify a queue name.",
            );
        }
        Some("") => return invalid("Queue name cannot be empty"),
        Some(name) => name,
    };
    let fifo = attributes.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    match QueueName::parse(name) {
        Ok(name) if name.is_fifo() && fifo => Err(unsupported("FIFO queues are")),
        _ if fifo => invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length",
        ),
        Ok(name) if !name.is_fifo() => Ok(name),
        _ => invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ),
    }
}

/// Attributes whose feature this version does not have. Empty, they mean what every queue of this
/// version is: without.
const UNSUPPORTED: [&str; 5] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
];

fn parse_attributes(
    attributes: BTreeMap<String, String>,
) -> Result<Vec<(AttributeName, String)>, ApiError> {
    let mut parsed = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        if UNSUPPORTED.contains(&name.as_str()) {
            if !value.is_empty() {
                return Err(unsupported(&format!("The attribute {name} is")));
            }
            continue;
        }
        parsed.push((AttributeName::parse(&name).map_err(error::attribute)?, value));
    }
    Ok(parsed)
}

fn unsupported(what: &str) -> ApiError {
    let message = format!("{what} not supported by this version of Formiga.");
    ApiError::new(ErrorKind::UnsupportedOperation, message)
}

fn refused(refusal: CreateRefusal) -> ApiError {
    match refusal {
        CreateRefusal::Attribute(error) => error::attribute(error),
        CreateRefusal::AlreadyExists { attribute } => {
            let name = attribute.as_str();
            let message = format!(
                "A queue already exists with the same name and a different value for attribute {name}"
            );
            ApiError::new(ErrorKind::QueueNameExists, message)
        }
    }
}

//! Recorded exchanges: the exact bytes of each action's requests and responses.

mod exchanges;

use std::collections::BTreeMap;

use exchanges::Exchanges;
use formiga_wire::error::ErrorKind;
use formiga_wire::formiga::*;
use formiga_wire::sqs::*;

const URL: &str = "http://127.0.0.1:9324/000000000000/orders";
const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:orders";
const DEAD_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";
const TASK: &str = "eyJ0YXNrSWQiOiI1ZmVhNzc1Ni0wZWE0LTQ1MWEtYTcwMy1hNTU4YjkzM2UyNzQiLCJzb3VyY2VBcm4iOiJhcm46YXdzOnNxczp1cy1lYXN0LTE6MDAwMDAwMDAwMDAwOmRlYWQifQ==";
const HANDLE: &str = "AQEB+/handle==";
const ID: &str = "5fea7756-0ea4-451a-a703-a558b933e274";
const MD5: &str = "49f68a5c8493ec2c0bf489821c21fc3b";
const ATTRIBUTES_MD5: &str = "d838729972a4b70e2d2acd9d59ac847c";
const SYSTEM_MD5: &str = "5ae4d5d7636402d80f4eb6d213245a88";
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

#[test]
fn the_codec_does_what_was_recorded() {
    let mut exchanges = Exchanges::open();
    create_queue(&mut exchanges);
    get_queue_url(&mut exchanges);
    list_queues(&mut exchanges);
    delete_queue(&mut exchanges);
    get_queue_attributes(&mut exchanges);
    set_queue_attributes(&mut exchanges);
    purge_queue(&mut exchanges);
    queue_tags(&mut exchanges);
    permissions(&mut exchanges);
    list_dead_letter_source_queues(&mut exchanges);
    start_message_move_task(&mut exchanges);
    list_message_move_tasks(&mut exchanges);
    cancel_message_move_task(&mut exchanges);
    send_message(&mut exchanges);
    send_message_batch(&mut exchanges);
    receive_message(&mut exchanges);
    delete_message(&mut exchanges);
    delete_message_batch(&mut exchanges);
    change_message_visibility(&mut exchanges);
    change_message_visibility_batch(&mut exchanges);
    advance_clock(&mut exchanges);
    explain_access(&mut exchanges);
    peek_messages(&mut exchanges);
    malformed_input(&mut exchanges);
    unknown_operations(&mut exchanges);
    refused_parameters(&mut exchanges);
    let sqs = actions(include_str!("../src/sqs.rs"));
    let formiga = actions(include_str!("../src/formiga.rs"));
    exchanges.finish(&[sqs.as_slice(), &formiga].concat(), &sqs);
}

/// Every action that has an input.
fn actions(source: &str) -> Vec<&str> {
    let structs = source.split("pub struct ").skip(1);
    let names = structs.filter_map(|source| source.split_once(' ').map(|(name, _)| name));
    names.filter_map(|name| name.strip_suffix("Input")).collect()
}

fn create_queue(exchanges: &mut Exchanges) {
    let plain = CreateQueueInput { queue_name: text("orders"), ..Default::default() };
    exchanges.request("CreateQueue/plain", &plain);
    let every_member = CreateQueueInput {
        queue_name: text("orders"),
        attributes: Some(map([("DelaySeconds", "5"), ("VisibilityTimeout", "60")])),
        tags: Some(map([("team", "shop"), ("empty", "")])),
    };
    exchanges.request("CreateQueue/every_member", &every_member);
    // Numbers and booleans of sloppy clients.
    exchanges.request(
        "CreateQueue/scalars_as_text",
        &CreateQueueInput {
            queue_name: text("5"),
            attributes: Some(map([("DelaySeconds", "5"), ("SqsManagedSseEnabled", "true")])),
            tags: Some(map([("version", "1.10"), ("huge", "123456789012345678901234567890")])),
        },
    );
    exchanges.response("CreateQueue/plain", &CreateQueueOutput { queue_url: URL.to_owned() });
    exchanges.error(
        "CreateQueue/queue_name_exists",
        ErrorKind::QueueNameExists,
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    );
    exchanges.error(
        "CreateQueue/invalid_attribute_name",
        ErrorKind::InvalidAttributeName,
        "Unknown Attribute FifoQueue.",
    );
}

fn get_queue_url(exchanges: &mut Exchanges) {
    let plain = GetQueueUrlInput { queue_name: text("orders"), ..Default::default() };
    exchanges.request("GetQueueUrl/plain", &plain);
    let every_member = GetQueueUrlInput {
        queue_name: text("orders"),
        queue_owner_aws_account_id: text("000000000000"),
    };
    exchanges.request("GetQueueUrl/every_member", &every_member);
    exchanges.response("GetQueueUrl/plain", &GetQueueUrlOutput { queue_url: URL.to_owned() });
    exchanges.error(
        "GetQueueUrl/queue_does_not_exist",
        ErrorKind::QueueDoesNotExist,
        "The specified queue does not exist.",
    );
}

fn list_queues(exchanges: &mut Exchanges) {
    exchanges.request("ListQueues/plain", &ListQueuesInput::default());
    exchanges.request("ListQueues/empty_body", &ListQueuesInput::default());
    let every_member = ListQueuesInput {
        queue_name_prefix: text("ord"),
        max_results: Some(2),
        next_token: text("b3JkZXJz"),
    };
    exchanges.request("ListQueues/every_member", &every_member);
    exchanges.response("ListQueues/no_queues", &ListQueuesOutput::default());
    let plain = ListQueuesOutput { queue_urls: texts([URL]), next_token: None };
    exchanges.response("ListQueues/plain", &plain);
    let every_member = ListQueuesOutput {
        queue_urls: texts([URL, "http://127.0.0.1:9324/000000000000/ordinary"]),
        next_token: text("b3JkaW5hcnk="),
    };
    exchanges.response("ListQueues/every_member", &every_member);
}

fn delete_queue(exchanges: &mut Exchanges) {
    let input = DeleteQueueInput { queue_url: text(URL) };
    exchanges.request("DeleteQueue/plain", &input);
    exchanges.request("DeleteQueue/every_member", &input);
    exchanges.no_output("DeleteQueue/plain");
}

fn get_queue_attributes(exchanges: &mut Exchanges) {
    let plain = GetQueueAttributesInput { queue_url: text(URL), attribute_names: None };
    exchanges.request("GetQueueAttributes/plain", &plain);
    let every_member = GetQueueAttributesInput {
        queue_url: text(URL),
        attribute_names: Some(texts(["QueueArn", "ApproximateNumberOfMessages"])),
    };
    exchanges.request("GetQueueAttributes/every_member", &every_member);
    let presigned =
        GetQueueAttributesInput { queue_url: text("/000000000000/orders"), ..every_member };
    exchanges.query_request("GetQueueAttributes/presigned", &presigned);
    exchanges.response("GetQueueAttributes/plain", &GetQueueAttributesOutput::default());
    let every_member = GetQueueAttributesOutput {
        attributes: map([
            ("QueueArn", "arn:aws:sqs:us-east-1:000000000000:orders"),
            ("ApproximateNumberOfMessages", "3"),
        ]),
    };
    exchanges.response("GetQueueAttributes/every_member", &every_member);
}

fn set_queue_attributes(exchanges: &mut Exchanges) {
    let input = SetQueueAttributesInput {
        queue_url: text(URL),
        attributes: Some(map([("DelaySeconds", "5"), ("VisibilityTimeout", "60")])),
    };
    exchanges.request("SetQueueAttributes/plain", &input);
    exchanges.request("SetQueueAttributes/every_member", &input);
    exchanges.no_output("SetQueueAttributes/plain");
}

fn purge_queue(exchanges: &mut Exchanges) {
    let input = PurgeQueueInput { queue_url: text(URL) };
    exchanges.request("PurgeQueue/plain", &input);
    exchanges.request("PurgeQueue/every_member", &input);
    exchanges.no_output("PurgeQueue/plain");
    exchanges.error(
        "PurgeQueue/in_progress",
        ErrorKind::PurgeQueueInProgress,
        "Only one PurgeQueue operation on orders is allowed every 60 seconds.",
    );
}

fn queue_tags(exchanges: &mut Exchanges) {
    let tags = map([("team", "shop"), ("empty", "")]);
    let input = TagQueueInput { queue_url: text(URL), tags: Some(tags.clone()) };
    exchanges.request("TagQueue/plain", &input);
    exchanges.request("TagQueue/every_member", &input);
    exchanges.no_output("TagQueue/plain");
    let input = UntagQueueInput { queue_url: text(URL), tag_keys: Some(texts(["team", "empty"])) };
    exchanges.request("UntagQueue/plain", &input);
    exchanges.request("UntagQueue/every_member", &input);
    exchanges.no_output("UntagQueue/plain");
    let input = ListQueueTagsInput { queue_url: text(URL) };
    exchanges.request("ListQueueTags/plain", &input);
    exchanges.request("ListQueueTags/every_member", &input);
    exchanges.response("ListQueueTags/no_tags", &ListQueueTagsOutput::default());
    exchanges.response("ListQueueTags/plain", &ListQueueTagsOutput { tags });
}

fn permissions(exchanges: &mut Exchanges) {
    let plain = AddPermissionInput {
        queue_url: text(URL),
        label: text("shop"),
        aws_account_ids: Some(texts(["111111111111"])),
        actions: Some(texts(["SendMessage"])),
    };
    exchanges.request("AddPermission/plain", &plain);
    let every_member = AddPermissionInput {
        aws_account_ids: Some(texts(["111111111111", "222222222222"])),
        actions: Some(texts(["SendMessage", "ReceiveMessage"])),
        ..plain
    };
    exchanges.request("AddPermission/every_member", &every_member);
    exchanges.query_request("AddPermission/generic_client", &every_member);
    exchanges.no_output("AddPermission/plain");
    exchanges.error(
        "AddPermission/over_limit",
        ErrorKind::OverLimit,
        "8 Actions were found, maximum allowed is 7.",
    );
    let input = RemovePermissionInput { queue_url: text(URL), label: text("shop") };
    exchanges.request("RemovePermission/plain", &input);
    exchanges.request("RemovePermission/every_member", &input);
    exchanges.no_output("RemovePermission/plain");
}

fn list_dead_letter_source_queues(exchanges: &mut Exchanges) {
    let plain = ListDeadLetterSourceQueuesInput { queue_url: text(URL), ..Default::default() };
    exchanges.request("ListDeadLetterSourceQueues/plain", &plain);
    let every_member = ListDeadLetterSourceQueuesInput {
        max_results: Some(2),
        next_token: text("b3JkZXJz"),
        ..plain
    };
    exchanges.request("ListDeadLetterSourceQueues/every_member", &every_member);
    let none = ListDeadLetterSourceQueuesOutput::default();
    exchanges.response("ListDeadLetterSourceQueues/no_queues", &none);
    let every_member = ListDeadLetterSourceQueuesOutput {
        queue_urls: texts([URL, "http://127.0.0.1:9324/000000000000/ordinary"]),
        next_token: text("b3JkaW5hcnk="),
    };
    exchanges.response("ListDeadLetterSourceQueues/every_member", &every_member);
}

fn start_message_move_task(exchanges: &mut Exchanges) {
    let plain = StartMessageMoveTaskInput { source_arn: text(DEAD_ARN), ..Default::default() };
    exchanges.request("StartMessageMoveTask/plain", &plain);
    let every_member = StartMessageMoveTaskInput {
        destination_arn: text(ARN),
        max_number_of_messages_per_second: Some(50),
        ..plain
    };
    exchanges.request("StartMessageMoveTask/every_member", &every_member);
    let output = StartMessageMoveTaskOutput { task_handle: TASK.to_owned() };
    exchanges.response("StartMessageMoveTask/plain", &output);
    exchanges.error(
        "StartMessageMoveTask/resource_not_found",
        ErrorKind::ResourceNotFound,
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
    );
}

fn list_message_move_tasks(exchanges: &mut Exchanges) {
    let plain = ListMessageMoveTasksInput { source_arn: text(DEAD_ARN), max_results: None };
    exchanges.request("ListMessageMoveTasks/plain", &plain);
    let every_member = ListMessageMoveTasksInput { max_results: Some(10), ..plain };
    exchanges.request("ListMessageMoveTasks/every_member", &every_member);
    let none = ListMessageMoveTasksOutput::default();
    exchanges.response("ListMessageMoveTasks/no_tasks", &none);
    let plain = ListMessageMoveTasksResultEntry {
        status: "COMPLETED".to_owned(),
        source_arn: DEAD_ARN.to_owned(),
        approximate_number_of_messages_moved: 2,
        approximate_number_of_messages_to_move: Some(2),
        started_timestamp: 1_795_402_169_000,
        ..Default::default()
    };
    // No task has all of it: what runs has not failed.
    let every_member = ListMessageMoveTasksResultEntry {
        task_handle: text(TASK),
        status: "RUNNING".to_owned(),
        destination_arn: text(ARN),
        max_number_of_messages_per_second: Some(50),
        failure_reason: text("AWS.SimpleQueueService.NonExistentQueue"),
        ..plain.clone()
    };
    let output = ListMessageMoveTasksOutput { results: vec![plain.clone()] };
    exchanges.response("ListMessageMoveTasks/plain", &output);
    let output = ListMessageMoveTasksOutput { results: vec![every_member.clone()] };
    exchanges.response("ListMessageMoveTasks/every_member", &output);
    let output = ListMessageMoveTasksOutput { results: vec![every_member, plain] };
    exchanges.response("ListMessageMoveTasks/two_tasks", &output);
}

fn cancel_message_move_task(exchanges: &mut Exchanges) {
    let input = CancelMessageMoveTaskInput { task_handle: text(TASK) };
    exchanges.request("CancelMessageMoveTask/plain", &input);
    exchanges.request("CancelMessageMoveTask/every_member", &input);
    let output = CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: 2 };
    exchanges.response("CancelMessageMoveTask/plain", &output);
    exchanges.error(
        "CancelMessageMoveTask/resource_not_found",
        ErrorKind::ResourceNotFound,
        "Task does not exist.",
    );
}

fn send_message(exchanges: &mut Exchanges) {
    let plain =
        SendMessageInput { queue_url: text(URL), message_body: text("hi"), ..Default::default() };
    exchanges.request("SendMessage/plain", &plain);
    // Some SDKs send to the queue's path; what they name in the body counts.
    exchanges.request("SendMessage/to_the_queue_path", &plain);
    let by_path = SendMessageInput { queue_url: text("/000000000000/orders"), ..plain.clone() };
    exchanges.query_request("SendMessage/by_the_queue_path", &by_path);
    exchanges.request("SendMessage/null_members", &plain);
    exchanges.request("SendMessage/unknown_members", &plain);
    exchanges.request("SendMessage/repeated_members", &plain);
    let unicode = SendMessageInput { message_body: text("\"é\"\r\n\t😀\u{fffd}\\"), ..plain };
    exchanges.request("SendMessage/unicode", &unicode);
    exchanges.request("SendMessage/unicode_escaped", &unicode);
    let every_member = SendMessageInput {
        queue_url: text(URL),
        message_body: text("hi"),
        delay_seconds: Some(5),
        message_attributes: Some(every_attribute()),
        message_system_attributes: Some(every_system_attribute()),
        message_deduplication_id: text("dedup-1"),
        message_group_id: text("group-1"),
    };
    exchanges.request("SendMessage/every_member", &every_member);
    let plain = SendMessageOutput {
        message_id: ID.to_owned(),
        md5_of_message_body: MD5.to_owned(),
        ..Default::default()
    };
    exchanges.response("SendMessage/plain", &plain);
    let every_member = SendMessageOutput {
        md5_of_message_attributes: text(ATTRIBUTES_MD5),
        md5_of_message_system_attributes: text(SYSTEM_MD5),
        sequence_number: text("18849496460467696128"),
        ..plain
    };
    exchanges.response("SendMessage/every_member", &every_member);
    exchanges.error(
        "SendMessage/missing_parameter",
        ErrorKind::MissingParameter,
        "The request must contain the parameter MessageBody.",
    );
    exchanges.error(
        "SendMessage/invalid_message_contents",
        ErrorKind::InvalidMessageContents,
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    );
    exchanges.error(
        "SendMessage/unsupported_operation",
        ErrorKind::UnsupportedOperation,
        "Message attribute list values in SendMessage operation are not supported.",
    );
    exchanges.error(
        "SendMessage/request_entity_too_large",
        ErrorKind::RequestEntityTooLarge,
        "The request is too large.",
    );
    exchanges.error(
        "SendMessage/internal_failure",
        ErrorKind::InternalFailure,
        "The request failed because of a fault in the service. Please try again.",
    );
    exchanges.error(
        "SendMessage/service_unavailable",
        ErrorKind::ServiceUnavailable,
        "The service cannot take the request right now.",
    );
}

fn send_message_batch(exchanges: &mut Exchanges) {
    let entry = |id: &str, body: &str| SendMessageBatchRequestEntry {
        id: text(id),
        message_body: text(body),
        ..Default::default()
    };
    let plain = SendMessageBatchInput {
        queue_url: text(URL),
        entries: Some(vec![entry("a", "one"), entry("b", "two")]),
    };
    exchanges.request("SendMessageBatch/plain", &plain);
    let every_member = SendMessageBatchRequestEntry {
        delay_seconds: Some(0),
        message_attributes: Some(every_attribute()),
        message_system_attributes: Some(every_system_attribute()),
        message_deduplication_id: text("dedup-1"),
        message_group_id: text("group-1"),
        ..entry("a", "one")
    };
    let every_member =
        SendMessageBatchInput { queue_url: text(URL), entries: Some(vec![every_member]) };
    exchanges.request("SendMessageBatch/every_member", &every_member);

    let sent = |id: &str| SendMessageBatchResultEntry {
        id: id.to_owned(),
        message_id: ID.to_owned(),
        md5_of_message_body: MD5.to_owned(),
        ..Default::default()
    };
    let plain =
        SendMessageBatchOutput { successful: vec![sent("a"), sent("b")], failed: Vec::new() };
    exchanges.response("SendMessageBatch/plain", &plain);
    let every_member = SendMessageBatchResultEntry {
        md5_of_message_attributes: text(ATTRIBUTES_MD5),
        md5_of_message_system_attributes: text(SYSTEM_MD5),
        sequence_number: text("18849496460467696128"),
        ..sent("a")
    };
    let too_long = failed(
        "b",
        ErrorKind::InvalidParameterValue,
        "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.",
    );
    let every_member =
        SendMessageBatchOutput { successful: vec![every_member], failed: vec![too_long.clone()] };
    exchanges.response("SendMessageBatch/every_member", &every_member);
    let partial = SendMessageBatchOutput { successful: vec![sent("a")], failed: vec![too_long] };
    exchanges.response("SendMessageBatch/partial_failure", &partial);
    exchanges.error(
        "SendMessageBatch/empty_batch_request",
        ErrorKind::EmptyBatchRequest,
        "There should be at least one SendMessageBatchRequestEntry in the request.",
    );
    exchanges.error(
        "SendMessageBatch/batch_request_too_long",
        ErrorKind::BatchRequestTooLong,
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    );
}

fn receive_message(exchanges: &mut Exchanges) {
    let plain = ReceiveMessageInput { queue_url: text(URL), ..Default::default() };
    exchanges.request("ReceiveMessage/plain", &plain);
    let every_member = ReceiveMessageInput {
        queue_url: text(URL),
        attribute_names: Some(texts(["SentTimestamp"])),
        message_system_attribute_names: Some(texts(["All"])),
        message_attribute_names: Some(texts(["color", "Hel.*"])),
        max_number_of_messages: Some(10),
        visibility_timeout: Some(0),
        wait_time_seconds: Some(20),
        receive_request_attempt_id: text("attempt-1"),
    };
    exchanges.request("ReceiveMessage/every_member", &every_member);
    let generic = ReceiveMessageInput {
        attribute_names: Some(texts(["All"])),
        message_attribute_names: Some(texts(["color", "Hel.*"])),
        ..plain
    };
    exchanges.query_request("ReceiveMessage/generic_client", &generic);
    exchanges.response("ReceiveMessage/nothing", &<ReceiveMessageOutput>::default());
    let plain = Message {
        message_id: ID.to_owned(),
        receipt_handle: HANDLE.to_owned(),
        md5_of_body: MD5.to_owned(),
        body: "hi",
        ..Default::default()
    };
    let output = |message| ReceiveMessageOutput { messages: vec![message] };
    exchanges.response("ReceiveMessage/plain", &output(plain.clone()));
    let unicode = Message { body: "\"é\"\r\n\t😀\u{fffd}\\ &quot; </", ..plain.clone() };
    exchanges.response("ReceiveMessage/unicode", &output(unicode));
    let every_member = Message {
        attributes: map([("ApproximateReceiveCount", "1"), ("SentTimestamp", "1795402169000")]),
        md5_of_message_attributes: text(ATTRIBUTES_MD5),
        message_attributes: every_attribute(),
        ..plain
    };
    exchanges.response("ReceiveMessage/every_member", &output(every_member));
    exchanges.error(
        "ReceiveMessage/over_limit",
        ErrorKind::OverLimit,
        "The maximum number of in flight messages is reached.",
    );
    exchanges.error(
        "ReceiveMessage/invalid_parameter_value",
        ErrorKind::InvalidParameterValue,
        "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
    );
    exchanges.error(
        "ReceiveMessage/access_denied",
        ErrorKind::AccessDenied,
        "Access to the resource http://127.0.0.1:9324/ is denied.",
    );
}

fn delete_message(exchanges: &mut Exchanges) {
    let input = DeleteMessageInput { queue_url: text(URL), receipt_handle: text(HANDLE) };
    exchanges.request("DeleteMessage/plain", &input);
    exchanges.request("DeleteMessage/every_member", &input);
    exchanges.no_output("DeleteMessage/plain");
    exchanges.error(
        "DeleteMessage/receipt_handle_is_invalid",
        ErrorKind::ReceiptHandleIsInvalid,
        "The input receipt handle \"abc\" is not a valid receipt handle.",
    );
}

fn delete_message_batch(exchanges: &mut Exchanges) {
    let entry =
        |id: &str| DeleteMessageBatchRequestEntry { id: text(id), receipt_handle: text(HANDLE) };
    let batch = |entries| DeleteMessageBatchInput { queue_url: text(URL), entries: Some(entries) };
    exchanges.request("DeleteMessageBatch/plain", &batch(vec![entry("a")]));
    exchanges.request("DeleteMessageBatch/every_member", &batch(vec![entry("a"), entry("b")]));
    let deleted = |id: &str| DeleteMessageBatchResultEntry { id: id.to_owned() };
    let successful = vec![deleted("a"), deleted("b")];
    let plain = DeleteMessageBatchOutput { successful, failed: Vec::new() };
    exchanges.response("DeleteMessageBatch/plain", &plain);
    let partial =
        DeleteMessageBatchOutput { successful: vec![deleted("a")], failed: vec![invalid("b")] };
    exchanges.response("DeleteMessageBatch/partial_failure", &partial);
    let nothing = DeleteMessageBatchOutput {
        successful: Vec::new(),
        failed: vec![invalid("a"), invalid("b")],
    };
    exchanges.response("DeleteMessageBatch/no_success", &nothing);
    exchanges.error(
        "DeleteMessageBatch/batch_entry_ids_not_distinct",
        ErrorKind::BatchEntryIdsNotDistinct,
        "Id a repeated.",
    );
    exchanges.error(
        "DeleteMessageBatch/too_many_entries",
        ErrorKind::TooManyEntriesInBatchRequest,
        "Maximum number of entries per request are 10. You have sent 11.",
    );
}

fn change_message_visibility(exchanges: &mut Exchanges) {
    let input = ChangeMessageVisibilityInput {
        queue_url: text(URL),
        receipt_handle: text(HANDLE),
        visibility_timeout: Some(60),
    };
    exchanges.request("ChangeMessageVisibility/plain", &input);
    let zero = ChangeMessageVisibilityInput { visibility_timeout: Some(0), ..input };
    exchanges.request("ChangeMessageVisibility/every_member", &zero);
    exchanges.no_output("ChangeMessageVisibility/plain");
    exchanges.error(
        "ChangeMessageVisibility/deleted_message",
        ErrorKind::InvalidParameterValue,
        "Value AQEB+/handle== for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
    );
}

fn change_message_visibility_batch(exchanges: &mut Exchanges) {
    let entry = |id: &str, visibility_timeout| ChangeMessageVisibilityBatchRequestEntry {
        id: text(id),
        receipt_handle: text(HANDLE),
        visibility_timeout,
    };
    let batch = |entries| ChangeMessageVisibilityBatchInput {
        queue_url: text(URL),
        entries: Some(entries),
    };
    let plain = batch(vec![entry("a", Some(60)), entry("b", None)]);
    exchanges.request("ChangeMessageVisibilityBatch/plain", &plain);
    let every_member = batch(vec![entry("a", Some(60)), entry("b", Some(0))]);
    exchanges.request("ChangeMessageVisibilityBatch/every_member", &every_member);
    let changed = |id: &str| ChangeMessageVisibilityBatchResultEntry { id: id.to_owned() };
    let successful = vec![changed("a"), changed("b")];
    let plain = ChangeMessageVisibilityBatchOutput { successful, failed: Vec::new() };
    exchanges.response("ChangeMessageVisibilityBatch/plain", &plain);
    let partial = ChangeMessageVisibilityBatchOutput {
        successful: vec![changed("a")],
        failed: vec![invalid("b")],
    };
    exchanges.response("ChangeMessageVisibilityBatch/partial_failure", &partial);
    exchanges.error(
        "ChangeMessageVisibilityBatch/invalid_batch_entry_id",
        ErrorKind::InvalidBatchEntryId,
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
    );
}

fn advance_clock(exchanges: &mut Exchanges) {
    let plain = AdvanceClockInput { seconds: Some(30), milliseconds: None };
    exchanges.request("AdvanceClock/plain", &plain);
    let every_member = AdvanceClockInput { seconds: Some(30), milliseconds: Some(500) };
    exchanges.request("AdvanceClock/every_member", &every_member);
    let output = AdvanceClockOutput { now_milliseconds: 1_795_402_169_000 };
    exchanges.json_response("AdvanceClock/plain", &output);

    let account_id = || Some("111111111111".to_owned());
    for case in ["plain", "every_member"] {
        let input = CreateAccountInput { account_id: account_id() };
        exchanges.request(&format!("CreateAccount/{case}"), &input);
        exchanges.request(&format!("ListAccounts/{case}"), &ListAccountsInput {});
        let input = DeleteAccountInput { account_id: account_id() };
        exchanges.request(&format!("DeleteAccount/{case}"), &input);
    }
    let output = CreateAccountOutput {
        account_id: "111111111111".to_owned(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
    };
    exchanges.json_response("CreateAccount/plain", &output);
    let account = AccountSummary {
        account_id: "111111111111".to_owned(),
        is_declared: false,
        users: 2,
        roles: 1,
    };
    exchanges.json_response("ListAccounts/plain", &ListAccountsOutput { accounts: vec![account] });
}

fn peek_messages(exchanges: &mut Exchanges) {
    let plain = PeekMessagesInput { queue_url: text(URL), ..Default::default() };
    exchanges.request("PeekMessages/plain", &plain);
    let every_member = PeekMessagesInput {
        queue_url: text(URL),
        max_results: Some(20),
        next_token: text("AAABi8_mycEAAAAAAAAAAQ"),
        states: Some(texts(["Visible", "Delayed"])),
        text: text("invoice"),
        message_group_id: text("customer-7"),
        attribute_name: text("kind"),
        attribute_value: text("order"),
        minimum_age_seconds: Some(60),
        maximum_age_seconds: Some(3600),
    };
    exchanges.request("PeekMessages/every_member", &every_member);
    let message = PeekedMessage {
        message_id: "5fea7756-0ea4-451a-a703-a558b933e274".to_owned(),
        state: "InFlight".to_owned(),
        until: Some(1_700_000_030_000),
        body: "hello".to_owned(),
        md5_of_body: "5d41402abc4b2a76b9719d911017c592".to_owned(),
        attributes: map([("ApproximateReceiveCount", "1")]),
        message_attributes: BTreeMap::from([(
            "kind".to_owned(),
            MessageAttributeValue {
                data_type: text("String"),
                string_value: text("order"),
                ..Default::default()
            },
        )]),
    };
    let output = PeekMessagesOutput {
        messages: vec![message],
        next_token: text("AAABi8_mycEAAAAAAAAAAg"),
        scanned: 20_000,
    };
    exchanges.json_response("PeekMessages/in_flight", &output);
    let nothing = PeekMessagesOutput::default();
    exchanges.json_response("PeekMessages/plain", &nothing);
}

fn explain_access(exchanges: &mut Exchanges) {
    let plain = ExplainAccessInput {
        action: text("sqs:SendMessage"),
        resource: text(URL),
        ..Default::default()
    };
    exchanges.request("ExplainAccess/plain", &plain);
    let every_member = ExplainAccessInput {
        principal: text("arn:aws:iam::000000000000:user/alice"),
        action: text("sqs:SendMessage"),
        resource: text(ARN),
        context: Some(BTreeMap::from([
            ("aws:SourceIp".to_owned(), texts(["192.0.2.1"])),
            ("aws:TagKeys".to_owned(), texts(["a", "b"])),
        ])),
    };
    exchanges.request("ExplainAccess/every_member", &every_member);
    let statement = |index, unmatched: Option<&str>| ExplainedStatement {
        policy_type: "Resource".to_owned(),
        policy_name: None,
        index,
        sid: None,
        effect: "Allow".to_owned(),
        applies: unmatched.is_none(),
        unmatched: unmatched.map(str::to_owned),
        condition_key: unmatched.map(|_| "aws:sourceip".to_owned()),
        is_deciding: false,
    };
    let plain = ExplainAccessOutput {
        is_allowed: false,
        decided_by: "Default".to_owned(),
        missing: text("Identity"),
        reason: "No statement of an identity policy allows it.".to_owned(),
        is_own_side_assumed: false,
        principal: "arn:aws:iam::000000000000:user/alice".to_owned(),
        action: "sqs:SendMessage".to_owned(),
        resource: ARN.to_owned(),
        context: BTreeMap::from([("aws:sourceip".to_owned(), texts(["192.0.2.1"]))]),
        statements: vec![statement(0, Some("Condition"))],
    };
    exchanges.json_response("ExplainAccess/plain", &plain);
    let every_member = ExplainAccessOutput {
        statements: vec![ExplainedStatement {
            policy_type: "Identity".to_owned(),
            policy_name: text("inline"),
            sid: text("NoSend"),
            effect: "Deny".to_owned(),
            unmatched: text("Condition"),
            is_deciding: true,
            ..statement(1, Some("Condition"))
        }],
        ..plain
    };
    exchanges.json_response("ExplainAccess/every_member", &every_member);
}

fn malformed_input(exchanges: &mut Exchanges) {
    for (case, why) in [
        ("SendMessage/not_json", "The body is not JSON: expected ident"),
        ("SendMessage/body_is_a_list", "Start of list found where not expected"),
        ("SendMessage/body_is_text", "Expected a structure"),
        ("SendMessage/truncated_body", "The body is not JSON: EOF while parsing a string"),
        ("SendMessage/trailing_text", "The body is not JSON: trailing characters"),
        ("SendMessage/text_for_integer", "STRING_VALUE can not be converted to an Integer"),
        ("SendMessage/fraction_for_integer", "DECIMAL_VALUE can not be converted to an Integer"),
        ("SendMessage/list_for_text", "Start of list found where not expected"),
        ("SendMessage/map_for_text", "Start of structure or map found where not expected."),
        ("SendMessage/not_base64", "A binary value is not base64"),
        ("SendMessage/lone_surrogate", "The body is not JSON: unexpected end of hex escape"),
        (
            "SendMessage/not_utf8",
            "The body is not UTF-8: invalid utf-8 sequence of 1 bytes from index 16",
        ),
    ] {
        exchanges.refused::<SendMessageInput>(case, ErrorKind::MalformedInput, why);
    }
    exchanges.refused::<CreateQueueInput>(
        "CreateQueue/list_for_text_in_map",
        ErrorKind::MalformedInput,
        "Unrecognized collection type class java.lang.String",
    );
}

fn unknown_operations(exchanges: &mut Exchanges) {
    for (case, why) in [
        ("UnknownOperation/no_target", "The request has no X-Amz-Target."),
        ("UnknownOperation/no_action", "The target \"AmazonSQS\" names no operation."),
    ] {
        exchanges.refused::<SendMessageInput>(case, ErrorKind::UnknownOperation, why);
    }
}

fn refused_parameters(exchanges: &mut Exchanges) {
    let invalid = ErrorKind::InvalidParameterValue;
    for (case, kind, why) in [
        (
            "SendMessage/text_for_integer",
            invalid,
            "Value soon for parameter DelaySeconds is invalid. Reason: Must be an integer.",
        ),
        (
            "SendMessage/not_base64",
            invalid,
            "Value ? for parameter MessageAttribute.1.Value.BinaryValue is invalid. Reason: Must be base64.",
        ),
        (
            "SendMessage/not_utf8",
            ErrorKind::MalformedInput,
            "The parameters are not UTF-8: invalid utf-8 sequence of 1 bytes from index 0",
        ),
        (
            "UnknownOperation/no_action",
            ErrorKind::MissingParameter,
            "The request must contain the parameter Action.",
        ),
    ] {
        exchanges.query_refused::<SendMessageInput>(case, kind, why);
    }
    exchanges.query_refused::<CreateQueueInput>(
        "CreateQueue/value_missing",
        ErrorKind::MissingParameter,
        "The request must contain the parameter Attribute.1.Value.",
    );
    exchanges.query_refused::<CreateQueueInput>(
        "CreateQueue/on_a_queue_path",
        ErrorKind::UnknownOperation,
        "The action CreateQueue is not valid for this endpoint.",
    );
}

/// A message attribute of each kind, one of them with the members that SQS does not implement.
fn every_attribute() -> BTreeMap<String, MessageAttributeValue> {
    let every_member = MessageAttributeValue {
        data_type: text("Binary.label"),
        string_value: text("3"),
        binary_value: Some(vec![1, 2, 3]),
        string_list_values: Some(texts(["a", "b"])),
        binary_list_values: Some(vec![vec![255], vec![0, 16]]),
    };
    BTreeMap::from([("every.member".to_owned(), every_member)])
}

fn every_system_attribute() -> BTreeMap<String, MessageAttributeValue> {
    let mut attributes = every_attribute();
    let every_member = attributes.remove("every.member").expect("it is there");
    let trace = MessageAttributeValue {
        data_type: text("String"),
        string_value: text(TRACE),
        ..every_member
    };
    BTreeMap::from([("AWSTraceHeader".to_owned(), trace)])
}

fn invalid(id: &str) -> BatchResultErrorEntry {
    let message = "The input receipt handle \"abc\" is not a valid receipt handle.";
    failed(id, ErrorKind::ReceiptHandleIsInvalid, message)
}

fn failed(id: &str, kind: ErrorKind, message: &str) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id: id.to_owned(),
        sender_fault: true,
        code: kind.entry_code().to_owned(),
        message: text(message),
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn map<const N: usize>(members: [(&str, &str); N]) -> BTreeMap<String, String> {
    members.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

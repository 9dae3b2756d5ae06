//! The SQS actions, one file each.

mod add_permission;
mod attributes;
mod batch;
mod cancel_message_move_task;
mod change_message_visibility;
mod change_message_visibility_batch;
mod create_queue;
mod delete_message;
mod delete_message_batch;
mod delete_queue;
mod get_queue_attributes;
mod get_queue_url;
mod list_dead_letter_source_queues;
mod list_message_move_tasks;
mod list_queue_tags;
mod list_queues;
mod message_move_task;
mod pages;
mod purge_queue;
mod receive_message;
mod remove_permission;
mod send_message;
mod send_message_batch;
mod set_queue_attributes;
mod start_message_move_task;
mod tag_queue;
mod untag_queue;

pub(crate) use receive_message::{Selection, message_id, system_attributes, user_attributes};

use formiga_wire::sqs::ReceiveMessageInput;

use crate::body::MemoryShare;
use crate::context::Context;
use crate::gateway::{Answer, Call, run, run_silent};

/// The answer to the action, or `None` when there is no such action.
pub(crate) async fn act(ctx: &mut Context, action: &str, call: &mut Call<'_>) -> Option<Answer> {
    Some(match action {
        "AddPermission" => {
            run_silent(call, async |input| add_permission::add_permission(ctx, input).await).await
        }
        "CancelMessageMoveTask" => {
            run(call, async |input| {
                cancel_message_move_task::cancel_message_move_task(ctx, input).await
            })
            .await
        }
        "ChangeMessageVisibility" => {
            run_silent(call, async |input| {
                change_message_visibility::change_message_visibility(ctx, input).await
            })
            .await
        }
        "ChangeMessageVisibilityBatch" => {
            run(call, async |input| {
                change_message_visibility_batch::change_message_visibility_batch(ctx, input).await
            })
            .await
        }
        "CreateQueue" => {
            run(call, async |input| create_queue::create_queue(ctx, input).await).await
        }
        "DeleteMessage" => {
            run_silent(call, async |input| delete_message::delete_message(ctx, input).await).await
        }
        "DeleteMessageBatch" => {
            run(call, async |input| delete_message_batch::delete_message_batch(ctx, input).await)
                .await
        }
        "DeleteQueue" => {
            run_silent(call, async |input| delete_queue::delete_queue(ctx, input).await).await
        }
        "GetQueueAttributes" => {
            run(call, async |input| get_queue_attributes::get_queue_attributes(ctx, input).await)
                .await
        }
        "GetQueueUrl" => run(call, async |input| get_queue_url::get_queue_url(ctx, input)).await,
        "ListDeadLetterSourceQueues" => {
            run(call, async |input| {
                list_dead_letter_source_queues::list_dead_letter_source_queues(ctx, &input)
            })
            .await
        }
        "ListMessageMoveTasks" => {
            run(call, async |input| {
                list_message_move_tasks::list_message_move_tasks(ctx, input).await
            })
            .await
        }
        "ListQueueTags" => {
            run(call, async |input| list_queue_tags::list_queue_tags(ctx, &input)).await
        }
        "ListQueues" => run(call, async |input| list_queues::list_queues(ctx, input)).await,
        "PurgeQueue" => {
            run_silent(call, async |input| purge_queue::purge_queue(ctx, input).await).await
        }
        "ReceiveMessage" => {
            run(call, async |input| {
                if keeps_little(&input) {
                    ctx.memory = MemoryShare::default();
                }
                receive_message::receive_message(ctx, input).await
            })
            .await
        }
        "RemovePermission" => {
            run_silent(call, async |input| remove_permission::remove_permission(ctx, input).await)
                .await
        }
        "SendMessage" => {
            run(call, async |input| send_message::send_message(ctx, input).await).await
        }
        "SendMessageBatch" => {
            run(call, async |input| send_message_batch::send_message_batch(ctx, input).await).await
        }
        "SetQueueAttributes" => {
            run_silent(call, async |input| {
                set_queue_attributes::set_queue_attributes(ctx, input).await
            })
            .await
        }
        "StartMessageMoveTask" => {
            run(call, async |input| {
                start_message_move_task::start_message_move_task(ctx, input).await
            })
            .await
        }
        "TagQueue" => run_silent(call, async |input| tag_queue::tag_queue(ctx, input).await).await,
        "UntagQueue" => {
            run_silent(call, async |input| untag_queue::untag_queue(ctx, input).await).await
        }
        _ => return None,
    })
}

/// Whether a receive keeps next to nothing of its request while it waits, so that long polls leave
/// the memory of requests alone. It keeps its queue's URL and the names of attributes, on which SQS
/// names no limit: one with a long URL or very many names holds its share.
fn keeps_little(input: &ReceiveMessageInput) -> bool {
    const NAMES_MAX: usize = 100;
    const BYTES_MAX: usize = 4096;
    let lists = [
        &input.attribute_names,
        &input.message_system_attribute_names,
        &input.message_attribute_names,
    ];
    let names = || lists.into_iter().flatten().flatten().chain(&input.queue_url);
    names().count() <= NAMES_MAX && names().map(String::len).sum::<usize>() <= BYTES_MAX
}

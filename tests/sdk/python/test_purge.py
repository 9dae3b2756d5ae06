"""PurgeQueue."""

import pytest


@pytest.fixture
def purge(sqs, queue):
    return lambda: sqs.purge_queue(QueueUrl=queue.url)


def test_a_purge_removes_what_is_there_and_keeps_what_comes_edge_166(queue, purge):
    for n in range(3):
        queue.send(f'before {n}')
    purge()
    for n in range(3):
        queue.send(f'after {n}')
    assert sorted(queue.drain()) == ['after 0', 'after 1', 'after 2']


def test_a_purge_removes_delayed_messages_edge_167(queue, purge, advance_clock):
    for n in range(5):
        queue.send(f'message {n}', DelaySeconds=300)
    purge()
    assert queue.counters() == (0, 0, 0)
    advance_clock(301)
    assert queue.receive(10) == []


def test_a_purge_removes_messages_in_flight(queue, purge, advance_clock, refused):
    queue.send()
    message = queue.receive_one()
    purge()
    assert queue.counters() == (0, 0, 0)
    advance_clock(31)
    assert queue.receive() == []
    queue.delete(message)
    with refused(
        'InvalidParameterValue',
        message=f'Value {message["ReceiptHandle"]} for parameter ReceiptHandle is invalid. '
        'Reason: Message does not exist or is not available for visibility timeout change.',
    ):
        queue.change_visibility(message, 10)


def test_purges_are_60_seconds_apart_edge_169(queue, purge, advance_clock, refused):
    purge()
    queue.send()
    name = queue.url.rsplit('/', 1)[1]
    with refused(
        'AWS.SimpleQueueService.PurgeQueueInProgress',
        status=403,
        message=f'Only one PurgeQueue operation on {name} is allowed every 60 seconds.',
        shape='PurgeQueueInProgress',
    ):
        purge()
    assert queue.counters() == (1, 0, 0), 'the refused purge removes nothing'
    advance_clock(61)
    purge()
    assert queue.counters() == (0, 0, 0)


def test_only_an_existing_queue_is_purged(sqs, queue, purge, refused):
    sqs.delete_queue(QueueUrl=queue.url)
    with refused('AWS.SimpleQueueService.NonExistentQueue', shape='QueueDoesNotExist'):
        purge()

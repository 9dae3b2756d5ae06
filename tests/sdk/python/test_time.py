"""Visibility timeouts, delays, retention and counters. The server's clock is advanced by hand.

Spans are hundreds of seconds long, so that the real time a test takes does not matter.
"""

import pytest

NOT_AVAILABLE = (
    'Value {handle} for parameter ReceiptHandle is invalid. '
    'Reason: Message does not exist or is not available for visibility timeout change.'
)


# Visibility timeout


def test_a_message_left_undeleted_returns_when_its_visibility_timeout_ends(
    new_queue, advance_clock
):
    queue = new_queue(VisibilityTimeout=600)
    queue.send()
    first = queue.receive_one()
    assert queue.receive() == []
    advance_clock(300)
    assert queue.receive() == []
    advance_clock(301)
    second = queue.receive_one()
    assert second['MessageId'] == first['MessageId']
    assert second['ReceiptHandle'] != first['ReceiptHandle']


def test_the_default_visibility_timeout_is_30_seconds_edge_127(queue, advance_clock):
    queue.send()
    queue.receive_one()
    assert queue.receive() == []
    advance_clock(31)
    assert queue.bodies() == ['hello']


def test_a_visibility_timeout_of_0_leaves_a_message_visible_edge_125(queue):
    queue.send()
    first = queue.receive_one(VisibilityTimeout=0)
    second = queue.receive_one()
    assert first['MessageId'] == second['MessageId']
    assert first['ReceiptHandle'] != second['ReceiptHandle']
    assert queue.receive() == []


def test_a_receive_has_its_own_visibility_timeout_edge_126(queue):
    queue.send()
    found = [
        queue.bodies(VisibilityTimeout=0, WaitTimeSeconds=2),
        queue.bodies(VisibilityTimeout=300),
        queue.bodies(),
    ]
    assert found == [['hello'], ['hello'], []]


def test_a_returned_message_comes_before_later_ones_edge_128(queue, advance_clock):
    queue.send('test1')
    queue.receive_one(VisibilityTimeout=300)
    queue.send('test2')
    advance_clock(301)
    assert queue.bodies(1) == ['test1']


def test_a_message_may_be_deleted_after_its_visibility_timeout_edges_141_and_142(
    queue, advance_clock
):
    queue.send()
    message = queue.receive_one()
    advance_clock(60)
    queue.delete(message)
    assert queue.attributes('ApproximateNumberOfMessages') == {'ApproximateNumberOfMessages': '0'}
    assert queue.receive() == []


# ChangeMessageVisibility


def test_a_visibility_of_0_gives_a_message_back_edge_151(queue):
    queue.send()
    queue.change_visibility(queue.receive_one(), 0)
    assert queue.bodies() == ['hello']


def test_a_changed_visibility_is_for_one_receive_only_edge_152(queue):
    queue.send()
    queue.change_visibility(queue.receive_one(), 0)
    assert [queue.bodies(), queue.bodies()] == [['hello'], []]


def test_a_message_stays_hidden_as_long_as_it_is_renewed_edge_153(new_queue, advance_clock):
    queue = new_queue(VisibilityTimeout=600)
    queue.send()
    message = queue.receive_one()
    for _ in range(4):
        advance_clock(300)
        queue.change_visibility(message, 600)
        assert queue.receive() == []
    advance_clock(300)
    assert queue.receive() == []
    advance_clock(301)
    assert queue.bodies() == ['hello']


def test_an_older_handle_may_give_a_message_back_edge_154(queue):
    queue.send()
    older = queue.receive_one(VisibilityTimeout=0)
    queue.receive_one(VisibilityTimeout=300)
    queue.change_visibility(older, 0)
    assert queue.bodies() == ['hello']


def test_the_newest_handle_deletes_edge_155(queue):
    queue.send()
    queue.change_visibility(queue.receive_one(), 0)
    queue.delete(queue.receive_one())
    assert queue.counters() == (0, 0, 0)


def test_a_visible_message_may_be_hidden_again(queue, advance_clock):
    queue.send()
    message = queue.receive_one()
    advance_clock(60)
    queue.change_visibility(message, 600)
    assert queue.receive() == []
    advance_clock(601)
    assert queue.bodies() == ['hello']


def test_a_message_is_hidden_for_at_most_12_hours_edge_156(queue, advance_clock, refused):
    queue.send()
    message = queue.receive_one()
    advance_clock(1)
    with refused(
        'InvalidParameterValue',
        message='Value 43200 for parameter VisibilityTimeout is invalid. Reason: '
        'Total VisibilityTimeout for the message is beyond the limit [43200 seconds]',
    ):
        queue.change_visibility(message, 43200)


def test_a_message_may_be_hidden_for_nearly_12_hours(queue, advance_clock):
    queue.send()
    queue.change_visibility(queue.receive_one(), 43190)
    advance_clock(43000)
    assert queue.receive() == []
    advance_clock(200)
    assert queue.bodies() == ['hello']


@pytest.mark.parametrize('seconds', [-1, 43201])
def test_a_visibility_timeout_out_of_range_is_refused_edge_158(queue, refused, seconds):
    queue.send()
    message = queue.receive_one()
    with refused(
        'InvalidParameterValue',
        message=f'Value {seconds} for parameter VisibilityTimeout is invalid. '
        'Reason: Must be between 0 and 43200.',
    ):
        queue.change_visibility(message, seconds)


def test_the_visibility_of_a_deleted_message_cannot_change_edge_148(queue, refused):
    queue.send()
    message = queue.receive_one()
    queue.delete(message)
    with refused(
        'InvalidParameterValue', message=NOT_AVAILABLE.format(handle=message['ReceiptHandle'])
    ):
        queue.change_visibility(message, 10)


def test_garbage_is_no_receipt_handle_edge_147(queue, refused):
    with refused('ReceiptHandleIsInvalid', status=404, shape='ReceiptHandleIsInvalid'):
        queue.change_visibility({'ReceiptHandle': 'INVALID'}, 10)


def test_a_missing_timeout_is_found_before_a_bad_handle_edge_150(queue, unchecked_sqs, refused):
    with refused(
        'MissingParameter', message='The request must contain the parameter VisibilityTimeout.'
    ):
        unchecked_sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle='garbage')


# Delays


def test_a_delayed_message_becomes_visible_when_its_delay_ends_edge_93(queue, advance_clock):
    queue.send(DelaySeconds=900)
    assert queue.receive() == []
    assert queue.counters() == (0, 0, 1)
    advance_clock(600)
    assert queue.receive() == []
    advance_clock(301)
    assert queue.counters() == (1, 0, 0)
    assert queue.bodies() == ['hello']


def test_a_queue_may_delay_every_message(new_queue, advance_clock):
    queue = new_queue(DelaySeconds=600)
    queue.send()
    assert queue.receive() == []
    advance_clock(601)
    assert queue.bodies() == ['hello']


def test_a_delay_of_0_overrides_the_delay_of_the_queue_edge_92(new_queue):
    queue = new_queue(DelaySeconds=600)
    queue.send(DelaySeconds=0)
    assert queue.bodies() == ['hello']


@pytest.mark.parametrize('seconds', [-1, 901])
def test_a_delay_out_of_range_is_refused_edge_91(queue, refused, seconds):
    with refused(
        'InvalidParameterValue',
        message=f'Value {seconds} for parameter DelaySeconds is invalid. '
        'Reason: DelaySeconds must be >= 0 and <= 900.',
    ):
        queue.send(DelaySeconds=seconds)


# Retention


def test_a_message_is_gone_after_its_retention_period(new_queue, advance_clock):
    queue = new_queue(MessageRetentionPeriod=3600)
    queue.send('old')
    advance_clock(3000)
    queue.send('new')
    advance_clock(601)
    assert queue.bodies() == ['new']


def test_by_default_a_message_is_kept_for_4_days(queue, advance_clock):
    queue.send()
    advance_clock(4 * 86400 - 600)
    queue.change_visibility(queue.receive_one(), 0)
    advance_clock(601)
    assert queue.receive() == []


def test_retention_ends_in_flight_too_edge_165(new_queue, advance_clock):
    queue = new_queue(MessageRetentionPeriod=60, VisibilityTimeout=60)
    queue.send()
    advance_clock(5)
    message = queue.receive_one()
    advance_clock(56)
    assert queue.receive() == []
    advance_clock(60)
    assert queue.receive() == []
    queue.delete(message)


# Counters


def test_counters_follow_a_receive_and_its_end_edge_161(queue, advance_clock):
    for n in range(6):
        queue.send(f'message {n}')
    queue.receive_one()
    assert queue.counters() == (5, 1, 0)
    advance_clock(31)
    assert queue.counters() == (6, 0, 0)


def test_a_message_is_visible_in_flight_or_delayed(queue):
    queue.send('visible')
    queue.send('in flight')
    queue.send('delayed', DelaySeconds=900)
    message = queue.receive_one()
    assert queue.counters() == (1, 1, 1)
    queue.delete(message)
    assert queue.counters() == (1, 0, 1)

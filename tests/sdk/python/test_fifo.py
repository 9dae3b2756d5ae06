"""FIFO queues: order, groups, deduplication, receipt handles. The clock is advanced by hand."""

import hashlib

import pytest

EXPIRED = (
    'Value {handle} for parameter ReceiptHandle is invalid. '
    'Reason: The receipt handle has expired.'
)
NO_DEDUPLICATION_ID = (
    'The queue should either have ContentBasedDeduplication enabled '
    'or MessageDeduplicationId provided explicitly'
)
GROUP_SCOPE = {'DeduplicationScope': 'messageGroup', 'FifoThroughputLimit': 'perMessageGroupId'}


@pytest.fixture
def queue(new_fifo):
    return new_fifo()


def id_of(message):
    return message['Attributes']['MessageDeduplicationId']


# Sending


def test_a_send_needs_a_group_edge_171(sqs, queue, refused):
    message = 'The request must contain the parameter MessageGroupId.'
    with refused('MissingParameter', message=message):
        sqs.send_message(QueueUrl=queue.url, MessageBody='x', MessageDeduplicationId='d')


def test_a_send_needs_a_deduplication_id_edge_172(sqs, queue, refused):
    with refused('InvalidParameterValue', message=NO_DEDUPLICATION_ID):
        sqs.send_message(QueueUrl=queue.url, MessageBody='x', MessageGroupId='g')


@pytest.mark.parametrize('value', ['', 'a' * 129, 'group 123'])
def test_a_deduplication_id_is_checked_edge_173(unchecked_sqs, queue, refused, value):
    message = (
        f'Value {value} for parameter MessageDeduplicationId is invalid. Reason: '
        'MessageDeduplicationId can only include alphanumeric and punctuation characters. '
        '1 to 128 in length.'
    )
    with refused('InvalidParameterValue', message=message):
        unchecked_sqs.send_message(
            QueueUrl=queue.url, MessageBody='x', MessageGroupId='g', MessageDeduplicationId=value
        )


def test_a_message_has_no_delay_of_its_own_edge_174(queue, refused):
    message = (
        'Value 2 for parameter DelaySeconds is invalid. Reason: '
        'The request include parameter that is not valid for this queue type.'
    )
    with refused('InvalidParameterValue', message=message):
        queue.send(DelaySeconds=2)


def test_a_delay_of_0_is_tolerated_edge_175(queue):
    queue.send(DelaySeconds=0)
    assert queue.bodies() == ['hello']


def test_the_queues_delay_holds_for_all_edge_176(new_fifo, advance_clock):
    queue = new_fifo(DelaySeconds=300)
    queue.send('0', DelaySeconds=0)
    queue.send_all('g-1', 'g-2')
    assert queue.receive(3) == []
    assert queue.counters() == (0, 0, 3)
    advance_clock(301)
    assert queue.counters() == (3, 0, 0)
    assert sorted(queue.bodies(3)) == ['0', 'g-1', 'g-2']


def test_a_new_delay_of_the_queue_holds_for_stored_messages_too(sqs, new_fifo):
    queue = new_fifo(DelaySeconds=900)
    queue.send()
    assert queue.receive() == []
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={'DelaySeconds': '0'})
    assert queue.bodies() == ['hello']


def test_sequence_numbers_rise_edges_177_178(queue):
    numbers = [sent['SequenceNumber'] for sent in queue.send_all('g-1', 'g-2', 'g-3')]
    assert all(len(number) == 20 and number.isdecimal() for number in numbers)
    assert numbers == sorted(set(numbers))


def test_a_receive_tells_group_deduplication_id_and_sequence_number_edge_179(queue):
    sent = queue.send('x', group='orders', MessageDeduplicationId='first')
    message = queue.receive_one(AttributeNames=['All'])
    told = message['Attributes']
    assert told['MessageGroupId'] == 'orders'
    assert told['MessageDeduplicationId'] == 'first'
    assert told['SequenceNumber'] == sent['SequenceNumber']


# Batches


def entry(name, **more):
    return {'Id': name, 'MessageBody': name, **more}


def test_an_entry_without_deduplication_id_refuses_the_batch_edge_109(sqs, queue, refused):
    entries = [
        entry('a', MessageGroupId='g', MessageDeduplicationId='1'),
        entry('b', MessageGroupId='g'),
    ]
    with refused('InvalidParameterValue', message=NO_DEDUPLICATION_ID):
        sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert queue.counters() == (0, 0, 0)


def test_an_entry_without_group_refuses_the_batch_edge_110(sqs, queue, refused):
    entries = [
        entry('a', MessageGroupId='g', MessageDeduplicationId='1'),
        entry('b', MessageDeduplicationId='2'),
    ]
    message = 'The request must contain the parameter MessageGroupId.'
    with refused('InvalidParameterValue', message=message):
        sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert queue.counters() == (0, 0, 0)


def test_a_batch_keeps_its_order_edge_116(sqs, queue):
    entries = [
        entry(name, MessageGroupId='g', MessageDeduplicationId=name) for name in ('c', 'a', 'b')
    ]
    answer = sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [sent['Id'] for sent in answer['Successful']] == ['c', 'a', 'b']
    numbers = [sent['SequenceNumber'] for sent in answer['Successful']]
    assert numbers == sorted(set(numbers))
    assert queue.bodies() == ['c', 'a', 'b']


def test_a_repetition_within_a_batch_is_one_message_edge_117(sqs, queue):
    entries = [
        entry(name, MessageGroupId='g', MessageDeduplicationId='same') for name in ('a', 'b')
    ]
    answer = sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    first, second = answer['Successful']
    assert first['MessageId'] == second['MessageId']
    assert first['SequenceNumber'] == second['SequenceNumber']
    assert queue.bodies() == ['a']


# Deduplication


def test_content_stands_in_for_the_id_edges_180_188(new_fifo):
    queue = new_fifo(ContentBasedDeduplication='true')
    for _ in range(2):
        queue.send('same', MessageDeduplicationId=None)
    [message] = queue.receive(10, AttributeNames=['All'])
    digest = '0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5'
    assert id_of(message) == digest == hashlib.sha256(b'same').hexdigest()


def test_a_deleted_message_is_still_remembered_edge_181(queue, advance_clock):
    queue.send('first', MessageDeduplicationId='d')
    queue.delete(queue.receive_one())
    queue.send('second', MessageDeduplicationId='d')
    assert queue.receive() == []
    advance_clock(301)
    queue.send('third', MessageDeduplicationId='d')
    assert queue.bodies() == ['third']


def test_an_id_is_unique_in_the_queue_edge_182(queue):
    queue.send('x', group='group1', MessageDeduplicationId='d')
    queue.delete(queue.receive_one())
    queue.send('y', group='group2', MessageDeduplicationId='d')
    assert queue.receive() == []


def test_an_id_is_unique_in_its_group_edge_183(new_fifo):
    queue = new_fifo(**GROUP_SCOPE)
    queue.send('x', group='group1', MessageDeduplicationId='d')
    queue.send('y', group='group2', MessageDeduplicationId='d')
    queue.send('z', group='group1', MessageDeduplicationId='d')
    assert queue.bodies() == ['x', 'y']


def test_content_is_unique_in_its_group_edge_184(new_fifo):
    queue = new_fifo(DeduplicationScope='messageGroup', ContentBasedDeduplication='true')
    for group in ('group1', 'group2', 'group1'):
        queue.send('same', group=group, MessageDeduplicationId=None)
    assert queue.bodies() == ['same', 'same']


def test_a_new_scope_has_no_effect_on_sends_edge_185(sqs, new_fifo):
    queue = new_fifo(**GROUP_SCOPE)
    queue.send('x', group='group1', MessageDeduplicationId='d')
    changes = {'DeduplicationScope': 'queue', 'FifoThroughputLimit': 'perQueue'}
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=changes)
    assert queue.attributes('DeduplicationScope') == {'DeduplicationScope': 'queue'}
    queue.send('y', group='group2', MessageDeduplicationId='d')
    assert queue.bodies() == ['x', 'y']


def test_a_repeated_send_is_answered_like_the_first_edges_186_187(queue):
    first = queue.send('one', MessageDeduplicationId='d')
    again = queue.send('other', MessageDeduplicationId='d')
    assert again['MessageId'] == first['MessageId']
    assert again['SequenceNumber'] == first['SequenceNumber']
    assert again['MD5OfMessageBody'] == hashlib.md5(b'other').hexdigest()
    assert queue.bodies() == ['one']


def test_an_explicit_id_may_equal_a_body_s_hash_edge_189(new_fifo):
    queue = new_fifo(ContentBasedDeduplication='true')
    queue.send('b', MessageDeduplicationId=None)
    queue.send('c', MessageDeduplicationId=hashlib.sha256(b'b').hexdigest())
    assert queue.bodies() == ['b']


def test_a_purge_forgets_what_was_sent_edge_168(sqs, queue):
    queue.send('first', MessageDeduplicationId='d')
    sqs.purge_queue(QueueUrl=queue.url)
    queue.send('second', MessageDeduplicationId='d')
    assert queue.bodies() == ['second']


def test_sends_are_remembered_and_numbers_rise_across_a_restart(start_server, connect):
    server = start_server()
    sqs = connect(server.endpoint)
    attributes = {'FifoQueue': 'true'}
    url = sqs.create_queue(QueueName='q.fifo', Attributes=attributes)['QueueUrl']
    send = {'MessageBody': 'x', 'MessageGroupId': 'g', 'MessageDeduplicationId': 'd'}
    first = sqs.send_message(QueueUrl=url, **send)
    server.kill()
    sqs = connect(start_server().endpoint)
    again = sqs.send_message(QueueUrl=url, **send)
    assert (again['MessageId'], again['SequenceNumber']) == (
        first['MessageId'],
        first['SequenceNumber'],
    )
    later = sqs.send_message(QueueUrl=url, **{**send, 'MessageDeduplicationId': 'other'})
    assert later['SequenceNumber'] > first['SequenceNumber']
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    assert [message['MessageId'] for message in answer['Messages']] == [
        first['MessageId'],
        later['MessageId'],
    ]


# Order


def test_messages_come_again_in_order_edge_190(new_fifo, advance_clock):
    queue = new_fifo(VisibilityTimeout=300)
    bodies = ['g-0', 'g-1', 'g-2']
    queue.send_all(*bodies)
    assert queue.bodies() == bodies
    advance_clock(301)
    assert queue.bodies() == bodies


def test_a_group_comes_in_one_piece_edge_191(queue):
    queue.send_all('g1-m1', 'g2-m1', 'g1-m2', 'g1-m3')
    assert queue.bodies() == ['g1-m1', 'g1-m2', 'g1-m3', 'g2-m1']


def test_a_group_that_was_served_comes_after_the_others_edge_192(queue):
    queue.send_all('g1-m1', 'g2-m1', 'g2-m2', 'g3-m1', 'g1-m2')
    assert queue.bodies(3, VisibilityTimeout=0) == ['g1-m1', 'g1-m2', 'g2-m1']
    rest = ['g3-m1', 'g1-m1', 'g1-m2', 'g2-m1', 'g2-m2']
    assert queue.bodies(10, VisibilityTimeout=0) == rest


def test_a_returned_message_is_held_up_by_none_behind_it_edge_193(queue):
    queue.send_all('g1-m1', 'g1-m2', 'g2-m1')
    first, _ = queue.receive(2)
    queue.change_visibility(first, 0)
    assert queue.bodies(3) == ['g2-m1', 'g1-m1']


@pytest.mark.parametrize(
    ('extended', 'expected'),
    [
        pytest.param(0, [], id='edge_194'),
        pytest.param(1, ['g-0'], id='edge_195'),
        pytest.param(2, ['g-0', 'g-1'], id='edge_196'),
    ],
)
def test_what_is_in_flight_holds_up_what_is_behind_it(
    new_fifo, advance_clock, extended, expected
):
    queue = new_fifo(VisibilityTimeout=100)
    queue.send_all('g-0', 'g-1', 'g-2')
    messages = queue.receive(10)
    queue.change_visibility(messages[extended], 1000)
    advance_clock(200)
    assert queue.bodies() == expected


def test_groups_take_turns_edge_197(queue):
    queue.send_all('g1-m1', 'g1-m2', 'g1-m3', 'g1-m4', 'g2-m1', 'g2-m2', 'g3-m1')
    for message in queue.receive(2):
        queue.delete(message)
    assert queue.bodies() == ['g2-m1', 'g2-m2', 'g3-m1', 'g1-m3', 'g1-m4']


def test_a_group_waits_until_its_first_message_is_deleted_edge_198(queue):
    queue.send_all('a-1', 'a-2')
    first = queue.receive_one()
    assert first['Body'] == 'a-1'
    assert queue.receive() == []
    queue.delete(first)
    assert queue.bodies() == ['a-2']


def test_many_groups_are_received_once_each_edge_201(queue):
    bodies = [f'g{number}-m' for number in range(100)]
    queue.send_all(*bodies)
    received = [body for _ in range(10) for body in queue.bodies(10)]
    assert received == bodies


# Repeated receives


def test_a_receive_attempt_is_repeated_edge_199(new_fifo, advance_clock):
    queue = new_fifo(VisibilityTimeout=200)
    queue.send_all('g-1', 'g-2', 'h-1')
    first = queue.receive(2, ReceiveRequestAttemptId='one')
    advance_clock(150)
    again = queue.receive(2, ReceiveRequestAttemptId='one')
    assert [message['ReceiptHandle'] for message in again] == [
        message['ReceiptHandle'] for message in first
    ]
    advance_clock(150)
    assert queue.bodies() == ['h-1'], 'the visibility timeout began anew'


def test_an_attempt_whose_messages_were_touched_is_a_new_receive_edge_200(queue):
    queue.send_all('g-1', 'h-1', 'i-1')
    first = queue.receive(2, ReceiveRequestAttemptId='one')
    queue.delete(first[0])
    assert queue.bodies(2, ReceiveRequestAttemptId='one') == ['i-1']


def test_an_attempt_id_is_checked(unchecked_sqs, queue, refused):
    with refused('InvalidParameterValue'):
        unchecked_sqs.receive_message(QueueUrl=queue.url, ReceiveRequestAttemptId='a b')


# Receipt handles, counters, retention


def test_an_expired_handle_deletes_nothing_edge_143(new_fifo, advance_clock, refused):
    queue = new_fifo(VisibilityTimeout=100)
    queue.send()
    message = queue.receive_one()
    advance_clock(101)
    with refused('InvalidParameterValue', message=EXPIRED.format(handle=message['ReceiptHandle'])):
        queue.delete(message)
    assert queue.bodies() == ['hello']


def test_a_handle_without_visibility_timeout_deletes_nothing_edge_144(queue, refused):
    queue.send()
    message = queue.receive_one(VisibilityTimeout=0)
    with refused('InvalidParameterValue', message=EXPIRED.format(handle=message['ReceiptHandle'])):
        queue.delete(message)


def test_an_expired_handle_fails_alone_in_a_batch(sqs, queue):
    queue.send_all('a-1', 'b-1')
    expired = queue.receive_one(VisibilityTimeout=0)
    valid = queue.receive_one()
    entries = [
        {'Id': 'expired', 'ReceiptHandle': expired['ReceiptHandle']},
        {'Id': 'valid', 'ReceiptHandle': valid['ReceiptHandle']},
    ]
    answer = sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [entry['Id'] for entry in answer['Successful']] == ['valid']
    [failed] = answer['Failed']
    assert (failed['Id'], failed['Code']) == ('expired', 'InvalidParameterValue')
    assert failed['SenderFault'] is True


def test_an_extended_timeout_keeps_a_handle_valid(new_fifo, advance_clock):
    queue = new_fifo(VisibilityTimeout=100)
    queue.send()
    message = queue.receive_one()
    queue.change_visibility(message, 500)
    advance_clock(300)
    queue.delete(message)
    advance_clock(300)
    assert queue.receive() == []


def test_messages_behind_others_count_as_visible_edge_162(queue):
    queue.send_all('g1-1', 'g1-2', 'g2-1', 'g2-2', 'g3-1', 'g3-2')
    for wanted in ('g1-1', 'g2-1'):
        # One message at a time: the group that was served waits.
        assert queue.bodies(1) == [wanted]
    assert queue.counters() == (4, 2, 0)


def test_counters_after_receive_and_delete_edge_163(queue):
    queue.send_all('g1-1', 'g1-2', 'g1-3', 'g2-1', 'g3-1')
    assert queue.counters()[0] == 5
    messages = queue.receive(4)
    assert queue.counters()[0] == 1
    for message in messages:
        queue.delete(message)
    assert queue.counters()[0] == 1


def test_expired_messages_are_gone_edge_164(new_fifo, advance_clock):
    queue = new_fifo(MessageRetentionPeriod=60)
    queue.send_all('g1-1', 'g2-1')
    advance_clock(61)
    assert queue.receive() == []


def test_a_waiting_receive_is_woken_when_its_group_is_free(queue, connect):
    from concurrent.futures import ThreadPoolExecutor

    queue.send_all('g-1', 'g-2')
    first = queue.receive_one()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(queue.bodies, 1, WaitTimeSeconds=20)
        queue.delete(first)
        assert waiting.result(timeout=15) == ['g-2']

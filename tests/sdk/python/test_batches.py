"""SendMessageBatch, DeleteMessageBatch and ChangeMessageVisibilityBatch."""

import pytest

from digests import md5_of_attributes, md5_of_body

MIB = 1024 * 1024
PREFIX = 'AWS.SimpleQueueService.'
BAD_ID = (
    'A batch entry id can only contain alphanumeric characters, hyphens and underscores. '
    'It can be at most 80 letters long.'
)
GARBAGE = 'The input receipt handle "garbage" is not a valid receipt handle.'


def send_batch(queue, *entries):
    return queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=list(entries))


def entry(id, body='hello', **more):
    return {'Id': id, 'MessageBody': body, **more}


def handles(messages, **more):
    """One entry for each received message; the message's own id is the entry's id."""
    return [
        {'Id': message['MessageId'], 'ReceiptHandle': message['ReceiptHandle'], **more}
        for message in messages
    ]


@pytest.fixture(params=['send', 'delete', 'change_visibility'])
def batch(request, queue, unchecked_sqs):
    """Each of the three batch actions: takes entries, calls with `queue`."""
    action = {
        'send': unchecked_sqs.send_message_batch,
        'delete': unchecked_sqs.delete_message_batch,
        'change_visibility': unchecked_sqs.change_message_visibility_batch,
    }[request.param]
    fields = {
        'send': {'MessageBody': 'hello'},
        'delete': {'ReceiptHandle': 'garbage'},
        'change_visibility': {'ReceiptHandle': 'garbage', 'VisibilityTimeout': 1},
    }[request.param]

    def call(ids):
        return action(QueueUrl=queue.url, Entries=[{'Id': id, **fields} for id in ids])

    return call


# What holds for all three


def test_an_empty_batch_is_refused_edge_118(batch, refused):
    with refused(PREFIX + 'EmptyBatchRequest', shape='EmptyBatchRequest'):
        batch([])


def test_a_batch_has_at_most_10_entries_edges_107_and_108(batch, refused):
    with refused(
        PREFIX + 'TooManyEntriesInBatchRequest',
        message='Maximum number of entries per request are 10. You have sent 20.',
        shape='TooManyEntriesInBatchRequest',
    ):
        batch([str(n) for n in range(20)])


@pytest.mark.parametrize(
    'id',
    [
        pytest.param('message:x', id='edge_104'),
        pytest.param('bad id', id='edge_106'),
        pytest.param('', id='empty'),
        pytest.param('a' * 81, id='81_characters'),
    ],
)
def test_an_illegal_entry_id_is_refused(batch, refused, id):
    with refused(PREFIX + 'InvalidBatchEntryId', message=BAD_ID, shape='InvalidBatchEntryId'):
        batch(['fine', id])


def test_entry_ids_are_distinct_edge_105(batch, refused):
    with refused(
        PREFIX + 'BatchEntryIdsNotDistinct',
        message='Id a repeated.',
        shape='BatchEntryIdsNotDistinct',
    ):
        batch(['a', 'b', 'a'])


def test_a_refused_batch_does_nothing(queue, refused):
    with refused(PREFIX + 'BatchEntryIdsNotDistinct'):
        send_batch(queue, entry('a'), entry('a'))
    assert queue.counters() == (0, 0, 0)


def test_a_batch_needs_an_existing_queue(sqs, queue, refused):
    sqs.delete_queue(QueueUrl=queue.url)
    with refused(PREFIX + 'NonExistentQueue', shape='QueueDoesNotExist'):
        send_batch(queue, entry('a'))


# SendMessageBatch


def test_a_batch_of_2_is_2_messages_edge_99(queue):
    answer = send_batch(queue, entry('a', 'first'), entry('b', 'second'))
    assert [sent['Id'] for sent in answer['Successful']] == ['a', 'b']
    assert 'Failed' not in answer
    bodies = [queue.bodies(1) for _ in range(3)]
    assert sorted(bodies) == [[], ['first'], ['second']]


def test_each_entry_has_its_own_settings(queue):
    attributes = {'k': {'DataType': 'Binary', 'BinaryValue': b'\x00\xff'}}
    answer = send_batch(
        queue,
        entry('plain', 'plain'),
        entry('attributes', 'with attributes', MessageAttributes=attributes),
        entry('delayed', 'delayed', DelaySeconds=900),
    )
    assert [sent['MD5OfMessageBody'] for sent in answer['Successful']] == [
        md5_of_body(body) for body in ['plain', 'with attributes', 'delayed']
    ]
    digests = [sent.get('MD5OfMessageAttributes') for sent in answer['Successful']]
    assert digests == [None, md5_of_attributes(attributes), None]

    received = {m['Body']: m for m in queue.receive(10, MessageAttributeNames=['All'])}
    assert sorted(received) == ['plain', 'with attributes']
    assert received['with attributes']['MessageAttributes'] == attributes


def test_a_batch_of_10_is_received_and_deleted_edge_100(sqs, queue):
    sent = send_batch(queue, *[entry(str(n), f'message {n}') for n in range(10)])
    messages = []
    while more := queue.receive(10):
        messages += more
    ids = sorted(message['MessageId'] for message in messages)
    assert ids == sorted(entry['MessageId'] for entry in sent['Successful'])

    deleted = sqs.delete_message_batch(QueueUrl=queue.url, Entries=handles(messages))
    assert sorted(entry['Id'] for entry in deleted['Successful']) == ids
    assert queue.counters() == (0, 0, 0)


def test_only_1_mib_bounds_the_total_edge_101(new_queue):
    queue = new_queue(MaximumMessageSize=2048)
    answer = send_batch(queue, entry('a', 'x' * 2048), entry('b', 'x'))
    assert len(answer['Successful']) == 2


def test_a_batch_over_1_mib_is_refused(queue, refused):
    half = 'x' * (MIB // 2)
    assert len(send_batch(queue, entry('a', half), entry('b', half))['Successful']) == 2
    with refused(
        PREFIX + 'BatchRequestTooLong',
        message=f'Batch requests cannot be longer than {MIB} bytes. '
        f'You have sent {MIB + 1} bytes.',
        shape='BatchRequestTooLong',
    ):
        send_batch(queue, entry('a', half), entry('b', half + 'x'))


def test_one_bad_body_fails_alone_edges_102_and_103(queue):
    entries = [entry(str(n), f'message {n}') for n in range(10)]
    entries[4]['MessageBody'] = '\x01'
    answer = send_batch(queue, *entries)
    assert [sent['Id'] for sent in answer['Successful']] == list('012356789')
    [failed] = answer['Failed']
    assert failed['Id'] == '4'
    assert failed['Code'] == 'InvalidMessageContents'
    assert failed['SenderFault'] is True
    assert failed['Message']
    assert len(queue.drain()) == 9


def test_an_entry_longer_than_its_queue_allows_fails_alone(new_queue):
    queue = new_queue(MaximumMessageSize=1024)
    answer = send_batch(queue, entry('short'), entry('long', 'x' * 1025))
    assert [sent['Id'] for sent in answer['Successful']] == ['short']
    assert answer['Failed'] == [
        {
            'Id': 'long',
            'SenderFault': True,
            'Code': 'InvalidParameterValue',
            'Message': 'One or more parameters cannot be validated. '
            'Reason: Message must be shorter than 1024 bytes.',
        }
    ]


def test_a_delay_out_of_range_fails_alone_edge_113(queue):
    answer = send_batch(queue, entry('late', DelaySeconds=1800))
    assert 'Successful' not in answer
    assert answer['Failed'] == [
        {
            'Id': 'late',
            'SenderFault': True,
            'Code': 'InvalidParameterValue',
            'Message': 'Value 1800 for parameter DelaySeconds is invalid. '
            'Reason: DelaySeconds must be >= 0 and <= 900.',
        }
    ]


def test_a_bad_attribute_fails_alone(queue):
    attributes = {'Hello': {'DataType': 'Number', 'StringValue': 'world'}}
    answer = send_batch(queue, entry('good'), entry('bad', MessageAttributes=attributes))
    assert [sent['Id'] for sent in answer['Successful']] == ['good']
    [failed] = answer['Failed']
    assert failed['Id'] == 'bad'
    assert failed['Code'] == 'InvalidParameterValue'
    assert failed['SenderFault'] is True


def test_every_entry_needs_an_id_edge_114(queue, unchecked_sqs, refused):
    with refused(
        'MissingParameter',
        message='The request must contain the parameter SendMessageBatchRequestEntry.2.Id.',
    ):
        unchecked_sqs.send_message_batch(
            QueueUrl=queue.url, Entries=[entry('a'), {'MessageBody': 'hello'}]
        )


def test_an_empty_body_fails_alone_edge_115(queue):
    answer = send_batch(queue, entry('empty', ''), entry('full'))
    assert [sent['Id'] for sent in answer['Successful']] == ['full']
    [failed] = answer['Failed']
    assert failed['Code'] == 'MissingParameter'
    assert failed['Message'] == (
        'The request must contain the parameter SendMessageBatchRequestEntry.1.MessageBody.'
    )


# DeleteMessageBatch


def test_a_bad_handle_fails_alone_when_deleting_edge_112(sqs, queue):
    queue.send()
    [good] = handles([queue.receive_one()])
    answer = sqs.delete_message_batch(
        QueueUrl=queue.url, Entries=[good, {'Id': 'bad', 'ReceiptHandle': 'garbage'}]
    )
    assert answer['Successful'] == [{'Id': good['Id']}]
    assert answer['Failed'] == [
        {'Id': 'bad', 'SenderFault': True, 'Code': 'ReceiptHandleIsInvalid', 'Message': GARBAGE}
    ]
    assert queue.counters() == (0, 0, 0)


def test_deleting_twice_in_a_batch_succeeds(sqs, queue):
    queue.send()
    entries = handles([queue.receive_one()])
    for _ in range(2):
        answer = sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
        assert answer['Successful'] == [{'Id': entries[0]['Id']}]
        assert 'Failed' not in answer


# ChangeMessageVisibilityBatch


def test_a_bad_handle_fails_alone_when_changing_visibility_edge_111(sqs, queue):
    queue.send()
    [good] = handles([queue.receive_one()], VisibilityTimeout=0)
    answer = sqs.change_message_visibility_batch(
        QueueUrl=queue.url,
        Entries=[good, {'Id': 'bad', 'ReceiptHandle': 'garbage', 'VisibilityTimeout': 0}],
    )
    assert answer['Successful'] == [{'Id': good['Id']}]
    assert answer['Failed'] == [
        {'Id': 'bad', 'SenderFault': True, 'Code': 'ReceiptHandleIsInvalid', 'Message': GARBAGE}
    ]
    assert queue.bodies() == ['hello']


def test_each_entry_has_its_own_timeout(sqs, queue, advance_clock):
    for body in ['short', 'long']:
        queue.send(body)
    short, long = sorted(queue.receive(10), key=lambda m: m['Body'], reverse=True)
    answer = sqs.change_message_visibility_batch(
        QueueUrl=queue.url,
        Entries=handles([short], VisibilityTimeout=600)
        + handles([long], VisibilityTimeout=6000),
    )
    assert len(answer['Successful']) == 2
    advance_clock(700)
    assert queue.bodies() == ['short']


def test_a_timeout_out_of_range_fails_alone(sqs, queue):
    for body in ['a', 'b']:
        queue.send(body)
    good, bad = queue.receive(10)
    answer = sqs.change_message_visibility_batch(
        QueueUrl=queue.url,
        Entries=handles([good], VisibilityTimeout=0) + handles([bad], VisibilityTimeout=43201),
    )
    assert [entry['Id'] for entry in answer['Successful']] == [good['MessageId']]
    [failed] = answer['Failed']
    assert failed['Id'] == bad['MessageId']
    assert failed['Code'] == 'InvalidParameterValue'
    assert failed['SenderFault'] is True

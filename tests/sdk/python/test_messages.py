"""SendMessage, ReceiveMessage and DeleteMessage: what goes in comes out."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from digests import md5_of_attributes, md5_of_body

MIB = 1024 * 1024
TRACE = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'


def string(value, kind='String'):
    return {'DataType': kind, 'StringValue': value}


def binary(value, kind='Binary'):
    return {'DataType': kind, 'BinaryValue': value}


def too_long(limit):
    return (
        'One or more parameters are invalid. '
        f'Reason: Message must be shorter than {limit} bytes.'
    )


# Bodies


def test_a_sent_message_has_an_id_and_a_digest_edge_70(queue):
    sent = queue.send('message')
    assert sent['MD5OfMessageBody'] == '78e731027d8fd50ed642340b7c9a63b3'
    assert str(uuid.UUID(sent['MessageId'])) == sent['MessageId']
    assert 'MD5OfMessageAttributes' not in sent
    assert 'SequenceNumber' not in sent


def test_a_message_is_received_as_it_was_sent(queue):
    body = 'Olá, esta é uma mensagem para o SQS!'
    sent = queue.send(body)
    message = queue.receive_one()
    assert message['Body'] == body
    assert message['MessageId'] == sent['MessageId']
    assert message['MD5OfBody'] == sent['MD5OfMessageBody'] == md5_of_body(body)
    assert message['ReceiptHandle']
    assert sorted(message) == ['Body', 'MD5OfBody', 'MessageId', 'ReceiptHandle']


def test_every_legal_character_comes_back(queue):
    legal = [
        *[0x9, 0xA, 0xD],
        *range(0x20, 0xD800),
        *range(0xE000, 0xFFFE),
        *range(0x10000, 0x110000),
    ]
    # 200,000 characters are at most 800,000 bytes.
    for start in range(0, len(legal), 200_000):
        body = ''.join(map(chr, legal[start : start + 200_000]))
        assert queue.send(body)['MD5OfMessageBody'] == md5_of_body(body)
        message = queue.receive_one()
        assert message['Body'] == body
        queue.delete(message)


def test_the_borders_of_the_legal_ranges_are_legal_edge_76(queue):
    body = '\x09\x0a\x0d\x20\ud7ff\ue000\ufffd\U00010000\U0010ffff'
    queue.send(body)
    assert queue.receive_one()['Body'] == body


@pytest.mark.parametrize(
    'character',
    [
        pytest.param('\x00', id='edge_75_u0000'),
        pytest.param('\x08', id='edge_75_u0008'),
        pytest.param('\x13', id='edge_75_u0013'),
        pytest.param('\uffff', id='edge_75_uffff'),
        pytest.param('\ufffe', id='edge_77_ufffe'),
        pytest.param('\x0b', id='u000b'),
        pytest.param('\x1f', id='u001f'),
    ],
)
def test_an_illegal_character_is_refused(queue, refused, character):
    with refused('InvalidMessageContents', shape='InvalidMessageContents'):
        queue.send(f'before{character}after')
    assert queue.receive() == []


def test_line_ends_and_quotes_stay_as_they_are_edge_78(queue):
    body = '{\r\n"machineID" : "d357006e26ff47439e1ef894225d4307"}'
    assert queue.send(body)['MD5OfMessageBody'] == md5_of_body(body)
    message = queue.receive_one()
    assert message['Body'] == body
    assert message['MD5OfBody'] == md5_of_body(body)


@pytest.mark.parametrize('return_key', ['\r', '\\r'], ids=['character', 'escape'])
def test_escapes_in_a_body_stay_as_they_are_edge_260(queue, return_key):
    body = '{"foo": "ba%sr", "foo2": "ba&quot;r&quot;"}' % return_key
    queue.send(body)
    assert queue.receive_one()['Body'] == body


@pytest.mark.parametrize('character', ['x', '"', 'é', '€', '🐜'])
def test_a_body_of_1_mib_is_accepted_and_one_byte_more_is_not(queue, refused, character):
    size = len(character.encode())
    body = character * (MIB // size) + 'x' * (MIB % size)
    assert len(body.encode()) == MIB
    queue.send(body)
    assert queue.receive_one()['Body'] == body
    with refused('InvalidParameterValue', message=too_long(MIB)):
        queue.send(body + 'x')


def test_attributes_count_towards_the_size_edge_71(queue, refused):
    attributes = {'k': string('x')}
    room = MIB - len('k' + 'String' + 'x')
    queue.send('b' * room, MessageAttributes=attributes)
    with refused('InvalidParameterValue', message=too_long(MIB)):
        queue.send('b' * (room + 1), MessageAttributes=attributes)


def test_a_message_may_be_as_long_as_its_queue_allows_edge_72(new_queue):
    queue = new_queue(MaximumMessageSize=1024)
    queue.send('x' * 1024)
    assert queue.bodies() == ['x' * 1024]


def test_a_message_longer_than_its_queue_allows_is_refused_edge_73(new_queue, refused):
    queue = new_queue(MaximumMessageSize=1024)
    with refused('InvalidParameterValue', message=too_long(1024)):
        queue.send('x' * (1025 - len('kStringx')), MessageAttributes={'k': string('x')})


def test_sizes_are_bytes_and_not_characters_edge_74(new_queue, refused):
    queue = new_queue(MaximumMessageSize=1024)
    with refused('InvalidParameterValue', message=too_long(1024)):
        queue.send('🐜' * 300)


def test_a_message_needs_a_body(queue, unchecked_sqs, refused):
    message = 'The request must contain the parameter MessageBody.'
    with refused('MissingParameter', message=message):
        unchecked_sqs.send_message(QueueUrl=queue.url)
    with refused('MissingParameter', message=message):
        unchecked_sqs.send_message(QueueUrl=queue.url, MessageBody='')


def test_a_message_needs_a_queue_edge_96(unchecked_sqs, refused):
    with refused('AWS.SimpleQueueService.NonExistentQueue', shape='QueueDoesNotExist'):
        unchecked_sqs.send_message(MessageBody='hello')


def test_a_bare_queue_name_means_the_callers_queue(sqs, queue):
    name = queue.url.rsplit('/', 1)[1]
    sqs.send_message(QueueUrl=name, MessageBody='hello')
    assert queue.bodies() == ['hello']


# Message attributes


def test_message_attributes_come_back_with_their_digest_edge_264(queue):
    attributes = {
        'color': string('blue'),
        'count': string('3', 'Number'),
        'blob': binary(bytes([1, 2, 3])),
    }
    sent = queue.send(MessageAttributes=attributes)
    assert sent['MD5OfMessageAttributes'] == 'd838729972a4b70e2d2acd9d59ac847c'
    message = queue.receive_one(MessageAttributeNames=['All'])
    assert message['MessageAttributes'] == attributes
    assert message['MD5OfMessageAttributes'] == 'd838729972a4b70e2d2acd9d59ac847c'


def test_two_string_attributes_come_back_edge_81(queue):
    attributes = {'timestamp': string('1493147359900'), 'cidade': string('São Paulo')}
    sent = queue.send(MessageAttributes=attributes)
    message = queue.receive_one(MessageAttributeNames=['All'])
    assert message['MessageAttributes'] == attributes
    assert message['MD5OfMessageAttributes'] == sent['MD5OfMessageAttributes']
    assert sent['MD5OfMessageAttributes'] == md5_of_attributes(attributes)


def test_attributes_are_still_there_at_the_second_receive_edge_82(queue):
    attributes = {'k': string('v')}
    queue.send(MessageAttributes=attributes)
    for _ in range(2):
        message = queue.receive_one(VisibilityTimeout=0, MessageAttributeNames=['All'])
        assert message['MessageAttributes'] == attributes


def test_binary_attributes_carry_any_byte(queue):
    attributes = {'bytes': binary(bytes(range(256))), 'one': binary(b'\x00')}
    sent = queue.send(MessageAttributes=attributes)
    assert sent['MD5OfMessageAttributes'] == md5_of_attributes(attributes)
    message = queue.receive_one(MessageAttributeNames=['All'])
    assert message['MessageAttributes'] == attributes


def test_a_type_keeps_its_label_edge_85(queue):
    attributes = {
        'number': string('-12.5e3', 'Number.int'),
        'json': string('{}', 'String.json'),
        'image': binary(b'\x89PNG', 'Binary.png'),
    }
    sent = queue.send(MessageAttributes=attributes)
    assert sent['MD5OfMessageAttributes'] == md5_of_attributes(attributes)
    message = queue.receive_one(MessageAttributeNames=['All'])
    assert message['MessageAttributes'] == attributes


def test_a_message_has_up_to_10_attributes_edge_83(queue, refused):
    attributes = {f'name{n}': string('v') for n in range(11)}
    queue.send(MessageAttributes=dict(list(attributes.items())[:10]))
    with refused(
        'InvalidParameterValue',
        message='Number of message attributes [11] exceeds the allowed maximum [10].',
    ):
        queue.send(MessageAttributes=attributes)


@pytest.mark.parametrize(
    'name, attribute, message',
    [
        pytest.param(
            'ErrorDetails',
            string(''),
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value "
            "of type 'String'.",
            id='edge_79_empty_string',
        ),
        pytest.param('k', string('\x08'), None, id='edge_80_illegal_character'),
        pytest.param(
            'Hello',
            string('world', 'Number'),
            "Can't cast the value of message (user) attribute 'Hello' to a number.",
            id='edge_84_not_a_number',
        ),
        pytest.param(
            'k',
            string('v', 'Text'),
            "The type of message (user) attribute 'k' is invalid. You must use only the "
            'following supported type prefixes: Binary, Number, String.',
            id='unknown_type',
        ),
        pytest.param(
            'k',
            {'DataType': 'String'},
            "The message (user) attribute 'k' must contain a non-empty message attribute value.",
            id='no_value',
        ),
        pytest.param('AWS.name', string('v'), None, id='reserved_name'),
        pytest.param('amazon.name', string('v'), None, id='reserved_name_in_lower_case'),
        pytest.param('.name', string('v'), None, id='leading_full_stop'),
        pytest.param('a name', string('v'), None, id='space_in_the_name'),
        pytest.param('n' * 257, string('v'), None, id='long_name'),
    ],
)
def test_a_bad_attribute_is_refused(queue, refused, name, attribute, message):
    with refused('InvalidParameterValue', message=message):
        queue.send(MessageAttributes={name: attribute})
    assert queue.receive() == []


@pytest.mark.parametrize(
    'attribute',
    [
        pytest.param({'DataType': 'String', 'StringListValues': ['a']}, id='edge_86'),
        pytest.param({'DataType': 'Binary', 'BinaryListValues': [b'a']}, id='edge_87'),
    ],
)
def test_lists_as_attribute_values_are_not_supported(queue, refused, attribute):
    with refused('AWS.SimpleQueueService.UnsupportedOperation', shape='UnsupportedOperation'):
        queue.send(MessageAttributes={'k': attribute})


def test_a_receive_without_names_returns_no_attributes_edge_134(queue):
    queue.send(MessageAttributes={'k': string('v')})
    message = queue.receive_one()
    assert 'MessageAttributes' not in message
    assert 'MD5OfMessageAttributes' not in message


@pytest.mark.parametrize(
    'names, selected',
    [
        (['All'], ['Hello', 'Help.Me', 'Other']),
        (['.*'], ['Hello', 'Help.Me', 'Other']),
        (['Hello'], ['Hello']),
        (['Hello', 'Other'], ['Hello', 'Other']),
        (['Hel.*'], ['Hello', 'Help.Me']),
        (['hello'], []),
        (['Hel'], []),
        (['Unknown', 'Other'], ['Other']),
    ],
)
def test_attributes_are_selected_by_name_or_prefix(queue, names, selected):
    attributes = {'Hello': string('1'), 'Help.Me': string('2', 'Number'), 'Other': binary(b'3')}
    queue.send(MessageAttributes=attributes)
    message = queue.receive_one(MessageAttributeNames=names)
    expected = {name: attributes[name] for name in selected}
    assert message.get('MessageAttributes', {}) == expected
    if selected:
        assert message['MD5OfMessageAttributes'] == md5_of_attributes(expected)
    else:
        assert 'MessageAttributes' not in message
        assert 'MD5OfMessageAttributes' not in message


# System attributes


def test_all_system_attributes_of_a_standard_message_edge_129(queue):
    queue.send()
    attributes = queue.receive_one(AttributeNames=['All'])['Attributes']
    assert sorted(attributes) == [
        'ApproximateFirstReceiveTimestamp',
        'ApproximateReceiveCount',
        'SenderId',
        'SentTimestamp',
    ]
    assert attributes['ApproximateReceiveCount'] == '1'
    assert attributes['SenderId']


def test_a_system_attribute_that_a_message_lacks_is_left_out_edge_130(queue):
    queue.send()
    message = queue.receive_one(AttributeNames=['SenderId', 'SequenceNumber'])
    assert list(message['Attributes']) == ['SenderId']


def test_both_kinds_of_attributes_in_one_receive_edge_131(queue):
    attributes = {'k': string('v')}
    queue.send(MessageAttributes=attributes)
    message = queue.receive_one(MessageSystemAttributeNames=['All'], MessageAttributeNames=['All'])
    assert 'SentTimestamp' in message['Attributes']
    assert message['MessageAttributes'] == attributes
    assert message['MD5OfMessageAttributes'] == md5_of_attributes(attributes)


def test_the_receive_count_grows_and_the_first_receive_stays_edge_132(queue):
    queue.send()
    first, second = [
        queue.receive_one(VisibilityTimeout=0, MessageSystemAttributeNames=['All'])['Attributes']
        for _ in range(2)
    ]
    assert first['ApproximateReceiveCount'] == '1'
    assert second['ApproximateReceiveCount'] == '2'
    name = 'ApproximateFirstReceiveTimestamp'
    assert first[name] == second[name]


def test_timestamps_of_messages_are_in_milliseconds_edge_133(queue):
    queue.send()
    attributes = queue.receive_one(AttributeNames=['All'])['Attributes']
    for name in ['SentTimestamp', 'ApproximateFirstReceiveTimestamp']:
        assert re.fullmatch(r'\d{13}', attributes[name])
    assert int(attributes['SentTimestamp']) <= int(attributes['ApproximateFirstReceiveTimestamp'])


def test_a_trace_header_is_not_counted_and_comes_back_edge_89(new_queue):
    queue = new_queue(MaximumMessageSize=1024)
    trace = {'AWSTraceHeader': string(TRACE)}
    sent = queue.send('x' * 1024, MessageSystemAttributes=trace)
    assert sent['MD5OfMessageSystemAttributes'] == md5_of_attributes(trace)
    message = queue.receive_one(MessageSystemAttributeNames=['AWSTraceHeader'])
    assert message['Attributes'] == {'AWSTraceHeader': TRACE}


def test_the_trace_header_of_a_request_is_kept_edge_90(connect, queue):
    sqs = connect(user_agent_extra='traced')
    sqs.meta.events.register(
        'before-sign.sqs.SendMessage',
        lambda request, **_: request.headers.add_header('X-Amzn-Trace-Id', TRACE),
    )
    sqs.send_message(QueueUrl=queue.url, MessageBody='traced')
    message = queue.receive_one(MessageSystemAttributeNames=['AWSTraceHeader'])
    assert message['Attributes'] == {'AWSTraceHeader': TRACE}


def test_there_is_no_other_system_attribute_to_send_edge_88(queue, unchecked_sqs, refused):
    with refused(
        'InvalidParameterValue', message="Message system attribute name 'Hello' is invalid."
    ):
        unchecked_sqs.send_message(
            QueueUrl=queue.url,
            MessageBody='hello',
            MessageSystemAttributes={'Hello': string('v')},
        )


# Groups on a standard queue


def test_a_standard_message_may_name_a_group(queue):
    queue.send(MessageGroupId='tenant-1')
    message = queue.receive_one(MessageSystemAttributeNames=['MessageGroupId'])
    assert message['Attributes'] == {'MessageGroupId': 'tenant-1'}


@pytest.mark.parametrize('group', ['', 'a' * 129, 'group 123'])
def test_a_bad_group_is_refused_edge_94(queue, refused, group):
    with refused(
        'InvalidParameterValue',
        message=f'Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId '
        'can only include alphanumeric and punctuation characters. 1 to 128 in length.',
    ):
        queue.send(MessageGroupId=group)


def test_a_standard_message_has_no_deduplication_id_edge_95(queue, refused):
    with refused('InvalidParameterValue'):
        queue.send(MessageDeduplicationId='once')


# Deletion


def test_a_deleted_message_is_never_received_again(queue, advance_clock):
    queue.send()
    queue.delete(queue.receive_one())
    assert queue.counters() == (0, 0, 0)
    advance_clock(60)
    assert queue.receive() == []


def test_a_message_may_be_deleted_any_number_of_times(queue):
    queue.send()
    message = queue.receive_one()
    for _ in range(3):
        queue.delete(message)


def test_garbage_is_no_receipt_handle_edges_145_and_146(queue, refused):
    with refused(
        'ReceiptHandleIsInvalid',
        status=404,
        message='The input receipt handle "garbage" is not a valid receipt handle.',
        shape='ReceiptHandleIsInvalid',
    ):
        queue.delete({'ReceiptHandle': 'garbage'})


def test_a_receipt_handle_belongs_to_its_queue_edge_159(new_queue, refused):
    a, b = new_queue(), new_queue()
    a.send()
    message = a.receive_one()
    with refused('ReceiptHandleIsInvalid', status=404, shape='ReceiptHandleIsInvalid'):
        b.delete(message)
    a.delete(message)


def test_deleting_needs_a_receipt_handle_edge_149(queue, unchecked_sqs, refused):
    with refused(
        'MissingParameter', message='The request must contain the parameter ReceiptHandle.'
    ):
        unchecked_sqs.delete_message(QueueUrl=queue.url)


# Many at once


def test_many_senders_and_receivers_handle_every_message_once(queue):
    bodies = [f'message {n}' for n in range(400)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(queue.send, bodies))
        drained = [threads.submit(queue.drain) for _ in range(8)]
        received = [body for drain in drained for body in drain.result()]
    assert sorted(received) == sorted(bodies)
    assert queue.counters() == (0, 0, 0)

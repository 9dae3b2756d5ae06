"""Plain HTTP: what the SDK does not show."""

import re
import urllib.parse
import urllib.request
from xml.etree import ElementTree

import pytest

import formiga
from digests import md5_of_body


@pytest.fixture
def call(server):
    """One unsigned request for an action of SQS."""
    return lambda action, body, **headers: formiga.post(
        server.endpoint, f'AmazonSQS.{action}', body, headers
    )


def check_error(answer, type, code):
    assert answer.status == 400
    assert answer.json()['__type'] == type
    assert answer.json()['message']
    assert answer.headers['x-amzn-query-error'] == f'{code};Sender'
    assert answer.headers['x-amzn-RequestId']
    assert answer.headers.get_content_type() == 'application/x-amz-json-1.0'


def test_an_action_without_output_answers_with_an_empty_body_edge_250(call, queue):
    answer = call('DeleteQueue', {'QueueUrl': queue.url})
    assert answer.status == 200
    assert answer.body == b''
    assert answer.headers.get_content_type() == 'application/x-amz-json-1.0'
    assert re.fullmatch(r'[0-9a-f-]{36}', answer.headers['x-amzn-RequestId'])


def test_a_receive_without_messages_answers_with_an_empty_object(call, queue):
    answer = call('ReceiveMessage', {'QueueUrl': queue.url})
    assert answer.status == 200
    assert answer.json() == {}


def test_a_missing_queue_is_told_in_both_vocabularies_edge_31(call):
    answer = call('GetQueueAttributes', {'QueueUrl': '/000000000000/no-such-queue'})
    check_error(
        answer, 'com.amazonaws.sqs#QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'
    )
    assert answer.json()['message'] == 'The specified queue does not exist.'


def test_an_unknown_action_is_refused_edge_248(call):
    answer = call('Bogus', {})
    check_error(answer, 'com.amazon.coral.service#UnknownOperationException', 'InvalidAction')


@pytest.mark.parametrize('body', [b'{', b'[]', b'"x"'])
def test_a_body_that_is_no_json_object_is_refused_edge_249(call, body):
    answer = call('ListQueues', body)
    check_error(answer, 'com.amazon.coral.service#SerializationException', 'MalformedInput')


@pytest.mark.parametrize(
    'member',
    [
        pytest.param({'MessageBody': {}}, id='edge_97'),
        pytest.param({'DelaySeconds': 'invalid'}, id='edge_98'),
    ],
)
def test_a_member_of_the_wrong_type_is_refused(call, queue, member):
    answer = call('SendMessage', {'QueueUrl': queue.url, 'MessageBody': 'hello', **member})
    check_error(answer, 'com.amazon.coral.service#SerializationException', 'MalformedInput')
    assert queue.receive() == []


def test_unknown_members_are_ignored_and_null_means_absent(call, queue):
    answer = call(
        'SendMessage',
        {'QueueUrl': queue.url, 'MessageBody': 'hello', 'DelaySeconds': None, 'Unknown': [1]},
    )
    assert answer.status == 200
    assert queue.bodies() == ['hello']


def test_a_lone_surrogate_is_refused(call, queue):
    body = b'{"QueueUrl":"%s","MessageBody":"\\ud800"}' % queue.url.encode()
    answer = call('SendMessage', body)
    assert answer.status == 400
    assert queue.receive() == []


def test_a_request_may_be_posted_to_the_queue_url_edge_251(server, queue):
    answer = formiga.post(
        queue.url, 'AmazonSQS.SendMessage', {'QueueUrl': queue.url, 'MessageBody': 'hello'}
    )
    assert answer.status == 200
    assert answer.headers.get_content_type() == 'application/x-amz-json-1.0'
    assert queue.bodies() == ['hello']


def test_line_ends_and_quotes_stay_as_they_are_in_xml_edge_78(queue):
    body = '{\r\n"machineID" : "d357006e26ff47439e1ef894225d4307"}'
    queue.send(body)
    form = urllib.parse.urlencode({'Action': 'ReceiveMessage', 'QueueUrl': queue.url})
    with urllib.request.urlopen(queue.url, form.encode()) as answer:
        text = answer.read().decode()
    assert '&#xD;\n&quot;machineID&quot;' in text
    found = {e.tag.split('}')[1]: e.text for e in ElementTree.fromstring(text).iter()}
    assert found['Body'] == body
    assert found['MD5OfBody'] == md5_of_body(body)


def test_a_request_from_a_foreign_web_page_does_nothing(call, queue):
    answer = call('DeleteQueue', {'QueueUrl': queue.url}, Origin='http://evil.example')
    assert answer.status == 403
    assert queue.counters() == (0, 0, 0)

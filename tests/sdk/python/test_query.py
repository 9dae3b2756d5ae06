"""The Query protocol, as SDKs from before late 2023 speak it.

`cargo xtask test --sdk` runs this file, and the tests of queues, messages,
batches and time once more, with the last SDK of that kind.
"""

import base64
import json
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

import pytest

import formiga
from digests import md5_of_attributes, md5_of_body

ATTRIBUTES = {
    'text': {'DataType': 'String', 'StringValue': 'é "quoted" & <more>\r\n\t'},
    'count': {'DataType': 'Number.int', 'StringValue': '3'},
    'blob': {'DataType': 'Binary.png', 'BinaryValue': bytes(range(256))},
}
BODY = '{"a": "b\r\nc\r", "d": "&quot;<>\'"}\t é 😀 \ufffd'
NAMESPACE = '{http://queue.amazonaws.com/doc/2012-11-05/}'


def call_json(server, action, **members):
    answer = formiga.post(server.endpoint, f'AmazonSQS.{action}', members)
    assert answer.status == 200, answer.body
    return answer.json() if answer.body else {}


def to_json(attributes):
    def encoded(value):
        value = dict(value)
        if 'BinaryValue' in value:
            value['BinaryValue'] = base64.b64encode(value['BinaryValue']).decode()
        return value

    return {name: encoded(value) for name, value in attributes.items()}


def test_a_message_makes_its_way(queue):
    sent = queue.send(BODY, MessageAttributes=ATTRIBUTES)
    message = queue.receive_one(AttributeNames=['All'], MessageAttributeNames=['All'])
    assert message['MessageId'] == sent['MessageId']
    assert message['Body'] == BODY
    assert message['MD5OfBody'] == sent['MD5OfMessageBody'] == md5_of_body(BODY)
    assert message['MessageAttributes'] == ATTRIBUTES
    expected = md5_of_attributes(ATTRIBUTES)
    assert message['MD5OfMessageAttributes'] == sent['MD5OfMessageAttributes'] == expected
    assert message['Attributes']['ApproximateReceiveCount'] == '1'
    queue.change_visibility(message, 0)
    queue.delete(queue.receive_one())
    assert queue.counters() == (0, 0, 0)


def test_what_json_sends_query_receives_edge_265(server, queue):
    call_json(
        server,
        'SendMessage',
        QueueUrl=queue.url,
        MessageBody=BODY,
        MessageAttributes=to_json(ATTRIBUTES),
    )
    message = queue.receive_one(MessageAttributeNames=['All'])
    assert message['Body'] == BODY
    assert message['MessageAttributes'] == ATTRIBUTES
    call_json(
        server, 'DeleteMessage', QueueUrl=queue.url, ReceiptHandle=message['ReceiptHandle']
    )
    assert queue.counters() == (0, 0, 0)


def test_what_query_sends_json_receives_edge_265(server, queue):
    queue.send(BODY, MessageAttributes=ATTRIBUTES)
    answer = call_json(
        server, 'ReceiveMessage', QueueUrl=queue.url, MessageAttributeNames=['All']
    )
    [message] = answer['Messages']
    assert message['Body'] == BODY
    assert message['MessageAttributes'] == to_json(ATTRIBUTES)
    queue.delete(message)
    assert queue.counters() == (0, 0, 0)


def test_errors_are_caught_by_the_class_of_the_model(sqs, queue, new_name, refused):
    missing = queue.url + '-not-there'
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName=new_name())
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=missing, MessageBody='hello')
    with pytest.raises(sqs.exceptions.QueueNameExists):
        name = queue.url.rsplit('/', 1)[1]
        sqs.create_queue(QueueName=name, Attributes={'DelaySeconds': '7'})
    with pytest.raises(sqs.exceptions.InvalidAttributeName):
        queue.attributes('Foobar')
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=queue.url, ReceiptHandle='garbage')
    with pytest.raises(sqs.exceptions.InvalidMessageContents):
        queue.send('\x01')
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl=queue.url, Entries=[])
    code = 'AWS.SimpleQueueService.NonExistentQueue'
    with refused(code, message='The specified queue does not exist.'):
        sqs.get_queue_attributes(QueueUrl=missing)


def test_a_number_may_be_wrong(unchecked_sqs, queue, refused):
    message = 'Value soon for parameter DelaySeconds is invalid. Reason: Must be an integer.'
    with refused('InvalidParameterValue', message=message):
        unchecked_sqs.send_message(
            QueueUrl=queue.url, MessageBody='hello', DelaySeconds='soon'
        )


def test_a_presigned_url_is_a_request(sqs, queue):
    url = sqs.generate_presigned_url(
        'send_message',
        Params={'QueueUrl': queue.url, 'MessageBody': BODY, 'MessageAttributes': ATTRIBUTES},
        HttpMethod='GET',
    )
    with urllib.request.urlopen(url, timeout=60) as answer:
        document = ElementTree.fromstring(answer.read())
        assert answer.headers['x-amzn-requestid'] == document.find(f'.//{NAMESPACE}RequestId').text
    assert document.tag == f'{NAMESPACE}SendMessageResponse'
    assert document.find(f'.//{NAMESPACE}MD5OfMessageBody').text == md5_of_body(BODY)
    message = queue.receive_one(MessageAttributeNames=['All'])
    assert (message['Body'], message['MessageAttributes']) == (BODY, ATTRIBUTES)


def test_who_accepts_json_is_answered_in_json_edge_259(queue):
    queue.send(BODY)
    request = urllib.request.Request(
        queue.url + '?' + urllib.parse.urlencode({'Action': 'ReceiveMessage'}),
        headers={'Accept': 'application/json'},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        response = json.load(answer)['ReceiveMessageResponse']
    assert response['ResponseMetadata']['RequestId'] == answer.headers['x-amzn-requestid']
    [message] = response['ReceiveMessageResult']['messages']
    assert message['Body'] == BODY

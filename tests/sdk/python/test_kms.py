"""SSE-KMS, with moto's KMS as the endpoint."""

import base64
import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import formiga

CREDENTIALS = {
    'region_name': 'us-east-1',
    'aws_access_key_id': 'any',
    'aws_secret_access_key': 'any',
}
CONFIG = Config(retries={'total_max_attempts': 1})

# After this long a data key is no longer used.
REUSE_PERIOD_SECONDS = 60


class Kms:
    """moto's server on a free port, behind a server that refuses keys: moto itself uses keys
    whatever their state."""

    def __init__(self):
        self._moto = subprocess.Popen(
            [sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for line in self._moto.stderr:
            if match := re.search(rb'http://127\.0\.0\.1:(\d+)', line):
                self.moto = match[0].decode()
                break
        else:
            raise RuntimeError('moto printed no address')
        threading.Thread(target=self._moto.stderr.read, daemon=True).start()
        self.refused = {}
        self.calls = []
        handler = type('Handler', (Front,), {'kms': self})
        self._front = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        threading.Thread(target=self._front.serve_forever, daemon=True).start()
        self.endpoint = f'http://127.0.0.1:{self._front.server_port}'
        self._client = boto3.client('kms', endpoint_url=self.moto, config=CONFIG, **CREDENTIALS)

    def create_key(self):
        return self._client.create_key()['KeyMetadata']['KeyId']

    def refuse(self, key, code='DisabledException'):
        self.refused[key] = code

    def allow(self, key):
        del self.refused[key]

    def stop(self):
        self._front.shutdown()
        self._front.server_close()
        self._moto.terminate()
        self._moto.wait()


class Front(BaseHTTPRequestHandler):
    """Passes calls on to moto, unless their key is refused."""

    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        action = self.headers['X-Amz-Target'].split('.')[1]
        given = json.loads(body)
        # What moto encrypts begins with the id of its key.
        blob = base64.b64decode(given.get('CiphertextBlob', ''))
        key = given.get('KeyId') or blob[:36].decode()
        self.kms.calls.append((action, key))
        if code := self.kms.refused.get(key):
            status, answer = 400, json.dumps({'__type': code, 'message': 'no'}).encode()
        else:
            request = urllib.request.Request(self.kms.moto, body, dict(self.headers))
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                with error:
                    status, answer = error.code, error.read()
        self.send_response(status)
        self.send_header('Content-Type', 'application/x-amz-json-1.1')
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def kms():
    server = Kms()
    yield server
    server.stop()


@pytest.fixture
def start(start_server, kms, monkeypatch):
    """Starts a server that uses the KMS; its SDK client and how to move its clock."""
    monkeypatch.setenv('AWS_ACCESS_KEY_ID', 'any')
    monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'any')

    def start():
        server = start_server('--kms-endpoint', kms.endpoint)
        sqs = boto3.client('sqs', endpoint_url=server.endpoint, config=CONFIG, **CREDENTIALS)
        return server, sqs

    return start


def create_queue(sqs, key, name='q'):
    attributes = {
        'KmsMasterKeyId': key,
        'KmsDataKeyReusePeriodSeconds': str(REUSE_PERIOD_SECONDS),
    }
    return sqs.create_queue(QueueName=name, Attributes=attributes)['QueueUrl']


def receive(sqs, url):
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0).get('Messages', [])
    return [(message['Body'], message['ReceiptHandle']) for message in messages]


def advance(server, seconds):
    formiga.post(server.endpoint, 'Formiga.AdvanceClock', {'Seconds': seconds})


def files(tmp_path):
    return b''.join(
        path.read_bytes() for path in (tmp_path / 'data').iterdir() if path.is_file()
    )


def test_messages_are_encrypted_with_the_queues_kms_key(start, kms, tmp_path):
    key = kms.create_key()
    server, sqs = start()
    url = create_queue(sqs, key)
    sqs.send_message(QueueUrl=url, MessageBody='known-body')
    assert b'known-body' not in files(tmp_path)
    assert server.stop() == 0
    assert b'known-body' not in files(tmp_path)
    # Nothing is at hand any more; the KMS has the key.
    server, sqs = start()
    [(body, handle)] = receive(sqs, server.endpoint + '/000000000000/q')
    assert body == 'known-body'
    sqs.delete_message(QueueUrl=server.endpoint + '/000000000000/q', ReceiptHandle=handle)


def test_a_disabled_key_stops_sends_and_receives_and_loses_nothing(start, kms):
    key = kms.create_key()
    server, sqs = start()
    url = create_queue(sqs, key)
    other = sqs.create_queue(QueueName='other')['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody='first')
    sqs.send_message(QueueUrl=url, MessageBody='second')
    [(_, handle)] = receive(sqs, url)

    kms.refuse(key)
    server.stop()
    server, sqs = start()
    url, other = (f'{server.endpoint}/000000000000/{name}' for name in ('q', 'other'))
    for refused in (
        lambda: sqs.send_message(QueueUrl=url, MessageBody='third'),
        lambda: sqs.receive_message(QueueUrl=url),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert error.value.response['Error']['Code'] == 'KMS.DisabledException'
        assert isinstance(error.value, sqs.exceptions.KmsDisabled)
    # Other queues work, and what needs no contents works here, too.
    sqs.send_message(QueueUrl=other, MessageBody='elsewhere')
    assert [body for body, _ in receive(sqs, other)] == ['elsewhere']
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=60)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)

    kms.allow(key)
    server.stop()
    server, sqs = start()
    url = f'{server.endpoint}/000000000000/q'
    received = sqs.receive_message(QueueUrl=url, AttributeNames=['ApproximateReceiveCount'])
    [message] = received['Messages']
    assert message['Body'] in ('first', 'second')
    assert message['Attributes'] == {'ApproximateReceiveCount': '1'}, 'no refusal counted'


@pytest.mark.parametrize(
    'code, error',
    [
        ('AccessDeniedException', 'KmsAccessDenied'),
        ('KMSInvalidStateException', 'KmsInvalidState'),
        ('InvalidKeyUsageException', 'KmsInvalidKeyUsage'),
        ('ThrottlingException', 'KmsThrottled'),
    ],
)
def test_what_the_kms_refuses_is_told_in_the_words_of_sqs(start, kms, code, error):
    key = kms.create_key()
    _, sqs = start()
    url = create_queue(sqs, key)
    kms.refuse(key, code)
    with pytest.raises(getattr(sqs.exceptions, error)):
        sqs.send_message(QueueUrl=url, MessageBody='hello')


def test_the_kms_is_asked_once_in_a_reuse_period(start, kms):
    key = kms.create_key()
    server, sqs = start()
    url = create_queue(sqs, key)
    for number in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
        receive(sqs, url)
    assert kms.calls == [('GenerateDataKey', key)]
    advance(server, REUSE_PERIOD_SECONDS)
    sqs.send_message(QueueUrl=url, MessageBody='later')
    assert kms.calls == [('GenerateDataKey', key)] * 2


def test_a_disabled_key_is_noticed_when_the_reuse_period_is_over(start, kms):
    key = kms.create_key()
    server, sqs = start()
    url = create_queue(sqs, key)
    sqs.send_message(QueueUrl=url, MessageBody='hello')
    kms.refuse(key)
    advance(server, REUSE_PERIOD_SECONDS - 1)
    [(_, handle)] = receive(sqs, url)
    advance(server, 1)
    with pytest.raises(sqs.exceptions.KmsDisabled):
        sqs.receive_message(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def test_a_key_that_does_not_exist_is_told_when_it_is_needed(start):
    _, sqs = start()
    url = create_queue(sqs, 'alias/missing')
    with pytest.raises(sqs.exceptions.KmsNotFound):
        sqs.send_message(QueueUrl=url, MessageBody='hello')
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['KmsMasterKeyId'])
    assert attributes['Attributes'] == {'KmsMasterKeyId': 'alias/missing'}


def test_messages_under_a_key_of_before_wait_for_it_and_hold_up_no_others(start, kms):
    old, new = (kms.create_key() for _ in range(2))
    server, sqs = start()
    url = create_queue(sqs, old)
    sqs.send_message(QueueUrl=url, MessageBody='under the old key')
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'KmsMasterKeyId': new})
    sqs.send_message(QueueUrl=url, MessageBody='under the new key')
    kms.refuse(old)
    # What is at hand in memory is delivered without asking anybody.
    server.stop()
    server, sqs = start()
    url = f'{server.endpoint}/000000000000/q'

    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)['Messages']
    assert [message['Body'] for message in received] == ['under the new key']
    assert receive(sqs, url) == [], 'the other one is not tried all the time'
    advance(server, 30)
    with pytest.raises(sqs.exceptions.KmsDisabled):
        sqs.receive_message(QueueUrl=url)
    kms.allow(old)
    advance(server, 30)
    bodies = {body for body, _ in receive(sqs, url) + receive(sqs, url)}
    assert bodies == {'under the old key', 'under the new key'}


def test_a_message_group_keeps_its_order_while_a_key_is_missing(start, kms):
    old, new = (kms.create_key() for _ in range(2))
    server, sqs = start()
    attributes = {
        'FifoQueue': 'true',
        'KmsMasterKeyId': old,
        'KmsDataKeyReusePeriodSeconds': str(REUSE_PERIOD_SECONDS),
    }
    url = sqs.create_queue(QueueName='q.fifo', Attributes=attributes)['QueueUrl']

    def send(group, body):
        sqs.send_message(
            QueueUrl=url, MessageGroupId=group, MessageDeduplicationId=body, MessageBody=body
        )

    def take():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in answer.get('Messages', []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])
        return [message['Body'] for message in answer.get('Messages', [])]

    send('a', 'a1')
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'KmsMasterKeyId': new})
    send('a', 'a2')
    send('b', 'b1')
    kms.refuse(old)
    server.stop()
    server, sqs = start()
    url = f'{server.endpoint}/000000000000/q.fifo'
    assert take() == ['b1'], 'a2 must not overtake a1'
    kms.allow(old)
    advance(server, 30)
    assert take() == ['a1', 'a2']


def test_a_dead_letter_is_moved_as_it_is_encrypted(start, kms, tmp_path):
    key = kms.create_key()
    server, sqs = start()
    dead = sqs.create_queue(QueueName='dead')['QueueUrl']
    url = create_queue(sqs, key)
    policy = {'deadLetterTargetArn': 'arn:aws:sqs:us-east-1:000000000000:dead', 'maxReceiveCount': 1}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'RedrivePolicy': json.dumps(policy)})
    sqs.send_message(QueueUrl=url, MessageBody='known-body')
    [(_, handle)] = receive(sqs, url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert receive(sqs, url) == []
    assert server.stop() == 0
    assert b'known-body' not in files(tmp_path)
    server, sqs = start()
    [(body, _)] = receive(sqs, f'{server.endpoint}/000000000000/dead')
    assert body == 'known-body'


def test_a_kms_that_is_gone_is_no_reason_to_lose_anything(start, kms):
    key = kms.create_key()
    server, sqs = start()
    url = create_queue(sqs, key)
    sqs.send_message(QueueUrl=url, MessageBody='hello')
    server.stop()
    kms.stop()
    server, sqs = start()
    url = f'{server.endpoint}/000000000000/q'
    with pytest.raises(ClientError) as error:
        sqs.receive_message(QueueUrl=url)
    assert error.value.response['ResponseMetadata']['HTTPStatusCode'] == 503
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']
    assert counts['ApproximateNumberOfMessages'] == '1'

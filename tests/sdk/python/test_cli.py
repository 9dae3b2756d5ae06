"""The AWS CLI, once for each action."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def aws(tmp_path, server):
    """Runs `aws sqs ...`; returns the parsed answer, or None when there is none."""
    (tmp_path / 'credentials').write_text(
        '[default]\naws_access_key_id = test\naws_secret_access_key = test\n'
    )
    (tmp_path / 'config').write_text('[default]\nregion = us-east-1\n')
    clean = {k: v for k, v in os.environ.items() if not k.startswith('AWS_')}

    # Version 1 of the CLI heeds no endpoint_url from file or environment for SQS.
    command = [sys.executable, '-m', 'awscli', 'sqs', '--endpoint-url', server.endpoint]

    def aws(*args, fails_with=None):
        done = subprocess.run(
            [*command, *args, '--output', 'json'],
            env={
                **clean,
                'AWS_SHARED_CREDENTIALS_FILE': str(tmp_path / 'credentials'),
                'AWS_CONFIG_FILE': str(tmp_path / 'config'),
                'PYTHONIOENCODING': 'utf-8',
            },
            capture_output=True,
            encoding='utf-8',
            timeout=120,
        )
        if fails_with:
            assert done.returncode != 0
            assert fails_with in done.stderr
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return aws


def test_create_queue(aws, sqs, new_name):
    name = new_name()
    url = aws('create-queue', '--queue-name', name, '--attributes', 'VisibilityTimeout=60')[
        'QueueUrl'
    ]
    assert sqs.get_queue_url(QueueName=name)['QueueUrl'] == url


def test_get_queue_url(aws, queue, new_name):
    name = queue.url.rsplit('/', 1)[1]
    assert aws('get-queue-url', '--queue-name', name) == {'QueueUrl': queue.url}
    aws(
        'get-queue-url',
        '--queue-name',
        new_name(),
        fails_with='(AWS.SimpleQueueService.NonExistentQueue) when calling the GetQueueUrl '
        'operation: The specified queue does not exist.',
    )


def test_list_queues(aws, queue):
    name = queue.url.rsplit('/', 1)[1]
    assert aws('list-queues', '--queue-name-prefix', name)['QueueUrls'] == [queue.url]


def test_delete_queue(aws, queue, sqs):
    assert aws('delete-queue', '--queue-url', queue.url) is None
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        queue.receive()


def test_get_queue_attributes(aws, queue):
    answer = aws(
        'get-queue-attributes', '--queue-url', queue.url, '--attribute-names', 'VisibilityTimeout'
    )
    assert answer == {'Attributes': {'VisibilityTimeout': '30'}}


def test_send_message(aws, queue):
    answer = aws('send-message', '--queue-url', queue.url, '--message-body', 'Olá')
    message = queue.receive_one()
    assert message['Body'] == 'Olá'
    assert message['MessageId'] == answer['MessageId']


def test_send_message_batch(aws, queue):
    answer = aws(
        'send-message-batch',
        '--queue-url',
        queue.url,
        '--entries',
        'Id=a,MessageBody=first',
        'Id=b,MessageBody=second',
    )
    assert [entry['Id'] for entry in answer['Successful']] == ['a', 'b']
    assert sorted(queue.bodies()) == ['first', 'second']


def test_receive_message(aws, queue):
    queue.send('Olá')
    args = ('receive-message', '--queue-url', queue.url, '--attribute-names', 'All')
    [message] = aws(*args)['Messages']
    assert message['Body'] == 'Olá'
    assert message['Attributes']['ApproximateReceiveCount'] == '1'
    assert aws(*args) is None


def test_delete_message(aws, queue):
    queue.send()
    handle = queue.receive_one()['ReceiptHandle']
    assert aws('delete-message', '--queue-url', queue.url, '--receipt-handle', handle) is None
    assert queue.counters() == (0, 0, 0)


def test_delete_message_batch(aws, queue):
    queue.send()
    handle = queue.receive_one()['ReceiptHandle']
    answer = aws(
        'delete-message-batch',
        '--queue-url',
        queue.url,
        '--entries',
        f'Id=a,ReceiptHandle={handle}',
        'Id=b,ReceiptHandle=garbage',
    )
    assert answer['Successful'] == [{'Id': 'a'}]
    assert [failed['Code'] for failed in answer['Failed']] == ['ReceiptHandleIsInvalid']
    assert queue.counters() == (0, 0, 0)


def test_change_message_visibility(aws, queue):
    queue.send()
    handle = queue.receive_one(VisibilityTimeout=600)['ReceiptHandle']
    answer = aws(
        'change-message-visibility',
        '--queue-url',
        queue.url,
        '--receipt-handle',
        handle,
        '--visibility-timeout',
        '0',
    )
    assert answer is None
    assert queue.bodies() == ['hello']


def test_change_message_visibility_batch(aws, queue):
    queue.send()
    handle = queue.receive_one(VisibilityTimeout=600)['ReceiptHandle']
    answer = aws(
        'change-message-visibility-batch',
        '--queue-url',
        queue.url,
        '--entries',
        f'Id=a,ReceiptHandle={handle},VisibilityTimeout=0',
    )
    assert answer['Successful'] == [{'Id': 'a'}]
    assert queue.bodies() == ['hello']

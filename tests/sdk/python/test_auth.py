"""A server that checks who calls, seen by unmodified clients."""

import configparser
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import formiga

A, B = '111111111111', '222222222222'
EVERYTHING = {
    'Version': '2012-10-17',
    'Statement': [{'Effect': 'Allow', 'Action': 'sqs:*', 'Resource': '*'}],
}
USERS = {
    'root-a': (A, None, None),
    'alice': (A, 'alice', EVERYTHING),
    'carol': (A, 'carol', None),
    'bob': (B, 'bob', EVERYTHING),
}


def key_of(who):
    return f'AKIA{who.upper().replace("-", ""):0<16}', f'secret-of-{who}'


def users_file():
    entries = []
    for who, (account, name, policy) in USERS.items():
        key, secret = key_of(who)
        lines = ['[[user]]', f'account = "{account}"']
        if name:
            lines.append(f'name = "{name}"')
        if policy:
            lines.append(f"policy = '{json.dumps(policy)}'")
        lines.append(
            f'keys = [{{ access_key_id = "{key}", secret_access_key = "{secret}" }}]'
        )
        entries.append('\n'.join(lines))
    return '\n\n'.join(entries)


@pytest.fixture
def strict(start_server, tmp_path):
    """A server that checks who calls."""
    users = tmp_path / 'users.toml'
    users.write_text(users_file())
    users.chmod(0o600)
    return start_server('--auth', 'required', '--credentials-file', str(users))


@pytest.fixture
def as_(strict):
    """Makes clients that sign as somebody."""

    def as_(who=None, key=None, secret=None, token=None):
        if who:
            key, secret = key_of(who)
        return boto3.session.Session().client(
            'sqs',
            endpoint_url=strict.endpoint,
            region_name='us-east-1',
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={'total_max_attempts': 1}),
        )

    return as_


@pytest.fixture
def url(as_):
    """A queue of account A."""
    return as_('root-a').create_queue(QueueName='q')['QueueUrl']


def test_a_user_works_with_the_queues_of_the_account(as_, url):
    alice = as_('alice')
    assert alice.list_queues()['QueueUrls'] == [url]
    assert f'/{A}/' in url
    alice.send_message(QueueUrl=url, MessageBody='olá')
    received = alice.receive_message(QueueUrl=url, AttributeNames=['SenderId'])
    [message] = received['Messages']
    assert message['Body'] == 'olá'
    assert message['Attributes']['SenderId'].startswith('AIDA')
    alice.delete_message(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])
    assert 'QueueUrls' not in as_('bob').list_queues()


def test_a_wrong_secret_is_refused_edge_245(as_, refused):
    key, _ = key_of('alice')
    with refused('SignatureDoesNotMatch', 403):
        as_(key=key, secret='wrong').list_queues()


def test_an_unknown_key_is_refused_edge_244(as_, refused):
    with refused(
        'InvalidClientTokenId',
        403,
        message='The security token included in the request is invalid.',
    ):
        as_(key='AKIANOBODY0000000000', secret='s').list_queues()


def test_a_token_that_nobody_issued_is_refused(as_, refused):
    key, secret = key_of('alice')
    with refused('InvalidClientTokenId', 403):
        as_(key=key, secret=secret, token='token').list_queues()


def test_no_signature_is_no_access_edge_243(strict):
    answer = formiga.post(strict.endpoint, 'AmazonSQS.ListQueues', {})
    assert answer.status == 403
    assert answer.headers['x-amzn-query-error'] == 'AccessDenied;Sender'
    assert answer.json()['message'] == f'Access to the resource {strict.endpoint}/ is denied.'


def test_too_little_permission_is_refused_with_the_reason(as_, url, refused):
    with refused(
        'AccessDenied',
        403,
        message=f'User: arn:aws:iam::{A}:user/carol is not authorized to perform: '
        f'sqs:sendmessage on resource: arn:aws:sqs:us-east-1:{A}:q '
        'because no identity-based policy allows the sqs:sendmessage action',
    ):
        as_('carol').send_message(QueueUrl=url, MessageBody='x')


def test_add_permission_opens_a_queue_to_another_account_edge_240(as_, url, refused):
    bob = as_('bob')
    with refused('AccessDenied', 403):
        bob.send_message(QueueUrl=url, MessageBody='x')
    as_('root-a').add_permission(
        QueueUrl=url, Label='bob', AWSAccountIds=[B], Actions=['SendMessage', 'GetQueueUrl']
    )
    found = bob.get_queue_url(QueueName='q', QueueOwnerAWSAccountId=A)
    assert found['QueueUrl'] == url
    sent = bob.send_message_batch(QueueUrl=url, Entries=[{'Id': 'a', 'MessageBody': 'x'}])
    assert [entry['Id'] for entry in sent['Successful']] == ['a']
    with refused('AccessDenied', 403):
        bob.receive_message(QueueUrl=url)
    as_('root-a').remove_permission(QueueUrl=url, Label='bob')
    with refused('AccessDenied', 403):
        bob.send_message(QueueUrl=url, MessageBody='x')


def test_a_queue_that_is_not_to_be_seen_does_not_exist(as_, url, refused):
    with refused('AWS.SimpleQueueService.NonExistentQueue', 400):
        as_('bob').get_queue_url(QueueName='q', QueueOwnerAWSAccountId=A)


def presigned(endpoint, path, who, expires=300, **parameters):
    """A URL as `SigV4QueryAuth` of the SDK signs it."""
    query = urllib.parse.urlencode({'Version': '2012-11-05', **parameters})
    request = AWSRequest('GET', f'{endpoint}{path}?{query}')
    SigV4QueryAuth(Credentials(*key_of(who)), 'sqs', 'us-east-1', expires).add_auth(request)
    return request.prepare().url


def test_a_presigned_url_sends_a_message(strict, as_, url):
    path = urllib.parse.urlsplit(url).path
    link = presigned(strict.endpoint, path, 'alice', Action='SendMessage', MessageBody='by URL')
    with urllib.request.urlopen(link, timeout=60) as answer:
        assert answer.status == 200
    [message] = as_('alice').receive_message(QueueUrl=url)['Messages']
    assert message['Body'] == 'by URL'
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(link.replace('MessageBody=by', 'MessageBody=with'), timeout=60)
    with caught.value as error:
        assert error.code == 403
        assert b'<Code>SignatureDoesNotMatch</Code>' in error.read()


def test_the_aws_cli_reads_the_administrators_key(strict, tmp_path):
    pytest.importorskip('awscli')
    path = tmp_path / 'data' / 'admin-key'
    assert path.stat().st_mode & 0o777 == 0o600
    profile = configparser.ConfigParser()
    profile.read(path)
    assert profile['default']['aws_access_key_id'].startswith('AKIA')
    clean = {k: v for k, v in os.environ.items() if not k.startswith('AWS_')}
    done = subprocess.run(
        [sys.executable, '-m', 'awscli', 'sqs', '--endpoint-url', strict.endpoint]
        + ['create-queue', '--queue-name', 'made', '--region', 'us-east-1'],
        env={
            **clean,
            'AWS_SHARED_CREDENTIALS_FILE': str(path),
            'AWS_CONFIG_FILE': str(tmp_path / 'none'),
        },
        capture_output=True,
        encoding='utf-8',
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)['QueueUrl'] == f'{strict.endpoint}/000000000000/made'

"""HTTPS with the server's own development certificate, as unmodified clients meet it."""

import json
import os
import subprocess
import sys

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError

ACCOUNT = '111111111111'
KEY, SECRET = 'AKIAALICE00000000000', 'secret-of-alice'
ONLY_OVER_TLS = {
    'Version': '2012-10-17',
    'Statement': {
        'Effect': 'Allow',
        'Action': 'sqs:*',
        'Resource': '*',
        'Condition': {'Bool': {'aws:SecureTransport': 'true'}},
    },
}


@pytest.fixture
def strict(start_server, tmp_path):
    """Starts servers on which Alice may do everything, if she uses TLS."""
    users = tmp_path / 'users.toml'
    users.write_text(
        f'[[user]]\naccount = "{ACCOUNT}"\nname = "alice"\npolicy = \'{json.dumps(ONLY_OVER_TLS)}\'\n'
        f'keys = [{{ access_key_id = "{KEY}", secret_access_key = "{SECRET}" }}]\n'
    )
    users.chmod(0o600)
    return lambda *args: start_server(
        '--auth', 'required', '--credentials-file', str(users), *args
    )


@pytest.fixture
def authority(tmp_path):
    """What clients are told to trust."""
    return str(tmp_path / 'data' / 'tls' / 'ca.pem')


def client(server, verify=None):
    return boto3.session.Session().client(
        'sqs',
        endpoint_url=server.endpoint,
        region_name='us-east-1',
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        verify=verify,
        config=Config(retries={'total_max_attempts': 1}),
    )


def test_an_sdk_that_trusts_the_certificate_works_over_tls(strict, authority):
    server = strict('--tls-self-signed')
    assert server.endpoint.startswith('https://')
    sqs = client(server, authority)
    url = sqs.create_queue(QueueName='q')['QueueUrl']
    assert url == f'{server.endpoint}/{ACCOUNT}/q'
    sqs.send_message(QueueUrl=url, MessageBody='olá')
    [message] = sqs.receive_message(QueueUrl=url)['Messages']
    assert message['Body'] == 'olá'


def test_an_sdk_that_does_not_trust_the_certificate_sends_nothing(strict):
    with pytest.raises(SSLError, match='CERTIFICATE_VERIFY_FAILED'):
        client(strict('--tls-self-signed')).list_queues()


def test_a_policy_can_ask_for_tls(strict, authority):
    plain = strict()
    with pytest.raises(ClientError) as refused:
        client(plain).create_queue(QueueName='q')
    assert refused.value.response['ResponseMetadata']['HTTPStatusCode'] == 403
    plain.stop()
    client(strict('--tls-self-signed'), authority).create_queue(QueueName='q')


def commands():
    aws = [sys.executable, '-m', 'awscli', 'sqs', 'list-queues', '--output', 'json']
    formiga = [os.environ.get('FORMIGA_BIN', ''), 'queue', 'ls', '--json']
    return {'aws': aws, 'formiga': formiga}


@pytest.mark.parametrize('name', ['aws', 'formiga'])
def test_command_lines_trust_what_the_environment_says(strict, authority, name):
    if name == 'aws':
        pytest.importorskip('awscli')
    server = strict('--tls-self-signed')
    client(server, authority).create_queue(QueueName='orders')

    def run(**trust):
        return subprocess.run(
            [*commands()[name], '--endpoint-url', server.endpoint, '--region', 'us-east-1'],
            env={
                **os.environ,
                'AWS_ACCESS_KEY_ID': KEY,
                'AWS_SECRET_ACCESS_KEY': SECRET,
                'AWS_MAX_ATTEMPTS': '1',
                **trust,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    trusting = run(AWS_CA_BUNDLE=authority)
    assert trusting.returncode == 0, trusting.stderr
    assert f'{server.endpoint}/{ACCOUNT}/orders' in trusting.stdout
    doubting = run()
    assert doubting.returncode != 0
    assert 'certificate' in doubting.stderr.lower()

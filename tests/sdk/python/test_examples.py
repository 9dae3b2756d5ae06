"""The two scripts of examples/python, unchanged but for the URL, with settings in files only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / 'examples' / 'python'
URL = 'http://127.0.0.1:9324/000000000000/minha-fila'
BODY = 'Olá, esta é uma mensagem para o SQS!'

WITHOUT_TOKEN = """\
[default]
aws_access_key_id = qualquer
aws_secret_access_key = coisa
"""
WITH_TOKEN = WITHOUT_TOKEN + 'aws_session_token = token\n'

ENDPOINT = """\
[default]
region = us-east-1
endpoint_url = {endpoint}
"""
SERVICES = """\
[default]
region = us-east-1
services = formiga

[services formiga]
sqs =
  endpoint_url = {endpoint}
"""
REGION_ONLY = """\
[default]
region = us-east-1
"""


@pytest.fixture
def script(tmp_path, server, new_queue):
    """Runs one of the scripts against a fresh queue; returns what it printed."""
    queue = new_queue()

    def run(name, credentials=WITHOUT_TOKEN, config=ENDPOINT, **more):
        text = (EXAMPLES / name).read_text(encoding='utf-8')
        assert text.count(URL) == 1
        path = tmp_path / name
        path.write_text(text.replace(URL, queue.url), encoding='utf-8')
        (tmp_path / 'credentials').write_text(credentials)
        (tmp_path / 'config').write_text(config.format(endpoint=server.endpoint))
        clean = {k: v for k, v in os.environ.items() if not k.startswith('AWS_')}
        done = subprocess.run(
            [sys.executable, str(path)],
            env={
                **clean,
                'AWS_SHARED_CREDENTIALS_FILE': str(tmp_path / 'credentials'),
                'AWS_CONFIG_FILE': str(tmp_path / 'config'),
                'PYTHONIOENCODING': 'utf-8',
                **more,
            },
            capture_output=True,
            encoding='utf-8',
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.queue = queue
    return run


@pytest.mark.parametrize(
    'credentials', [WITHOUT_TOKEN, WITH_TOKEN], ids=['without_session_token', 'with_session_token']
)
def test_the_examples_run_with_credentials_from_a_file(script, credentials):
    sent = script('producer.py', credentials)
    assert 'MessageId' in sent
    assert script.queue.counters() == (1, 0, 0)
    assert BODY in script('consumer.py', credentials)
    assert script.queue.counters() == (0, 0, 0), 'the consumer deletes what it received'


def test_the_consumer_says_that_no_message_came(script):
    assert 'No message came.' in script('consumer.py')


def test_the_endpoint_may_be_named_in_a_services_section(script):
    script('producer.py', config=SERVICES)
    assert script.queue.bodies() == [BODY]


def test_the_endpoint_may_be_named_in_the_environment(script, server):
    script('producer.py', config=REGION_ONLY, AWS_ENDPOINT_URL_SQS=server.endpoint)
    assert script.queue.bodies() == [BODY]

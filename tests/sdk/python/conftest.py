"""The fixtures: one server for all tests, an SDK client, a fresh queue, a clock.

`cargo xtask test --sdk` sets FORMIGA_BIN to the binary under test. With
FORMIGA_TEST_ENDPOINT the tests share the server that runs there instead;
without FORMIGA_BIN, tests that start servers of their own are left out.
"""

import contextlib
import os
import uuid

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

import formiga


# SDKs from before late 2023 speak the Query protocol; the same tests hold for them.
SPEAKS_QUERY = (
    botocore.session.get_session().get_service_model('sqs').metadata['protocol'] == 'query'
)

# What only one kind of SDK can test, or brings along.
collect_ignore = ['test_celery.py', 'test_kms.py'] if SPEAKS_QUERY else ['test_query.py']


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    """An old SDK refuses parameters that are younger than it."""
    try:
        return (yield)
    except ParamValidationError as error:
        if SPEAKS_QUERY and 'Unknown parameter in' in str(error):
            pytest.skip('this SDK does not know a parameter')
        raise


def pytest_runtest_logreport(report):
    """Notes what passed in the file that `cargo xtask test` names."""
    record = os.environ.get('FORMIGA_PASSED_TESTS')
    if record and report.when == 'call' and report.passed and not hasattr(report, 'wasxfail'):
        with open(record, 'a', encoding='utf-8') as file:
            file.write(report.nodeid + '\n')


@pytest.fixture(scope='session')
def server(tmp_path_factory):
    """The server that most tests share."""
    if endpoint := os.environ.get('FORMIGA_TEST_ENDPOINT'):
        yield formiga.RunningElsewhere(endpoint)
        return
    if not os.environ.get('FORMIGA_BIN'):
        pytest.exit('set FORMIGA_BIN or FORMIGA_TEST_ENDPOINT', returncode=2)
    server = formiga.Server(tmp_path_factory.mktemp('server') / 'data')
    yield server
    assert server.stop() == 0, 'after SIGTERM the server ends with exit code 0'


@pytest.fixture(autouse=True)
def the_server_still_answers(server):
    """Ends the run when the shared server hangs: each further test would wait for a minute."""
    try:
        formiga.post(server.endpoint, 'AmazonSQS.ListQueues', {'MaxResults': 1}, timeout=30)
    except OSError as error:
        pytest.exit(f'the server no longer answers: {error}', returncode=1)


@pytest.fixture
def start_server(tmp_path):
    """Starts servers for one test, all on the same data directory."""
    if not os.environ.get('FORMIGA_BIN'):
        pytest.skip('needs FORMIGA_BIN, to start and stop a server of its own')
    servers = []

    def start(*args):
        servers.append(formiga.Server(tmp_path / 'data', *args))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope='session')
def connect(server):
    """Makes SDK clients. Without retries: the first answer counts."""
    clients = {}

    def connect(endpoint=None, region='us-east-1', key='test', **config):
        settings = (endpoint or server.endpoint, region, key, tuple(config.items()))
        if settings not in clients:
            clients[settings] = boto3.session.Session().client(
                'sqs',
                endpoint_url=settings[0],
                region_name=region,
                aws_access_key_id=key,
                aws_secret_access_key='test',
                config=Config(
                    retries={'total_max_attempts': 1}, max_pool_connections=32, **config
                ),
            )
        return clients[settings]

    return connect


@pytest.fixture(scope='session')
def sqs(connect):
    """A client as anybody makes it."""
    return connect()


@pytest.fixture(scope='session')
def unchecked_sqs(connect):
    """A client that sends even what the SDK would refuse itself."""
    return connect(parameter_validation=False)


@pytest.fixture
def advance_clock(server):
    """Moves the server's clock ahead, so that no test waits for minutes or days."""

    def advance(seconds):
        answer = formiga.post(server.endpoint, 'Formiga.AdvanceClock', {'Seconds': seconds})
        if answer.status != 200 and isinstance(server, formiga.RunningElsewhere):
            pytest.skip('this server has no clock to advance')
        assert answer.status == 200, answer.body

    return advance


class Queue:
    """A queue, with the calls that nearly every test makes."""

    def __init__(self, sqs, url):
        self.sqs = sqs
        self.url = url

    def send(self, body='hello', **more):
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)

    def receive(self, count=1, **more):
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=count, **more)
        assert answer.get('Messages') != [], 'an empty list is left out'
        return answer.get('Messages', [])

    def receive_one(self, **more):
        [message] = self.receive(1, **more)
        return message

    def bodies(self, count=10, **more):
        return [message['Body'] for message in self.receive(count, **more)]

    def delete(self, message):
        return self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message['ReceiptHandle'])

    def change_visibility(self, message, seconds):
        return self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message['ReceiptHandle'], VisibilityTimeout=seconds
        )

    def drain(self):
        """The bodies of all visible messages; each is deleted."""
        bodies = []
        while messages := self.receive(10):
            for message in messages:
                self.delete(message)
                bodies.append(message['Body'])
        return bodies

    def attributes(self, *names):
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))
        return answer.get('Attributes', {})

    def arn(self):
        return self.attributes('QueueArn')['QueueArn']

    def counters(self):
        """How many messages are visible, in flight and delayed."""
        prefix = 'ApproximateNumberOfMessages'
        names = [prefix, prefix + 'NotVisible', prefix + 'Delayed']
        found = self.attributes(*names)
        return tuple(int(found[name]) for name in names)


class FifoQueue(Queue):
    """A FIFO queue. Every send gets a deduplication id of its own unless it brings one."""

    def send(self, body='hello', group='g', **more):
        if 'MessageDeduplicationId' not in more:
            more['MessageDeduplicationId'] = uuid.uuid4().hex
        elif more['MessageDeduplicationId'] is None:
            del more['MessageDeduplicationId']
        return super().send(body, MessageGroupId=group, **more)

    def send_all(self, *bodies):
        """Bodies like `g1-m2`: the group, a hyphen and the rest."""
        return [self.send(body, group=body.split('-')[0]) for body in bodies]


@pytest.fixture
def new_name():
    """Makes queue names that no other test uses."""
    return lambda prefix='q': f'{prefix}-{uuid.uuid4().hex[:12]}'


@pytest.fixture
def new_queue(sqs, new_name):
    """Makes queues with the attributes of the test's choice."""

    def make(client=None, **attributes):
        client = client or sqs
        attributes = {name: str(value) for name, value in attributes.items()}
        answer = client.create_queue(QueueName=new_name(), Attributes=attributes)
        return Queue(client, answer['QueueUrl'])

    return make


@pytest.fixture
def new_fifo(sqs, new_name):
    """Makes FIFO queues with the attributes of the test's choice."""

    def make(**attributes):
        attributes = {name: str(value) for name, value in attributes.items()}
        answer = sqs.create_queue(
            QueueName=new_name() + '.fifo', Attributes={'FifoQueue': 'true', **attributes}
        )
        return FifoQueue(sqs, answer['QueueUrl'])

    return make


@pytest.fixture
def queue(new_queue):
    """A fresh standard queue with default attributes."""
    return new_queue()


IN_QUERY = {
    'The specified queue does not exist.': (
        'The specified queue does not exist for this wsdl version.'
    ),
    'The request must contain the parameter Actions.': (
        'The request must contain the parameter ActionName.'
    ),
    'The request must contain the parameter Attributes.': (
        'The request must contain the parameter Attribute.Name.'
    ),
}


def in_query(message):
    """The sentence as the Query protocol has it."""
    return IN_QUERY.get(message, message)


@pytest.fixture(scope='session')
def refused():
    """The block under `with` ends in this error, told as the SDK tells it."""

    @contextlib.contextmanager
    def refused(code, status=400, message=None, shape=None):
        with pytest.raises(ClientError) as caught:
            yield
        response = caught.value.response
        error = response['Error']
        assert error['Code'] == code, error
        assert response['ResponseMetadata']['HTTPStatusCode'] == status
        assert error['Type'] == 'Sender'
        assert response['ResponseMetadata']['RequestId']
        assert error['Message'], 'every error says what is wrong'
        if message is not None:
            assert error['Message'] == (in_query(message) if SPEAKS_QUERY else message)
        if shape is not None and SPEAKS_QUERY:
            # What is not modelled has no class of its own.
            assert type(caught.value).__name__ in (shape, 'ClientError')
        elif shape is not None:
            assert error['QueryErrorCode'] == shape
            assert type(caught.value).__name__ == shape

    return refused

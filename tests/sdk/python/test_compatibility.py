"""docs/compatibility.md tells the truth: its tables are held against the server."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import botocore.session
import pytest

import formiga

PAGE = Path(__file__).parents[3] / 'docs' / 'compatibility.md'
MODEL = botocore.session.get_session().get_service_model('sqs')

# A value other than the default for each attribute that can be set on any queue.
VALUES = {
    'DelaySeconds': '7',
    'KmsDataKeyReusePeriodSeconds': '6000',
    'KmsMasterKeyId': 'key',
    'MaximumMessageSize': '2048',
    'MessageRetentionPeriod': '600',
    'Policy': json.dumps(
        {
            'Version': '2012-10-17',
            'Statement': [
                {
                    'Effect': 'Allow',
                    'Principal': '*',
                    'Action': 'sqs:SendMessage',
                    'Resource': '*',
                }
            ],
        }
    ),
    'ReceiveMessageWaitTimeSeconds': '3',
    'RedriveAllowPolicy': '{"redrivePermission":"denyAll"}',
    'RedrivePolicy': '{"deadLetterTargetArn":"%s","maxReceiveCount":3}',
    'SqsManagedSseEnabled': 'false',
    'VisibilityTimeout': '69',
}

# The same for those that only FIFO queues have.
FIFO_VALUES = {
    'ContentBasedDeduplication': 'true',
    'DeduplicationScope': 'messageGroup',
    'FifoQueue': 'true',
    'FifoThroughputLimit': 'perMessageGroupId',
}


def table(heading):
    """The rows of the first table under a heading, without its head."""
    section = PAGE.read_text(encoding='utf-8').split(f'\n## {heading}\n')[1].split('\n## ')[0]
    rows = re.findall(r'^\|(.+)\|$', section.split('\n### ')[0], re.MULTILINE)
    return [[cell.strip() for cell in row.split('|')] for row in rows[2:]]


ACTIONS = {row[0]: row[1] for row in table('Actions')}
ATTRIBUTES = {row[0]: (row[1], row[2]) for row in table('Queue attributes')}
SETTABLE = sorted(name for name, (settable, _) in ATTRIBUTES.items() if settable == 'yes')
FIFO_ONLY = sorted(name for name, (settable, _) in ATTRIBUTES.items() if settable == 'FIFO')
FIXED = sorted(set(ATTRIBUTES) - set(SETTABLE) - set(FIFO_ONLY))


def query_code(endpoint, action):
    """The error code of an action in the Query protocol, or None."""
    form = urllib.parse.urlencode({'Action': action, 'Version': '2012-11-05'})
    try:
        with urllib.request.urlopen(endpoint + '/', form.encode(), timeout=60):
            return None
    except urllib.error.HTTPError as error:
        with error:
            found = re.search(r'<Code>(.+)</Code>', error.read().decode())
            return found[1] if found else error.code


def json_code(endpoint, action):
    """The error code of an action in the JSON protocol, or None."""
    answer = formiga.post(endpoint, f'AmazonSQS.{action}', {})
    error = answer.headers['x-amzn-query-error']
    return error and error.split(';')[0]


def test_the_page_names_every_action_of_the_sdk():
    assert sorted(ACTIONS) == sorted(MODEL.operation_names)
    assert len(ACTIONS) == 23
    assert set(ACTIONS.values()) <= {'supported', 'not yet'}


@pytest.mark.parametrize('code', [json_code, query_code])
@pytest.mark.parametrize('action', sorted(ACTIONS))
def test_the_page_tells_which_actions_there_are(server, action, code):
    """Without input, an action is refused for what is missing, or answers."""
    unknown = ACTIONS[action] == 'not yet'
    found = code(server.endpoint, action)
    assert (found == 'InvalidAction') == unknown, found
    assert not isinstance(found, int), 'every answer is one of the protocol'
    assert found not in ('InternalFailure', 'ServiceUnavailable'), 'it does not work'


def test_the_page_names_every_attribute_of_the_sdk():
    names = set(MODEL.shape_for('QueueAttributeName').enum) - {'All'}
    assert set(ATTRIBUTES) == names
    assert set(ATTRIBUTES.values()) <= {
        ('yes', 'always'),
        ('yes', 'when set'),
        ('no', 'always'),
        ('FIFO', 'FIFO'),
    }
    assert SETTABLE == sorted(VALUES)
    assert FIFO_ONLY == sorted(FIFO_VALUES)


@pytest.fixture
def values(new_queue):
    target = new_queue().attributes('QueueArn')['QueueArn']
    return {**VALUES, 'RedrivePolicy': VALUES['RedrivePolicy'] % target}


@pytest.mark.parametrize('name', SETTABLE)
def test_what_the_page_calls_settable_is_set_and_reads_back(sqs, new_queue, queue, values, name):
    attributes = {name: values[name]}
    if name == 'KmsDataKeyReusePeriodSeconds':
        attributes['KmsMasterKeyId'] = 'key'
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)
    for described in [queue, new_queue(**attributes)]:
        assert described.attributes('All')[name] == values[name] or name == 'Policy'
        assert described.attributes(name)


@pytest.fixture
def fifo_queue(sqs, new_name):
    def fifo_queue(**attributes):
        answer = sqs.create_queue(
            QueueName=new_name() + '.fifo', Attributes={'FifoQueue': 'true', **attributes}
        )
        return answer['QueueUrl']

    return fifo_queue


def test_what_belongs_to_fifo_queues_is_set_and_told_there(sqs, fifo_queue):
    def told(url):
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']

    url = fifo_queue()
    listed = [name for name, (_, when) in ATTRIBUTES.items() if when in ('always', 'FIFO')]
    assert sorted(told(url)) == sorted(listed)
    sqs.set_queue_attributes(QueueUrl=url, Attributes=FIFO_VALUES)
    for described in [told(url), told(fifo_queue(**FIFO_VALUES))]:
        assert {name: described[name] for name in FIFO_ONLY} == FIFO_VALUES


@pytest.mark.parametrize('name', FIXED + FIFO_ONLY)
def test_what_the_page_calls_fixed_is_refused(sqs, queue, new_name, refused, name):
    with refused('InvalidAttributeName'):
        sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={name: 'false'})
    with refused('InvalidAttributeName'):
        sqs.create_queue(QueueName=new_name(), Attributes={name: 'false'})


def test_the_page_tells_what_is_listed(sqs, queue, values):
    def listed(*when):
        return sorted(name for name, (_, told) in ATTRIBUTES.items() if told in when)

    assert sorted(queue.attributes('All')) == listed('always')
    values.pop('SqsManagedSseEnabled')  # excluded by the key
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=values)
    assert sorted(queue.attributes('All')) == listed('always', 'when set')

"""The names and attributes of FIFO queues."""

import json

import pytest

BAD_NAME = (
    'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, '
    'must end with .fifo suffix and be 1 to 80 in length'
)
HIGH_THROUGHPUT = {
    'DeduplicationScope': 'messageGroup',
    'FifoThroughputLimit': 'perMessageGroupId',
}
DEFAULTS = {
    'ContentBasedDeduplication': 'false',
    'DeduplicationScope': 'queue',
    'FifoQueue': 'true',
    'FifoThroughputLimit': 'perQueue',
}
NEEDS_GROUP_SCOPE = (
    'The value perMessageGroupId is allowed only when '
    'the value for DeduplicationScope is messageGroup.'
)


@pytest.fixture
def fifo_name(new_name):
    return new_name() + '.fifo'


@pytest.fixture
def create(sqs, fifo_name):
    """Creates a FIFO queue, always the same, and tells its URL."""

    def create(**attributes):
        attributes = {'FifoQueue': 'true', **attributes}
        return sqs.create_queue(QueueName=fifo_name, Attributes=attributes)['QueueUrl']

    return create


@pytest.fixture
def told(sqs):
    """The attributes of a queue."""

    def told(url, *names):
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names or ['All']))
        return answer.get('Attributes', {})

    return told


@pytest.fixture
def set_attributes(sqs):
    return lambda url, **attributes: sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


# Names


def test_a_fifo_queue_is_created_again_edge_9(create, fifo_name):
    url = create()
    assert url.endswith('/' + fifo_name)
    assert create() == url


@pytest.mark.parametrize(
    'name',
    [
        pytest.param('invalid-name', id='edge_14'),
        pytest.param('a' * 76 + '.fifo', id='edge_21'),
        pytest.param('.fifo', id='suffix_alone'),
        pytest.param('q.FIFO', id='suffix_in_capitals'),
        pytest.param('name bad.fifo', id='space'),
        pytest.param('a.b.fifo', id='full_stop'),
    ],
)
def test_what_is_no_name_of_a_fifo_queue_is_refused(sqs, refused, name):
    with refused('InvalidParameterValue', message=BAD_NAME):
        sqs.create_queue(QueueName=name, Attributes={'FifoQueue': 'true'})


@pytest.mark.parametrize('attributes', [{}, {'FifoQueue': 'false'}, {'DelaySeconds': '1'}])
def test_the_suffix_asks_for_the_attribute_edge_15(sqs, fifo_name, refused, attributes):
    message = (
        'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length'
    )
    with refused('InvalidParameterValue', message=message):
        sqs.create_queue(QueueName=fifo_name, Attributes=attributes)


def test_the_suffix_counts_in_the_80_characters_edge_20(sqs, new_name):
    name = new_name().ljust(75, '_') + '.fifo'
    answer = sqs.create_queue(QueueName=name, Attributes={'FifoQueue': 'true'})
    assert answer['QueueUrl'].endswith('/' + name)


def test_fifo_queues_are_found_and_listed_by_their_names(sqs, create, fifo_name):
    url = create()
    assert sqs.get_queue_url(QueueName=fifo_name)['QueueUrl'] == url
    assert sqs.list_queues(QueueNamePrefix=fifo_name)['QueueUrls'] == [url]


# What is told


def test_a_fifo_queue_has_16_attributes_edge_67(create, told, queue):
    fifo = told(create())
    assert len(fifo) == 16
    assert set(fifo) - set(queue.attributes('All')) == set(DEFAULTS)
    assert {name: fifo[name] for name in DEFAULTS} == DEFAULTS


def test_settings_for_high_throughput_read_back_edge_68(create, told):
    url = create(**HIGH_THROUGHPUT)
    assert told(url, *HIGH_THROUGHPUT) == HIGH_THROUGHPUT


def test_booleans_are_read_in_any_case_and_told_in_lower_edge_22(create, told):
    url = create(FifoQueue='True', ContentBasedDeduplication='False')
    names = ['FifoQueue', 'ContentBasedDeduplication']
    assert told(url, *names) == {'FifoQueue': 'true', 'ContentBasedDeduplication': 'false'}
    assert create(FifoQueue='TRUE', ContentBasedDeduplication='FALSE') == url


def test_a_standard_queue_is_asked_in_vain(queue):
    assert queue.attributes(*DEFAULTS) == {}


# SetQueueAttributes, and creating a queue again


def test_a_fifo_queue_may_be_told_that_it_is_one_edge_50(create, told, set_attributes):
    url = create()
    set_attributes(url, FifoQueue='true')
    assert told(url, 'FifoQueue') == {'FifoQueue': 'true'}


def test_a_fifo_queue_stays_one_edge_51(create, told, set_attributes, refused):
    url = create()
    message = (
        'Invalid value for the parameter FifoQueue. '
        'Reason: Modifying queue type is not supported.'
    )
    with refused('InvalidAttributeValue', message=message, shape='InvalidAttributeValue'):
        set_attributes(url, FifoQueue='false', DelaySeconds='7')
    assert told(url, 'FifoQueue', 'DelaySeconds') == {'FifoQueue': 'true', 'DelaySeconds': '0'}


def test_deduplication_by_content_can_be_taken_back_edge_53(create, told, set_attributes):
    url = create(ContentBasedDeduplication='true')
    assert told(url)['ContentBasedDeduplication'] == 'true'
    set_attributes(url, ContentBasedDeduplication='false')
    assert told(url)['ContentBasedDeduplication'] == 'false'


def test_a_limit_for_each_group_needs_the_scope_of_a_group_edge_69(
    create, told, set_attributes, refused
):
    limit = {'FifoThroughputLimit': 'perMessageGroupId'}
    with refused('InvalidAttributeValue', message=NEEDS_GROUP_SCOPE):
        create(**limit)
    url = create()
    with refused('InvalidAttributeValue', message=NEEDS_GROUP_SCOPE):
        set_attributes(url, **limit)
    set_attributes(url, **HIGH_THROUGHPUT)
    with refused('InvalidAttributeValue', message=NEEDS_GROUP_SCOPE):
        set_attributes(url, DeduplicationScope='queue')
    assert told(url, *HIGH_THROUGHPUT) == HIGH_THROUGHPUT


@pytest.mark.parametrize(
    'name', ['ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit']
)
def test_values_have_their_own_words(create, set_attributes, refused, name):
    message = f'Invalid value for the parameter {name}.'
    with refused('InvalidAttributeValue', message=message):
        create(**{name: 'Queue'})
    url = create()
    with refused('InvalidAttributeValue', message=message):
        set_attributes(url, **{name: ''})


@pytest.mark.parametrize(
    'name, value',
    [
        ('ContentBasedDeduplication', 'true'),
        ('DeduplicationScope', 'messageGroup'),
    ],
)
def test_a_different_value_is_refused_by_name(create, refused, name, value):
    create()
    message = (
        f'A queue already exists with the same name and a different value for attribute {name}'
    )
    with refused('QueueAlreadyExists', message=message, shape='QueueNameExists'):
        create(**{name: value})


# Dead-letter queues


def test_a_dead_letter_queue_is_of_the_same_type_edge_206(
    create, told, set_attributes, queue, refused
):
    url = create()
    targets = {url: queue.attributes('QueueArn')['QueueArn'], queue.url: told(url)['QueueArn']}
    for source, target in targets.items():
        policy = json.dumps({'deadLetterTargetArn': target, 'maxReceiveCount': 3})
        message = (
            f'Value {policy} for parameter RedrivePolicy is invalid. '
            'Reason: Dead-letter queue must be same type of queue as the source..'
        )
        with refused('InvalidParameterValue', message=message):
            set_attributes(source, RedrivePolicy=policy)

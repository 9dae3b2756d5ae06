"""CreateQueue, GetQueueUrl, ListQueues, DeleteQueue and GetQueueAttributes."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import formiga

INVALID_NAME = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length'
NO_NAME = 'Value for parameter QueueName is invalid. Reason: Must specify a queue name.'


# CreateQueue


def test_a_queue_url_ends_with_account_and_name_edge_1(sqs, new_name):
    name = new_name()
    assert sqs.create_queue(QueueName=name)['QueueUrl'].endswith(f'/000000000000/{name}')


def test_creating_a_queue_again_without_attributes_returns_the_same_url_edge_2(sqs, new_name):
    name = new_name()
    urls = [sqs.create_queue(QueueName=name)['QueueUrl'] for _ in range(2)]
    assert urls[0] == urls[1]


def test_creating_a_queue_again_without_attributes_changes_none_edge_3(sqs, new_queue):
    queue = new_queue(VisibilityTimeout=69, ReceiveMessageWaitTimeSeconds=1)
    name = queue.url.rsplit('/', 1)[1]
    before = queue.attributes('All')
    assert sqs.create_queue(QueueName=name)['QueueUrl'] == queue.url
    assert queue.attributes('All') == before


def test_only_supplied_attributes_are_compared_edge_4(sqs, new_name):
    name = new_name()
    both = {'ReceiveMessageWaitTimeSeconds': '1', 'DelaySeconds': '1'}
    url = sqs.create_queue(QueueName=name, Attributes=both)['QueueUrl']
    assert sqs.create_queue(QueueName=name, Attributes={'DelaySeconds': '1'})['QueueUrl'] == url


def test_a_different_attribute_value_is_refused_by_name_edge_5(sqs, new_name, refused):
    name = new_name()
    attributes = {'ReceiveMessageWaitTimeSeconds': '1', 'DelaySeconds': '1'}
    sqs.create_queue(QueueName=name, Attributes=attributes)
    with refused(
        'QueueAlreadyExists',
        message='A queue already exists with the same name and a different value '
        'for attribute DelaySeconds',
        shape='QueueNameExists',
    ):
        sqs.create_queue(QueueName=name, Attributes={**attributes, 'DelaySeconds': '2'})


def test_creating_a_queue_again_keeps_its_messages_edge_8(sqs, queue):
    for n in range(3):
        queue.send(f'message {n}')
    name = queue.url.rsplit('/', 1)[1]
    assert sqs.create_queue(QueueName=name)['QueueUrl'] == queue.url
    assert len(queue.drain()) == 3


@pytest.mark.parametrize(
    'name, message',
    [
        pytest.param('FifoQueue', 'Unknown Attribute FifoQueue.', id='edge_10'),
        pytest.param(
            'ContentBasedDeduplication', 'Unknown Attribute ContentBasedDeduplication.', id='edge_11'
        ),
    ],
)
def test_a_standard_queue_has_no_fifo_switches(sqs, new_name, refused, name, message):
    with refused('InvalidAttributeName', message=message, shape='InvalidAttributeName'):
        sqs.create_queue(QueueName=new_name(), Attributes={name: 'false'})


@pytest.mark.parametrize(
    'name, value',
    [
        pytest.param('DeduplicationScope', 'queue', id='edge_12'),
        pytest.param('FifoThroughputLimit', 'perQueue', id='edge_13'),
    ],
)
def test_a_standard_queue_has_no_fifo_settings(sqs, new_name, refused, name, value):
    message = f'You can specify the {name} only when FifoQueue is set to true.'
    with refused('InvalidAttributeName', message=message):
        sqs.create_queue(QueueName=new_name(), Attributes={name: value})


def test_a_fifo_queue_needs_the_suffix_edge_14(sqs, refused):
    with refused('InvalidParameterValue'):
        sqs.create_queue(QueueName='invalid-name', Attributes={'FifoQueue': 'true'})


@pytest.mark.parametrize(
    'name',
    [
        pytest.param('x.fifo', id='edge_15'),
        pytest.param('a/b/', id='edge_16'),
        pytest.param('name bad', id='edge_17'),
        pytest.param('a' * 81, id='edge_19'),
        pytest.param('fila-é', id='not_ascii'),
        pytest.param('a.b', id='full_stop'),
    ],
)
def test_an_illegal_queue_name_is_refused(sqs, refused, name):
    with refused('InvalidParameterValue', message=None if '/' in name else INVALID_NAME):
        sqs.create_queue(QueueName=name)


def test_a_queue_name_may_have_80_characters_edge_18(sqs, new_name):
    name = new_name().ljust(80, '_')
    assert sqs.create_queue(QueueName=name)['QueueUrl'].endswith('/' + name)


def test_an_empty_queue_name_is_refused_edge_25(unchecked_sqs, refused):
    with refused('InvalidParameterValue', message='Queue name cannot be empty'):
        unchecked_sqs.create_queue(QueueName='')


def test_a_queue_needs_a_name_edge_26(unchecked_sqs, refused):
    with refused('InvalidParameterValue', message=NO_NAME):
        unchecked_sqs.create_queue()


def test_queue_names_are_case_sensitive_edge_27(sqs, new_name):
    name = new_name()
    lower = sqs.create_queue(QueueName=name)['QueueUrl']
    upper = sqs.create_queue(QueueName=name.upper())['QueueUrl']
    assert lower != upper
    assert sqs.get_queue_url(QueueName=name.upper())['QueueUrl'] == upper


def test_a_queue_has_the_attributes_it_was_created_with(new_queue):
    asked = {
        'DelaySeconds': '5',
        'MaximumMessageSize': '2048',
        'MessageRetentionPeriod': '600',
        'ReceiveMessageWaitTimeSeconds': '3',
        'VisibilityTimeout': '43200',
    }
    assert new_queue(**asked).attributes(*asked) == asked


@pytest.mark.parametrize(
    'name, low, high',
    [
        ('DelaySeconds', 0, 900),
        ('MaximumMessageSize', 1024, 1048576),
        ('MessageRetentionPeriod', 60, 1209600),
        ('ReceiveMessageWaitTimeSeconds', 0, 20),
        ('VisibilityTimeout', 0, 43200),
    ],
)
def test_a_number_out_of_its_range_is_refused(sqs, new_name, new_queue, refused, name, low, high):
    for legal in [low, high]:
        assert new_queue(**{name: legal}).attributes(name) == {name: str(legal)}
    for illegal in [low - 1, high + 1, '', f' {low}', f'{low}.5', 'true']:
        queue_name = new_name()
        with refused(
            'InvalidAttributeValue',
            message=f'Invalid value for the parameter {name}.',
            shape='InvalidAttributeValue',
        ):
            sqs.create_queue(QueueName=queue_name, Attributes={name: str(illegal)})
        with refused('AWS.SimpleQueueService.NonExistentQueue'):
            sqs.get_queue_url(QueueName=queue_name)


@pytest.mark.parametrize('name', ['Foobar', 'QueueArn', 'ApproximateNumberOfMessages'])
def test_an_unknown_or_read_only_attribute_is_refused(sqs, new_name, refused, name):
    with refused('InvalidAttributeName', message=f'Unknown Attribute {name}.'):
        sqs.create_queue(QueueName=new_name(), Attributes={name: '1'})


# GetQueueUrl


def test_a_queue_is_found_by_its_name(sqs, queue):
    name = queue.url.rsplit('/', 1)[1]
    assert sqs.get_queue_url(QueueName=name)['QueueUrl'] == queue.url


def test_a_deleted_queue_has_no_url_edge_29(sqs, queue, refused):
    sqs.delete_queue(QueueUrl=queue.url)
    with refused(
        'AWS.SimpleQueueService.NonExistentQueue',
        message='The specified queue does not exist.',
        shape='QueueDoesNotExist',
    ):
        sqs.get_queue_url(QueueName=queue.url.rsplit('/', 1)[1])


def test_a_missing_queue_raises_the_exception_class_of_the_sdk(sqs, new_name):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
        sqs.get_queue_url(QueueName=new_name())
    assert caught.value.response['Error']['Code'] == 'AWS.SimpleQueueService.NonExistentQueue'


def test_asking_for_a_url_without_a_name_is_refused_edge_30(unchecked_sqs, refused):
    with refused('InvalidParameterValue', message=NO_NAME):
        unchecked_sqs.get_queue_url()


# ListQueues


def test_queues_are_listed_by_prefix_edge_33(sqs, new_name):
    a, b = new_name('a'), new_name('b')
    urls = [sqs.create_queue(QueueName=n)['QueueUrl'] for n in (f'{a}-1', f'{a}-2', f'{b}-1')]
    assert sorted(sqs.list_queues(QueueNamePrefix=a + '-')['QueueUrls']) == urls[:2]


def test_no_match_lists_no_member_at_all_edge_34(sqs):
    assert 'QueueUrls' not in sqs.list_queues(QueueNamePrefix='nonexisting-')


@pytest.mark.parametrize('count', [0, 1001])
def test_a_page_has_1_to_1000_queues_edge_35(sqs, refused, count):
    with refused('InvalidParameterValue'):
        sqs.list_queues(MaxResults=count)


def test_pages_of_queues_are_disjoint_and_complete(sqs, new_name):
    prefix = new_name()
    urls = {sqs.create_queue(QueueName=f'{prefix}-{n}')['QueueUrl'] for n in range(7)}

    pages = sqs.get_paginator('list_queues').paginate(
        QueueNamePrefix=prefix, PaginationConfig={'PageSize': 3}
    )
    found = [page['QueueUrls'] for page in pages]
    assert [len(page) for page in found] == [3, 3, 1]
    assert {url for page in found for url in page} == urls


def test_the_last_page_has_no_token(sqs, new_name):
    prefix = new_name()
    for n in range(2):
        sqs.create_queue(QueueName=f'{prefix}-{n}')
    assert 'NextToken' not in sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2)


def test_a_made_up_token_is_refused(sqs, refused):
    with refused('InvalidParameterValue'):
        sqs.list_queues(MaxResults=1, NextToken='made up')


def test_a_list_without_a_page_size_ends_at_1000_queues_edge_36(connect):
    sqs = connect(key='360000000000')
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: sqs.create_queue(QueueName=f'queue-{n}'), range(1001)))
    answer = sqs.list_queues()
    assert len(set(answer['QueueUrls'])) == 1000
    assert 'NextToken' not in answer


# DeleteQueue


def test_a_deleted_queue_is_gone_at_once(sqs, queue, refused):
    queue.send()
    sqs.delete_queue(QueueUrl=queue.url)
    for call in [queue.send, queue.receive, lambda: queue.attributes('All')]:
        with refused(
            'AWS.SimpleQueueService.NonExistentQueue',
            message='The specified queue does not exist.',
            shape='QueueDoesNotExist',
        ):
            call()
    name = queue.url.rsplit('/', 1)[1]
    assert 'QueueUrls' not in sqs.list_queues(QueueNamePrefix=name)


def test_nothing_survives_in_a_queue_created_again_edge_41(sqs, queue):
    queue.send('in flight')
    queue.receive_one()
    queue.send('visible')
    queue.send('delayed', DelaySeconds=900)
    sqs.delete_queue(QueueUrl=queue.url)
    sqs.create_queue(QueueName=queue.url.rsplit('/', 1)[1])
    assert queue.counters() == (0, 0, 0)
    assert queue.receive(10) == []


def test_a_deleted_name_may_have_to_wait_edge_23(start_server, connect, refused):
    server = start_server('--recent-delete-check')
    sqs = connect(endpoint=server.endpoint)
    sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName='again')['QueueUrl'])
    with refused(
        'AWS.SimpleQueueService.QueueDeletedRecently',
        message='You must wait 60 seconds after deleting a queue '
        'before you can create another with the same name.',
        shape='QueueDeletedRecently',
    ):
        sqs.create_queue(QueueName='again')
    sqs.create_queue(QueueName='other')
    formiga.post(server.endpoint, 'Formiga.AdvanceClock', {'Seconds': 61})
    sqs.create_queue(QueueName='again')


def test_deleting_a_queue_ends_its_long_polls_edge_40(sqs, queue):
    started = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        poll = threads.submit(queue.receive, WaitTimeSeconds=20)
        time.sleep(0.5)
        sqs.delete_queue(QueueUrl=queue.url)
        try:
            assert poll.result() == []
        except sqs.exceptions.QueueDoesNotExist:
            pass
    assert time.monotonic() - started < 15


# GetQueueAttributes


def test_a_new_queue_has_exactly_12_attributes_edge_42(queue):
    before = int(time.time())
    attributes = queue.attributes('All')
    created = attributes.pop('CreatedTimestamp')
    assert attributes.pop('LastModifiedTimestamp') == created
    assert len(created) == len(str(before)), 'timestamps of queues are in seconds'
    name = queue.url.rsplit('/', 1)[1]
    assert attributes == {
        'ApproximateNumberOfMessages': '0',
        'ApproximateNumberOfMessagesDelayed': '0',
        'ApproximateNumberOfMessagesNotVisible': '0',
        'DelaySeconds': '0',
        'MaximumMessageSize': '1048576',
        'MessageRetentionPeriod': '345600',
        'QueueArn': f'arn:aws:sqs:us-east-1:000000000000:{name}',
        'ReceiveMessageWaitTimeSeconds': '0',
        'SqsManagedSseEnabled': 'true',
        'VisibilityTimeout': '30',
    }


def test_only_the_named_attributes_are_returned_edge_43(queue):
    names = ['QueueArn', 'CreatedTimestamp', 'VisibilityTimeout']
    attributes = queue.attributes(*names)
    assert sorted(attributes) == sorted(names)
    assert re.fullmatch(r'\d{10}', attributes['CreatedTimestamp']), 'in seconds'


def test_without_names_there_are_no_attributes_edge_44(sqs, queue):
    assert 'Attributes' not in sqs.get_queue_attributes(QueueUrl=queue.url)


def test_an_unknown_attribute_name_is_refused_edge_45(queue, refused):
    with refused(
        'InvalidAttributeName',
        message='Unknown Attribute Foobar.',
        shape='InvalidAttributeName',
    ):
        queue.attributes('Foobar')


def test_a_known_attribute_that_is_not_set_is_left_out(queue):
    assert queue.attributes('Policy', 'RedrivePolicy', 'FifoQueue', 'DelaySeconds') == {
        'DelaySeconds': '0'
    }

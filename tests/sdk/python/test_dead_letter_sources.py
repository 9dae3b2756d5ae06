"""ListDeadLetterSourceQueues."""

import json

import pytest

import formiga


@pytest.fixture
def redrive(sqs):
    """Sets, or takes away, the dead-letter queue of a queue."""

    def redrive(source, target=None):
        policy = ''
        if target is not None:
            arn = target.attributes('QueueArn')['QueueArn']
            policy = json.dumps({'deadLetterTargetArn': arn, 'maxReceiveCount': 3})
        sqs.set_queue_attributes(QueueUrl=source.url, Attributes={'RedrivePolicy': policy})

    return redrive


@pytest.fixture
def sources(sqs, queue):
    """The URLs of the queues whose dead-letter queue is `queue`."""

    def sources(**page):
        answer = sqs.list_dead_letter_source_queues(QueueUrl=queue.url, **page)
        return answer.get('queueUrls', [])

    return sources


def test_both_queues_are_listed_edge_204(queue, new_queue, redrive, sources):
    both = [new_queue(), new_queue()]
    for source in both:
        redrive(source, queue)
    assert sources() == sorted(source.url for source in both)


def test_a_queue_may_be_created_as_a_source(queue, new_queue, sources):
    arn = queue.attributes('QueueArn')['QueueArn']
    policy = json.dumps({'deadLetterTargetArn': arn, 'maxReceiveCount': 3})
    source = new_queue(RedrivePolicy=policy)
    assert sources() == [source.url]


def test_what_is_listed_follows_the_policies(sqs, queue, new_queue, redrive, sources):
    other, source = new_queue(), new_queue()
    for target, listed in [(queue, True), (other, False), (queue, True), (None, False)]:
        redrive(source, target)
        assert sources() == ([source.url] if listed else [])
    redrive(source, queue)
    sqs.set_queue_attributes(QueueUrl=source.url, Attributes={'DelaySeconds': '1'})
    assert sources() == [source.url]
    sqs.delete_queue(QueueUrl=source.url)
    assert sources() == []


def test_a_queue_may_be_its_own_source(queue, redrive, sources):
    redrive(queue, queue)
    assert sources() == [queue.url]


def test_an_empty_list_is_told_edge_263(server, queue):
    answer = formiga.post(
        server.endpoint, 'AmazonSQS.ListDeadLetterSourceQueues', {'QueueUrl': queue.url}
    )
    assert (answer.status, answer.body) == (200, b'{"queueUrls":[]}')


def test_pages_are_disjoint_and_complete(sqs, queue, new_queue, redrive):
    urls = {new_queue().url for _ in range(5)}
    for url in urls:
        redrive(type(queue)(sqs, url), queue)
    pages, token = [], {}
    while True:
        answer = sqs.list_dead_letter_source_queues(QueueUrl=queue.url, MaxResults=2, **token)
        pages.append(answer['queueUrls'])
        if 'NextToken' not in answer:
            break
        token = {'NextToken': answer['NextToken']}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [url for page in pages for url in page] == sorted(urls)
    answer = sqs.list_dead_letter_source_queues(QueueUrl=queue.url)
    assert answer['queueUrls'] == sorted(urls) and 'NextToken' not in answer


def test_a_page_out_of_range_is_refused(sqs, queue, new_queue, redrive, refused):
    for count in [0, 1001]:
        message = (
            f'Value {count} for parameter MaxResults is invalid. '
            'Reason: MaxResults must be an integer between 1 and 1000.'
        )
        with refused('InvalidParameterValue', message=message):
            sqs.list_dead_letter_source_queues(QueueUrl=queue.url, MaxResults=count)
    for _ in range(2):
        redrive(new_queue(), queue)
    answer = sqs.list_dead_letter_source_queues(QueueUrl=queue.url, MaxResults=1)
    for url, token in [(queue.url, 'bad'), (new_queue().url, answer['NextToken'])]:
        with refused('InvalidParameterValue', message='Invalid or expired next token.'):
            sqs.list_dead_letter_source_queues(QueueUrl=url, MaxResults=1, NextToken=token)


def test_a_queue_must_exist(sqs, queue, refused):
    message = 'The specified queue does not exist.'
    with refused('AWS.SimpleQueueService.NonExistentQueue', message=message):
        sqs.list_dead_letter_source_queues(QueueUrl=queue.url + '-not-there')


def test_sources_outlive_a_restart_and_their_dead_letter_queue(start_server, connect, new_name):
    server = start_server()
    client = connect(server.endpoint)
    dead, source = new_name(), new_name()
    policy = json.dumps(
        {
            'deadLetterTargetArn': f'arn:aws:sqs:us-east-1:000000000000:{dead}',
            'maxReceiveCount': 3,
        }
    )
    client.create_queue(QueueName=dead)
    client.create_queue(QueueName=source, Attributes={'RedrivePolicy': policy})
    server.stop()
    client = connect(start_server().endpoint)

    def listed():
        url = client.get_queue_url(QueueName=dead)['QueueUrl']
        urls = client.list_dead_letter_source_queues(QueueUrl=url)['queueUrls']
        return [url.rsplit('/', 1)[1] for url in urls]

    assert listed() == [source]
    client.delete_queue(QueueUrl=client.get_queue_url(QueueName=dead)['QueueUrl'])
    client.create_queue(QueueName=dead)
    assert listed() == [source]

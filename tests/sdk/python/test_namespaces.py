"""A queue is an account, a region and a name; its URL follows the caller's endpoint."""

import pytest


@pytest.fixture
def localhost(server):
    if '//127.0.0.1:' not in server.endpoint:
        pytest.skip('the server under test is not on 127.0.0.1')
    return server.endpoint.replace('127.0.0.1', 'localhost')


def test_the_same_name_in_two_regions_is_two_queues_edge_37(connect, new_name):
    name = new_name()
    here, there = connect(region='us-east-1'), connect(region='eu-west-1')
    url = here.create_queue(QueueName=name)['QueueUrl']
    with pytest.raises(there.exceptions.QueueDoesNotExist):
        there.get_queue_url(QueueName=name)

    url_there = there.create_queue(QueueName=name)['QueueUrl']
    there.send_message(QueueUrl=url_there, MessageBody='there')
    assert 'Messages' not in here.receive_message(QueueUrl=url)
    [message] = there.receive_message(QueueUrl=url_there)['Messages']
    assert message['Body'] == 'there'


def test_the_region_of_the_signature_is_in_the_arn(connect, new_name):
    name = new_name()
    sqs = connect(region='sa-east-1')
    url = sqs.create_queue(QueueName=name)['QueueUrl']
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])
    assert answer['Attributes'] == {'QueueArn': f'arn:aws:sqs:sa-east-1:000000000000:{name}'}


def test_a_list_shows_one_account_in_one_region(connect, new_name):
    name = new_name()
    places = [
        connect(region=region, key=key)
        for region in ['us-east-1', 'eu-west-1']
        for key in ['test', '123456789012']
    ]
    for sqs in places:
        url = sqs.create_queue(QueueName=name)['QueueUrl']
        assert sqs.list_queues(QueueNamePrefix=name)['QueueUrls'] == [url]


def test_a_12_digit_access_key_is_the_account(connect, new_name):
    name = new_name()
    mine, other = connect(key='123456789012'), connect(key='210987654321')
    url = mine.create_queue(QueueName=name)['QueueUrl']
    assert url.endswith(f'/123456789012/{name}')
    answer = mine.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])
    assert answer['Attributes'] == {'QueueArn': f'arn:aws:sqs:us-east-1:123456789012:{name}'}
    with pytest.raises(other.exceptions.QueueDoesNotExist):
        other.get_queue_url(QueueName=name)


@pytest.mark.parametrize('key', ['test', 'AKIAIOSFODNN7EXAMPLE', '12345678901', '1234567890123'])
def test_any_other_access_key_belongs_to_the_default_account(connect, new_name, key):
    url = connect(key=key).create_queue(QueueName=new_name())['QueueUrl']
    assert '/000000000000/' in url


def test_a_queue_url_has_the_host_that_the_caller_used(server, connect, localhost, queue):
    assert queue.url.startswith(server.endpoint + '/')
    name = queue.url.rsplit('/', 1)[1]
    url = connect(endpoint=localhost).get_queue_url(QueueName=name)['QueueUrl']
    assert url == f'{localhost}/000000000000/{name}'


def test_a_queue_is_reached_through_any_host_in_its_url(connect, localhost, queue):
    path = '/'.join(queue.url.rsplit('/', 2)[1:])
    for base in [localhost, 'http://formiga.example:9324', 'https://queue.internal']:
        queue.sqs.send_message(QueueUrl=f'{base}/{path}', MessageBody=base)
        assert queue.bodies() == [base]


def test_a_queue_url_of_aws_names_the_region_too(connect, new_name):
    name = new_name()
    there = connect(region='eu-west-1')
    there.create_queue(QueueName=name)
    url = f'https://sqs.eu-west-1.amazonaws.com/000000000000/{name}'
    connect(region='us-east-1').send_message(QueueUrl=url, MessageBody='from afar')
    [message] = there.receive_message(QueueUrl=url)['Messages']
    assert message['Body'] == 'from afar'

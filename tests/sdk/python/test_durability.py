"""What a restarted server still knows. Each test starts servers of its own."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import formiga
from conftest import Queue


@pytest.fixture
def queue_at(connect):
    """The queue `durable` on a server, made when missing."""

    def queue_at(server, **attributes):
        sqs = connect(endpoint=server.endpoint)
        attributes = {name: str(value) for name, value in attributes.items()}
        url = sqs.create_queue(QueueName='durable', Attributes=attributes)['QueueUrl']
        return Queue(sqs, url)

    return queue_at


@pytest.fixture(params=['SIGTERM', 'kill -9'])
def end(request):
    """The two ways in which a server ends here."""

    def end(server):
        if request.param == 'SIGTERM':
            assert server.stop() == 0
        else:
            server.kill()

    return end


def test_a_restart_keeps_queues_messages_and_counters(start_server, queue_at, end):
    server = start_server()
    queue = queue_at(server, VisibilityTimeout=1000, MaximumMessageSize=2048)
    attributes = {'k': {'DataType': 'Binary', 'BinaryValue': b'\x00\xff'}}
    queue.send('in flight')
    queue.receive_one()
    queue.send('visible', MessageAttributes=attributes)
    queue.send('delayed', DelaySeconds=900)
    queue.send('deleted')
    queue.delete(queue.receive(10)[-1])
    assert queue.counters() == (0, 2, 1)
    before = queue.attributes('All')
    end(server)

    queue = queue_at(start_server())
    assert queue.attributes('All') == before
    assert queue.receive(10) == []


def test_a_restart_keeps_message_attributes(start_server, queue_at, end):
    server = start_server()
    attributes = {
        'text': {'DataType': 'String', 'StringValue': 'São Paulo'},
        'bytes': {'DataType': 'Binary.png', 'BinaryValue': bytes(range(256))},
    }
    sent = queue_at(server).send('with attributes', MessageAttributes=attributes)
    end(server)

    message = queue_at(start_server()).receive_one(
        MessageAttributeNames=['All'], MessageSystemAttributeNames=['All']
    )
    assert message['MessageId'] == sent['MessageId']
    assert message['MessageAttributes'] == attributes
    assert message['MD5OfMessageAttributes'] == sent['MD5OfMessageAttributes']
    assert message['Attributes']['ApproximateReceiveCount'] == '1'


def test_a_receipt_handle_outlives_a_restart_edge_160(start_server, queue_at, end):
    server = start_server()
    queue = queue_at(server)
    for body in ['delete me', 'give me back']:
        queue.send(body)
    messages = {message['Body']: message for message in queue.receive(10)}
    end(server)

    queue = queue_at(start_server())
    queue.delete(messages['delete me'])
    queue.change_visibility(messages['give me back'], 0)
    [message] = queue.receive(10, MessageSystemAttributeNames=['ApproximateReceiveCount'])
    assert message['Body'] == 'give me back'
    assert message['Attributes'] == {'ApproximateReceiveCount': '2'}


def test_a_deleted_queue_stays_deleted(start_server, connect, queue_at, end):
    server = start_server()
    queue = queue_at(server)
    queue.send()
    queue.sqs.delete_queue(QueueUrl=queue.url)
    end(server)

    server = start_server()
    assert 'QueueUrls' not in connect(endpoint=server.endpoint).list_queues()
    assert queue_at(server).counters() == (0, 0, 0)


def test_acknowledged_sends_survive_and_deleted_messages_stay_deleted(start_server, queue_at):
    server = start_server()
    queue = queue_at(server)
    sent, deleting, deleted = [], [], []

    def work(worker):
        """Sends until the server is gone; every third message is received and deleted."""
        for n in range(100_000):
            try:
                sent.append(queue.send(f'{worker} {n}')['MessageId'])
                if n % 3 == 0:
                    message = queue.receive_one(VisibilityTimeout=3600)
                    deleting.append(message['MessageId'])
                    queue.delete(message)
                    deleted.append(message['MessageId'])
            except (BotoCoreError, ClientError):
                return

    with ThreadPoolExecutor(8) as threads:
        working = [threads.submit(work, worker) for worker in range(8)]
        while len(deleted) < 50 and not all(worker.done() for worker in working):
            time.sleep(0.05)
        server.kill()
        for worker in working:
            worker.result()
    assert len(deleted) >= 50

    queue = queue_at(start_server())
    found = []
    while messages := queue.receive(10):
        found += [message['MessageId'] for message in messages]
    _, in_flight, _ = queue.counters()
    # Up to 8 messages were received but not yet deleted when the server died.
    in_flight_before = in_flight - len(found)
    assert 0 <= in_flight_before <= 8
    assert not set(found) & set(deleted)
    # Of a delete that was not answered nobody knows whether it was done.
    lost = set(sent) - set(found) - set(deleting)
    assert len(lost) <= in_flight_before


def test_a_restart_keeps_the_clock_ahead(start_server, queue_at, end):
    def sent_at(server):
        queue = queue_at(server)
        queue.send()
        message = queue.receive_one(MessageSystemAttributeNames=['SentTimestamp'])
        return int(message['Attributes']['SentTimestamp'])

    server = start_server()
    formiga.post(server.endpoint, 'Formiga.AdvanceClock', {'Seconds': 86400})
    before = sent_at(server)
    end(server)
    assert sent_at(start_server()) >= before


def test_a_data_directory_has_one_server_at_a_time(start_server, queue_at):
    server = start_server()
    with pytest.raises(RuntimeError, match='printed no address'):
        start_server()
    queue = queue_at(server)
    queue.send()
    assert queue.bodies() == ['hello']


def test_messages_long_in_flight_keep_nobody_from_being_served(start_server, queue_at):
    server = start_server()
    sqs = queue_at(server).sqs
    for n in range(8):
        queue = Queue(sqs, sqs.create_queue(QueueName=f'queue-{n}')['QueueUrl'])
        queue.send()
        queue.receive_one(VisibilityTimeout=43200)
    formiga.post(server.endpoint, 'Formiga.AdvanceClock', {'Seconds': 600})
    for _ in range(3):
        time.sleep(0.2)
        assert queue.receive() == []


def test_a_server_with_a_waiting_long_poll_stops(start_server, queue_at):
    server = start_server()
    queue = queue_at(server)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(queue.receive, WaitTimeSeconds=20)
        time.sleep(0.5)
        assert server.stop() == 0
        try:
            assert waiting.result() == []
        except (BotoCoreError, ClientError):
            pass  # a dropped connection is an answer too


def test_the_memory_store_forgets(start_server, connect, queue_at):
    server = start_server('--store', 'memory')
    queue = queue_at(server)
    queue.send()
    assert queue.bodies() == ['hello']
    assert server.stop() == 0

    server = start_server('--store', 'memory')
    assert 'QueueUrls' not in connect(endpoint=server.endpoint).list_queues()

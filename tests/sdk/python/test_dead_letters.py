"""Dead-letter queues and message move tasks. The clock is advanced by hand."""

import base64
import json
import time
import uuid

import pytest

NOT_FOUND = "The resource that you specified for the {} parameter doesn't exist."


def redrive_policy(target, count):
    policy = {'deadLetterTargetArn': target.arn(), 'maxReceiveCount': str(count)}
    return json.dumps(policy)


@pytest.fixture
def new_pair(new_queue):
    """Makes a queue and its dead-letter queue."""

    def make(count=1, make=new_queue, **attributes):
        failed = make()
        return make(RedrivePolicy=redrive_policy(failed, count), **attributes), failed

    return make


def fail(queue, times=2):
    """Receives up to ten messages so often that they are dead letters, and once more."""
    for _ in range(times):
        queue.receive(10, VisibilityTimeout=0)


def until(condition):
    """Waits until the condition is more than nothing, and returns it."""
    deadline = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < deadline, 'it did not come true'
    return found


# Dead letters


def test_a_message_received_too_often_is_in_the_dead_letter_queue_edge_202(new_pair):
    queue, failed = new_pair(count=1)
    trace = 'Root=1-5759e988-bd862e3fe1be46a994272793'
    attribute = {'color': {'DataType': 'String', 'StringValue': 'blue'}}
    header = {'AWSTraceHeader': {'DataType': 'String', 'StringValue': trace}}
    sent = [
        queue.send(body, MessageAttributes=attribute, MessageSystemAttributes=header)['MessageId']
        for body in ('one', 'two')
    ]
    first = queue.receive(2, VisibilityTimeout=0, AttributeNames=['All'])
    assert len(first) == 2
    assert queue.receive(2, VisibilityTimeout=0) == []
    names = {'AttributeNames': ['All'], 'MessageAttributeNames': ['All']}
    messages = failed.receive(10, **names)
    assert [message['Body'] for message in messages] == ['one', 'two']
    assert [message['MessageId'] for message in messages] == sent
    for before, message in zip(first, messages):
        told = message['Attributes']
        assert told['ApproximateReceiveCount'] == '2'
        assert told['DeadLetterQueueSourceArn'] == queue.arn()
        assert told['AWSTraceHeader'] == trace
        for name in ('SentTimestamp', 'SenderId', 'ApproximateFirstReceiveTimestamp'):
            assert told[name] == before['Attributes'][name]
        assert message['MessageAttributes'] == attribute
    assert queue.counters() == (0, 0, 0)


def test_a_receive_goes_on_behind_dead_letters(new_pair):
    queue, failed = new_pair(count=2)
    queue.send('poison')
    fail(queue)
    queue.send('fresh')
    assert queue.bodies() == ['fresh']
    assert failed.bodies() == ['poison']


def test_a_waiting_receive_moves_what_returns(new_pair, advance_clock):
    queue, failed = new_pair(count=1)
    queue.send('poison')
    queue.receive(1, VisibilityTimeout=1)
    assert queue.receive(1, WaitTimeSeconds=3) == []
    assert failed.bodies() == ['poison']


def test_a_handle_from_before_the_move_deletes_nothing(new_pair):
    queue, failed = new_pair(count=1)
    queue.send('poison')
    message = queue.receive_one(VisibilityTimeout=0)
    assert queue.receive() == []
    queue.delete(message)
    assert failed.bodies() == ['poison']


def test_a_policy_set_later_holds_for_stored_messages(sqs, new_queue):
    queue, failed = new_queue(), new_queue()
    queue.send('poison')
    fail(queue)
    attributes = {'RedrivePolicy': redrive_policy(failed, 2)}
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)
    assert queue.receive() == []
    assert failed.bodies() == ['poison']


def test_a_chain_counts_in_each_queue_anew(new_queue):
    last = new_queue()
    middle = new_queue(RedrivePolicy=redrive_policy(last, 2))
    first = new_queue(RedrivePolicy=redrive_policy(middle, 1))
    first.send('poison')
    fail(first)
    fail(middle, times=3)
    message = last.receive_one(AttributeNames=['All'])
    assert message['Attributes']['ApproximateReceiveCount'] == '4'
    assert message['Attributes']['DeadLetterQueueSourceArn'] == middle.arn()


def test_without_its_dead_letter_queue_a_queue_keeps_its_messages(sqs, new_pair):
    queue, failed = new_pair(count=1)
    queue.send('poison')
    sqs.delete_queue(QueueUrl=failed.url)
    for _ in range(3):
        assert queue.bodies(VisibilityTimeout=0) == ['poison']


def test_a_queue_may_be_its_own_dead_letter_queue_edge_209(sqs, new_queue):
    queue = new_queue()
    attributes = {'RedrivePolicy': redrive_policy(queue, 1)}
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)
    queue.send('poison')
    assert queue.bodies(VisibilityTimeout=0) == ['poison']
    assert queue.bodies(VisibilityTimeout=0) == []
    assert queue.counters() == (1, 0, 0)
    assert queue.bodies() == ['poison'], 'it is not lost'


def test_time_in_the_source_counts_in_a_standard_queue_edge_227(sqs, new_pair, advance_clock):
    day = 86_400
    queue, failed = new_pair(count=1)
    sqs.set_queue_attributes(
        QueueUrl=failed.url, Attributes={'MessageRetentionPeriod': str(4 * day)}
    )
    queue.send('poison')
    advance_clock(day)
    fail(queue)
    advance_clock(3 * day - 60)
    assert failed.bodies(VisibilityTimeout=0) == ['poison']
    advance_clock(61)
    assert failed.bodies() == []


def test_a_fifo_dead_letter_queue_takes_over_in_order_edges_203_226(new_fifo, new_pair):
    queue, failed = new_pair(count=2, make=new_fifo)
    sent = queue.send('g-1', MessageDeduplicationId='d')
    queue.send('g-2')
    for _ in range(2):
        assert queue.bodies(1, VisibilityTimeout=0) == ['g-1']
    # The third attempt moves it, and its group goes on.
    assert queue.bodies(1) == ['g-2']
    message = failed.receive_one(AttributeNames=['All'])
    assert message['MessageId'] == sent['MessageId']
    told = message['Attributes']
    assert told['MessageDeduplicationId'] == sent['MessageId']
    assert told['MessageGroupId'] == 'g'
    assert told['DeadLetterQueueSourceArn'] == queue.arn()
    failed.delete(message)
    failed.send('another')
    assert failed.bodies() == ['another']


def test_retention_begins_anew_in_a_fifo_dead_letter_queue(new_fifo, new_pair, advance_clock):
    day = 86_400
    queue, failed = new_pair(count=1, make=new_fifo)
    queue.send('poison')
    advance_clock(3 * day)
    fail(queue)
    advance_clock(3 * day)
    assert failed.bodies() == ['poison']


def test_a_dead_letter_queue_is_of_the_same_type_edge_206(new_queue, new_fifo, refused):
    with refused('InvalidParameterValue'):
        new_queue(RedrivePolicy=redrive_policy(new_fifo(), 1))


# Message move tasks


@pytest.fixture
def start(sqs):
    def start(source, destination=None, rate=None):
        more = {}
        if destination:
            more['DestinationArn'] = destination.arn()
        if rate:
            more['MaxNumberOfMessagesPerSecond'] = rate
        return sqs.start_message_move_task(SourceArn=source.arn(), **more)['TaskHandle']

    return start


@pytest.fixture
def latest(sqs):
    """The latest task of a queue."""

    def latest(source):
        [task] = sqs.list_message_move_tasks(SourceArn=source.arn())['Results']
        return task

    return latest


@pytest.fixture
def ended(latest):
    """The latest task of a queue, once it has ended."""

    def ended(source):
        def look():
            task = latest(source)
            return task if task['Status'] != 'RUNNING' else None

        return until(look)

    return ended


def test_a_queue_that_is_nobodys_dead_letter_queue_is_no_source_edge_214(queue, start, refused):
    message = 'Source queue must be configured as a Dead Letter Queue.'
    with refused('InvalidParameterValue', message=message):
        start(queue)


def test_source_and_destination_must_exist_edge_215(sqs, new_pair, refused):
    _, failed = new_pair()
    missing = failed.arn() + '-not'
    with refused('ResourceNotFoundException', 404, NOT_FOUND.format('SourceArn')):
        sqs.start_message_move_task(SourceArn=missing)
    with refused('ResourceNotFoundException', 404, NOT_FOUND.format('DestinationArn')):
        sqs.start_message_move_task(SourceArn=failed.arn(), DestinationArn=missing)
    with refused('ResourceNotFoundException', 404, NOT_FOUND.format('SourceArn')):
        sqs.list_message_move_tasks(SourceArn=missing)
    with refused('InvalidParameterValue'):
        sqs.start_message_move_task(SourceArn='failed')


def test_all_messages_move_to_the_destination_edge_216(new_pair, new_queue, start, ended):
    queue, failed = new_pair()
    destination = new_queue()
    for body in ('one', 'two'):
        queue.send(body)
    fail(queue)
    start(failed, destination)
    task = ended(failed)
    assert task['Status'] == 'COMPLETED'
    assert task['ApproximateNumberOfMessagesMoved'] == 2
    assert task['ApproximateNumberOfMessagesToMove'] == 2
    assert task['SourceArn'] == failed.arn()
    assert task['DestinationArn'] == destination.arn()
    assert 'TaskHandle' not in task
    assert abs(task['StartedTimestamp'] / 1000 - time.time()) < 15 * 86_400
    until(lambda: destination.counters()[0] == 2)
    messages = destination.receive(10, AttributeNames=['All'])
    assert [message['Body'] for message in messages] == ['one', 'two']
    assert failed.counters() == (0, 0, 0)


def test_messages_return_to_their_sources_as_new_ones_edge_217(
    new_queue, start, ended, advance_clock
):
    failed = new_queue()
    sources = [new_queue(RedrivePolicy=redrive_policy(failed, 1)) for _ in range(2)]
    ids = set()
    for source in sources:
        for body in ('one', 'two'):
            ids.add(source.send(body)['MessageId'])
        fail(source)
    advance_clock(100)
    start(failed)
    task = ended(failed)
    assert task['ApproximateNumberOfMessagesMoved'] == 4
    assert 'DestinationArn' not in task
    for source in sources:
        until(lambda: source.counters()[0] == 2)
        messages = source.receive(10, AttributeNames=['All'])
        assert [message['Body'] for message in messages] == ['one', 'two']
        for message in messages:
            assert message['MessageId'] not in ids
            assert uuid.UUID(message['MessageId']).version == 4
            assert message['Attributes']['ApproximateReceiveCount'] == '1'
            assert 'DeadLetterQueueSourceArn' not in message['Attributes']


def test_a_message_without_source_ends_the_task(new_pair, start, ended):
    _, failed = new_pair()
    failed.send('from nowhere')
    start(failed)
    task = ended(failed)
    assert task['Status'] == 'FAILED'
    assert task['FailureReason'] == 'CouldNotDetermineMessageSource'
    assert failed.bodies() == ['from nowhere']


def test_a_rate_is_kept_edge_218(new_pair, new_queue, start, ended):
    _, failed = new_pair()
    for number in range(4):
        failed.send(str(number))
    began = time.monotonic()
    start(failed, new_queue(), rate=1)
    assert ended(failed)['ApproximateNumberOfMessagesMoved'] == 4
    assert time.monotonic() - began >= 3


def test_a_task_is_watched_and_cancelled_edges_219_220_222(
    sqs, new_pair, new_queue, start, latest, refused
):
    _, failed = new_pair()
    destination = new_queue()
    for number in range(10):
        failed.send(str(number))
    handle = start(failed, destination, rate=1)
    until(lambda: destination.counters()[0] >= 2)
    task = latest(failed)
    assert task['Status'] == 'RUNNING'
    assert task['TaskHandle'] == handle
    assert task['MaxNumberOfMessagesPerSecond'] == 1
    assert task['ApproximateNumberOfMessagesToMove'] == 10
    message = (
        'There is already a task running. '
        'Only one active task is allowed for a source queue arn at a given time.'
    )
    with refused('InvalidParameterValue', message=message):
        start(failed, destination)
    answer = sqs.cancel_message_move_task(TaskHandle=handle)
    moved = answer['ApproximateNumberOfMessagesMoved']
    assert 2 <= moved < 10
    task = latest(failed)
    assert task['Status'] == 'CANCELLED'
    assert 'TaskHandle' not in task
    assert failed.counters()[0] == 10 - moved
    until(lambda: destination.counters()[0] == moved)
    with refused('AWS.SimpleQueueService.UnsupportedOperation'):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_a_task_without_destination_any_more_fails_edge_221(
    sqs, new_pair, new_queue, start, ended
):
    _, failed = new_pair()
    destination = new_queue()
    for number in range(10):
        failed.send(str(number))
    start(failed, destination, rate=1)
    sqs.delete_queue(QueueUrl=destination.url)
    task = ended(failed)
    assert task['Status'] == 'FAILED'
    assert task['FailureReason'] == 'AWS.SimpleQueueService.NonExistentQueue'
    assert failed.counters()[0] >= 8


def test_a_handle_that_is_none_is_refused_edge_223(sqs, refused):
    message = 'Value for parameter TaskHandle is invalid.'
    with refused('InvalidParameterValue', message=message):
        sqs.cancel_message_move_task(TaskHandle='foobared')


def handle_of(arn, task=None):
    task = task or str(uuid.uuid4())
    return base64.b64encode(json.dumps({'taskId': task, 'sourceArn': arn}).encode()).decode()


def test_a_handle_of_a_missing_queue_is_refused_edge_224(sqs, queue, refused):
    with refused('ResourceNotFoundException', 404, NOT_FOUND.format('SourceArn')):
        sqs.cancel_message_move_task(TaskHandle=handle_of(queue.arn() + '-not'))


def test_a_handle_of_an_unknown_task_is_refused_edge_225(sqs, queue, refused):
    with refused('ResourceNotFoundException', 404, 'Task does not exist.'):
        sqs.cancel_message_move_task(TaskHandle=handle_of(queue.arn()))


def test_a_task_goes_on_after_a_restart(start_server, connect):
    server = start_server()
    sqs = connect(server.endpoint)
    urls = {name: sqs.create_queue(QueueName=name)['QueueUrl'] for name in ('jobs', 'back')}

    def arn(url):
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])
        return answer['Attributes']['QueueArn']

    def count(url):
        name = 'ApproximateNumberOfMessages'
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer['Attributes'][name])

    policy = json.dumps({'deadLetterTargetArn': arn(urls['jobs']), 'maxReceiveCount': 1})
    sqs.create_queue(QueueName='source', Attributes={'RedrivePolicy': policy})
    for number in range(6):
        sqs.send_message(QueueUrl=urls['jobs'], MessageBody=str(number))
    source, destination = arn(urls['jobs']), arn(urls['back'])
    sqs.start_message_move_task(
        SourceArn=source, DestinationArn=destination, MaxNumberOfMessagesPerSecond=2
    )
    until(lambda: count(urls['back']) >= 1)
    server.kill()
    sqs = connect(start_server().endpoint)
    until(lambda: count(urls['back']) == 6)
    [task] = sqs.list_message_move_tasks(SourceArn=source)['Results']
    assert (task['Status'], task['ApproximateNumberOfMessagesMoved']) == ('COMPLETED', 6)
    assert count(urls['jobs']) == 0
    answer = sqs.receive_message(QueueUrl=urls['back'], MaxNumberOfMessages=10)
    assert [message['Body'] for message in answer['Messages']] == [str(n) for n in range(6)]

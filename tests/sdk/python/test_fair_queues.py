"""Fair queues: standard queues whose messages have a message group."""


def make_noisy(queue, stored=60):
    """Of one tenant's messages 30 are in flight, and the others wait."""
    for first in range(0, stored, 10):
        entries = [
            {'Id': str(n), 'MessageBody': f'noisy {n}', 'MessageGroupId': 'noisy'}
            for n in range(first, first + 10)
        ]
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    for _ in range(3):
        assert len(queue.receive(10)) == 10


def test_messages_of_quiet_tenants_come_first(queue):
    make_noisy(queue)
    queue.send('quiet 0', MessageGroupId='quiet')
    queue.send('without a group')
    queue.send('noisy again', MessageGroupId='noisy')
    assert queue.bodies(3) == ['quiet 0', 'without a group', 'noisy 30']


def test_noisy_messages_are_received_when_nothing_else_waits(queue):
    make_noisy(queue)
    received = sum((queue.bodies(10) for _ in range(3)), [])
    assert received == [f'noisy {n}' for n in range(30, 60)]
    assert queue.bodies(10) == []


def test_a_message_group_of_a_standard_queue_neither_orders_nor_locks(queue):
    queue.send('one', MessageGroupId='g')
    queue.send('two', MessageGroupId='g')
    first = queue.receive_one(AttributeNames=['All'])
    second = queue.receive_one(AttributeNames=['All'])
    assert (first['Body'], second['Body']) == ('one', 'two')
    assert first['Attributes']['MessageGroupId'] == 'g'
    assert 'SequenceNumber' not in first['Attributes']


def test_a_tenant_that_takes_long_is_noisy_for_a_minute(queue, advance_clock):
    queue.send('slow', MessageGroupId='slow')
    message = queue.receive_one()
    advance_clock(20)
    queue.delete(message)
    queue.send('slow again', MessageGroupId='slow')
    queue.send('quiet', MessageGroupId='quiet')
    assert queue.bodies(1, VisibilityTimeout=0) == ['quiet']
    advance_clock(60)
    assert queue.bodies(1) == ['slow again']

"""ReceiveMessage: its limits, and long polling in real time.

Bounds from above are generous: they tell "woken" from "waited to the end".
"""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

WAIT = 20
WOKEN_WITHIN = 15


@pytest.fixture
def poll(queue):
    """Starts a long poll on `queue` in a thread; `.result()` is what it received."""
    with ThreadPoolExecutor(8) as threads:

        def start(wait=WAIT, **more):
            future = threads.submit(queue.receive, 1, WaitTimeSeconds=wait, **more)
            time.sleep(0.5)  # most likely the server has it by now; no test depends on that
            return future

        yield start


def bodies(future):
    return [message['Body'] for message in future.result()]


def test_an_empty_queue_answers_a_short_poll_at_once_edge_119(queue):
    assert queue.receive() == []


def test_a_long_poll_on_an_empty_queue_ends_with_its_wait_edge_119(queue):
    started = time.monotonic()
    assert queue.receive(WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - started < 10


@pytest.mark.parametrize(
    'name, value, reason',
    [
        pytest.param('MaxNumberOfMessages', 11, 'between 1 and 10', id='edge_120'),
        pytest.param('MaxNumberOfMessages', 0, 'between 1 and 10', id='edge_121'),
        pytest.param('VisibilityTimeout', 43201, '>= 0 and <= 43200', id='edge_122'),
        pytest.param('VisibilityTimeout', -1, '>= 0 and <= 43200', id='negative_timeout'),
        pytest.param('WaitTimeSeconds', 21, '>= 0 and <= 20', id='long_wait'),
        pytest.param('WaitTimeSeconds', -1, '>= 0 and <= 20', id='negative_wait'),
    ],
)
def test_a_number_out_of_its_range_is_refused(sqs, queue, refused, name, value, reason):
    message = f'Value {value} for parameter {name} is invalid. Reason: Must be {reason}, if provided.'
    with refused('InvalidParameterValue', message=message):
        sqs.receive_message(QueueUrl=queue.url, **{name: value})


def test_a_receive_returns_one_message_unless_asked_for_more(sqs, queue):
    for n in range(12):
        queue.send(f'message {n}')
    assert len(sqs.receive_message(QueueUrl=queue.url)['Messages']) == 1
    assert len(queue.receive(10)) == 10
    assert len(queue.receive(10)) == 1


def test_messages_are_received_in_the_order_they_were_sent(queue):
    for n in range(10):
        queue.send(f'message {n}')
    assert queue.bodies(10) == [f'message {n}' for n in range(10)]


def test_a_long_poll_returns_what_is_there_without_waiting_edge_123(queue):
    for n in range(2):
        queue.send(f'message {n}')
    started = time.monotonic()
    assert queue.receive(3, WaitTimeSeconds=WAIT)
    assert time.monotonic() - started < WOKEN_WITHIN


def test_a_send_wakes_a_long_poll_edge_124(queue, poll):
    started = time.monotonic()
    waiting = poll()
    queue.send('wake up')
    assert bodies(waiting) == ['wake up']
    assert time.monotonic() - started < WOKEN_WITHIN


def test_a_queue_may_make_every_receive_a_long_poll(sqs, new_queue):
    queue = new_queue(ReceiveMessageWaitTimeSeconds=WAIT)
    started = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(queue.receive)
        time.sleep(0.5)
        queue.send('wake up')
        assert bodies(waiting) == ['wake up']
    assert time.monotonic() - started < WOKEN_WITHIN


def test_a_wait_of_0_is_a_short_poll_whatever_the_queue_says(new_queue):
    queue = new_queue(ReceiveMessageWaitTimeSeconds=WAIT)
    started = time.monotonic()
    assert queue.receive(WaitTimeSeconds=0) == []
    assert time.monotonic() - started < WOKEN_WITHIN


def test_the_end_of_a_delay_wakes_a_long_poll_edge_93(queue, poll):
    started = time.monotonic()
    queue.send('delayed', DelaySeconds=2)
    assert queue.receive() == []
    assert bodies(poll()) == ['delayed']
    assert 1.9 < time.monotonic() - started < WOKEN_WITHIN


def test_the_end_of_a_visibility_timeout_wakes_a_long_poll(queue, poll):
    queue.send('twice')
    started = time.monotonic()
    queue.receive_one(VisibilityTimeout=2)
    assert bodies(poll()) == ['twice']
    assert 1.9 < time.monotonic() - started < WOKEN_WITHIN


def test_giving_a_message_back_wakes_a_long_poll(queue, poll):
    queue.send('given back')
    message = queue.receive_one(VisibilityTimeout=600)
    started = time.monotonic()
    waiting = poll()
    queue.change_visibility(message, 0)
    assert bodies(waiting) == ['given back']
    assert time.monotonic() - started < WOKEN_WITHIN


def test_one_message_goes_to_exactly_one_of_two_long_polls_edge_139(queue, poll):
    polls = [poll(wait=4), poll(wait=4)]
    queue.send('for one of you')
    assert sorted(bodies(waiting) for waiting in polls) == [[], ['for one of you']]


def test_each_of_several_long_polls_gets_a_message(queue, poll):
    started = time.monotonic()
    polls = [poll() for _ in range(4)]
    for n in range(4):
        queue.send(str(n))
    assert sorted(body for waiting in polls for body in bodies(waiting)) == list('0123')
    assert time.monotonic() - started < WOKEN_WITHIN


def test_a_receiver_who_hung_up_gets_no_message_edge_140(server, queue):
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc)
    connection.request(
        'POST',
        '/',
        json.dumps({'QueueUrl': queue.url, 'WaitTimeSeconds': WAIT}),
        {
            'Content-Type': 'application/x-amz-json-1.0',
            'X-Amz-Target': 'AmazonSQS.ReceiveMessage',
        },
    )
    time.sleep(1)
    connection.close()
    time.sleep(1)
    queue.send('for somebody who listens')
    assert queue.bodies(WaitTimeSeconds=5) == ['for somebody who listens']


def test_messages_of_one_queue_are_not_in_another_edge_135(new_queue):
    a, b = new_queue(), new_queue()
    a.send('for a')
    assert b.receive() == []
    assert a.bodies() == ['for a']

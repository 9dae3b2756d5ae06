"""Celery with the SQS transport of kombu: a worker as anybody starts it, and many tasks."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from celery import Celery

from conftest import Queue

WORKED_WITHIN_SECONDS = 300
STOPS_WITHIN_SECONDS = 60


@pytest.fixture
def settings(server):
    """Makes what the app and the worker are configured with, for one queue."""

    def make(queue, **transport_options):
        return {
            'broker_url': server.endpoint.replace('http://', 'sqs://test:test@'),
            'broker_transport_options': {
                'is_secure': False,
                'region': 'us-east-1',
                'polling_interval': 0,
                'wait_time_seconds': 2,
                **transport_options,
            },
            'task_default_queue': queue,
            'worker_enable_remote_control': False,
            'worker_prefetch_multiplier': 50,
        }

    return make


class Worker:
    """A worker with two processes, from start to `stop`."""

    def __init__(self, settings, folder):
        self.journal = folder / 'journal'
        self.journal.touch()
        self._log_path = folder / 'worker.log'
        with open(self._log_path, 'wb') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'celery', '--app', 'celery_tasks', 'worker']
                + ['--pool', 'prefork', '--concurrency', '2', '--loglevel', 'WARNING'],
                cwd=Path(__file__).parent,
                env={
                    **os.environ,
                    'CELERY_SETTINGS': repr(settings),
                    'CELERY_JOURNAL': str(self.journal),
                    # A worker that runs as root says so at length and goes on.
                    'C_FORCE_ROOT': 'true',
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def tries(self):
        """How often each task, by its number, has failed and succeeded."""
        lines = self.journal.read_text(encoding='utf-8').splitlines()
        return Counter(tuple(line.split()) for line in lines)

    def log(self):
        return self._log_path.read_text(encoding='utf-8', errors='replace')

    def until(self, condition):
        """Waits until the condition holds, for as long as the worker works."""
        deadline = time.monotonic() + WORKED_WITHIN_SECONDS
        while not condition():
            assert self._process.poll() is None, f'the worker ended:\n{self.log()}'
            assert time.monotonic() < deadline, f'it did not come true:\n{self.log()}'
            time.sleep(0.1)

    def stop(self):
        """Asks the worker to finish what it has; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOPS_WITHIN_SECONDS)

    def kill(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture
def start_worker(tmp_path):
    """Starts workers that end with the test."""
    workers = []

    def start(settings):
        workers.append(Worker(settings, tmp_path))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def send(settings, tasks):
    """Sends one task for each name; its number is its place."""
    with Celery('formiga', set_as_current=False) as app:
        app.conf.update(settings)
        for number, name in enumerate(tasks):
            app.send_task(name, [number])


def expected_tries(tasks):
    """Every task succeeds once, and all but the plain ones have failed once before."""
    tries = Counter()
    for number, name in enumerate(tasks):
        tries[str(number), 'succeeded'] = 1
        if name != 'plain':
            tries[str(number), 'failed'] = 1
    return tries


def runs_to_success(worker, queue, tasks):
    expected = expected_tries(tasks)
    worker.until(lambda: worker.tries().total() >= expected.total())
    worker.until(lambda: queue.counters() == (0, 0, 0))
    assert worker.stop() == 0, worker.log()
    assert worker.tries() == expected
    assert queue.counters() == (0, 0, 0)
    # A retry is no error to Celery.
    assert worker.log().count('Traceback') == tasks.count('hidden'), worker.log()


def test_a_thousand_tasks_and_their_retries_run_to_success(
    sqs, settings, start_worker, tmp_path, new_name
):
    name = new_name('celery')
    configured = settings(name)
    tasks = ['plain', 'counted_down', 'plain', 'delayed', 'plain'] * 200
    send(configured, tasks)
    # Celery has made the queue by itself.
    queue = Queue(sqs, sqs.get_queue_url(QueueName=name)['QueueUrl'])
    assert queue.counters() == (1000, 0, 0)
    assert queue.attributes('VisibilityTimeout') == {'VisibilityTimeout': '1800'}
    runs_to_success(start_worker(configured), queue, tasks)


def test_failed_tasks_come_back_when_a_backoff_policy_says(queue, settings, start_worker):
    name = queue.url.rsplit('/', 1)[1]
    configured = settings(
        name,
        predefined_queues={
            name: {
                'url': queue.url,
                'access_key_id': 'test',
                'secret_access_key': 'test',
                'backoff_policy': {1: 1, 2: 5},
                'backoff_tasks': ['hidden'],
            }
        },
    )
    tasks = ['hidden', 'plain'] * 50
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={'VisibilityTimeout': '600'})
    send(configured, tasks)
    runs_to_success(start_worker(configured), queue, tasks)

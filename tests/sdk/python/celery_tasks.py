"""The tasks that a Celery worker runs for `test_celery.py`.

CELERY_SETTINGS has the app's configuration, and CELERY_JOURNAL names a file
that gets a line for each try: the number of the task, and how the try ended.
"""

import ast
import os

from celery import Celery

app = Celery('formiga')
app.conf.update(ast.literal_eval(os.environ['CELERY_SETTINGS']))


def note(number, end):
    """One short write to the end of a file: the lines of several processes do not mix."""
    with open(os.environ['CELERY_JOURNAL'], 'ab', buffering=0) as journal:
        journal.write(f'{number} {end}\n'.encode())


def noted():
    with open(os.environ['CELERY_JOURNAL'], encoding='utf-8') as journal:
        return {(int(number), end) for number, end in map(str.split, journal)}


def work(task, number, **retry):
    """Succeeds at once, or at the second try when there is a way to retry."""
    if retry and not task.request.retries:
        note(number, 'failed')
        raise task.retry(**retry)
    note(number, 'succeeded')


@app.task(name='plain', bind=True)
def plain(task, number):
    work(task, number)


@app.task(name='counted_down', bind=True)
def counted_down(task, number):
    """The worker receives the retry at once and keeps it until its time comes."""
    work(task, number, countdown=1)


@app.task(name='delayed', bind=True)
def delayed(task, number):
    """The queue keeps the retry until its time comes."""
    work(task, number, countdown=0, delay_seconds=1)


@app.task(name='hidden', bind=True, acks_late=True, acks_on_failure_or_timeout=False)
def hidden(task, number):
    """The message of the failed try stays in the queue, hidden for as long as a policy says."""
    if (number, 'failed') in noted():
        note(number, 'succeeded')
    else:
        note(number, 'failed')
        raise RuntimeError('not at the first try')

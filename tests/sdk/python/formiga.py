"""Starts, stops and pokes a Formiga server; knows nothing about boto3."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from typing import NamedTuple

STARTS_WITHIN_SECONDS = 60
STOPS_WITHIN_SECONDS = 60


class Answer(NamedTuple):
    """An HTTP answer, as it came."""

    status: int
    headers: object
    body: bytes

    def json(self):
        return json.loads(self.body)


def post(endpoint, target, body, headers=None, timeout=60):
    """One unsigned AWS JSON 1.0 request; `body` is a value, or bytes to be sent as they are."""
    request = urllib.request.Request(
        endpoint + '/',
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={
            'Content-Type': 'application/x-amz-json-1.0',
            'X-Amz-Target': target,
            **(headers or {}),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class RunningElsewhere:
    """The server at FORMIGA_TEST_ENDPOINT: somebody else starts and stops it."""

    def __init__(self, endpoint):
        self.endpoint = endpoint.rstrip('/')


class Server:
    """`formiga serve` on a free port, from start to `stop` or `kill`."""

    def __init__(self, data_dir, *args):
        self._log_path = f'{data_dir}.log'
        self._log = open(self._log_path, 'ab')
        self._process = subprocess.Popen(
            [
                os.environ['FORMIGA_BIN'],
                'serve',
                '--listen',
                '127.0.0.1:0',
                '--data-dir',
                str(data_dir),
                *args,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={k: v for k, v in os.environ.items() if not k.startswith('FORMIGA_')},
        )
        self.endpoint = self._read_endpoint()

    def stop(self):
        """Asks the server to end; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self):
        """kill -9: the server gets no chance to do anything more."""
        self._process.kill()
        self._ended()

    def _ended(self):
        try:
            return self._process.wait(STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._log.close()

    def _read_endpoint(self):
        """The first address that the server prints; later lines are read and dropped."""
        found = queue.Queue()

        def read():
            for line in self._process.stdout:
                if match := re.search(rb'https?://127\.0\.0\.1:\d+', line):
                    found.put(match[0].decode())
            found.put(None)

        threading.Thread(target=read, daemon=True).start()
        try:
            endpoint = found.get(timeout=STARTS_WITHIN_SECONDS)
        except queue.Empty:
            endpoint = None
        if endpoint is None:
            self._process.kill()
            self._ended()
            with open(self._log_path, encoding='utf-8', errors='replace') as log:
                raise RuntimeError('the server printed no address:\n' + log.read())
        return endpoint

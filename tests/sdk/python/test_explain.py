"""Formiga.ExplainAccess, asked as any AWS tool signs, about users, sessions and roles made with IAM."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from identities import ROOT_A, ROOT_B, A, B, World, allow, policy, trust


@pytest.fixture
def world(start_server, tmp_path):
    return World(start_server, tmp_path)


def explain(world, keys, **asked):
    request = AWSRequest(
        'POST',
        f'{world.server.endpoint}/',
        headers={
            'Content-Type': 'application/x-amz-json-1.0',
            'X-Amz-Target': 'Formiga.ExplainAccess',
        },
        data=json.dumps(asked).encode(),
    )
    credentials = Credentials(keys.key, keys.secret, keys.token)
    SigV4Auth(credentials, 'sqs', 'us-east-1').add_auth(request)
    prepared = request.prepare()
    request = urllib.request.Request(
        prepared.url, prepared.body, dict(prepared.headers), method='POST'
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error


def deciding(answer):
    return [
        (statement['PolicyType'], statement['Index'], statement.get('Sid'))
        for statement in answer['Statements']
        if statement['IsDeciding']
    ]


def sends(sqs, url):
    """Whether a real send is let through."""
    try:
        sqs.send_message(QueueUrl=url, MessageBody='x')
    except ClientError as error:
        assert error.response['Error']['Code'] == 'AccessDenied'
        return False
    return True


def test_what_is_explained_is_what_the_sdk_meets(world):
    url = world.sqs().create_queue(QueueName='q')['QueueUrl']
    alice = world.new_user('alice', allow('sqs:ReceiveMessage'), allow('sqs:SendMessage', Sid='Send'))
    bob = world.new_user('bob', allow('sts:*'))
    role = world.new_role('worker', trust(A), allow('sqs:*'))
    session = world.assume(role, bob)
    narrow = world.assume(role, bob, 'narrow', Policy=policy(allow('sqs:ReceiveMessage')))
    for keys, decided_by, places in (
        (alice, 'IdentityPolicy', [('Identity', 1, 'Send')]),
        (bob, 'Default', []),
        (session, 'IdentityPolicy', [('Identity', 0, None)]),
    ):
        asked = dict(Principal=world.who(keys), Action='sqs:SendMessage', Resource=url)
        answer = explain(world, ROOT_A, **asked)
        assert answer['IsAllowed'] == sends(world.sqs(keys), url), answer
        assert (answer['DecidedBy'], deciding(answer)) == (decided_by, places)
    # Who asks about itself is asked about with the policy of its session.
    may_ask = policy(allow('formiga:ExplainAccess'), allow('sqs:ReceiveMessage'))
    world.iam().put_role_policy(
        RoleName='worker', PolicyName='ask', PolicyDocument=policy(allow('formiga:*'))
    )
    asking = world.assume(role, bob, 'asking', Policy=may_ask)
    answer = explain(world, asking, Action='sqs:SendMessage', Resource='q')
    assert answer['IsAllowed'] is sends(world.sqs(asking), url) is False
    assert (answer['DecidedBy'], answer['Missing']) == ('SessionPolicy', 'Session')
    assert sends(world.sqs(narrow), url) is False


def test_both_accounts_are_needed_and_neither_reads_the_other(world):
    guest = world.new_user('guest', allow('sqs:*', Sid='Mine'), by=ROOT_B)
    shared = json.dumps(
        {
            'Version': '2012-10-17',
            'Statement': [
                {
                    'Sid': 'Guests',
                    'Effect': 'Allow',
                    'Principal': {'AWS': B},
                    'Action': 'sqs:SendMessage',
                    'Resource': '*',
                }
            ],
        }
    )
    url = world.sqs().create_queue(QueueName='q', Attributes={'Policy': shared})['QueueUrl']
    asked = dict(Principal=world.who(guest), Action='sqs:SendMessage', Resource=url)
    theirs, ours = explain(world, ROOT_B, **asked), explain(world, ROOT_A, **asked)
    assert theirs['IsAllowed'] is ours['IsAllowed'] is sends(world.sqs(guest), url) is True
    assert deciding(theirs) == [('Identity', 0, 'Mine')]
    assert deciding(ours) == [('Resource', 0, 'Guests')]
    assert 'Guests' not in json.dumps(theirs) and 'Mine' not in json.dumps(ours)
    assert ours['IsOwnSideAssumed'] and not theirs['IsOwnSideAssumed']
    world.iam(ROOT_B).delete_user_policy(UserName='guest', PolicyName='p')
    assert explain(world, ROOT_A, **asked)['IsAllowed'], 'what B changes, A does not learn'
    assert not explain(world, ROOT_B, **asked)['IsAllowed']

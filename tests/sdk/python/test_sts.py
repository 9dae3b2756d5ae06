"""Who calls, sessions and roles with the SDK's unmodified STS client, where callers are checked."""

import datetime
import json
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from identities import (
    ADMIN,
    DECLARED_USER,
    ROOT_A,
    ROOT_B,
    A,
    B,
    Keys,
    World,
    allow,
    policy,
    trust,
)


@pytest.fixture
def world(start_server, tmp_path):
    return World(start_server, tmp_path)


def test_everybody_may_ask_who_they_are(world):
    alice = world.new_user('alice', allow('*', Effect='Deny'), Path='/team/')
    user_id = world.iam().get_user(UserName='alice')['User']['UserId']
    answer = world.sts(alice).get_caller_identity()
    arn = f'arn:aws:iam::{A}:user/team/alice'
    assert (answer['Arn'], answer['UserId'], answer['Account']) == (arn, user_id, A)
    answer = world.sts(ROOT_A).get_caller_identity()
    assert (answer['Arn'], answer['UserId']) == (f'arn:aws:iam::{A}:root', A)
    assert world.who(world.admin()) == f'arn:aws:iam::{ADMIN}:root'
    in_europe = world.client('sts', alice, region='eu-west-1')
    assert in_europe.get_caller_identity()['Account'] == A


def test_where_nobody_is_checked_the_key_tells_the_account(server):
    for key, account in (('123456789012', '123456789012'), ('test', ADMIN)):
        sts = boto3.session.Session().client(
            'sts',
            endpoint_url=server.endpoint,
            region_name='us-east-1',
            aws_access_key_id=key,
            aws_secret_access_key='test',
            config=Config(retries={'total_max_attempts': 1}),
        )
        answer = sts.get_caller_identity()
        assert (answer['Account'], answer['UserId']) == (account, account)
        assert answer['Arn'] == f'arn:aws:iam::{account}:root'


def test_a_session_is_its_user_and_no_more(world, refused):
    alice = world.new_user('alice', allow('*'))
    asked = datetime.datetime.now(datetime.timezone.utc)
    credentials = world.sts(alice).get_session_token(DurationSeconds=900)['Credentials']
    ends_in = (credentials['Expiration'] - asked).total_seconds()
    assert 0 < ends_in <= 960
    session = Keys.of(credentials)
    assert session.key.startswith('ASIA') and len(session.token) < 2048
    assert world.who(session) == world.who(alice)
    url = world.sqs(session).create_queue(QueueName='q')['QueueUrl']
    world.sqs(alice).send_message(QueueUrl=url, MessageBody='x')
    # IAM is not for sessions of GetSessionToken, nor is another session.
    with refused('InvalidClientTokenId', 403):
        world.iam(session).list_users()
    with refused('AccessDenied', 403, 'Cannot call GetSessionToken with session credentials'):
        world.sts(session).get_session_token()
    for wrong in (
        Keys(session.key, session.secret),
        Keys(session.key, session.secret, alice.key),
        Keys(session.key, session.secret, session.token[:-8] + 'AAAAAAA='),
        Keys(alice.key, alice.secret, session.token),
    ):
        with refused(
            'InvalidClientTokenId',
            403,
            'The security token included in the request is invalid.',
        ):
            world.sqs(wrong).list_queues()
    with refused('SignatureDoesNotMatch', 403):
        world.sqs(Keys(session.key, alice.secret, session.token)).list_queues()


def test_a_session_ends_with_the_key_that_began_it(world, refused):
    iam = world.iam()
    first = world.new_user('alice', allow('sqs:*'))
    second = world.new_key('alice')
    of_first, of_second = (
        Keys.of(world.sts(keys).get_session_token()['Credentials']) for keys in (first, second)
    )
    iam.update_access_key(UserName='alice', AccessKeyId=first.key, Status='Inactive')
    with refused('InvalidClientTokenId', 403):
        world.sqs(of_first).list_queues()
    world.sqs(of_second).list_queues()
    iam.update_access_key(UserName='alice', AccessKeyId=first.key, Status='Active')
    world.sqs(of_first).list_queues()
    iam.delete_access_key(UserName='alice', AccessKeyId=first.key)
    with refused('InvalidClientTokenId', 403):
        world.sqs(of_first).list_queues()
    world.sqs(of_second).list_queues()


def test_a_session_ends_with_its_user(world, refused):
    iam = world.iam()
    alice = world.new_user('alice')
    session = Keys.of(world.sts(alice).get_session_token()['Credentials'])
    assert world.who(session) == world.who(alice)
    iam.delete_access_key(UserName='alice', AccessKeyId=alice.key)
    iam.delete_user(UserName='alice')
    with refused('InvalidClientTokenId', 403):
        world.who(session)
    world.new_user('alice', allow('*'))
    with refused('InvalidClientTokenId', 403):
        world.who(session)


def test_a_session_of_the_root_is_short(world, refused):
    credentials = world.sts().get_session_token(DurationSeconds=129600)['Credentials']
    now = datetime.datetime.now(datetime.timezone.utc)
    assert (credentials['Expiration'] - now).total_seconds() <= 3600
    session = Keys.of(credentials)
    assert world.who(session) == f'arn:aws:iam::{A}:root'
    world.sqs(session).create_queue(QueueName='q')
    for seconds, bound in ((899, 'greater than or equal to 900'), (129601, 'less than or equal to 129600')):
        with refused(
            'ValidationError',
            400,
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to "
            f'satisfy constraint: Member must have value {bound}',
        ):
            world.sts().get_session_token(DurationSeconds=seconds)
    with refused('AccessDenied', 403):
        world.sts().get_session_token(SerialNumber='arn:aws:iam::1:mfa/x', TokenCode='123456')


def test_a_role_is_assumed_and_does_what_its_policies_let(world, refused):
    alice = world.new_user('alice', Path='/team/')
    role = world.new_role(
        'r', trust(f'arn:aws:iam::{A}:user/team/alice'), allow('sqs:*'), Path='/team/'
    )
    answer = world.sts(alice).assume_role(RoleArn=role, RoleSessionName='s@1')
    role_id = world.iam().get_role(RoleName='r')['Role']['RoleId']
    arn = f'arn:aws:sts::{A}:assumed-role/r/s@1'
    assert answer['AssumedRoleUser'] == {'AssumedRoleId': f'{role_id}:s@1', 'Arn': arn}
    assert 'PackedPolicySize' not in answer
    session = Keys.of(answer['Credentials'])
    assert world.who(session) == arn
    with refused('AccessDenied', 403):
        world.sqs(alice).list_queues()
    sqs = world.sqs(session)
    url = sqs.create_queue(QueueName='q')['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody='x')
    [message] = sqs.receive_message(QueueUrl=url, AttributeNames=['SenderId'])['Messages']
    assert message['Attributes']['SenderId'] == f'{role_id}:s@1'
    with refused(
        'AccessDenied',
        403,
        f'User: {arn} is not authorized to perform: iam:ListUsers on resource: '
        f'arn:aws:iam::{A}:user/ because no identity-based policy allows the iam:ListUsers action',
    ):
        world.iam(session).list_users()
    # In a session of a role that may, users are managed.
    world.iam().put_role_policy(
        RoleName='r', PolicyName='p', PolicyDocument=policy(allow('iam:*'))
    )
    world.iam(session).create_user(UserName='made')
    with refused('AccessDenied', 403):
        sqs.list_queues()


def test_a_session_ends_with_its_role(world, refused):
    alice = world.new_user('alice')
    trusted = trust(f'arn:aws:iam::{A}:user/alice')
    role = world.new_role('r', trusted)
    session = world.assume(role, alice)
    world.who(session)
    world.iam().delete_role(RoleName='r')
    with refused('InvalidClientTokenId', 403):
        world.who(session)
    world.new_role('r', trusted, allow('*'))
    with refused('InvalidClientTokenId', 403):
        world.who(session)


def not_authorized(caller, role):
    return f'User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}'


def test_the_trust_policy_decides_within_an_account(world, refused):
    alice = world.new_user('alice')
    arn = f'arn:aws:iam::{A}:user/alice'
    named = world.new_role('named', trust(arn))
    delegated = world.new_role('delegated', trust(A))
    other = world.new_role('other', trust(f'arn:aws:iam::{A}:user/declared'))
    missing = f'arn:aws:iam::{A}:role/missing'
    world.assume(named, alice)
    for role in (delegated, other, missing):
        with refused('AccessDenied', 403, not_authorized(arn, role)):
            world.assume(role, alice)
    world.iam().put_user_policy(
        UserName='alice', PolicyName='p', PolicyDocument=policy(allow('sts:AssumeRole'))
    )
    world.assume(delegated, alice)
    for role in (other, missing):
        with refused('AccessDenied', 403, not_authorized(arn, role)):
            world.assume(role, alice)
    world.iam().put_user_policy(
        UserName='alice',
        PolicyName='p',
        PolicyDocument=policy(allow('sts:AssumeRole', named, Effect='Deny')),
    )
    for role in (named, f'arn:aws-cn:iam::{A}:role/named', f'arn:aws:iam::{A}:role/Named'):
        with refused('AccessDenied', 403):
            world.assume(role, alice)


def test_another_account_needs_both_sides(world, refused):
    bob = world.new_user('bob', by=ROOT_B)
    arn = f'arn:aws:iam::{B}:user/bob'
    role = world.new_role('r', trust(arn), allow('sqs:*'))
    closed = world.new_role('closed', trust(A))
    with refused('AccessDenied', 403, not_authorized(arn, role)):
        world.assume(role, bob)
    world.iam(ROOT_B).put_user_policy(
        UserName='bob', PolicyName='p', PolicyDocument=policy(allow('sts:AssumeRole'))
    )
    session = world.assume(role, bob)
    assert world.who(session) == f'arn:aws:sts::{A}:assumed-role/r/session'
    assert f'/{A}/' in world.sqs(session).create_queue(QueueName='q')['QueueUrl']
    with refused('AccessDenied', 403, not_authorized(arn, closed)):
        world.assume(closed, bob)


def test_a_trust_policy_speaks_of_the_one_it_was_written_for(world, refused):
    alice = world.new_user('alice')
    arn = f'arn:aws:iam::{A}:user/alice'
    role = world.new_role('r', trust(arn))
    world.assume(role, alice)
    world.iam().delete_access_key(UserName='alice', AccessKeyId=alice.key)
    world.iam().delete_user(UserName='alice')
    other = world.new_user('alice')
    with refused('AccessDenied', 403, not_authorized(arn, role)):
        world.assume(role, other)
    world.crash()
    with refused('AccessDenied', 403, not_authorized(arn, role)):
        world.assume(role, other)
    world.iam().update_assume_role_policy(RoleName='r', PolicyDocument=trust(arn))
    world.assume(role, other)


def test_a_trust_policy_may_ask_for_an_external_id(world, refused):
    alice = world.new_user('alice')
    condition = {'StringEquals': {'sts:ExternalId': 'shared', 'sts:RoleSessionName': 's1'}}
    role = world.new_role('r', trust(f'arn:aws:iam::{A}:user/alice', Condition=condition))
    world.assume(role, alice, name='s1', ExternalId='shared')
    for name, more in (('s1', {}), ('s1', {'ExternalId': 'other'}), ('s2', {'ExternalId': 'shared'})):
        with refused('AccessDenied', 403):
            world.assume(role, alice, name=name, **more)


def test_roots_assume_no_roles(world, refused):
    role = world.new_role('r', trust(A))
    with refused('AccessDenied', 403, 'Roles may not be assumed by root accounts.'):
        world.assume(role, ROOT_A)


def test_a_declared_role_is_assumed(world):
    session = world.assume(f'arn:aws:iam::{A}:role/declared', DECLARED_USER)
    world.sqs(session).list_queues()


def test_a_session_policy_narrows_the_session_down(world, refused):
    alice = world.new_user('alice')
    role = world.new_role('r', trust(f'arn:aws:iam::{A}:user/alice'), allow('sqs:*'))
    url = world.sqs().create_queue(QueueName='q')['QueueUrl']
    answer = world.sts(alice).assume_role(
        RoleArn=role, RoleSessionName='ss', Policy=policy(allow('sqs:SendMessage'))
    )
    assert 0 < answer['PackedPolicySize'] <= 100
    session = Keys.of(answer['Credentials'])
    world.sqs(session).send_message(QueueUrl=url, MessageBody='x')
    with refused(
        'AccessDenied',
        403,
        f'User: arn:aws:sts::{A}:assumed-role/r/ss is not authorized to perform: '
        f'sqs:receivemessage on resource: arn:aws:sqs:us-east-1:{A}:q because no session '
        'policy allows the sqs:receivemessage action',
    ):
        world.sqs(session).receive_message(QueueUrl=url)
    for document, code, status in (
        ('{', 'MalformedPolicyDocument', 400),
        (policy(allow('sqs:*', Principal='*')), 'MalformedPolicyDocument', 400),
        (policy(allow('sqs:*', 'arn:aws:sqs:*:*:' + 'q' * 1700)), 'PackedPolicyTooLarge', 400),
    ):
        with refused(code, status):
            world.assume(role, alice, Policy=document)


def test_how_long_a_session_lasts(world, refused):
    alice = world.new_user('alice', allow('sts:AssumeRole'))
    role = world.new_role('r', trust(A), allow('sts:AssumeRole'), MaxSessionDuration=7200)
    world.assume(role, alice, DurationSeconds=7200)
    with refused(
        'ValidationError',
        400,
        'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    ):
        world.assume(role, alice, DurationSeconds=7201)
    with refused(
        'ValidationError',
        400,
        "1 validation error detected: Value '10' at 'durationSeconds' failed to satisfy "
        'constraint: Member must have value greater than or equal to 900',
    ):
        world.assume(role, alice, DurationSeconds=10)
    chained = (
        'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by '
        'role chaining.'
    )
    of_user = Keys.of(world.sts(alice).get_session_token()['Credentials'])
    for session in (world.assume(role, alice), of_user):
        world.assume(role, session, DurationSeconds=3600)
        with refused('ValidationError', 400, chained):
            world.assume(role, session, DurationSeconds=3601)


def test_bad_parameters_are_named(world, refused):
    alice = world.new_user('alice')
    role = f'arn:aws:iam::{A}:role/declared'

    def constraint(value, member, rule):
        return f"Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"

    pattern = constraint(
        'Session1:2', 'roleSessionName', r'satisfy regular expression pattern: [\w+=,.@-]*'
    )
    with refused('ValidationError', 400, f'1 validation error detected: {pattern}'):
        world.assume(role, alice, name='Session1:2')
    with refused('ValidationError', 400, 'this is no ARN of a role is invalid'):
        world.assume('this is no ARN of a role', alice)
    two = '2 validation errors detected: ' + '; '.join(
        f"Value null at '{member}' failed to satisfy constraint: Member must not be null"
        for member in ('roleArn', 'roleSessionName')
    )
    with refused('ValidationError', 400, two):
        world.sts(alice).assume_role()
    for more in (
        {'PolicyArns': [{'arn': 'arn:aws:iam::aws:policy/AdministratorAccess'}]},
        {'Tags': [{'Key': 'a', 'Value': 'b'}]},
        {'SourceIdentity': 'somebody'},
    ):
        with refused('ValidationError', 400):
            world.assume(role, alice, **more)


def test_conditions_see_the_session(world, refused):
    """The usual way to revoke sessions: what was issued before a moment may do nothing."""
    alice = world.new_user('alice')
    role = world.new_role('r', trust(f'arn:aws:iam::{A}:user/alice'), allow('sqs:*'))
    session = world.assume(role, alice)
    world.sqs(session).list_queues()

    def revoke(before):
        condition = {'DateLessThan': {'aws:TokenIssueTime': before}}
        document = policy(allow('*', Effect='Deny', Condition=condition))
        world.iam().put_role_policy(
            RoleName='r', PolicyName='revoke', PolicyDocument=document
        )

    revoke('2020-01-01T00:00:00Z')
    world.sqs(session).list_queues()
    revoke('2999-01-01T00:00:00Z')
    with refused('AccessDenied', 403):
        world.sqs(session).list_queues()
    alone = allow('sqs:*', Condition={'Null': {'aws:TokenIssueTime': 'true'}})
    tagged = allow('sqs:*', Condition={'StringEquals': {'aws:PrincipalTag/team': 'ants'}})
    bob = world.new_user('bob', alone)
    world.sqs(bob).list_queues()
    with refused('AccessDenied', 403):
        world.sqs(Keys.of(world.sts(bob).get_session_token()['Credentials'])).list_queues()
    world.sqs(
        world.new_user('ann', tagged, Tags=[{'Key': 'team', 'Value': 'ants'}])
    ).list_queues()
    with refused('AccessDenied', 403):
        world.sqs(world.new_user('eve', tagged)).list_queues()


def test_a_presigned_url_may_carry_a_session(world):
    alice = world.new_user('alice')
    role = world.new_role('r', trust(f'arn:aws:iam::{A}:user/alice'), allow('sqs:*'))
    session = world.assume(role, alice)
    url = world.sqs().create_queue(QueueName='q')['QueueUrl']

    def presigned(keys):
        query = urllib.parse.urlencode(
            {'Version': '2012-11-05', 'Action': 'SendMessage', 'MessageBody': 'by URL'}
        )
        request = AWSRequest('GET', f'{url}?{query}')
        credentials = Credentials(keys.key, keys.secret, keys.token)
        SigV4QueryAuth(credentials, 'sqs', 'us-east-1', 300).add_auth(request)
        return request.prepare().url

    link = presigned(session)
    with urllib.request.urlopen(link, timeout=60) as answer:
        assert answer.status == 200
    [message] = world.sqs().receive_message(QueueUrl=url)['Messages']
    assert message['Body'] == 'by URL'
    world.iam().delete_role_policy(RoleName='r', PolicyName='p')
    world.iam().delete_role(RoleName='r')
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(link, timeout=60)
    with caught.value as error:
        assert error.code == 403
        assert b'<Code>InvalidClientTokenId</Code>' in error.read()


def test_sessions_survive_a_crash_and_so_does_their_end(world, refused):
    alice, bob = world.new_user('alice', allow('sqs:*')), world.new_user('bob', allow('sqs:*'))
    sessions = [
        Keys.of(world.sts(keys).get_session_token()['Credentials']) for keys in (alice, bob)
    ]
    world.iam().delete_access_key(UserName='bob', AccessKeyId=bob.key)
    world.crash()
    world.sqs(sessions[0]).list_queues()
    with refused('InvalidClientTokenId', 403):
        world.sqs(sessions[1]).list_queues()


def test_answers_are_what_clients_of_sts_read(world):
    raw = {}
    sts = world.sts()
    sts.meta.events.register(
        'before-parse.sts.*', lambda response_dict, **_: raw.update(response_dict)
    )
    sts.get_caller_identity()
    body = raw['body'].decode()
    opening = '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    assert opening in body
    assert f'<Arn>arn:aws:iam::{A}:root</Arn><UserId>{A}</UserId><Account>{A}</Account>' in body
    assert raw['headers']['content-type'] == 'text/xml'
    query = '/?Action=GetCallerIdentity&Version=2011-06-15'
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(world.server.endpoint + query, timeout=60)
    with caught.value as error:
        assert error.code == 403
        body = error.read().decode()
    assert '<Code>MissingAuthenticationToken</Code>' in body and '<Detail' not in body


def test_accounts_are_made_by_the_administrator(world, refused):
    """With the server's own actions: AWS has no API for it."""
    made = own(world, world.admin(), 'CreateAccount', {'AccountId': '333333333333'})
    root = Keys(made['AccessKeyId'], made['SecretAccessKey'])
    assert world.who(root) == 'arn:aws:iam::333333333333:root'
    world.crash()
    assert world.who(root) == 'arn:aws:iam::333333333333:root'
    listed = own(world, world.admin(), 'ListAccounts', {})['Accounts']
    assert [account['AccountId'] for account in listed] == [ADMIN, A, B, '333333333333']
    assert [account['IsDeclared'] for account in listed] == [True, True, True, False]
    for keys in (root, ROOT_A, DECLARED_USER):
        for action in ('CreateAccount', 'ListAccounts', 'ResetAccountKey', 'DeleteAccount'):
            assert own(world, keys, action, {'AccountId': '444444444444'}) == 'AccessDenied'
    sessions = Keys.of(world.sts(world.admin()).get_session_token()['Credentials'])
    assert own(world, sessions, 'ListAccounts', {}) == 'InvalidClientTokenId'

    def delete(account):
        return own(world, world.admin(), 'DeleteAccount', {'AccountId': account})

    again = {'AccountId': '333333333333'}
    assert own(world, world.admin(), 'CreateAccount', again) == 'EntityAlreadyExists'
    assert own(world, world.admin(), 'CreateAccount', {'AccountId': '3'}) == 'InvalidParameterValue'
    assert delete(A) == 'UnmodifiableEntity'
    assert delete('444444444444') == 'NoSuchEntity'
    lost = root
    made = own(world, world.admin(), 'ResetAccountKey', again)
    root = Keys(made['AccessKeyId'], made['SecretAccessKey'])
    with refused('InvalidClientTokenId', 403):
        world.who(lost)
    assert own(world, world.admin(), 'ResetAccountKey', {'AccountId': A}) == 'UnmodifiableEntity'
    world.new_user('alice', by=root)
    assert delete('333333333333') == 'DeleteConflict'
    iam = world.iam(root)
    [key] = iam.list_access_keys(UserName='alice')['AccessKeyMetadata']
    iam.delete_access_key(UserName='alice', AccessKeyId=key['AccessKeyId'])
    iam.delete_user(UserName='alice')
    url = world.sqs(root).create_queue(QueueName='q')['QueueUrl']
    assert delete('333333333333') == 'DeleteConflict'
    world.sqs(root).delete_queue(QueueUrl=url)
    assert delete('333333333333') is None
    with refused('InvalidClientTokenId', 403):
        world.who(root)


def own(world, keys, action, body):
    """One of the server's own actions; its answer, or the code of its refusal."""
    from botocore.auth import SigV4Auth

    request = AWSRequest(
        'POST',
        world.server.endpoint + '/',
        data=json.dumps(body).encode(),
        headers={
            'Content-Type': 'application/x-amz-json-1.0',
            'X-Amz-Target': f'Formiga.{action}',
        },
    )
    SigV4Auth(Credentials(keys.key, keys.secret, keys.token), 'sqs', 'us-east-1').add_auth(request)
    prepared = request.prepare()
    sent = urllib.request.Request(prepared.url, data=prepared.body, headers=dict(prepared.headers))
    try:
        with urllib.request.urlopen(sent, timeout=60) as answer:
            body = answer.read()
            return json.loads(body) if body else None
    except urllib.error.HTTPError as error:
        with error:
            return error.headers['x-amzn-query-error'].split(';')[0]

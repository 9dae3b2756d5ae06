"""Users, roles and keys with the SDK's unmodified IAM client, where callers are checked."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config

import identities
from identities import (
    ADMIN,
    DECLARED_USER,
    ROOT_A,
    ROOT_B,
    A,
    Keys,
    World,
    allow,
    policy,
    trust,
)


@pytest.fixture
def world(start_server, tmp_path):
    return World(start_server, tmp_path)


@pytest.fixture
def iam(world):
    return world.iam()


def invalid(what):
    return f'1 validation error detected: {what}'


NO_USER = 'The user with name nobody cannot be found.'
NO_ROLE = 'The role with name nothing cannot be found.'


def test_a_user_is_made_found_listed_and_deleted(iam, refused):
    tags = [{'Key': 'team', 'Value': 'ants'}, {'Key': 'empty', 'Value': ''}]
    made = iam.create_user(UserName='alice', Path='/team/', Tags=tags)['User']
    assert re.fullmatch('AIDA[A-Z2-7]{17}', made['UserId'])
    assert made['Arn'] == f'arn:aws:iam::{A}:user/team/alice'
    assert (made['Path'], made['UserName']) == ('/team/', 'alice')
    assert sorted(tag['Key'] for tag in made['Tags']) == ['empty', 'team']
    assert iam.get_user(UserName='alice')['User'] == made
    plain = iam.create_user(UserName='bob')['User']
    assert plain['Path'] == '/' and 'Tags' not in plain
    listed = iam.list_users()
    # The declared user is there too; lists tell no tags.
    assert [user['UserName'] for user in listed['Users']] == ['alice', 'bob', 'declared']
    assert listed['IsTruncated'] is False
    assert all('Tags' not in user for user in listed['Users'])
    below = iam.list_users(PathPrefix='/team/')['Users']
    assert [user['UserName'] for user in below] == ['alice']
    iam.delete_user(UserName='alice')
    with refused('NoSuchEntity', 404, 'The user with name alice cannot be found.'):
        iam.get_user(UserName='alice')
    with refused('NoSuchEntity', 404):
        iam.delete_user(UserName='alice')
    again = iam.create_user(UserName='alice', Path='/team/')['User']
    assert again['UserId'] != made['UserId'], 'an id is never given out again'


def test_lists_come_in_pages(iam):
    names = [f'user-{number}' for number in range(5)]
    for name in names:
        iam.create_user(UserName=name, Path='/many/')
    pages = iam.get_paginator('list_users').paginate(
        PathPrefix='/many/', PaginationConfig={'PageSize': 2}
    )
    pages = [[user['UserName'] for user in page['Users']] for page in pages]
    assert pages == [names[:2], names[2:4], names[4:]]


def test_a_user_name_is_unique_whatever_its_case(iam, refused):
    iam.create_user(UserName='alice')
    with refused('EntityAlreadyExists', 409, 'User with name Alice already exists.'):
        iam.create_user(UserName='Alice')
    assert iam.get_user(UserName='ALICE')['User']['UserName'] == 'alice'
    iam.create_role(RoleName='alice', AssumeRolePolicyDocument=trust(A))
    with refused('EntityAlreadyExists', 409, 'Role with name ALICE already exists.'):
        iam.create_role(RoleName='ALICE', AssumeRolePolicyDocument=trust(A))


def test_bad_parameters_are_named(world, refused):
    iam = world.iam()
    pattern = r'Member must satisfy regular expression pattern: [\w+=,.@-]+'
    at = "Value 'a b' at 'userName' failed to satisfy constraint"
    with refused('ValidationError', 400, invalid(f'{at}: {pattern}')):
        iam.create_user(UserName='a b')
    with refused('ValidationError', 400):
        iam.create_user(UserName='a' * 64, Path='team')
    boundary = 'arn:aws:iam::aws:policy/AdministratorAccess'
    with refused('ValidationError', 400):
        iam.create_user(UserName='a', PermissionsBoundary=boundary)
    with refused(
        'InvalidInput',
        400,
        'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
    ):
        iam.create_user(UserName='a', Tags=[{'Key': k, 'Value': ''} for k in ('a', 'A')])
    assert [user['UserName'] for user in iam.list_users()['Users']] == ['declared']


def test_a_key_signs_and_a_second_one_takes_over(world, refused):
    """Rotation: nobody is locked out in between."""
    iam = world.iam()
    first = world.new_user('alice', allow('sqs:*'))
    assert re.fullmatch('AKIA[A-Z2-7]{16}', first.key) and len(first.secret) == 40
    world.sqs(first).create_queue(QueueName='q')
    second = world.new_key('alice')
    quota = 'Cannot exceed quota for AccessKeysPerUser: 2'
    with refused('LimitExceeded', 409, quota):
        iam.create_access_key(UserName='alice')
    for keys in (first, second):
        assert world.sqs(keys).list_queues()['QueueUrls']
    listed = iam.list_access_keys(UserName='alice')['AccessKeyMetadata']
    assert [(key['AccessKeyId'], key['Status']) for key in listed] == [
        (first.key, 'Active'),
        (second.key, 'Active'),
    ]
    assert all('SecretAccessKey' not in key for key in listed)
    iam.update_access_key(UserName='alice', AccessKeyId=first.key, Status='Inactive')
    with refused('InvalidClientTokenId', 403):
        world.sqs(first).list_queues()
    with refused('LimitExceeded', 409, quota):
        iam.create_access_key(UserName='alice')
    iam.update_access_key(UserName='alice', AccessKeyId=first.key, Status='Active')
    assert world.sqs(first).list_queues()['QueueUrls']
    iam.delete_access_key(UserName='alice', AccessKeyId=first.key)
    with refused('InvalidClientTokenId', 403):
        world.sqs(first).list_queues()
    missing = f'The Access Key with id {first.key} cannot be found.'
    with refused('NoSuchEntity', 404, missing):
        iam.delete_access_key(UserName='alice', AccessKeyId=first.key)
    assert world.sqs(second).list_queues()['QueueUrls']


def test_a_status_is_one_of_two(world, refused):
    keys = world.new_user('alice')
    with refused(
        'ValidationError',
        400,
        invalid(
            "Value 'Off' at 'status' failed to satisfy constraint: "
            'Member must satisfy enum value set: [Active, Inactive]'
        ),
    ):
        world.iam().update_access_key(UserName='alice', AccessKeyId=keys.key, Status='Off')


def test_a_policy_counts_at_once_and_reads_back_as_it_was_sent(world, refused):
    iam = world.iam()
    keys = world.new_user('alice')
    with refused('AccessDenied', 403):
        world.sqs(keys).list_queues()
    document = '{ "Version": "2012-10-17",\n "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:*"}] }'
    iam.put_user_policy(UserName='alice', PolicyName='all', PolicyDocument=document)
    world.sqs(keys).list_queues()
    answer = iam.get_user_policy(UserName='alice', PolicyName='all')
    assert (answer['UserName'], answer['PolicyName']) == ('alice', 'all')
    # The SDK decodes what came percent-encoded.
    assert answer['PolicyDocument'] == json.loads(document)
    iam.put_user_policy(
        UserName='alice', PolicyName='none', PolicyDocument=policy(allow('sqs:*', Effect='Deny'))
    )
    assert iam.list_user_policies(UserName='alice')['PolicyNames'] == ['all', 'none']
    with refused('AccessDenied', 403):
        world.sqs(keys).list_queues()
    iam.delete_user_policy(UserName='alice', PolicyName='none')
    world.sqs(keys).list_queues()
    with refused('NoSuchEntity', 404, 'The user policy with name none cannot be found.'):
        iam.get_user_policy(UserName='alice', PolicyName='none')
    with refused('NoSuchEntity', 404, 'The user policy with name none cannot be found.'):
        iam.delete_user_policy(UserName='alice', PolicyName='none')


def test_the_document_is_percent_encoded_on_the_wire(world):
    world.new_user('alice', allow('sqs:*'))
    raw = {}
    iam = world.iam()
    iam.meta.events.register(
        'before-parse.iam.GetUserPolicy', lambda response_dict, **_: raw.update(response_dict)
    )
    iam.get_user_policy(UserName='alice', PolicyName='p')
    body = raw['body'].decode()
    assert '<PolicyDocument>%7B%22Version%22%3A%20%222012-10-17%22' in body
    assert 'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"' in body


@pytest.mark.parametrize(
    ('document', 'said'),
    [
        ('{', 'Syntax errors in policy.'),
        (
            '{"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}',
            'Policy document must be version 2012-10-17 or greater.',
        ),
        (
            policy({'Effect': 'Allow', 'Resource': '*'}),
            'Policy statement must contain actions.',
        ),
        (
            policy({'Effect': 'Allow', 'Action': 'sqs:*'}),
            'Policy statement must contain resources.',
        ),
        (
            policy(allow('sqs:*', Principal='*')),
            'Policy document should not specify a principal.',
        ),
        (policy(allow('sqs:*', 'q')), 'Resource q must be in ARN format or "*".'),
    ],
)
def test_a_policy_that_is_none_is_refused(iam, refused, document, said):
    iam.create_user(UserName='alice')
    with refused('MalformedPolicyDocument', 400, said):
        iam.put_user_policy(UserName='alice', PolicyName='p', PolicyDocument=document)
    assert iam.list_user_policies(UserName='alice')['PolicyNames'] == []


def test_all_policies_of_one_user_have_a_size(iam, refused):
    def long(letters):
        return policy(allow('sqs:*', 'arn:aws:sqs:*:*:' + 'q' * letters))

    iam.create_user(UserName='alice')
    iam.create_role(RoleName='r', AssumeRolePolicyDocument=trust(A))
    iam.put_user_policy(UserName='alice', PolicyName='a', PolicyDocument=long(1000))
    # Blanks do not count.
    blanks = long(500).replace(':', ':          ', 1)
    iam.put_user_policy(UserName='alice', PolicyName='b', PolicyDocument=blanks)
    for letters in (1000, 3000):
        with refused(
            'LimitExceeded', 409, 'Maximum policy size of 2048 bytes exceeded for user alice'
        ):
            iam.put_user_policy(UserName='alice', PolicyName='c', PolicyDocument=long(letters))
    with refused('LimitExceeded', 409):
        iam.put_user_policy(UserName='alice', PolicyName='c', PolicyDocument=' ' * 20000 + blanks)
    assert iam.list_user_policies(UserName='alice')['PolicyNames'] == ['a', 'b']
    iam.put_role_policy(RoleName='r', PolicyName='a', PolicyDocument=long(9000))
    with refused(
        'LimitExceeded', 409, 'Maximum policy size of 10240 bytes exceeded for role r'
    ):
        iam.put_role_policy(RoleName='r', PolicyName='b', PolicyDocument=long(2000))
    with refused('LimitExceeded', 409, 'Cannot exceed quota for ACLSizePerRole: 2048'):
        iam.create_role(
            RoleName='s', AssumeRolePolicyDocument=trust(A, 'arn:aws:iam::' + A + ':root ' * 400)
        )


def test_who_still_has_something_is_not_deleted(world, refused):
    iam = world.iam()
    keys = world.new_user('alice', allow('sqs:*'))
    conflict = 'Cannot delete entity, must delete policies first.'
    with refused('DeleteConflict', 409, conflict):
        iam.delete_user(UserName='alice')
    iam.delete_user_policy(UserName='alice', PolicyName='p')
    with refused(
        'DeleteConflict', 409, 'Cannot delete entity, must delete access keys first.'
    ):
        iam.delete_user(UserName='alice')
    iam.delete_access_key(UserName='alice', AccessKeyId=keys.key)
    iam.delete_user(UserName='alice')
    world.new_role('r', trust(A), allow('sqs:*'))
    with refused('DeleteConflict', 409, conflict):
        iam.delete_role(RoleName='r')
    iam.delete_role_policy(RoleName='r', PolicyName='p')
    iam.delete_role(RoleName='r')


def test_a_role_reads_back_as_it_was_made(iam, refused):
    document = trust(A)
    made = iam.create_role(
        RoleName='r',
        Path='/team/',
        AssumeRolePolicyDocument=document,
        Description='for tests',
        MaxSessionDuration=7200,
        Tags=[{'Key': 'a', 'Value': 'b'}],
    )['Role']
    assert re.fullmatch('AROA[A-Z2-7]{17}', made['RoleId'])
    assert made['Arn'] == f'arn:aws:iam::{A}:role/team/r'
    assert made['AssumeRolePolicyDocument'] == json.loads(document)
    found = iam.get_role(RoleName='r')['Role']
    assert found['RoleLastUsed'] == {} and found['MaxSessionDuration'] == 7200
    assert found['Description'] == 'for tests'
    assert found['Tags'] == [{'Key': 'a', 'Value': 'b'}]
    [declared, listed] = iam.list_roles()['Roles']
    assert (declared['RoleName'], listed['RoleName']) == ('declared', 'r')
    assert listed['MaxSessionDuration'] == 7200
    assert 'Tags' not in listed and 'RoleLastUsed' not in listed
    other = trust(f'arn:aws:iam::{A}:root', Condition={'Bool': {'aws:SecureTransport': 'true'}})
    iam.update_assume_role_policy(RoleName='r', PolicyDocument=other)
    found = iam.get_role(RoleName='r')['Role']
    assert found['AssumeRolePolicyDocument'] == json.loads(other)
    iam.put_role_policy(RoleName='r', PolicyName='p', PolicyDocument=policy(allow('sqs:*')))
    assert iam.list_role_policies(RoleName='r')['PolicyNames'] == ['p']
    answer = iam.get_role_policy(RoleName='r', PolicyName='p')
    assert answer['PolicyDocument'] == json.loads(policy(allow('sqs:*')))
    iam.delete_role_policy(RoleName='r', PolicyName='p')
    with refused('NoSuchEntity', 404, 'The role policy with name p cannot be found.'):
        iam.get_role_policy(RoleName='r', PolicyName='p')


@pytest.mark.parametrize(
    ('document', 'said'),
    [
        ('{', 'This policy contains invalid Json'),
        (
            policy(allow('sts:AssumeRole', Principal={'AWS': A})),
            'Has prohibited field Resource',
        ),
        (
            trust(A).replace('sts:AssumeRole', 'sqs:SendMessage'),
            'AssumeRole policy may only specify STS AssumeRole actions.',
        ),
        (
            trust(f'arn:aws:iam::{A}:user/nobody'),
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{A}:user/nobody"',
        ),
        (trust('nobody'), 'Invalid principal in policy: "AWS":"nobody"'),
    ],
)
def test_a_trust_policy_that_is_none_is_refused(iam, refused, document, said):
    with refused('MalformedPolicyDocument', 400, said):
        iam.create_role(RoleName='r', AssumeRolePolicyDocument=document)
    with refused('NoSuchEntity', 404):
        iam.get_role(RoleName='r')


def test_what_terraform_asks_besides_is_answered_with_nothing(iam, refused):
    iam.create_user(UserName='alice')
    iam.create_role(RoleName='r', AssumeRolePolicyDocument=trust(A))
    assert iam.list_groups_for_user(UserName='alice')['Groups'] == []
    assert iam.list_attached_role_policies(RoleName='r')['AttachedPolicies'] == []
    assert iam.list_instance_profiles_for_role(RoleName='r')['InstanceProfiles'] == []
    for ask, message in [
        (lambda: iam.list_groups_for_user(UserName='nobody'), NO_USER),
        (lambda: iam.list_attached_role_policies(RoleName='nothing'), NO_ROLE),
        (lambda: iam.list_instance_profiles_for_role(RoleName='nothing'), NO_ROLE),
    ]:
        with refused('NoSuchEntity', 404, message):
            ask()


def every_call(iam):
    """Each action, about somebody who does not exist, with what it needs to be decided."""
    user, role = {'UserName': 'nobody'}, {'RoleName': 'nothing'}
    key = {'AccessKeyId': 'AKIANOBODY0000000001'}
    named, document = {'PolicyName': 'p'}, {'PolicyDocument': policy(allow('sqs:*'))}
    trusted = {'AssumeRolePolicyDocument': trust(A)}
    user_arn, role_arn = f'arn:aws:iam::{A}:user/nobody', f'arn:aws:iam::{A}:role/nothing'
    return {
        'CreateUser': (lambda: iam.create_user(**user), user_arn),
        'GetUser': (lambda: iam.get_user(**user), user_arn),
        'ListUsers': (lambda: iam.list_users(), f'arn:aws:iam::{A}:user/'),
        'DeleteUser': (lambda: iam.delete_user(**user), user_arn),
        'CreateAccessKey': (lambda: iam.create_access_key(**user), user_arn),
        'ListAccessKeys': (lambda: iam.list_access_keys(**user), user_arn),
        'UpdateAccessKey': (
            lambda: iam.update_access_key(**user, **key, Status='Active'),
            user_arn,
        ),
        'DeleteAccessKey': (lambda: iam.delete_access_key(**user, **key), user_arn),
        'PutUserPolicy': (lambda: iam.put_user_policy(**user, **named, **document), user_arn),
        'GetUserPolicy': (lambda: iam.get_user_policy(**user, **named), user_arn),
        'ListUserPolicies': (lambda: iam.list_user_policies(**user), user_arn),
        'DeleteUserPolicy': (lambda: iam.delete_user_policy(**user, **named), user_arn),
        'ListGroupsForUser': (lambda: iam.list_groups_for_user(**user), user_arn),
        'CreateRole': (lambda: iam.create_role(**role, **trusted), role_arn),
        'GetRole': (lambda: iam.get_role(**role), role_arn),
        'ListRoles': (lambda: iam.list_roles(), f'arn:aws:iam::{A}:role/'),
        'DeleteRole': (lambda: iam.delete_role(**role), role_arn),
        'UpdateAssumeRolePolicy': (
            lambda: iam.update_assume_role_policy(**role, PolicyDocument=trust(A)),
            role_arn,
        ),
        'PutRolePolicy': (lambda: iam.put_role_policy(**role, **named, **document), role_arn),
        'GetRolePolicy': (lambda: iam.get_role_policy(**role, **named), role_arn),
        'ListRolePolicies': (lambda: iam.list_role_policies(**role), role_arn),
        'DeleteRolePolicy': (lambda: iam.delete_role_policy(**role, **named), role_arn),
        'ListAttachedRolePolicies': (
            lambda: iam.list_attached_role_policies(**role),
            role_arn,
        ),
        'ListInstanceProfilesForRole': (
            lambda: iam.list_instance_profiles_for_role(**role),
            role_arn,
        ),
    }


def test_every_action_is_itself_authorized(world, refused):
    carol = world.new_user('carol')
    before = world.iam().list_users()['Users'], world.iam().list_roles()['Roles']
    for action, (call, resource) in every_call(world.iam(carol)).items():
        with refused(
            'AccessDenied',
            403,
            f'User: arn:aws:iam::{A}:user/carol is not authorized to perform: iam:{action} '
            f'on resource: {resource} because no identity-based policy allows the '
            f'iam:{action} action',
        ):
            call()
    assert (world.iam().list_users()['Users'], world.iam().list_roles()['Roles']) == before


def test_the_permission_for_one_action_is_for_no_other(world, refused):
    carol = world.new_user('carol')
    iam = world.iam()
    calls = every_call(world.iam(carol))
    for action in calls:
        iam.put_user_policy(
            UserName='carol', PolicyName='p', PolicyDocument=policy(allow(f'iam:{action}'))
        )
        with refused('AccessDenied', 403):
            calls['GetUser' if action != 'GetUser' else 'GetRole'][0]()
        if action in ('CreateUser', 'CreateRole', 'ListUsers', 'ListRoles'):
            calls[action][0]()
        else:
            with refused('NoSuchEntity', 404):
                calls[action][0]()
        if action == 'CreateUser':
            iam.delete_user(UserName='nobody')
        elif action == 'CreateRole':
            iam.delete_role(RoleName='nothing')


def test_a_policy_may_be_about_a_path_or_a_tag(world, refused):
    boss = world.new_user(
        'boss',
        allow('iam:*', f'arn:aws:iam::{A}:user/team/*'),
        allow(
            'iam:CreateUser',
            Condition={'StringEquals': {'aws:RequestTag/team': 'ants'}},
        ),
    )
    iam = world.iam(boss)
    iam.create_user(UserName='a', Path='/team/')
    iam.get_user(UserName='a')
    with refused('AccessDenied', 403):
        iam.create_user(UserName='b')
    iam.create_user(UserName='b', Tags=[{'Key': 'team', 'Value': 'ants'}])
    with refused('AccessDenied', 403):
        iam.delete_user(UserName='b')
    # Nor under another spelling of its name.
    with refused('AccessDenied', 403):
        iam.delete_user(UserName='B')


def test_a_user_may_care_for_the_own_keys(world, refused):
    own = allow('iam:*AccessKey*', f'arn:aws:iam::{A}:user/${{aws:username}}')
    alice = world.new_user('alice', own)
    iam = world.iam(alice)
    second = iam.create_access_key()['AccessKey']
    assert second['UserName'] == 'alice'
    assert len(iam.list_access_keys()['AccessKeyMetadata']) == 2
    iam.delete_access_key(AccessKeyId=second['AccessKeyId'])
    with refused('AccessDenied', 403):
        iam.create_access_key(UserName='declared')
    with refused('AccessDenied', 403):
        iam.get_user()
    with refused(
        'ValidationError', 400, 'Must specify userName when calling with non-User credentials'
    ):
        world.iam().create_access_key()


def test_accounts_do_not_see_each_other(world, refused):
    alice = world.new_user('alice', allow('*'))
    with refused('NoSuchEntity', 404):
        world.iam(ROOT_B).get_user(UserName='alice')
    with refused('NoSuchEntity', 404):
        world.iam(ROOT_B).delete_access_key(UserName='alice', AccessKeyId=alice.key)
    assert world.iam(ROOT_B).list_users()['Users'] == []
    other = world.new_user('alice', allow('sqs:*'), by=ROOT_B)
    assert world.who(other) == f'arn:aws:iam::{identities.B}:user/alice'


def test_who_is_declared_is_changed_in_the_configuration_only(world, refused):
    iam = world.iam()
    assert iam.get_user(UserName='declared')['User']['UserId'].startswith('AIDA')
    assert iam.list_user_policies(UserName='declared')['PolicyNames'] == ['all']
    [key] = iam.list_access_keys(UserName='declared')['AccessKeyMetadata']
    assert key['AccessKeyId'] == DECLARED_USER.key
    with refused('EntityAlreadyExists', 409):
        iam.create_user(UserName='Declared')
    of_user = (
        "The user declared is declared in the server's configuration and can only be changed there."
    )
    user, role = {'UserName': 'declared'}, {'RoleName': 'declared'}
    named, document = {'PolicyName': 'p'}, {'PolicyDocument': policy(allow('*'))}
    for call in (
        lambda: iam.delete_user(**user),
        lambda: iam.create_access_key(**user),
        lambda: iam.update_access_key(**user, AccessKeyId=key['AccessKeyId'], Status='Inactive'),
        lambda: iam.delete_access_key(**user, AccessKeyId=key['AccessKeyId']),
        lambda: iam.put_user_policy(**user, **named, **document),
        lambda: iam.delete_user_policy(**user, PolicyName='all'),
    ):
        with refused('UnmodifiableEntity', 400, of_user):
            call()
    for call in (
        lambda: iam.delete_role(**role),
        lambda: iam.update_assume_role_policy(**role, PolicyDocument=trust(A)),
        lambda: iam.put_role_policy(**role, **named, **document),
    ):
        with refused('UnmodifiableEntity', 400, of_user.replace('user', 'role')):
            call()
    assert world.who(DECLARED_USER) == f'arn:aws:iam::{A}:user/declared'


def test_everybody_is_there_after_kill_9(world, refused):
    keys = world.new_user('alice', allow('sqs:*'), Path='/team/')
    gone = world.new_user('mallory')
    world.iam().delete_access_key(UserName='mallory', AccessKeyId=gone.key)
    role = world.new_role('r', trust(f'arn:aws:iam::{A}:user/team/alice'), allow('sqs:*'))
    session = world.assume(role, keys)
    before = [
        world.iam().get_user(UserName='alice')['User'],
        world.iam().get_role(RoleName='r')['Role'],
    ]
    world.crash()
    assert before == [
        world.iam().get_user(UserName='alice')['User'],
        world.iam().get_role(RoleName='r')['Role'],
    ]
    for who in (keys, session):
        world.sqs(who).list_queues()
    with refused('InvalidClientTokenId', 403):
        world.sqs(gone).list_queues()


def test_secrets_are_sealed_on_disk(world, tmp_path):
    keys = world.new_user('alice')
    world.server.stop()
    files = list((tmp_path / 'data').iterdir())
    contents = [file.read_bytes() for file in files if file.is_file()]
    assert any(keys.key.encode() in content for content in contents)
    assert not any(keys.secret.encode() in content for content in contents)


def test_a_queue_policy_speaks_of_the_one_it_was_written_for(world, refused):
    """A user of the same name, made later, is another one."""
    alice = world.new_user('alice')
    sqs = world.sqs()
    url = sqs.create_queue(QueueName='q')['QueueUrl']
    arn = f'arn:aws:iam::{A}:user/alice'
    condition = {'ArnEquals': {'aws:PrincipalArn': arn}}
    document = policy(
        {
            **allow('sqs:SendMessage', f'arn:aws:sqs:us-east-1:{A}:q'),
            'Principal': {'AWS': arn},
            'Condition': condition,
        }
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': document})

    def shown():
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['Policy'])
        return json.loads(answer['Attributes']['Policy'])['Statement'][0]

    assert shown()['Principal'] == {'AWS': arn}
    assert sqs.create_queue(QueueName='q', Attributes={'Policy': document})['QueueUrl'] == url
    world.sqs(alice).send_message(QueueUrl=url, MessageBody='x')
    iam = world.iam()
    unique_id = iam.get_user(UserName='alice')['User']['UserId']
    iam.delete_access_key(UserName='alice', AccessKeyId=alice.key)
    iam.delete_user(UserName='alice')
    assert shown()['Principal'] == {'AWS': unique_id}
    assert shown()['Condition'] == condition, 'names elsewhere are left alone'
    other = world.new_user('alice')
    with refused('AccessDenied', 403):
        world.sqs(other).send_message(QueueUrl=url, MessageBody='x')
    # What reads back can be set again.
    again = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['Policy'])['Attributes']
    sqs.set_queue_attributes(QueueUrl=url, Attributes=again)


def test_a_queue_policy_names_nobody_who_does_not_exist(world, refused):
    sqs = world.sqs()
    url = sqs.create_queue(QueueName='q')['QueueUrl']

    def set_policy(sqs, principal):
        document = policy({**allow('sqs:SendMessage'), 'Principal': {'AWS': principal}})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={'Policy': document})

    message = 'Invalid value for the parameter Policy.'
    for principal in (f'arn:aws:iam::{A}:user/nobody', f'arn:aws:iam::{A}:role/nothing'):
        with refused('InvalidAttributeValue', 400, message):
            set_policy(sqs, principal)
    # Of accounts elsewhere nothing is known.
    set_policy(sqs, 'arn:aws:iam::999999999999:user/somebody')
    set_policy(sqs, f'arn:aws:iam::{A}:role/declared')


def test_policies_may_come_before_those_they_name_if_the_operator_says_so(
    start_server, tmp_path
):
    world = World(start_server, tmp_path, '--accept-unknown-principals')
    sqs = world.sqs()
    later = f'arn:aws:iam::{A}:user/later'
    document = policy({**allow('sqs:ListQueueTags'), 'Principal': {'AWS': later}})
    url = sqs.create_queue(QueueName='q', Attributes={'Policy': document})['QueueUrl']
    world.sqs(world.new_user('later')).list_queue_tags(QueueUrl=url)


def test_nobody_manages_users_where_nobody_is_checked(connect, server, refused):
    iam = connect_iam(server.endpoint)
    with refused(
        'AccessDenied',
        403,
        'This server does not check who calls (--auth off), so it has no users, roles or '
        'sessions; start it with --auth required.',
    ):
        iam.create_user(UserName='alice')


def connect_iam(endpoint):
    return boto3.session.Session().client(
        'iam',
        endpoint_url=endpoint,
        region_name='us-east-1',
        aws_access_key_id='test',
        aws_secret_access_key='test',
        config=Config(retries={'total_max_attempts': 1}),
    )


def test_what_is_unsigned_or_signed_for_something_else_is_refused(world, refused):
    form = b'Action=ListUsers&Version=2010-05-08'
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(world.server.endpoint, data=form, timeout=60)
    with caught.value as error:
        assert error.code == 403
        body = error.read().decode()
    assert '<Code>MissingAuthenticationToken</Code>' in body
    assert 'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"' in body and '<Detail' not in body
    # Signed for STS, it is STS that answers.
    sts = world.sts()

    def rename(request, **_):
        request.data = {'Action': 'ListUsers', 'Version': '2010-05-08'}

    sts.meta.events.register('before-sign.sts', rename)
    with refused(
        'InvalidAction', 400, 'Could not find operation ListUsers for version 2011-06-15'
    ):
        sts.get_caller_identity()
    with refused('SignatureDoesNotMatch', 403):
        world.iam(Keys(ROOT_A.key, 'wrong')).list_users()


def aws(world, keys, *arguments):
    clean = {k: v for k, v in os.environ.items() if not k.startswith('AWS_')}
    done = subprocess.run(
        [sys.executable, '-m', 'awscli', '--endpoint-url', world.server.endpoint, *arguments],
        env={
            **clean,
            'AWS_ACCESS_KEY_ID': keys.key,
            'AWS_SECRET_ACCESS_KEY': keys.secret,
            **({'AWS_SESSION_TOKEN': keys.token} if keys.token else {}),
            'AWS_DEFAULT_REGION': 'us-east-1',
            'AWS_CONFIG_FILE': '/nonexistent',
        },
        capture_output=True,
        encoding='utf-8',
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_aws_cli_manages_users_and_roles(world):
    pytest.importorskip('awscli')
    admin = world.admin()
    aws(world, admin, 'iam', 'create-user', '--user-name', 'alice')
    put = ('iam', 'put-user-policy', '--user-name', 'alice', '--policy-name', 'p')
    aws(world, admin, *put, '--policy-document', policy(allow('*')))
    made = aws(world, admin, 'iam', 'create-access-key', '--user-name', 'alice')['AccessKey']
    alice = Keys(made['AccessKeyId'], made['SecretAccessKey'])
    who = aws(world, alice, 'sts', 'get-caller-identity')
    assert who['Arn'] == f'arn:aws:iam::{ADMIN}:user/alice'
    create = ('iam', 'create-role', '--role-name', 'r', '--assume-role-policy-document')
    role = aws(world, alice, *create, trust(who['Arn']))['Role']
    assume = ('sts', 'assume-role', '--role-arn', role['Arn'], '--role-session-name', 'cli')
    session = Keys.of(aws(world, alice, *assume)['Credentials'])
    who = aws(world, session, 'sts', 'get-caller-identity')
    assert who['Arn'] == f'arn:aws:sts::{ADMIN}:assumed-role/r/cli'
    listed = aws(world, alice, 'iam', 'list-roles')['Roles']
    assert [role['RoleName'] for role in listed] == ['r']

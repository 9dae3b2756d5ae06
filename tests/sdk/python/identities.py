"""What the tests of IAM and STS have in common: a server that checks who calls, and its clients."""

import configparser
import json

import boto3
from botocore.config import Config

A, B = '111111111111', '222222222222'
ADMIN = '000000000000'


def policy(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': list(statements)})


def allow(action, resource='*', **more):
    return {'Effect': 'Allow', 'Action': action, 'Resource': resource, **more}


def trust(*principals, **more):
    return policy(
        {
            'Effect': 'Allow',
            'Principal': {'AWS': list(principals)},
            'Action': 'sts:AssumeRole',
            **more,
        }
    )


DECLARED = f"""
[[user]]
account = "{A}"
keys = [{{ access_key_id = "AKIAROOTA00000000001", secret_access_key = "secret-of-root-a" }}]

[[user]]
account = "{A}"
name = "declared"
policies = {{ all = '{policy(allow("*"))}' }}
keys = [{{ access_key_id = "AKIADECLARED00000001", secret_access_key = "secret-of-declared" }}]

[[role]]
account = "{A}"
name = "declared"
trust_policy = '{trust(f"arn:aws:iam::{A}:user/declared")}'
policy = '{policy(allow("sqs:*"))}'

[[user]]
account = "{B}"
keys = [{{ access_key_id = "AKIAROOTB00000000001", secret_access_key = "secret-of-root-b" }}]
"""


class Keys:
    """What requests are signed with."""

    def __init__(self, key, secret, token=None):
        self.key, self.secret, self.token = key, secret, token

    @classmethod
    def of(cls, credentials):
        """Of an answer of STS."""
        return cls(
            credentials['AccessKeyId'],
            credentials['SecretAccessKey'],
            credentials['SessionToken'],
        )


ROOT_A = Keys('AKIAROOTA00000000001', 'secret-of-root-a')
ROOT_B = Keys('AKIAROOTB00000000001', 'secret-of-root-b')
DECLARED_USER = Keys('AKIADECLARED00000001', 'secret-of-declared')


class World:
    """A server that checks who calls, and whoever calls it."""

    def __init__(self, start_server, tmp_path, *args):
        self._start = start_server
        self._data = tmp_path / 'data'
        self._args = args
        users = tmp_path / 'users.toml'
        users.write_text(DECLARED)
        users.chmod(0o600)
        self._args = ('--auth', 'required', '--credentials-file', str(users), *args)
        self.server = self._start(*self._args)

    def crash(self):
        """kill -9, and another start on the same data."""
        self.server.kill()
        self.server = self._start(*self._args)

    def client(self, service, keys=ROOT_A, region='us-east-1'):
        return boto3.session.Session().client(
            service,
            endpoint_url=self.server.endpoint,
            region_name=region,
            aws_access_key_id=keys.key,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
            # What the SDK would refuse itself is the server's to refuse.
            config=Config(retries={'total_max_attempts': 1}, parameter_validation=False),
        )

    def iam(self, keys=ROOT_A):
        return self.client('iam', keys)

    def sts(self, keys=ROOT_A):
        return self.client('sts', keys)

    def sqs(self, keys=ROOT_A):
        return self.client('sqs', keys)

    def admin(self):
        profile = configparser.ConfigParser()
        profile.read(self._data / 'admin-key')
        default = profile['default']
        return Keys(default['aws_access_key_id'], default['aws_secret_access_key'])

    def new_key(self, name, by=ROOT_A):
        made = self.iam(by).create_access_key(UserName=name)['AccessKey']
        return Keys(made['AccessKeyId'], made['SecretAccessKey'])

    def new_user(self, name, *statements, by=ROOT_A, **more):
        """A user with these statements as policy, and an access key."""
        iam = self.iam(by)
        iam.create_user(UserName=name, **more)
        if statements:
            iam.put_user_policy(
                UserName=name, PolicyName='p', PolicyDocument=policy(*statements)
            )
        return self.new_key(name, by)

    def new_role(self, name, trusted, *statements, by=ROOT_A, **more):
        iam = self.iam(by)
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, **more)
        if statements:
            iam.put_role_policy(
                RoleName=name, PolicyName='p', PolicyDocument=policy(*statements)
            )
        return role['Role']['Arn']

    def assume(self, role, by, name='session', **more):
        answer = self.sts(by).assume_role(RoleArn=role, RoleSessionName=name, **more)
        return Keys.of(answer['Credentials'])

    def who(self, keys):
        return self.sts(keys).get_caller_identity()['Arn']

"""AddPermission and RemovePermission."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

ACCOUNTS = ['111111111111', '222222222222']


@pytest.fixture
def add(sqs, queue):
    def add(label='L', accounts=ACCOUNTS, actions=('ReceiveMessage',), client=sqs):
        client.add_permission(
            QueueUrl=queue.url, Label=label, AWSAccountIds=accounts, Actions=list(actions)
        )

    return add


@pytest.fixture
def remove(sqs, queue):
    return lambda label: sqs.remove_permission(QueueUrl=queue.url, Label=label)


@pytest.fixture
def policy(queue):
    """The text of the policy, or None."""
    return lambda: queue.attributes('All').get('Policy')


def labels(policy):
    return [statement['Sid'] for statement in json.loads(policy)['Statement']]


def refusal(parameter, value, reason):
    return f'Value {value} for parameter {parameter} is invalid. Reason: {reason}'


def test_a_permission_makes_a_policy_edge_229(queue, add, policy):
    add()
    arn = queue.attributes('QueueArn')['QueueArn']
    expected = {
        'Version': '2008-10-17',
        'Id': f'{arn}/SQSDefaultPolicy',
        'Statement': [
            {
                'Sid': 'L',
                'Effect': 'Allow',
                'Principal': {'AWS': [f'arn:aws:iam::{account}:root' for account in ACCOUNTS]},
                'Action': 'SQS:ReceiveMessage',
                'Resource': arn,
            }
        ],
    }
    assert policy() == json.dumps(expected, separators=(',', ':')), 'members in this order, too'


def test_one_account_is_a_text_edge_230(add, policy):
    add(accounts=ACCOUNTS[:1], actions=['SendMessage', '*'])
    [statement] = json.loads(policy())['Statement']
    assert statement['Principal'] == {'AWS': f'arn:aws:iam::{ACCOUNTS[0]}:root'}
    assert statement['Action'] == ['SQS:SendMessage', 'SQS:*']


def test_a_label_is_used_once_edge_231(add, policy, refused):
    add()
    before = policy()
    with refused('InvalidParameterValue', message=refusal('Label', 'L', 'Already exists.')):
        add(actions=['SendMessage'])
    assert policy() == before


def test_the_other_permission_stays_edge_232(add, remove, policy):
    add('L')
    add('M', actions=['SendMessage'])
    remove('L')
    assert labels(policy()) == ['M']


def test_the_policy_goes_with_its_last_permission_edge_233(add, remove, policy):
    add()
    remove('L')
    assert policy() is None


def test_an_unknown_label_is_refused_edge_234(add, remove, refused):
    message = refusal('Label', 'L', "can't find label.")
    with refused('InvalidParameterValue', message=message):
        remove('L')
    add('M')
    with refused('InvalidParameterValue', message=message):
        remove('L')


def test_a_permission_is_for_7_actions_at_most_edge_235(add, policy, refused):
    actions = [
        'ChangeMessageVisibility',
        'DeleteMessage',
        'GetQueueAttributes',
        'GetQueueUrl',
        'ListDeadLetterSourceQueues',
        'PurgeQueue',
        'ReceiveMessage',
        'SendMessage',
    ]
    message = '8 Actions were found, maximum allowed is 7.'
    with refused('OverLimit', 403, message=message, shape='OverLimit'):
        add(actions=actions)
    assert policy() is None
    add(actions=actions[:7])
    [statement] = json.loads(policy())['Statement']
    assert statement['Action'] == [f'SQS:{name}' for name in actions[:7]]


@pytest.mark.parametrize(
    'action',
    [
        pytest.param('CreateQueue', id='edge_236'),
        'AddPermission',
        'DeleteQueue',
        'ListQueues',
        'RemovePermission',
        'SetQueueAttributes',
        'TagQueue',
    ],
)
def test_some_actions_are_the_owners(add, refused, action):
    reason = 'Only the queue owner is allowed to invoke this action.'
    with refused('InvalidParameterValue', message=refusal('ActionName', f'SQS:{action}', reason)):
        add(actions=[action])


@pytest.mark.parametrize('action', ['SendMessageBatch', 'Send', 'SQS:SendMessage'])
def test_what_is_no_action_is_not_allowed(add, refused, action):
    reason = 'Please refer to the appropriate WSDL for a list of valid actions. '
    with refused('InvalidParameterValue', message=refusal('ActionName', f'SQS:{action}', reason)):
        add(actions=['SendMessage', action])


def test_what_is_no_account_is_refused(add, refused):
    reason = 'Unable to verify.'
    with refused('InvalidParameterValue', message=refusal('PrincipalId', '[]', reason)):
        add(accounts=[])
    with refused('InvalidParameterValue', message=refusal('PrincipalId', '[12]', reason)):
        add(accounts=[*ACCOUNTS, '12'])


def test_label_and_actions_are_required(unchecked_sqs, queue, add, refused):
    message = 'The request must contain the parameter %s.'
    with refused('MissingParameter', message=message % 'Actions'):
        add(actions=[])
    with refused('MissingParameter', message=message % 'Label'):
        unchecked_sqs.add_permission(
            QueueUrl=queue.url, AWSAccountIds=ACCOUNTS, Actions=['SendMessage']
        )
    with refused('MissingParameter', message=message % 'Label'):
        unchecked_sqs.remove_permission(QueueUrl=queue.url)


def test_a_queue_must_exist(sqs, queue, refused):
    code, message = (
        'AWS.SimpleQueueService.NonExistentQueue',
        'The specified queue does not exist.',
    )
    with refused(code, message=message):
        sqs.remove_permission(QueueUrl=queue.url + '-not-there', Label='L')


def test_permissions_and_policies_are_one(sqs, queue, add, remove, policy):
    own = {
        'Sid': 'own',
        'Effect': 'Deny',
        'Principal': '*',
        'Action': 'sqs:PurgeQueue',
        'Resource': '*',
    }
    document = {'Version': '2012-10-17', 'Statement': own}
    sqs.set_queue_attributes(
        QueueUrl=queue.url, Attributes={'Policy': json.dumps(document)}
    )
    add()
    both = json.loads(policy())
    assert labels(policy()) == ['own', 'L']
    assert both['Version'] == '2012-10-17' and 'Id' not in both
    assert both['Statement'][0] == own
    remove('own')
    assert labels(policy()) == ['L']


def test_a_policy_has_20_statements_at_most(add, policy, refused):
    for n in range(20):
        add(f'label-{n}', accounts=ACCOUNTS[:1])
    with refused('OverLimit', 403, shape='OverLimit'):
        add('label-20')
    assert labels(policy()) == [f'label-{n}' for n in range(20)]


def test_permissions_added_at_once_are_all_there(add, policy):
    names = [f'label-{n}' for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: add(name, accounts=ACCOUNTS[:1]), names))
    assert sorted(labels(policy())) == sorted(names)


def test_a_permission_is_a_change_of_the_queue(queue, add, remove, advance_clock):
    def modified():
        return int(queue.attributes('LastModifiedTimestamp')['LastModifiedTimestamp'])

    created = modified()
    advance_clock(100)
    add()
    added = modified()
    assert added >= created + 100
    advance_clock(100)
    remove('L')
    assert modified() >= added + 100

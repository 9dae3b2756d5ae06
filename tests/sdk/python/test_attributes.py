"""SetQueueAttributes, and the attributes that hold policies and keys."""

import json

import pytest

REDRIVE = 'RedrivePolicy'
ALLOW = 'RedriveAllowPolicy'


@pytest.fixture
def set_attributes(sqs, queue):
    """Sets attributes of `queue`."""
    return lambda **attributes: sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)


def name_of(queue):
    return queue.url.rsplit('/', 1)[1]


def arn_of(queue):
    return queue.attributes('QueueArn')['QueueArn']


def invalid(name):
    return f'Invalid value for the parameter {name}.'


def refusal(parameter, value, reason):
    return f'Value {value} for parameter {parameter} is invalid. Reason: {reason}'


def redrive(target, count=3):
    return json.dumps({'deadLetterTargetArn': target, 'maxReceiveCount': count})


def policy(statements=1, **more):
    statement = {
        'Effect': 'Allow',
        'Principal': '*',
        'Action': 'sqs:SendMessage',
        'Resource': '*',
    }
    return json.dumps(
        {
            'Version': '2012-10-17',
            'Statement': [{'Sid': f's{n}', **statement} for n in range(statements)],
            **more,
        }
    )


# SetQueueAttributes


def test_what_is_not_named_is_kept_edge_46(sqs, new_queue):
    queue = new_queue(
        MessageRetentionPeriod=604800, ReceiveMessageWaitTimeSeconds=10, VisibilityTimeout=20
    )
    before = queue.attributes('All')
    changed = {'MaximumMessageSize': '2048', 'VisibilityTimeout': '69', 'DelaySeconds': '420'}
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=changed)
    after = queue.attributes('All')
    assert int(after.pop('LastModifiedTimestamp')) >= int(before.pop('LastModifiedTimestamp'))
    assert after == {**before, **changed}


def test_a_change_takes_effect_at_once(queue, set_attributes):
    queue.send('before')
    set_attributes(VisibilityTimeout='0', MaximumMessageSize='1024', DelaySeconds='600')
    assert [queue.bodies(), queue.bodies()] == [['before'], ['before']]
    queue.send('delayed')
    assert queue.counters() == (1, 0, 1), 'the delay is for new messages only'
    with pytest.raises(queue.sqs.exceptions.ClientError):
        queue.send('x' * 1025)


def test_a_change_is_dated(queue, set_attributes, advance_clock):
    created = queue.attributes('CreatedTimestamp', 'LastModifiedTimestamp')
    advance_clock(100)
    set_attributes(DelaySeconds='1')
    changed = queue.attributes('CreatedTimestamp', 'LastModifiedTimestamp')
    assert changed['CreatedTimestamp'] == created['CreatedTimestamp']
    assert int(changed['LastModifiedTimestamp']) >= int(created['LastModifiedTimestamp']) + 100


def test_a_queue_is_created_again_with_its_current_values_edges_6_and_7(sqs, new_queue, refused):
    queue = new_queue(ReceiveMessageWaitTimeSeconds=1, DelaySeconds=1)
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={'DelaySeconds': '2'})

    def create(delay):
        attributes = {'ReceiveMessageWaitTimeSeconds': '1', 'DelaySeconds': delay}
        return sqs.create_queue(QueueName=name_of(queue), Attributes=attributes)

    assert create('2')['QueueUrl'] == queue.url
    with refused(
        'QueueAlreadyExists',
        message='A queue already exists with the same name and a different value '
        'for attribute DelaySeconds',
        shape='QueueNameExists',
    ):
        create('1')


def test_a_shorter_retention_period_is_for_old_messages_too_edge_170(
    queue, set_attributes, advance_clock
):
    queue.send('old')
    advance_clock(3600)
    queue.send('new')
    set_attributes(MessageRetentionPeriod='1800')
    assert queue.bodies() == ['new']


@pytest.mark.parametrize(
    'name, values',
    [
        pytest.param('VisibilityTimeout', ['99999', '-1'], id='edge_47'),
        pytest.param(
            'DelaySeconds', ['', ' 6', '-45', '901', '544.43', 'true'], id='edge_59'
        ),
        pytest.param('MaximumMessageSize', ['1023', '1048577'], id='edge_60'),
        pytest.param('MessageRetentionPeriod', ['59', '1209601'], id='edge_61'),
        pytest.param('ReceiveMessageWaitTimeSeconds', ['21'], id='edge_62'),
        pytest.param('KmsDataKeyReusePeriodSeconds', ['59', '86401'], id='reuse_period'),
        pytest.param('SqsManagedSseEnabled', ['yes'], id='encryption'),
    ],
)
def test_a_value_out_of_range_is_refused(queue, set_attributes, refused, name, values):
    before = queue.attributes('All')
    for value in values:
        with refused(
            'InvalidAttributeValue', message=invalid(name), shape='InvalidAttributeValue'
        ):
            set_attributes(**{name: value})
    assert queue.attributes('All') == before


@pytest.mark.parametrize(
    'name, value',
    [
        pytest.param('Bogus', '1', id='edge_48'),
        pytest.param('FifoQueue', 'true', id='edge_49_true'),
        pytest.param('FifoQueue', 'false', id='edge_49_false'),
        pytest.param('QueueArn', 'x', id='edge_63'),
        pytest.param('ApproximateNumberOfMessages', '1', id='counter'),
        pytest.param('All', '1', id='all'),
    ],
)
def test_an_unknown_or_read_only_attribute_is_not_set(set_attributes, refused, name, value):
    with refused(
        'InvalidAttributeName',
        message=f'Unknown Attribute {name}.',
        shape='InvalidAttributeName',
    ):
        set_attributes(**{name: value})


@pytest.mark.parametrize(
    'name, value',
    [
        ('ContentBasedDeduplication', 'true'),
        ('DeduplicationScope', 'queue'),
        ('FifoThroughputLimit', 'perQueue'),
    ],
)
def test_a_standard_queue_takes_no_fifo_setting_edge_52(set_attributes, refused, name, value):
    with refused('InvalidAttributeName', shape='InvalidAttributeName'):
        set_attributes(**{name: value})


@pytest.mark.parametrize('bad', [{'Bogus': '1'}, {'VisibilityTimeout': '99999'}])
def test_one_bad_attribute_and_none_is_set_edge_64(queue, set_attributes, refused, bad):
    before = queue.attributes('All')
    code = 'InvalidAttributeName' if 'Bogus' in bad else 'InvalidAttributeValue'
    with refused(code):
        set_attributes(DelaySeconds='7', **bad)
    assert queue.attributes('All') == before


def test_something_must_be_set(queue, unchecked_sqs, refused):
    for attributes in [{}, {'Attributes': {}}]:
        with refused('MissingParameter'):
            unchecked_sqs.set_queue_attributes(QueueUrl=queue.url, **attributes)


def test_only_an_existing_queue_has_attributes_to_set(sqs, queue, set_attributes, refused):
    sqs.delete_queue(QueueUrl=queue.url)
    with refused('AWS.SimpleQueueService.NonExistentQueue', shape='QueueDoesNotExist'):
        set_attributes(DelaySeconds='1')


# Policy


def test_a_policy_reads_back(queue, set_attributes):
    set_attributes(Policy=policy())
    assert json.loads(queue.attributes('All')['Policy']) == json.loads(policy())


def test_an_empty_policy_removes_it_edge_54(queue, set_attributes):
    set_attributes(Policy='')
    assert 'Policy' not in queue.attributes('All')
    set_attributes(Policy=policy())
    assert 'Policy' in queue.attributes('All')
    set_attributes(Policy='')
    assert 'Policy' not in queue.attributes('All')


@pytest.mark.parametrize('value', ['badjson', '[]', '533', policy(Version='4532-10-17')])
def test_a_policy_has_the_shape_of_one_edge_65(queue, set_attributes, refused, value):
    with refused('InvalidAttributeValue', message=invalid('Policy')):
        set_attributes(Policy=value)
    assert 'Policy' not in queue.attributes('All')


def test_a_policy_has_at_most_20_statements_edge_66(queue, set_attributes, refused):
    set_attributes(Policy=policy(statements=20))
    with refused(
        'OverLimit',
        status=403,
        message='22 statements were found in the submitted policy, max allowed is 20',
        shape='OverLimit',
    ):
        set_attributes(Policy=policy(statements=22))


# Encryption


def test_a_key_turns_the_other_encryption_off_edge_56(queue, set_attributes):
    assert queue.attributes('All')['SqsManagedSseEnabled'] == 'true'
    set_attributes(KmsMasterKeyId='testKeyId', KmsDataKeyReusePeriodSeconds='6000')
    attributes = queue.attributes('All')
    assert attributes['KmsMasterKeyId'] == 'testKeyId'
    assert attributes['KmsDataKeyReusePeriodSeconds'] == '6000'
    assert attributes['SqsManagedSseEnabled'] == 'false'


def test_without_its_key_neither_encryption_is_on_edge_57(queue, set_attributes):
    set_attributes(KmsMasterKeyId='testKeyId', KmsDataKeyReusePeriodSeconds='6000')
    set_attributes(KmsMasterKeyId='', KmsDataKeyReusePeriodSeconds='300')
    attributes = queue.attributes('All')
    assert 'KmsMasterKeyId' not in attributes
    assert 'KmsDataKeyReusePeriodSeconds' not in attributes
    assert attributes['SqsManagedSseEnabled'] == 'false'


def test_the_two_encryptions_exclude_each_other_edge_58(queue, set_attributes, refused):
    before = queue.attributes('All')
    with refused(
        'InvalidAttributeName',
        message='You can use one type of server-side encryption (SSE) at one time. '
        'You can either enable KMS SSE or SQS SSE.',
    ):
        set_attributes(KmsMasterKeyId='k', SqsManagedSseEnabled='true')
    assert queue.attributes('All') == before


# RedrivePolicy


@pytest.mark.parametrize('count', [1, 1000, '5'])
def test_a_redrive_policy_reads_back(new_queue, queue, set_attributes, count):
    target = arn_of(new_queue())
    set_attributes(RedrivePolicy=redrive(target, count))
    assert queue.attributes('All')[REDRIVE] == (
        '{"deadLetterTargetArn":"%s","maxReceiveCount":%s}' % (target, count)
    )


def test_an_empty_redrive_policy_removes_it_edge_55(new_queue, queue, set_attributes):
    set_attributes(RedrivePolicy='')
    assert REDRIVE not in queue.attributes('All')
    set_attributes(RedrivePolicy=redrive(arn_of(new_queue())))
    assert REDRIVE in queue.attributes('All')
    set_attributes(RedrivePolicy='')
    assert REDRIVE not in queue.attributes('All')


def test_a_target_that_is_no_arn_is_not_looked_up_edge_28(sqs, new_name, refused):
    name, value = new_name(), redrive('dummy')
    reason = 'Dead-letter target ARN should be fully qualified ARN.'
    with refused('InvalidParameterValue', message=refusal(REDRIVE, value, reason)):
        sqs.create_queue(QueueName=name, Attributes={REDRIVE: value})
    with refused('AWS.SimpleQueueService.NonExistentQueue'):
        sqs.get_queue_url(QueueName=name)


def test_a_target_exists_edge_205(queue, set_attributes, refused):
    value = redrive(arn_of(queue) + '-missing')
    reason = 'Dead letter target does not exist.'
    with refused('InvalidParameterValue', message=refusal(REDRIVE, value, reason)):
        set_attributes(RedrivePolicy=value)


def test_a_target_allows_its_sources_edge_207(sqs, new_queue, new_name, refused):
    target = new_queue(RedriveAllowPolicy='{"redrivePermission":"denyAll"}')
    name = new_name()
    with refused('InvalidParameterValue'):
        sqs.create_queue(QueueName=name, Attributes={REDRIVE: redrive(arn_of(target))})
    with refused('AWS.SimpleQueueService.NonExistentQueue'):
        sqs.get_queue_url(QueueName=name)


def test_a_target_may_allow_one_source_only(new_queue, queue, set_attributes, refused):
    allowed = {'redrivePermission': 'byQueue', 'sourceQueueArns': [arn_of(queue)]}
    target = new_queue(RedriveAllowPolicy=json.dumps(allowed))
    set_attributes(RedrivePolicy=redrive(arn_of(target)))
    other = new_queue()
    with refused('InvalidParameterValue'):
        other.sqs.set_queue_attributes(
            QueueUrl=other.url, Attributes={REDRIVE: redrive(arn_of(target))}
        )


@pytest.mark.parametrize('count', [0, 1001, -1])
def test_a_receive_count_is_1_to_1000_edge_208(new_queue, set_attributes, refused, count):
    value = redrive(arn_of(new_queue()), count)
    reason = (
        f'Invalid value for maxReceiveCount: {count}, '
        'valid values are from 1 to 1000 both inclusive.'
    )
    with refused('InvalidParameterValue', message=refusal(REDRIVE, value, reason)):
        set_attributes(RedrivePolicy=value)


def test_a_queue_may_be_its_own_target_edge_209(queue, set_attributes):
    set_attributes(RedrivePolicy=redrive(arn_of(queue)))
    stored = json.loads(queue.attributes(REDRIVE)[REDRIVE])
    assert stored['deadLetterTargetArn'] == arn_of(queue)


@pytest.mark.parametrize(
    'value, reason',
    [
        (
            {'deadLetterTargetArn': 'arn:aws:sqs:us-east-1:000000000000:q'},
            'Redrive policy does not contain mandatory attribute: maxReceiveCount.',
        ),
        (
            {'maxReceiveCount': 1},
            'Redrive policy does not contain mandatory attribute: deadLetterTargetArn.',
        ),
        (
            {'deadLetterTargetArn': 'arn:aws:sns:us-east-1:000000000000:t', 'maxReceiveCount': 1},
            'Only SQS queues are valid resources for deadLetterTargetArn.',
        ),
        (
            {'deadLetterTargetArn': 'arn:aws:sqs:us-east-1:111111111111:q', 'maxReceiveCount': 1},
            'Dead-letter target owner should be same as the source.',
        ),
    ],
)
def test_a_redrive_policy_has_two_members(set_attributes, refused, value, reason):
    value = json.dumps(value)
    with refused('InvalidParameterValue', message=refusal(REDRIVE, value, reason)):
        set_attributes(RedrivePolicy=value)


# RedriveAllowPolicy


def allow(permission, *sources):
    value = {'redrivePermission': permission}
    return json.dumps({**value, 'sourceQueueArns': list(sources)} if sources else value)


@pytest.mark.parametrize(
    'value, reason',
    [
        pytest.param(
            allow('byQueue'),
            "Amazon SQS can't create the redrive allow policy. When you specify the byQueue "
            'permission type, you must also specify one or more sourceQueueArns values.',
            id='edge_210',
        ),
        pytest.param(
            allow('allowAll', 'arn:aws:sqs:us-east-1:000000000000:source'),
            "Amazon SQS can't create the redrive allow policy. To specify one or more source "
            'queue ARNs, you must set redrivePermission to byQueue.',
            id='edge_211',
        ),
        pytest.param(
            allow('byQueue', *[f'arn:aws:sqs:us-east-1:000000000000:q{n}' for n in range(11)]),
            "Amazon SQS can't create the redrive allow policy. "
            'The maximum number of source queue ARNs you can specify is 10.',
            id='edge_213',
        ),
    ],
)
def test_sources_belong_to_by_queue(queue, set_attributes, refused, value, reason):
    with refused('InvalidParameterValue', message=refusal(ALLOW, value, reason)):
        set_attributes(RedriveAllowPolicy=value)
    assert ALLOW not in queue.attributes('All')


def test_an_allow_policy_reads_back_compact_edge_212(queue, set_attributes):
    source = 'arn:aws:sqs:us-east-1:000000000000:source'
    set_attributes(RedriveAllowPolicy=allow('byQueue', source))
    assert queue.attributes('All')[ALLOW] == (
        '{"redrivePermission":"byQueue","sourceQueueArns":["%s"]}' % source
    )
    set_attributes(RedriveAllowPolicy=allow('denyAll'))
    assert queue.attributes(ALLOW) == {ALLOW: '{"redrivePermission":"denyAll"}'}
    set_attributes(RedriveAllowPolicy='')
    assert ALLOW not in queue.attributes('All')


@pytest.mark.parametrize('value', ['badjson', '[]', '{}', '{"redrivePermission":"nobody"}'])
def test_an_allow_policy_has_its_shape(queue, set_attributes, refused, value):
    with refused('InvalidAttributeValue', shape='InvalidAttributeValue'):
        set_attributes(RedriveAllowPolicy=value)

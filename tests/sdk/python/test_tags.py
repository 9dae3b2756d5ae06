"""TagQueue, UntagQueue, ListQueueTags, and tags of a new queue."""

import pytest

import formiga

BAD_KEY = (
    'Tag keys may only contain unicode letters, digits, whitespace, '
    'or one of these symbols: _ . : / = + - @'
)
BAD_KEY_LENGTH = 'Tag keys must be between 1 and 128 characters in length.'


@pytest.fixture
def tag(sqs, queue):
    return lambda tags: sqs.tag_queue(QueueUrl=queue.url, Tags=tags)


@pytest.fixture
def untag(sqs, queue):
    return lambda *keys: sqs.untag_queue(QueueUrl=queue.url, TagKeys=list(keys))


@pytest.fixture
def tags(sqs, queue):
    def tags():
        answer = sqs.list_queue_tags(QueueUrl=queue.url)
        assert answer.get('Tags') != {}, 'an empty map is left out'
        return answer.get('Tags', {})

    return tags


def test_a_queue_is_created_with_tags_edge_24(sqs, new_name):
    tags = {'tag1': 'value1', 'tag2': ''}
    url = sqs.create_queue(QueueName=new_name(), tags=tags)['QueueUrl']
    assert sqs.list_queue_tags(QueueUrl=url)['Tags'] == tags


def test_the_member_of_create_queue_begins_with_a_small_letter_edge_263(server, sqs, new_name):
    for member, stored in [('tags', {'k': 'v'}), ('Tags', {})]:
        name = new_name()
        answer = formiga.post(
            server.endpoint, 'AmazonSQS.CreateQueue', {'QueueName': name, member: {'k': 'v'}}
        )
        assert answer.status == 200, answer.body
        url = answer.json()['QueueUrl']
        assert sqs.list_queue_tags(QueueUrl=url).get('Tags', {}) == stored


def test_tags_are_not_compared_when_a_queue_is_created_again(sqs, queue, tag, tags):
    tag({'k': 'v'})
    name = queue.url.rsplit('/', 1)[1]
    assert sqs.create_queue(QueueName=name, tags={'k': 'other'})['QueueUrl'] == queue.url
    assert tags() == {'k': 'v'}


def test_tags_are_listed_as_they_were_set_edge_239(tag, tags):
    assert tags() == {}
    set_tags = {'tag1': 'value1', 'Custo: a/b=c+d-e@f.g_h': 'São Paulo', 'empty': ''}
    tag(set_tags)
    assert tags() == set_tags


def test_keys_are_case_sensitive_edge_237(tag, tags):
    tag({'MyTag': 'value1', 'mytag': 'value2'})
    assert tags() == {'MyTag': 'value1', 'mytag': 'value2'}


def test_a_tag_may_be_set_again(tag, tags):
    tag({'k': 'old', 'other': 'kept'})
    tag({'k': 'new'})
    assert tags() == {'k': 'new', 'other': 'kept'}


def test_an_unknown_tag_may_be_removed_edge_238(tag, untag, tags):
    tag({'tag1': 'value1', 'tag2': 'value2'})
    untag('tag1', 'tag3')
    assert tags() == {'tag2': 'value2'}
    untag('tag2')
    assert tags() == {}


def test_a_queue_has_at_most_50_tags(queue, tag, tags, refused):
    fifty = {f'key{n}': 'v' for n in range(50)}
    tag(fifty)
    tag({'key0': 'still 50'})
    name = queue.url.rsplit('/', 1)[1]
    with refused('InvalidParameterValue', message=f'Too many tags added for queue {name}.'):
        tag({'one': 'more'})
    assert tags() == {**fifty, 'key0': 'still 50'}


@pytest.mark.parametrize(
    'key, message',
    [
        ('a;b', BAD_KEY),
        ('a' * 129, None),
        ('', None),
        ('aws:reserved', None),
    ],
)
def test_a_bad_key_is_refused(tag, tags, refused, key, message):
    with refused('InvalidParameterValue', message=message):
        tag({'fine': 'v', key: 'v'})
    assert tags() == {}


def test_a_bad_value_is_refused(tag, tags, refused):
    tag({'long': 'v' * 256})
    for value in ['v' * 257, 'a;b']:
        with refused('InvalidParameterValue'):
            tag({'k': value})
    assert tags() == {'long': 'v' * 256}


def test_something_must_be_tagged(queue, unchecked_sqs, refused):
    message = 'The request must contain the parameter Tags.'
    for tags in [{}, {'Tags': {}}]:
        with refused('MissingParameter', message=message):
            unchecked_sqs.tag_queue(QueueUrl=queue.url, **tags)


def test_something_must_be_untagged(untag, refused):
    with refused('InvalidParameterValue', message=BAD_KEY_LENGTH):
        untag()


def test_only_an_existing_queue_has_tags(sqs, queue, tag, untag, tags, refused):
    sqs.delete_queue(QueueUrl=queue.url)
    for call in [lambda: tag({'k': 'v'}), lambda: untag('k'), tags]:
        with refused('AWS.SimpleQueueService.NonExistentQueue', shape='QueueDoesNotExist'):
            call()
    sqs.create_queue(QueueName=queue.url.rsplit('/', 1)[1])
    assert tags() == {}

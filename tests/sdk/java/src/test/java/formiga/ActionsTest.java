package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.model.ListMessageMoveTasksResultEntry;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.SqsRequest;
import software.amazon.awssdk.services.sqs.model.UnsupportedOperationException;

/** Every action of SQS, called once or more, with what its answer tells. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ActionsTest extends SdkTest {
  @Test
  void aQueueIsCreatedFoundByItsNameListedAndDeleted() {
    var name = newName("life");
    var url = await(sqs.createQueue(r -> r.queueName(name))).queueUrl();
    assertTrue(url.startsWith(server.endpoint.toString()) && url.endsWith("/" + name), url);
    assertEquals(url, await(sqs.getQueueUrl(r -> r.queueName(name))).queueUrl());
    var list = await(sqs.listQueues(r -> r.queueNamePrefix("life")));
    assertEquals(List.of(url), list.queueUrls());
    await(sqs.deleteQueue(r -> r.queueUrl(url)));
    var find = sqs.getQueueUrl(r -> r.queueName(name));
    refused(QueueDoesNotExistException.class, 400, find);
  }

  @Test
  void thePaginatorOfTheSdkFindsEveryQueue() {
    var prefix = newName("page");
    var expected = numbers(5).stream().map(number -> prefix + "-" + number).toList();
    for (var name : expected) await(sqs.createQueue(r -> r.queueName(name)));
    var pages = new ArrayList<Integer>();
    var found = new ArrayList<String>();
    var paginator = sqs.listQueuesPaginator(r -> r.queueNamePrefix(prefix).maxResults(2));
    await(
        paginator.subscribe(
            page -> {
              pages.add(page.queueUrls().size());
              page.queueUrls().forEach(url -> found.add(url.substring(url.lastIndexOf('/') + 1)));
            }));
    assertEquals(expected, found);
    assertEquals(List.of(2, 2, 1), pages);
  }

  @Test
  void attributesAreSetAndRead() {
    var queue = newQueue(Map.of("VisibilityTimeout", "7"));
    var change = Map.of("DelaySeconds", "3");
    await(sqs.setQueueAttributes(r -> r.queueUrl(queue.url).attributesWithStrings(change)));
    var attributes = queue.attributes("All");
    assertEquals("7", attributes.get("VisibilityTimeout"));
    assertEquals("3", attributes.get("DelaySeconds"));
  }

  @Test
  void tagsAreSetListedAndRemoved() {
    var queue = newQueue();
    var tags = Map.of("team", "ants", "size", "small");
    await(sqs.tagQueue(r -> r.queueUrl(queue.url).tags(tags)));
    assertEquals(tags, await(sqs.listQueueTags(r -> r.queueUrl(queue.url))).tags());
    await(sqs.untagQueue(r -> r.queueUrl(queue.url).tagKeys("size")));
    var left = await(sqs.listQueueTags(r -> r.queueUrl(queue.url))).tags();
    assertEquals(Map.of("team", "ants"), left);
  }

  @Test
  void aPermissionIsAddedAndRemoved() {
    var queue = newQueue();
    await(
        sqs.addPermission(
            r ->
                r.queueUrl(queue.url)
                    .label("readers")
                    .awsAccountIds("111111111111")
                    .actions("ReceiveMessage")));
    var policy = queue.attributes("Policy").get("Policy");
    assertTrue(policy.contains("\"readers\"") && policy.contains("\"SQS:ReceiveMessage\""), policy);
    await(sqs.removePermission(r -> r.queueUrl(queue.url).label("readers")));
    assertEquals(Map.of(), queue.attributes("Policy"));
  }

  @Test
  void aMessageIsSentReceivedHiddenForLongerAndDeleted() {
    var queue = newQueue(Map.of("VisibilityTimeout", "30"));
    var sent = queue.send("hello");
    var message = queue.receiveOne();
    assertEquals(sent.messageId(), message.messageId());
    assertEquals("hello", message.body());
    assertEquals("1", message.attributesAsStrings().get("ApproximateReceiveCount"));
    var handle = message.receiptHandle();
    await(
        sqs.changeMessageVisibility(
            r -> r.queueUrl(queue.url).receiptHandle(handle).visibilityTimeout(300)));
    server.advanceClock(200);
    assertEquals(List.of(), queue.receive());
    queue.delete(message);
    server.advanceClock(200);
    assertEquals(List.of(), queue.receive());
    assertEquals(List.of(0, 0, 0), queue.counters());
  }

  @Test
  void theBatchesDoForTenMessagesWhatTheActionsDoForOne() {
    var queue = newQueue();
    var entries = Entries.send(numbers(10));
    var sent = await(sqs.sendMessageBatch(r -> r.queueUrl(queue.url).entries(entries)));
    assertEquals(10, sent.successful().size());
    var messages = queue.receive();
    assertEquals(numbers(10), bodies(messages));
    var handles =
        messages.stream().collect(Collectors.toMap(m -> m.body(), m -> m.receiptHandle()));
    var changed =
        await(
            sqs.changeMessageVisibilityBatch(
                r -> r.queueUrl(queue.url).entries(Entries.change(handles, 600))));
    assertEquals(10, changed.successful().size());
    var deleted =
        await(
            sqs.deleteMessageBatch(r -> r.queueUrl(queue.url).entries(Entries.delete(handles))));
    assertEquals(10, deleted.successful().size());
    assertEquals(List.of(0, 0, 0), queue.counters());
  }

  @Test
  void aPurgeRemovesEveryMessage() {
    var queue = newQueue();
    queue.send("visible");
    queue.send("delayed", more -> more.delaySeconds(100));
    await(sqs.purgeQueue(r -> r.queueUrl(queue.url)));
    assertEquals(List.of(0, 0, 0), queue.counters());
  }

  @Test
  void aDeadLetterQueueKnowsItsSources() {
    var pair = newPair(1, Map.of());
    var sources = await(sqs.listDeadLetterSourceQueues(r -> r.queueUrl(pair.failed().url)));
    assertEquals(List.of(pair.queue().url), sources.queueUrls());
  }

  @Test
  void aMessageMoveTaskIsStartedListedAndCancelled() throws Exception {
    var failed = newPair(1, Map.of()).failed();
    var target = newQueue();
    for (var number : numbers(10)) failed.send(number);
    var source = failed.arn();
    var destination = target.arn();
    var handle =
        await(
                sqs.startMessageMoveTask(
                    r ->
                        r.sourceArn(source)
                            .destinationArn(destination)
                            .maxNumberOfMessagesPerSecond(1)))
            .taskHandle();
    until(() -> target.counters().get(0) >= 1);
    var running = latestTask(source);
    assertEquals("RUNNING", running.status());
    assertEquals(handle, running.taskHandle());
    var cancelled = await(sqs.cancelMessageMoveTask(r -> r.taskHandle(handle)));
    var moved = cancelled.approximateNumberOfMessagesMoved().intValue();
    assertTrue(moved >= 1 && moved < 10, "it moved " + moved);
    assertEquals("CANCELLED", latestTask(source).status());
    assertEquals(10 - moved, failed.counters().get(0));
    var again = sqs.cancelMessageMoveTask(r -> r.taskHandle(handle));
    refused(UnsupportedOperationException.class, 400, again);
  }

  private ListMessageMoveTasksResultEntry latestTask(String source) {
    return await(sqs.listMessageMoveTasks(r -> r.sourceArn(source))).results().get(0);
  }

  @Test
  @Order(Integer.MAX_VALUE)
  void noActionOfTheSdkWasLeftOut() {
    var actions =
        Arrays.stream(SqsAsyncClient.class.getMethods())
            .filter(method -> method.getParameterCount() == 1)
            .filter(method -> SqsRequest.class.isAssignableFrom(method.getParameterTypes()[0]))
            .map(method -> method.getParameterTypes()[0].getSimpleName().replace("Request", ""))
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(23, actions.size());
    assertEquals(actions, new TreeSet<>(called));
  }
}

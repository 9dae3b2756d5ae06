package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.sqs.batchmanager.SqsAsyncBatchManager;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.SqsException;

/** The SDK's own batching of single calls, and its buffer of received messages. */
class BatchManagerTest extends SdkTest {
  private ScheduledExecutorService timers;
  private SqsAsyncBatchManager manager;

  @BeforeEach
  void startManager() {
    called.clear();
    timers = Executors.newScheduledThreadPool(2);
    manager =
        SqsAsyncBatchManager.builder()
            .client(sqs)
            .scheduledExecutor(timers)
            .overrideConfiguration(
                settings ->
                    settings
                        .maxBatchSize(10)
                        .sendRequestFrequency(Duration.ofMillis(100))
                        .receiveMessageMinWaitDuration(Duration.ofMillis(100))
                        .receiveMessageVisibilityTimeout(Duration.ofSeconds(600))
                        .receiveMessageAttributeNames(List.of("All"))
                        .receiveMessageSystemAttributeNames(
                            List.of(MessageSystemAttributeName.ALL)))
            .build();
  }

  @AfterEach
  void stopManager() {
    manager.close();
    timers.shutdownNow();
  }

  private long calls(String action) {
    return called.stream().filter(action::equals).count();
  }

  @Test
  void singleCallsTravelInBatchesAndEachHasItsAnswer() throws Exception {
    var queue = newQueue();
    var sends =
        numbers(25).stream()
            .map(body -> manager.sendMessage(r -> r.queueUrl(queue.url).messageBody(body)))
            .toList();
    var sent = new TreeSet<String>();
    for (var send : sends) sent.add(await(send).messageId());
    assertEquals(25, sent.size());
    assertEquals(0, calls("SendMessage"));
    assertEquals(3, calls("SendMessageBatch"));

    var received = new ArrayList<Message>();
    until(() -> received.addAll(receive(queue)) && received.size() >= 25);
    assertEquals(sent, ids(received));
    assertEquals(25, received.size(), "each came once");

    var changes =
        received.stream()
            .map(
                message ->
                    manager.changeMessageVisibility(
                        r ->
                            r.queueUrl(queue.url)
                                .receiptHandle(message.receiptHandle())
                                .visibilityTimeout(900)))
            .toList();
    for (var change : changes) await(change);
    assertEquals(0, calls("ChangeMessageVisibility"));
    assertEquals(3, calls("ChangeMessageVisibilityBatch"));
    server.advanceClock(700);
    assertEquals(List.of(0, 25, 0), queue.counters());

    var deletes =
        received.stream()
            .map(
                message ->
                    manager.deleteMessage(
                        r -> r.queueUrl(queue.url).receiptHandle(message.receiptHandle())))
            .toList();
    for (var delete : deletes) await(delete);
    assertEquals(0, calls("DeleteMessage"));
    assertEquals(3, calls("DeleteMessageBatch"));
    assertEquals(List.of(0, 0, 0), queue.counters());
  }

  private List<Message> receive(TestQueue queue) {
    return await(manager.receiveMessage(r -> r.queueUrl(queue.url).maxNumberOfMessages(10)))
        .messages();
  }

  private static Set<String> ids(List<Message> messages) {
    var ids = new TreeSet<String>();
    for (var message : messages) ids.add(message.messageId());
    return ids;
  }

  @Test
  void aMessageThatIsRefusedInItsBatchFailsAlone() {
    var queue = newQueue();
    var calls =
        Stream.of("good", "a\u0001b", "fine")
            .map(body -> manager.sendMessage(r -> r.queueUrl(queue.url).messageBody(body)))
            .toList();
    await(calls.get(0));
    await(calls.get(2));
    var error = assertThrows(SqsException.class, () -> await(calls.get(1)));
    assertEquals("InvalidMessageContents", error.awsErrorDetails().errorCode());
    assertEquals(1, calls("SendMessageBatch"));
    assertEquals(List.of("good", "fine"), bodies(queue.receive()));
  }

  @Test
  void aBatchThatIsRefusedFailsEveryCallInIt() {
    var gone = server.endpoint + "/000000000000/" + newName("gone");
    var calls =
        Stream.of("one", "two")
            .map(body -> manager.sendMessage(r -> r.queueUrl(gone).messageBody(body)))
            .toList();
    for (var call : calls) refused(QueueDoesNotExistException.class, 400, call);
  }

  @Test
  void aMessageThatComesLaterIsReceivedWithItsAttributes() throws Exception {
    var queue = newQueue();
    assertEquals(List.of(), receive(queue));
    queue.send("hello", more -> more.messageAttributes(ContentTest.TEXT));
    var received = new ArrayList<Message>();
    until(() -> received.addAll(receive(queue)));
    assertEquals(List.of("hello"), bodies(received));
    assertEquals(ContentTest.TEXT, received.get(0).messageAttributes());
    assertEquals("1", received.get(0).attributesAsStrings().get("ApproximateReceiveCount"));
  }
}

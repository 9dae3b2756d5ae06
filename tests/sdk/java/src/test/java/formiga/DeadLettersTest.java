package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.sqs.model.ListMessageMoveTasksResultEntry;
import software.amazon.awssdk.services.sqs.model.Message;

/** Dead letters, and the message move task that brings them back. */
class DeadLettersTest extends SdkTest {
  private static final Map<String, String> AT_ONCE = Map.of("VisibilityTimeout", "0");

  private static String attribute(Message message, String name) {
    return message.attributesAsStrings().get(name);
  }

  @Test
  void aMessageThatWasReceivedTooOftenMovesAndATaskMovesItBack() throws Exception {
    var pair = newPair(2, AT_ONCE);
    var queue = pair.queue();
    var failed = pair.failed();
    var sent = queue.send("poison", more -> more.messageAttributes(ContentTest.TEXT));
    for (var count : List.of("1", "2")) {
      assertEquals(count, attribute(queue.receiveOne(), "ApproximateReceiveCount"));
    }
    assertEquals(List.of(), queue.receive());
    until(() -> failed.counters().get(0) == 1);
    var dead = failed.receiveOne();
    assertEquals("poison", dead.body());
    assertEquals(sent.messageId(), dead.messageId());
    assertEquals(queue.arn(), attribute(dead, "DeadLetterQueueSourceArn"));
    assertEquals(ContentTest.TEXT, dead.messageAttributes());

    var source = failed.arn();
    await(sqs.startMessageMoveTask(r -> r.sourceArn(source)));
    until(() -> !latestTask(source).status().equals("RUNNING"));
    assertEquals("COMPLETED", latestTask(source).status());
    assertEquals(1, latestTask(source).approximateNumberOfMessagesMoved());
    until(() -> queue.counters().get(0) == 1);
    var back = queue.receiveOne();
    assertEquals("poison", back.body());
    assertEquals("1", attribute(back, "ApproximateReceiveCount"));
    assertEquals(ContentTest.TEXT, back.messageAttributes());
    assertEquals(List.of(0, 0, 0), failed.counters());
  }

  private ListMessageMoveTasksResultEntry latestTask(String source) {
    return await(sqs.listMessageMoveTasks(r -> r.sourceArn(source))).results().get(0);
  }

  @Test
  void deadLettersOfAFifoQueueKeepTheirOrder() throws Exception {
    var attributes = new HashMap<>(FIFO_BY_CONTENT);
    attributes.putAll(AT_ONCE);
    var pair = newPair(1, attributes);
    var bodies = List.of("one", "two", "three");
    for (var body : bodies) pair.queue().send(body, more -> more.messageGroupId("g"));
    assertEquals(3, pair.queue().receive().size());
    assertEquals(List.of(), pair.queue().receive());
    until(() -> pair.failed().counters().get(0) == 3);
    assertEquals(bodies, bodies(pair.failed().receive()));
  }
}

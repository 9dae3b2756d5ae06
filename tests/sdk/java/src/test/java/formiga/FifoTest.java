package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.List;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.SendMessageResponse;

/** FIFO queues: order within a group, and deduplication. */
class FifoTest extends SdkTest {
  private static SendMessageResponse send(TestQueue queue, String group, String id, String body) {
    return queue.send(body, more -> more.messageGroupId(group).messageDeduplicationId(id));
  }

  private static BigInteger sequenceNumber(Message message) {
    return new BigInteger(message.attributesAsStrings().get("SequenceNumber"));
  }

  @Test
  void aGroupIsReceivedInOrderAndOneMessageInFlightHoldsItBack() {
    var queue = newQueue(FIFO);
    for (var body : List.of("a1", "a2", "b1", "a3")) send(queue, body.substring(0, 1), body, body);
    var first = queue.receiveOne();
    assertEquals("a1", first.body());
    assertEquals(List.of("b1"), bodies(queue.receive()), "group a waits");
    queue.delete(first);
    var rest = queue.receive();
    assertEquals(List.of("a2", "a3"), bodies(rest));
    assertEquals("a", rest.get(0).attributesAsStrings().get("MessageGroupId"));
    assertEquals("a2", rest.get(0).attributesAsStrings().get("MessageDeduplicationId"));
    assertTrue(sequenceNumber(rest.get(0)).compareTo(sequenceNumber(rest.get(1))) < 0);
  }

  @Test
  void aDeduplicationIdIsRememberedForFiveMinutes() {
    var queue = newQueue(FIFO);
    var first = send(queue, "g", "d", "first");
    var again = send(queue, "g", "d", "again");
    assertEquals(first.messageId(), again.messageId());
    assertEquals(first.sequenceNumber(), again.sequenceNumber());
    server.advanceClock(301);
    assertNotEquals(first.messageId(), send(queue, "g", "d", "late").messageId());
    assertEquals(List.of("first", "late"), bodies(queue.receive()));
  }

  @Test
  void withContentBasedDeduplicationTheBodyIsTheId() {
    var queue = newQueue(FIFO_BY_CONTENT);
    for (var body : List.of("same", "same", "other")) send(queue, "g", null, body);
    assertEquals(List.of("same", "other"), bodies(queue.receive()));
  }

  @Test
  void aReceiveThatIsRepeatedWithItsAttemptIdHasTheSameMessages() {
    var queue = newQueue(FIFO_BY_CONTENT);
    for (var body : List.of("one", "two")) send(queue, "g", null, body);
    for (var attempt : List.of("first", "again")) {
      var messages = queue.receive(more -> more.receiveRequestAttemptId("attempt"));
      assertEquals(List.of("one", "two"), bodies(messages), attempt);
    }
  }

  @Test
  void aBatchKeepsItsOrder() {
    var queue = newQueue(FIFO_BY_CONTENT);
    var entries =
        Entries.send(numbers(10)).stream()
            .map(entry -> entry.toBuilder().messageGroupId("g").build())
            .toList();
    await(sqs.sendMessageBatch(r -> r.queueUrl(queue.url).entries(entries)));
    assertEquals(numbers(10), bodies(queue.receive()));
  }
}

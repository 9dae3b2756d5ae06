package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.sqs.model.BatchEntryIdsNotDistinctException;
import software.amazon.awssdk.services.sqs.model.BatchRequestTooLongException;
import software.amazon.awssdk.services.sqs.model.BatchResultErrorEntry;
import software.amazon.awssdk.services.sqs.model.EmptyBatchRequestException;
import software.amazon.awssdk.services.sqs.model.InvalidBatchEntryIdException;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.TooManyEntriesInBatchRequestException;

/** Batches that succeed in part, and batches that are refused as a whole. */
class BatchesTest extends SdkTest {
  @Test
  void anIllegalBodyFailsAloneInItsBatch() {
    var queue = newQueue();
    var late = Entries.send("late", "late").toBuilder().delaySeconds(901).build();
    var answer =
        await(
            sqs.sendMessageBatch(
                r ->
                    r.queueUrl(queue.url)
                        .entries(
                            Entries.send("good", "good"),
                            Entries.send("bad", "a\u0001b"),
                            late,
                            Entries.send("fine", "fine"))));
    var successful = answer.successful().stream().map(entry -> entry.id()).toList();
    assertEquals(List.of("good", "fine"), successful);
    var failed = answer.failed().stream().map(entry -> entry.id() + " " + entry.code()).toList();
    assertEquals(List.of("bad InvalidMessageContents", "late InvalidParameterValue"), failed);
    for (var entry : answer.failed()) {
      assertTrue(entry.senderFault());
      assertFalse(entry.message().isEmpty());
    }
    assertEquals(List.of("good", "fine"), bodies(queue.receive()));
  }

  @Test
  void aHandleThatIsNoneFailsAloneAmongDeletesAndChanges() {
    var queue = newQueue();
    queue.send("hello");
    var handles = Map.of("good", queue.receiveOne().receiptHandle(), "bad", "nonsense");
    var changed =
        await(
            sqs.changeMessageVisibilityBatch(
                r -> r.queueUrl(queue.url).entries(Entries.change(handles, 60))));
    assertEquals(List.of("good"), changed.successful().stream().map(entry -> entry.id()).toList());
    onlyTheHandleIsInvalid(changed.failed());
    var deleted =
        await(
            sqs.deleteMessageBatch(r -> r.queueUrl(queue.url).entries(Entries.delete(handles))));
    assertEquals(List.of("good"), deleted.successful().stream().map(entry -> entry.id()).toList());
    onlyTheHandleIsInvalid(deleted.failed());
    assertEquals(List.of(0, 0, 0), queue.counters());
  }

  private static void onlyTheHandleIsInvalid(List<BatchResultErrorEntry> failed) {
    assertEquals(1, failed.size());
    assertEquals("bad", failed.get(0).id());
    assertEquals("ReceiptHandleIsInvalid", failed.get(0).code());
    assertTrue(failed.get(0).senderFault());
  }

  @Test
  void whatIsWrongWithTheBatchItselfRefusesAllOfIt() {
    var queue = newQueue();
    var half = "x".repeat(600 * 1024);
    refused(EmptyBatchRequestException.class, 400, send(queue, List.of()));
    refused(
        BatchEntryIdsNotDistinctException.class,
        400,
        send(queue, Entries.send(List.of("a", "a"))));
    refused(InvalidBatchEntryIdException.class, 400, send(queue, Entries.send(List.of("a b"))));
    refused(
        TooManyEntriesInBatchRequestException.class,
        400,
        send(queue, Entries.send(numbers(11))));
    refused(
        BatchRequestTooLongException.class,
        400,
        send(queue, List.of(Entries.send("a", half), Entries.send("b", half))));
    assertEquals(List.of(0, 0, 0), queue.counters());
  }

  private CompletableFuture<?> send(TestQueue queue, List<SendMessageBatchRequestEntry> entries) {
    return sqs.sendMessageBatch(r -> r.queueUrl(queue.url).entries(entries));
  }
}

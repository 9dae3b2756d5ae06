package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.ReceiveMessageResponse;

/** Long polling. Bounds from above are generous: they tell "woken" from "waited to the end". */
class PollingTest extends SdkTest {
  private static CompletableFuture<List<Message>> poll(TestQueue queue) {
    return queue.tryReceive(more -> more.waitTimeSeconds(WAIT_SECONDS));
  }

  private static void wokenSince(long started) {
    var took = Duration.ofNanos(System.nanoTime() - started);
    assertTrue(took.compareTo(WOKEN_WITHIN) < 0, "it took " + took);
  }

  @Test
  void aLongPollOnAnEmptyQueueEndsWithItsWait() {
    var queue = newQueue();
    var started = System.nanoTime();
    assertEquals(List.of(), queue.receive(more -> more.waitTimeSeconds(1)));
    var took = Duration.ofNanos(System.nanoTime() - started).toMillis();
    assertTrue(took > 900 && took < 10_000, "it took " + took + " ms");
  }

  @Test
  void aSendWakesALongPoll() {
    var queue = newQueue();
    var started = System.nanoTime();
    var waiting = poll(queue);
    queue.send("wake up");
    assertEquals(List.of("wake up"), bodies(await(waiting)));
    wokenSince(started);
  }

  @Test
  void theEndOfAVisibilityTimeoutWakesALongPoll() {
    var queue = newQueue();
    queue.send("again");
    queue.receive(more -> more.visibilityTimeout(600));
    var started = System.nanoTime();
    var waiting = poll(queue);
    server.advanceClock(601);
    assertEquals(List.of("again"), bodies(await(waiting)));
    wokenSince(started);
  }

  @Test
  void aCancelledLongPollTakesNoMessageWithIt() {
    var queue = newQueue();
    CompletableFuture<ReceiveMessageResponse> waiting =
        sqs.receiveMessage(r -> r.queueUrl(queue.url).waitTimeSeconds(WAIT_SECONDS));
    waiting.cancel(true);
    queue.send("still there");
    var messages = await(poll(queue));
    assertEquals(List.of("still there"), bodies(messages));
  }
}

package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.sqs.model.InvalidAttributeNameException;
import software.amazon.awssdk.services.sqs.model.InvalidAttributeValueException;
import software.amazon.awssdk.services.sqs.model.InvalidMessageContentsException;
import software.amazon.awssdk.services.sqs.model.PurgeQueueInProgressException;
import software.amazon.awssdk.services.sqs.model.QueueDeletedRecentlyException;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.QueueNameExistsException;
import software.amazon.awssdk.services.sqs.model.ReceiptHandleIsInvalidException;
import software.amazon.awssdk.services.sqs.model.ResourceNotFoundException;

/** The exceptions of the SDK. */
class ErrorsTest extends SdkTest {
  /** Without this setting a deleted queue's name is free at once. */
  @Override
  List<String> arguments() {
    return List.of("--recent-delete-check");
  }

  @Test
  void aQueueThatIsNotThere() {
    var name = newName("missing");
    var queue = new TestQueue(server.endpoint + "/000000000000/" + name);
    for (CompletableFuture<?> call :
        List.of(
            queue.trySend("hello", more -> {}),
            sqs.receiveMessage(r -> r.queueUrl(queue.url)),
            sqs.getQueueUrl(r -> r.queueName(name)))) {
      var error = refused(QueueDoesNotExistException.class, 400, call);
      assertEquals(
          "The specified queue does not exist.", error.awsErrorDetails().errorMessage());
    }
  }

  @Test
  void aNameThatIsTakenAndOneThatWasDeletedAMomentAgo() {
    var name = newName("name");
    var url = await(sqs.createQueue(r -> r.queueName(name))).queueUrl();
    var other = Map.of("DelaySeconds", "5");
    refused(
        QueueNameExistsException.class,
        400,
        sqs.createQueue(r -> r.queueName(name).attributesWithStrings(other)));
    await(sqs.deleteQueue(r -> r.queueUrl(url)));
    refused(
        QueueDeletedRecentlyException.class, 400, sqs.createQueue(r -> r.queueName(name)));
    server.advanceClock(61);
    await(sqs.createQueue(r -> r.queueName(name)));
  }

  @Test
  void aReceiptHandleThatIsNone() {
    var url = newQueue().url;
    refused(
        ReceiptHandleIsInvalidException.class,
        404,
        sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle("nonsense")));
    refused(ReceiptHandleIsInvalidException.class, 404, hide(url, "nonsense"));
  }

  private CompletableFuture<?> hide(String url, String handle) {
    return sqs.changeMessageVisibility(
        r -> r.queueUrl(url).receiptHandle(handle).visibilityTimeout(10));
  }

  @Test
  void aMessageThatIsNoLongerThere() {
    var queue = newQueue();
    queue.send("hello");
    var message = queue.receiveOne();
    queue.delete(message);
    queue.delete(message);
    refusedAs("InvalidParameterValue", hide(queue.url, message.receiptHandle()));
  }

  @Test
  void attributesThatDoNotExistOrAreOutOfRange() {
    var queue = newQueue();
    refused(InvalidAttributeNameException.class, 400, set(queue, "Colour", "red"));
    refused(InvalidAttributeValueException.class, 400, set(queue, "DelaySeconds", "901"));
    refused(
        InvalidAttributeNameException.class,
        400,
        sqs.getQueueAttributes(r -> r.queueUrl(queue.url).attributeNamesWithStrings("Colour")));
  }

  private CompletableFuture<?> set(TestQueue queue, String name, String value) {
    var attributes = Map.of(name, value);
    return sqs.setQueueAttributes(r -> r.queueUrl(queue.url).attributesWithStrings(attributes));
  }

  @Test
  void aBodyWithACharacterThatXmlDoesNotHave() {
    var queue = newQueue();
    for (var character : new int[] {0x0, 0xB, 0x1F, 0xFFFE, 0xFFFF}) {
      var body = "a" + Character.toString(character) + "b";
      refused(InvalidMessageContentsException.class, 400, queue.trySend(body, more -> {}));
    }
  }

  @Test
  void aSecondPurgeWithinAMinute() {
    var url = newQueue().url;
    await(sqs.purgeQueue(r -> r.queueUrl(url)));
    refused(PurgeQueueInProgressException.class, 403, sqs.purgeQueue(r -> r.queueUrl(url)));
    server.advanceClock(61);
    await(sqs.purgeQueue(r -> r.queueUrl(url)));
  }

  @Test
  void aMessageMoveTaskFromNowhere() {
    var nowhere = newQueue().arn() + "-not";
    refused(
        ResourceNotFoundException.class,
        404,
        sqs.startMessageMoveTask(r -> r.sourceArn(nowhere)));
  }

  @Test
  void anErrorWithoutAClassKeepsItsCode() {
    var queue = newQueue();
    refusedAs("InvalidParameterValue", queue.tryReceive(more -> more.maxNumberOfMessages(11)));
    var policy = redrivePolicy(queue.arn() + "-not", 1);
    refusedAs("InvalidParameterValue", set(queue, "RedrivePolicy", policy));
  }
}

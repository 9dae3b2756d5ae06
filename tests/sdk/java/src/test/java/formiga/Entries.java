package formiga;

import java.util.List;
import java.util.Map;
import software.amazon.awssdk.services.sqs.model.ChangeMessageVisibilityBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.DeleteMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;

/** Makes the entries of batches. */
final class Entries {
  private Entries() {}

  static SendMessageBatchRequestEntry send(String id, String body) {
    return SendMessageBatchRequestEntry.builder().id(id).messageBody(body).build();
  }

  /** Entries whose bodies are their ids. */
  static List<SendMessageBatchRequestEntry> send(List<String> ids) {
    return ids.stream().map(id -> send(id, id)).toList();
  }

  static List<ChangeMessageVisibilityBatchRequestEntry> change(
      Map<String, String> handles, int seconds) {
    return handles.entrySet().stream()
        .map(
            handle ->
                ChangeMessageVisibilityBatchRequestEntry.builder()
                    .id(handle.getKey())
                    .receiptHandle(handle.getValue())
                    .visibilityTimeout(seconds)
                    .build())
        .toList();
  }

  static List<DeleteMessageBatchRequestEntry> delete(Map<String, String> handles) {
    return handles.entrySet().stream()
        .map(
            handle ->
                DeleteMessageBatchRequestEntry.builder()
                    .id(handle.getKey())
                    .receiptHandle(handle.getValue())
                    .build())
        .toList();
  }
}

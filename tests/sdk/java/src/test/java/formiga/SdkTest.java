package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.interceptor.SdkExecutionAttribute;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.ReceiveMessageRequest;
import software.amazon.awssdk.services.sqs.model.SendMessageRequest;
import software.amazon.awssdk.services.sqs.model.SendMessageResponse;
import software.amazon.awssdk.services.sqs.model.SqsException;

/** What the tests share: a server and a client per class, queues, and waiting for conditions. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
abstract class SdkTest {
  /** A long poll's wait, and how soon an event must have ended it. */
  static final int WAIT_SECONDS = 20;

  static final Duration WOKEN_WITHIN = Duration.ofSeconds(15);

  static final Map<String, String> FIFO = Map.of("FifoQueue", "true");
  static final Map<String, String> FIFO_BY_CONTENT =
      Map.of("FifoQueue", "true", "ContentBasedDeduplication", "true");

  /** Shared by the clients, for its end would take each of them two seconds. */
  private static final SdkAsyncHttpClient HTTP = NettyNioAsyncHttpClient.create();

  Server server;
  SqsAsyncClient sqs;

  /** The actions that the client has called, in order. */
  final Queue<String> called = new ConcurrentLinkedQueue<>();

  /** Further arguments of the server. */
  List<String> arguments() {
    return List.of();
  }

  @BeforeAll
  void start() throws Exception {
    server = new Server(arguments());
    var note =
        new ExecutionInterceptor() {
          @Override
          public void beforeExecution(Context.BeforeExecution context, ExecutionAttributes more) {
            called.add(more.getAttribute(SdkExecutionAttribute.OPERATION_NAME));
          }
        };
    // Without retries: the first answer counts.
    sqs =
        SqsAsyncClient.builder()
            .httpClient(HTTP)
            .endpointOverride(server.endpoint)
            .region(Region.US_EAST_1)
            .credentialsProvider(
                StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test")))
            .overrideConfiguration(
                settings ->
                    settings
                        .retryStrategy(DefaultRetryStrategy.doNotRetry())
                        .addExecutionInterceptor(note))
            .build();
  }

  @AfterAll
  void stop() throws Exception {
    if (sqs != null) sqs.close();
    if (server != null) server.close();
  }

  /** The answer to a call; a refusal is thrown as the SDK's exception. */
  static <T> T await(CompletableFuture<T> call) {
    try {
      return call.join();
    } catch (CompletionException error) {
      if (error.getCause() instanceof RuntimeException cause) throw cause;
      throw error;
    }
  }

  /** Waits until the condition holds. */
  static void until(BooleanSupplier condition) throws InterruptedException {
    var deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadline, "it did not come true");
      Thread.sleep(20);
    }
  }

  /** The call fails with exactly this class of the SDK and this status. */
  static <E extends SqsException> E refused(
      Class<E> shape, int status, CompletableFuture<?> call) {
    var error = assertThrows(shape, () -> await(call));
    assertEquals(shape, error.getClass());
    assertEquals(status, error.statusCode());
    assertNotNull(error.requestId());
    assertFalse(
        error.awsErrorDetails().errorMessage().isEmpty(), "every error says what is wrong");
    return error;
  }

  /** As `refused`, for an error that the SDK has no class for. */
  static void refusedAs(String code, CompletableFuture<?> call) {
    var error = refused(SqsException.class, 400, call);
    assertEquals(code, error.awsErrorDetails().errorCode());
  }

  static String newName(String prefix) {
    return prefix + "-" + UUID.randomUUID().toString().substring(0, 13);
  }

  static List<String> numbers(int count) {
    return IntStream.range(0, count).mapToObj(Integer::toString).toList();
  }

  static List<String> bodies(List<Message> messages) {
    return messages.stream().map(Message::body).toList();
  }

  TestQueue newQueue() {
    return newQueue(Map.of());
  }

  TestQueue newQueue(Map<String, String> attributes) {
    var name = newName("q") + (attributes.containsKey("FifoQueue") ? ".fifo" : "");
    var created = await(sqs.createQueue(r -> r.queueName(name).attributesWithStrings(attributes)));
    return new TestQueue(created.queueUrl());
  }

  /** A queue whose messages, received `count` times, go to the other queue. */
  Pair newPair(int count, Map<String, String> attributes) {
    var failed = newQueue(attributes);
    var more = new HashMap<>(attributes);
    more.put("RedrivePolicy", redrivePolicy(failed.arn(), count));
    return new Pair(newQueue(more), failed);
  }

  static String redrivePolicy(String arn, int count) {
    return "{\"deadLetterTargetArn\":\"" + arn + "\",\"maxReceiveCount\":" + count + "}";
  }

  record Pair(TestQueue queue, TestQueue failed) {}

  /** A queue, with the calls that nearly every test makes. */
  final class TestQueue {
    final String url;

    TestQueue(String url) {
      this.url = url;
    }

    CompletableFuture<SendMessageResponse> trySend(
        String body, Consumer<SendMessageRequest.Builder> more) {
      return sqs.sendMessage(r -> more.accept(r.queueUrl(url).messageBody(body)));
    }

    SendMessageResponse send(String body, Consumer<SendMessageRequest.Builder> more) {
      return await(trySend(body, more));
    }

    SendMessageResponse send(String body) {
      return send(body, more -> {});
    }

    CompletableFuture<List<Message>> tryReceive(Consumer<ReceiveMessageRequest.Builder> more) {
      return sqs.receiveMessage(
              r ->
                  more.accept(
                      r.queueUrl(url)
                          .maxNumberOfMessages(10)
                          .messageAttributeNames("All")
                          .messageSystemAttributeNames(MessageSystemAttributeName.ALL)))
          .thenApply(answer -> answer.messages());
    }

    List<Message> receive(Consumer<ReceiveMessageRequest.Builder> more) {
      return await(tryReceive(more));
    }

    List<Message> receive() {
      return receive(more -> {});
    }

    Message receiveOne() {
      var messages = receive(more -> more.maxNumberOfMessages(1));
      assertEquals(1, messages.size(), "a message is there");
      return messages.get(0);
    }

    void delete(Message message) {
      await(sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle(message.receiptHandle())));
    }

    Map<String, String> attributes(String... names) {
      var answer =
          await(sqs.getQueueAttributes(r -> r.queueUrl(url).attributeNamesWithStrings(names)));
      return answer.attributesAsStrings();
    }

    String arn() {
      return attributes("QueueArn").get("QueueArn");
    }

    /** How many messages are visible, in flight and delayed. */
    List<Integer> counters() {
      var names =
          Stream.of(
                  QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES,
                  QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE,
                  QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_DELAYED)
              .map(QueueAttributeName::toString)
              .toArray(String[]::new);
      var found = attributes(names);
      return Stream.of(names).map(found::get).map(Integer::valueOf).toList();
    }
  }
}

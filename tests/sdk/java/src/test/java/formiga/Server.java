package formiga;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;

/**
 * `formiga serve` on a free port with a data directory of its own, until it is closed. It knows
 * nothing about the SDK.
 */
final class Server implements AutoCloseable {
  private static final long STARTS_WITHIN_SECONDS = 60;
  private static final long STOPS_WITHIN_SECONDS = 60;
  private static final Pattern ADDRESS = Pattern.compile("http://127\\.0\\.0\\.1:\\d+");

  private final Path folder = Files.createTempDirectory("formiga-");
  private final Process process;
  final URI endpoint;

  Server(List<String> args) throws IOException, InterruptedException {
    var binary = System.getenv("FORMIGA_BIN");
    if (binary == null) throw new IllegalStateException("set FORMIGA_BIN to the server under test");
    var data = folder.resolve("data").toString();
    var command =
        new ArrayList<>(List.of(binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", data));
    command.addAll(args);
    var log = folder.resolve("log");
    var builder = new ProcessBuilder(command).redirectError(log.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("FORMIGA_"));
    process = builder.start();
    try {
      endpoint = URI.create(readEndpoint().get(STARTS_WITHIN_SECONDS, TimeUnit.SECONDS));
    } catch (ExecutionException | TimeoutException error) {
      process.destroyForcibly().waitFor();
      var told = Files.readString(log);
      deleteFolder();
      throw new IllegalStateException("the server printed no address:\n" + told, error);
    }
  }

  /** Moves the server's clock ahead, so that no test waits for minutes or days. */
  void advanceClock(long seconds) {
    var request =
        HttpRequest.newBuilder(endpoint)
            .timeout(Duration.ofMinutes(1))
            .header("Content-Type", "application/x-amz-json-1.0")
            .header("X-Amz-Target", "Formiga.AdvanceClock")
            .POST(HttpRequest.BodyPublishers.ofString("{\"Seconds\":" + seconds + "}"))
            .build();
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    var answer = client.sendAsync(request, HttpResponse.BodyHandlers.ofString()).join();
    if (answer.statusCode() != 200) {
      throw new IllegalStateException("the clock stands: " + answer.body());
    }
  }

  /** Asks the server to end, and fails unless it ends well. */
  @Override
  public void close() throws IOException {
    process.toHandle().destroy();
    var ended = process.onExit().completeOnTimeout(null, STOPS_WITHIN_SECONDS, TimeUnit.SECONDS);
    if (ended.join() == null) process.destroyForcibly().onExit().join();
    deleteFolder();
    if (process.exitValue() != 0) {
      throw new IllegalStateException("after SIGTERM it ended with " + process.exitValue());
    }
  }

  /** The first address that the server prints; later lines are read and dropped. */
  private CompletableFuture<String> readEndpoint() {
    var found = new CompletableFuture<String>();
    var reader = new Thread(() -> read(process.inputReader(), found));
    reader.setDaemon(true);
    reader.start();
    return found;
  }

  private static void read(BufferedReader output, CompletableFuture<String> found) {
    try (output) {
      for (var line = output.readLine(); line != null; line = output.readLine()) {
        var address = ADDRESS.matcher(line);
        if (address.find()) found.complete(address.group());
      }
      found.completeExceptionally(new IOException("the output ended"));
    } catch (IOException error) {
      found.completeExceptionally(error);
    }
  }

  private void deleteFolder() throws IOException {
    try (var paths = Files.walk(folder)) {
      for (var path : paths.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
    }
  }
}

package formiga;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;

/** What a message holds comes back as it was. The SDK compares the MD5 digests of bodies itself. */
class ContentTest extends SdkTest {
  /** Every code point that XML 1.0 puts at an end of what a body may hold. */
  private static final String LEGAL_EDGES =
      text(0x9, 0xA, 0xD, 0x20, 0xD7FF, 0xE000, 0xFFFD, 0x10000, 0x10FFFF);

  private static final int[][] LEGAL_RANGES = {
    {0x9, 0xA}, {0xD, 0xD}, {0x20, 0xD7FF}, {0xE000, 0xFFFD}, {0x10000, 0x10FFFF}
  };

  private static final int BODY_BYTES_MAX = 1024 * 1024;

  /** As many characters of four bytes as a body has room for. */
  private static final int CHARACTERS_IN_A_BODY = BODY_BYTES_MAX / 4;

  static final Map<String, MessageAttributeValue> TEXT =
      Map.of("text", attribute("String", "a value"));

  private static String text(int... characters) {
    return new String(characters, 0, characters.length);
  }

  static MessageAttributeValue attribute(String type, String value) {
    return MessageAttributeValue.builder().dataType(type).stringValue(value).build();
  }

  @Test
  void aBodyOfEveryLegalKindOfCharacter() throws Exception {
    var queue = newQueue();
    var md5 = MessageDigest.getInstance("MD5");
    var digest = HexFormat.of().formatHex(md5.digest(LEGAL_EDGES.getBytes(StandardCharsets.UTF_8)));
    assertEquals(digest, queue.send(LEGAL_EDGES).md5OfMessageBody());
    var message = queue.receiveOne();
    assertEquals(LEGAL_EDGES, message.body());
    assertEquals(digest, message.md5OfBody());
  }

  @Test
  void everyCharacterThatXmlHasInBodiesAsLargeAsTheyMayBe() {
    var queue = newQueue();
    for (var body : everyLegalCharacter()) {
      queue.send(body);
      var message = queue.receiveOne();
      assertTrue(body.equals(message.body()), "the same body comes back");
      queue.delete(message);
    }
  }

  /** Bodies that together hold every character of XML 1.0, each once. */
  private static List<String> everyLegalCharacter() {
    var bodies = new ArrayList<String>();
    var body = new StringBuilder();
    var characters = 0;
    for (var range : LEGAL_RANGES) {
      for (var character = range[0]; character <= range[1]; character++) {
        body.appendCodePoint(character);
        characters++;
        if (characters % CHARACTERS_IN_A_BODY == 0) {
          bodies.add(body.toString());
          body.setLength(0);
        }
      }
    }
    bodies.add(body.toString());
    return bodies;
  }

  @Test
  void aBodyOfAMebibyte() {
    var queue = newQueue();
    var body = "x".repeat(BODY_BYTES_MAX);
    queue.send(body);
    assertTrue(body.equals(queue.receiveOne().body()), "the same body comes back");
  }

  @Test
  void attributesOfEachTypeBinaryOnesByteForByte() {
    var queue = newQueue();
    var every = new byte[256];
    for (var value = 0; value < every.length; value++) every[value] = (byte) value;
    var picture = MessageAttributeValue.builder().dataType("Binary.png");
    var attributes =
        Map.of(
            "picture", picture.binaryValue(SdkBytes.fromByteArray(every)).build(),
            "count", attribute("Number", "-12.5"),
            "edges", attribute("String", LEGAL_EDGES));
    var sent = queue.send("hello", more -> more.messageAttributes(attributes));
    var message = queue.receiveOne();
    assertEquals(sent.md5OfMessageAttributes(), message.md5OfMessageAttributes());
    assertEquals(attributes, message.messageAttributes());
  }
}

package sdk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// in puts a message into a group; without an id the body is to be the deduplication id.
func in(group, id string) func(*sqs.SendMessageInput) {
	return func(input *sqs.SendMessageInput) {
		input.MessageGroupId = &group
		if id != "" {
			input.MessageDeduplicationId = &id
		}
	}
}

func TestAGroupIsReceivedInOrderAndOneMessageInFlightHoldsItBack(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(Attributes{"FifoQueue": "true"})
	for _, body := range []string{"a1", "a2", "b1", "a3"} {
		queue.send(body, in(body[:1], body))
	}
	first := queue.receiveOne()
	equal(f, *first.Body, "a1")
	equal(f, bodies(queue.receive()), "b1")
	queue.delete(first)
	rest := queue.receive()
	equal(f, bodies(rest), "a2 a3")
	equal(f, rest[0].Attributes["MessageGroupId"], "a")
	equal(f, rest[0].Attributes["MessageDeduplicationId"], "a2")
	if a, b := rest[0].Attributes["SequenceNumber"], rest[1].Attributes["SequenceNumber"]; a >= b {
		t.Fatalf("the sequence number %s is not before %s", a, b)
	}
}

func TestADeduplicationIdIsRememberedForFiveMinutes(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(Attributes{"FifoQueue": "true"})
	first := queue.send("first", in("g", "d"))
	again := queue.send("again", in("g", "d"))
	equal(f, *again.MessageId, *first.MessageId)
	equal(f, *again.SequenceNumber, *first.SequenceNumber)
	f.advance(301 * time.Second)
	queue.send("late", in("g", "d"))
	equal(f, bodies(queue.receive()), "first late")
}

func TestWithContentBasedDeduplicationTheBodyIsTheId(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(Attributes{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	for _, body := range []string{"same", "same", "other"} {
		queue.send(body, in("g", ""))
	}
	equal(f, bodies(queue.receive()), "same other")
}

func TestAReceiveThatIsRepeatedWithItsAttemptIdHasTheSameMessages(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(Attributes{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	for _, body := range []string{"one", "two"} {
		queue.send(body, in("g", ""))
	}
	attempt := func(input *sqs.ReceiveMessageInput) {
		input.ReceiveRequestAttemptId = aws.String("attempt")
	}
	equal(f, bodies(queue.receive(attempt)), "one two")
	equal(f, bodies(queue.receive(attempt)), "one two")
}

func TestABatchKeepsItsOrder(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(Attributes{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	var entries []types.SendMessageBatchRequestEntry
	var sent []string
	for number := range 10 {
		body := fmt.Sprint("m", number)
		sent = append(sent, body)
		entries = append(entries, types.SendMessageBatchRequestEntry{
			Id: &body, MessageBody: &body, MessageGroupId: aws.String("g"),
		})
	}
	must(f.sqs.SendMessageBatch(f.Context(),
		&sqs.SendMessageBatchInput{QueueUrl: queue.url, Entries: entries}))(f)
	equal(f, bodies(queue.receive()), strings.Join(sent, " "))
}

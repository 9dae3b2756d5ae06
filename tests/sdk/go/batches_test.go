package sdk

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestAnIllegalBodyFailsAloneInItsBatch(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	answer := must(f.sqs.SendMessageBatch(f.Context(), &sqs.SendMessageBatchInput{
		QueueUrl: queue.url,
		Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("good"), MessageBody: aws.String("good")},
			{Id: aws.String("bad"), MessageBody: aws.String("a\u0001b")},
			{Id: aws.String("late"), MessageBody: aws.String("late"), DelaySeconds: 901},
			{Id: aws.String("fine"), MessageBody: aws.String("fine")},
		},
	}))(f)
	successful, failed := idsOf(answer)
	equal(f, successful, []string{"fine", "good"})
	equal(f, failed, []string{"bad", "late"})
	codes := map[string]string{}
	for _, entry := range answer.Failed {
		codes[*entry.Id] = *entry.Code
		if !entry.SenderFault || *entry.Message == "" {
			t.Errorf("%v is not the sender's, or says nothing", entry)
		}
	}
	equal(f, codes, map[string]string{"bad": "InvalidMessageContents", "late": "InvalidParameterValue"})
	equal(f, bodies(queue.receive()), "good fine")
}

func TestAHandleThatIsNoneFailsAloneAmongDeletesAndChanges(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	queue.send("hello")
	handles := map[string]*string{
		"good": queue.receiveOne().ReceiptHandle,
		"bad":  aws.String("nonsense"),
	}
	var changes []types.ChangeMessageVisibilityBatchRequestEntry
	var deletes []types.DeleteMessageBatchRequestEntry
	for id, handle := range handles {
		changes = append(changes, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: &id, ReceiptHandle: handle, VisibilityTimeout: 60,
		})
		deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: &id, ReceiptHandle: handle})
	}
	changed := must(f.sqs.ChangeMessageVisibilityBatch(f.Context(),
		&sqs.ChangeMessageVisibilityBatchInput{QueueUrl: queue.url, Entries: changes}))(f)
	deleted := must(f.sqs.DeleteMessageBatch(f.Context(),
		&sqs.DeleteMessageBatchInput{QueueUrl: queue.url, Entries: deletes}))(f)
	for _, answer := range []any{changed, deleted} {
		successful, failed := idsOf(answer)
		equal(f, successful, []string{"good"})
		equal(f, failed, []string{"bad"})
	}
	for _, entry := range append(changed.Failed, deleted.Failed...) {
		equal(f, *entry.Code, "ReceiptHandleIsInvalid")
		equal(f, entry.SenderFault, true)
	}
}

func TestWhatIsWrongWithTheBatchItselfRefusesAllOfIt(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	send := func(body string, ids ...string) error {
		entries := []types.SendMessageBatchRequestEntry{}
		for _, id := range ids {
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body})
		}
		input := &sqs.SendMessageBatchInput{QueueUrl: queue.url, Entries: entries}
		_, err := f.sqs.SendMessageBatch(f.Context(), input)
		return err
	}
	var eleven []string
	for number := range 11 {
		eleven = append(eleven, strconv.Itoa(number))
	}
	refused[*types.EmptyBatchRequest](f, 400, send("hello"))
	refused[*types.BatchEntryIdsNotDistinct](f, 400, send("hello", "a", "a"))
	refused[*types.InvalidBatchEntryId](f, 400, send("hello", "a b"))
	refused[*types.TooManyEntriesInBatchRequest](f, 400, send("hello", eleven...))
	refused[*types.BatchRequestTooLong](f, 400, send(strings.Repeat("x", 600*1024), "a", "b"))
	equal(f, queue.counters(), [3]int{0, 0, 0})
}

package sdk

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestAMessageThatWasReceivedTooOftenMovesAndATaskMovesItBack(t *testing.T) {
	f := newFixture(t)
	queue, failed := f.newPair(2, Attributes{"VisibilityTimeout": "0"})
	sent := queue.send("poison", func(input *sqs.SendMessageInput) {
		input.MessageAttributes = map[string]types.MessageAttributeValue{
			"color": {DataType: aws.String("String"), StringValue: aws.String("blue")},
		}
	})
	for _, count := range []string{"1", "2"} {
		equal(f, queue.receiveOne().Attributes["ApproximateReceiveCount"], count)
	}
	equal(f, len(queue.receive()), 0)
	until(f, func() bool { return failed.counters()[0] == 1 })
	dead := failed.receiveOne()
	equal(f, *dead.Body, "poison")
	equal(f, *dead.MessageId, *sent.MessageId)
	equal(f, dead.Attributes["DeadLetterQueueSourceArn"], *queue.arn())
	equal(f, *dead.MessageAttributes["color"].StringValue, "blue")

	source := failed.arn()
	start := &sqs.StartMessageMoveTaskInput{SourceArn: source}
	must(f.sqs.StartMessageMoveTask(f.Context(), start))(f)
	until(f, func() bool { return *latestTask(f, source).Status != "RUNNING" })
	task := latestTask(f, source)
	equal(f, *task.Status, "COMPLETED")
	equal(f, task.ApproximateNumberOfMessagesMoved, 1)
	until(f, func() bool { return queue.counters()[0] == 1 })
	back := queue.receiveOne()
	equal(f, *back.Body, "poison")
	equal(f, back.Attributes["ApproximateReceiveCount"], "1")
	equal(f, *back.MessageAttributes["color"].StringValue, "blue")
	equal(f, failed.counters(), [3]int{0, 0, 0})
}

func TestDeadLettersOfAFifoQueueKeepTheirOrder(t *testing.T) {
	f := newFixture(t)
	queue, failed := f.newPair(1, Attributes{
		"FifoQueue":                 "true",
		"ContentBasedDeduplication": "true",
		"VisibilityTimeout":         "0",
	})
	for _, body := range []string{"one", "two", "three"} {
		queue.send(body, in("g", ""))
	}
	equal(f, len(queue.receive()), 3)
	equal(f, len(queue.receive()), 0)
	until(f, func() bool { return failed.counters()[0] == 3 })
	equal(f, bodies(failed.receive()), "one two three")
}

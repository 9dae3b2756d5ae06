package sdk

import (
	"context"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/middleware"
)

// TestEveryAction calls every action of SQS and looks at its answer; the last part compares what
// was called with the methods of the client.
func TestEveryAction(t *testing.T) {
	called := map[string]bool{}
	var guard sync.Mutex
	note := middleware.InitializeMiddlewareFunc("note", func(
		ctx context.Context, input middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		guard.Lock()
		called[awsmiddleware.GetOperationName(ctx)] = true
		guard.Unlock()
		return next.HandleInitialize(ctx, input)
	})
	f := newFixture(t)
	f.sqs = newClient(f.server, func(options *sqs.Options) {
		options.APIOptions = append(options.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(note, middleware.After)
		})
	})
	for _, part := range []func(*Fixture){
		aQueueIsCreatedFoundListedAndDeleted,
		thePaginatorFindsEveryQueue,
		attributesAreSetAndRead,
		tagsAreSetListedAndRemoved,
		aPermissionIsAddedAndRemoved,
		aMessageIsSentReceivedHiddenForLongerAndDeleted,
		theBatchesDoForTenMessagesWhatTheActionsDoForOne,
		aPurgeRemovesEveryMessage,
		aDeadLetterQueueKnowsItsSources,
		aMessageMoveTaskIsStartedListedAndCancelled,
	} {
		part(f)
	}

	client := reflect.TypeOf(f.sqs)
	var actions []string
	for number := range client.NumMethod() {
		if name := client.Method(number).Name; name != "Options" {
			actions = append(actions, name)
		}
	}
	equal(t, len(actions), 23)
	for _, action := range actions {
		if !called[action] {
			t.Errorf("%s was not called", action)
		}
	}
}

func aQueueIsCreatedFoundListedAndDeleted(f *Fixture) {
	name := newName("life")
	url := must(f.sqs.CreateQueue(f.Context(), &sqs.CreateQueueInput{QueueName: &name}))(f).QueueUrl
	find := func() (*sqs.GetQueueUrlOutput, error) {
		return f.sqs.GetQueueUrl(f.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	}
	equal(f, *must(find())(f).QueueUrl, *url)
	list := &sqs.ListQueuesInput{QueueNamePrefix: aws.String("life")}
	equal(f, must(f.sqs.ListQueues(f.Context(), list))(f).QueueUrls, []string{*url})
	must(f.sqs.DeleteQueue(f.Context(), &sqs.DeleteQueueInput{QueueUrl: url}))(f)
	_, err := find()
	refused[*types.QueueDoesNotExist](f, 400, err)
}

func thePaginatorFindsEveryQueue(f *Fixture) {
	prefix := newName("page")
	var expected, found []string
	for _, number := range []string{"1", "2", "3", "4", "5"} {
		name := prefix + "-" + number
		expected = append(expected, name)
		must(f.sqs.CreateQueue(f.Context(), &sqs.CreateQueueInput{QueueName: &name}))(f)
	}
	pages := sqs.NewListQueuesPaginator(f.sqs, &sqs.ListQueuesInput{
		QueueNamePrefix: &prefix,
		MaxResults:      aws.Int32(2),
	})
	for pages.HasMorePages() {
		page := must(pages.NextPage(f.Context()))(f)
		if len(page.QueueUrls) > 2 {
			f.Fatalf("a page of %d queues", len(page.QueueUrls))
		}
		for _, url := range page.QueueUrls {
			found = append(found, url[strings.LastIndex(url, "/")+1:])
		}
	}
	equal(f, found, expected)
}

func attributesAreSetAndRead(f *Fixture) {
	queue := f.newQueue(Attributes{"VisibilityTimeout": "7"})
	must(f.sqs.SetQueueAttributes(f.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl:   queue.url,
		Attributes: Attributes{"DelaySeconds": "3"},
	}))(f)
	attributes := queue.attributes(types.QueueAttributeNameAll)
	equal(f, attributes["VisibilityTimeout"], "7")
	equal(f, attributes["DelaySeconds"], "3")
}

func tagsAreSetListedAndRemoved(f *Fixture) {
	queue := f.newQueue(nil)
	tags := func() map[string]string {
		list := &sqs.ListQueueTagsInput{QueueUrl: queue.url}
		return must(f.sqs.ListQueueTags(f.Context(), list))(f).Tags
	}
	must(f.sqs.TagQueue(f.Context(), &sqs.TagQueueInput{
		QueueUrl: queue.url,
		Tags:     map[string]string{"team": "ants", "size": "small"},
	}))(f)
	equal(f, tags(), map[string]string{"team": "ants", "size": "small"})
	must(f.sqs.UntagQueue(f.Context(), &sqs.UntagQueueInput{
		QueueUrl: queue.url,
		TagKeys:  []string{"size"},
	}))(f)
	equal(f, tags(), map[string]string{"team": "ants"})
}

func aPermissionIsAddedAndRemoved(f *Fixture) {
	queue := f.newQueue(nil)
	must(f.sqs.AddPermission(f.Context(), &sqs.AddPermissionInput{
		QueueUrl:      queue.url,
		Label:         aws.String("readers"),
		AWSAccountIds: []string{"111111111111"},
		Actions:       []string{"ReceiveMessage"},
	}))(f)
	var policy struct {
		Statement []struct{ Sid, Action string }
	}
	if err := json.Unmarshal([]byte(queue.attributes("Policy")["Policy"]), &policy); err != nil {
		f.Fatal(err)
	}
	equal(f, len(policy.Statement), 1)
	equal(f, policy.Statement[0].Sid, "readers")
	equal(f, policy.Statement[0].Action, "SQS:ReceiveMessage")
	must(f.sqs.RemovePermission(f.Context(), &sqs.RemovePermissionInput{
		QueueUrl: queue.url,
		Label:    aws.String("readers"),
	}))(f)
	equal(f, queue.attributes("All")["Policy"], "")
}

func aMessageIsSentReceivedHiddenForLongerAndDeleted(f *Fixture) {
	queue := f.newQueue(Attributes{"VisibilityTimeout": "30"})
	sent := queue.send("hello")
	message := queue.receiveOne()
	equal(f, *message.MessageId, *sent.MessageId)
	equal(f, *message.Body, "hello")
	equal(f, message.Attributes["ApproximateReceiveCount"], "1")
	must(f.sqs.ChangeMessageVisibility(f.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl:          queue.url,
		ReceiptHandle:     message.ReceiptHandle,
		VisibilityTimeout: 300,
	}))(f)
	f.advance(200 * time.Second)
	equal(f, len(queue.receive()), 0)
	queue.delete(message)
	f.advance(200 * time.Second)
	equal(f, len(queue.receive()), 0)
	equal(f, queue.counters(), [3]int{0, 0, 0})
}

func theBatchesDoForTenMessagesWhatTheActionsDoForOne(f *Fixture) {
	queue := f.newQueue(nil)
	var sends []types.SendMessageBatchRequestEntry
	var ids []string
	for number := range 10 {
		id := strconv.Itoa(number)
		ids = append(ids, id)
		sends = append(sends, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &id})
	}
	sent := must(f.sqs.SendMessageBatch(f.Context(), &sqs.SendMessageBatchInput{
		QueueUrl: queue.url,
		Entries:  sends,
	}))(f)
	var changes []types.ChangeMessageVisibilityBatchRequestEntry
	var deletes []types.DeleteMessageBatchRequestEntry
	for _, message := range queue.receive() {
		changes = append(changes, types.ChangeMessageVisibilityBatchRequestEntry{
			Id:                message.Body,
			ReceiptHandle:     message.ReceiptHandle,
			VisibilityTimeout: 600,
		})
		deletes = append(deletes, types.DeleteMessageBatchRequestEntry{
			Id:            message.Body,
			ReceiptHandle: message.ReceiptHandle,
		})
	}
	changed := must(f.sqs.ChangeMessageVisibilityBatch(f.Context(),
		&sqs.ChangeMessageVisibilityBatchInput{QueueUrl: queue.url, Entries: changes}))(f)
	deleted := must(f.sqs.DeleteMessageBatch(f.Context(),
		&sqs.DeleteMessageBatchInput{QueueUrl: queue.url, Entries: deletes}))(f)
	for _, answer := range []any{sent, changed, deleted} {
		successful, failed := idsOf(answer)
		equal(f, successful, ids)
		equal(f, len(failed), 0)
	}
	equal(f, queue.counters(), [3]int{0, 0, 0})
}

func aPurgeRemovesEveryMessage(f *Fixture) {
	queue := f.newQueue(nil)
	queue.send("visible")
	queue.send("delayed", func(input *sqs.SendMessageInput) { input.DelaySeconds = 100 })
	must(f.sqs.PurgeQueue(f.Context(), &sqs.PurgeQueueInput{QueueUrl: queue.url}))(f)
	equal(f, queue.counters(), [3]int{0, 0, 0})
}

func aDeadLetterQueueKnowsItsSources(f *Fixture) {
	queue, failed := f.newPair(1, nil)
	list := &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: failed.url}
	sources := must(f.sqs.ListDeadLetterSourceQueues(f.Context(), list))(f)
	equal(f, sources.QueueUrls, []string{*queue.url})
}

func aMessageMoveTaskIsStartedListedAndCancelled(f *Fixture) {
	_, failed := f.newPair(1, nil)
	target := f.newQueue(nil)
	for number := range 10 {
		failed.send(strconv.Itoa(number))
	}
	source := failed.arn()
	handle := must(f.sqs.StartMessageMoveTask(f.Context(), &sqs.StartMessageMoveTaskInput{
		SourceArn:                    source,
		DestinationArn:               target.arn(),
		MaxNumberOfMessagesPerSecond: aws.Int32(1),
	}))(f).TaskHandle
	until(f, func() bool { return target.counters()[0] >= 1 })
	running := latestTask(f, source)
	equal(f, *running.Status, "RUNNING")
	equal(f, *running.TaskHandle, *handle)
	cancel := &sqs.CancelMessageMoveTaskInput{TaskHandle: handle}
	moved := must(f.sqs.CancelMessageMoveTask(f.Context(), cancel))(f).ApproximateNumberOfMessagesMoved
	if moved < 1 || moved >= 10 {
		f.Fatalf("%d messages moved", moved)
	}
	equal(f, *latestTask(f, source).Status, "CANCELLED")
	equal(f, failed.counters()[0], 10-int(moved))
	_, err := f.sqs.CancelMessageMoveTask(f.Context(), cancel)
	refused[*types.UnsupportedOperation](f, 400, err)
}

func latestTask(f *Fixture, source *string) types.ListMessageMoveTasksResultEntry {
	f.Helper()
	list := &sqs.ListMessageMoveTasksInput{SourceArn: source}
	tasks := must(f.sqs.ListMessageMoveTasks(f.Context(), list))(f).Results
	equal(f, len(tasks), 1)
	return tasks[0]
}

package sdk

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestAQueueThatIsNotThere(t *testing.T) {
	f := newFixture(t)
	queue := Queue{Fixture: f, url: aws.String(f.server.Endpoint + "/000000000000/missing")}
	_, err := queue.trySend("hello")
	found := refused[*types.QueueDoesNotExist](f, 400, err)
	equal(f, found.ErrorMessage(), "The specified queue does not exist.")
	_, err = queue.tryReceive(f.Context())
	refused[*types.QueueDoesNotExist](f, 400, err)
	_, err = f.sqs.GetQueueUrl(f.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("missing")})
	refused[*types.QueueDoesNotExist](f, 400, err)
}

func TestANameThatIsTakenAndOneThatWasDeletedAMomentAgo(t *testing.T) {
	// Without this setting the name would be free at once.
	f := newFixture(t, "--recent-delete-check")
	create := func(attributes Attributes) (*sqs.CreateQueueOutput, error) {
		input := &sqs.CreateQueueInput{QueueName: aws.String("name"), Attributes: attributes}
		return f.sqs.CreateQueue(f.Context(), input)
	}
	url := must(create(nil))(f).QueueUrl
	_, err := create(Attributes{"DelaySeconds": "5"})
	refused[*types.QueueNameExists](f, 400, err)
	must(f.sqs.DeleteQueue(f.Context(), &sqs.DeleteQueueInput{QueueUrl: url}))(f)
	_, err = create(nil)
	refused[*types.QueueDeletedRecently](f, 400, err)
	f.advance(61 * time.Second)
	must(create(nil))(f)
}

func TestAReceiptHandleThatIsNone(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	handle := aws.String("nonsense")
	_, err := f.sqs.DeleteMessage(f.Context(),
		&sqs.DeleteMessageInput{QueueUrl: queue.url, ReceiptHandle: handle})
	refused[*types.ReceiptHandleIsInvalid](f, 404, err)
	_, err = f.sqs.ChangeMessageVisibility(f.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: queue.url, ReceiptHandle: handle, VisibilityTimeout: 10,
	})
	refused[*types.ReceiptHandleIsInvalid](f, 404, err)
}

func TestAMessageThatIsNoLongerThere(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	queue.send("hello")
	message := queue.receiveOne()
	queue.delete(message)
	queue.delete(message)
	_, err := f.sqs.ChangeMessageVisibility(f.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: queue.url, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 10,
	})
	refusedAs(f, 400, "InvalidParameterValue", err)
}

func TestAttributesThatDoNotExistOrAreOutOfRange(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	set := func(attributes Attributes) error {
		_, err := f.sqs.SetQueueAttributes(f.Context(),
			&sqs.SetQueueAttributesInput{QueueUrl: queue.url, Attributes: attributes})
		return err
	}
	refused[*types.InvalidAttributeName](f, 400, set(Attributes{"Colour": "red"}))
	refused[*types.InvalidAttributeValue](f, 400, set(Attributes{"DelaySeconds": "901"}))
	_, err := f.sqs.GetQueueAttributes(f.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: queue.url, AttributeNames: []types.QueueAttributeName{"Colour"},
	})
	refused[*types.InvalidAttributeName](f, 400, err)
}

func TestABodyWithACharacterThatXMLDoesNotHave(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	for _, character := range []string{"\u0000", "\u000B", "\u001F", "\uFFFE", "\uFFFF"} {
		_, err := queue.trySend("a" + character + "b")
		refused[*types.InvalidMessageContents](f, 400, err)
	}
}

func TestASecondPurgeWithinAMinute(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	purge := func() error {
		_, err := f.sqs.PurgeQueue(f.Context(), &sqs.PurgeQueueInput{QueueUrl: queue.url})
		return err
	}
	if err := purge(); err != nil {
		t.Fatal(err)
	}
	refused[*types.PurgeQueueInProgress](f, 403, purge())
	f.advance(61 * time.Second)
	if err := purge(); err != nil {
		t.Fatal(err)
	}
}

func TestAMessageMoveTaskFromNowhere(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	_, err := f.sqs.StartMessageMoveTask(f.Context(),
		&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(*queue.arn() + "-not")})
	refused[*types.ResourceNotFoundException](f, 404, err)
}

func TestARedrivePolicyWithoutTarget(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	policy, err := json.Marshal(map[string]any{
		"deadLetterTargetArn": *queue.arn() + "-not",
		"maxReceiveCount":     1,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.sqs.SetQueueAttributes(f.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: queue.url, Attributes: Attributes{"RedrivePolicy": string(policy)},
	})
	refusedAs(f, 400, "InvalidParameterValue", err)
}

func TestAnErrorWithoutATypeKeepsItsCode(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	_, err := queue.tryReceive(f.Context(),
		func(input *sqs.ReceiveMessageInput) { input.MaxNumberOfMessages = 11 })
	refusedAs(f, 400, "InvalidParameterValue", err)
}

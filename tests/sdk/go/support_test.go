// Package sdk tests a Formiga server with the official AWS SDK for Go.
package sdk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// waitSeconds is a long poll's wait, and wokenWithin how soon an event must have ended it.
const (
	waitSeconds = 20
	wokenWithin = 15 * time.Second
)

// legalEdges has every code point at an end of what a body may hold.
const legalEdges = "\u0009\u000A\u000D\u0020\uD7FF\uE000\uFFFD\U00010000\U0010FFFF"

// charactersInABody is how many characters of four bytes a mebibyte has room for.
const charactersInABody = 1024 * 1024 / 4

// everyLegalCharacter makes bodies that together hold every character of XML 1.0, each once.
func everyLegalCharacter() []string {
	ranges := [][2]rune{{0x9, 0xA}, {0xD, 0xD}, {0x20, 0xD7FF}, {0xE000, 0xFFFD}, {0x10000, 0x10FFFF}}
	bodies := []string{}
	body := []rune{}
	for _, ends := range ranges {
		for character := ends[0]; character <= ends[1]; character++ {
			body = append(body, character)
			if len(body) == charactersInABody {
				bodies = append(bodies, string(body))
				body = nil
			}
		}
	}
	return append(bodies, string(body))
}

// Fixture is one server, and a client without retries: the first answer counts.
type Fixture struct {
	*testing.T
	server *Server
	sqs    *sqs.Client
}

// newFixture starts a server for one test. Its clock is nobody else's, so tests run side by side.
func newFixture(t *testing.T, args ...string) *Fixture {
	t.Helper()
	t.Parallel()
	server := startServer(t, args...)
	return &Fixture{T: t, server: server, sqs: newClient(server)}
}

func newClient(server *Server, options ...func(*sqs.Options)) *sqs.Client {
	return sqs.New(sqs.Options{
		BaseEndpoint: aws.String(server.Endpoint),
		Region:       "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		Retryer: aws.NopRetryer{},
		// The default transport would keep connections for a client that is gone.
		HTTPClient: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}},
	}, options...)
}

func (f *Fixture) advance(by time.Duration) {
	f.Helper()
	f.server.AdvanceClock(f.T, by)
}

// must is the answer of a call that has to succeed.
func must[T any](answer T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

func equal[T any](t testing.TB, found, expected T) {
	t.Helper()
	a, b := fmt.Sprintf("%#v", found), fmt.Sprintf("%#v", expected)
	if a != b {
		t.Fatalf("found    %s\nexpected %s", a, b)
	}
}

// until waits until the condition holds.
func until(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come true")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// refused fails the test unless err is of the SDK's type E, with this status.
func refused[E interface {
	error
	smithy.APIError
}](t testing.TB, status int, err error) E {
	t.Helper()
	var found E
	if !errors.As(err, &found) {
		t.Fatalf("%v is no %T", err, found)
	}
	refusedAs(t, status, found.ErrorCode(), err)
	return found
}

// refusedAs is for errors that the SDK has no type for.
func refusedAs(t testing.TB, status int, code string, err error) {
	t.Helper()
	var failure smithy.APIError
	if !errors.As(err, &failure) {
		t.Fatalf("%v is no error of the API", err)
	}
	equal(t, failure.ErrorCode(), code)
	if failure.ErrorMessage() == "" {
		t.Fatal("every error says what is wrong")
	}
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) {
		t.Fatalf("%v has no response", err)
	}
	equal(t, response.HTTPStatusCode(), status)
}

func newName(prefix string) string {
	bytes := make([]byte, 6)
	rand.Read(bytes)
	return prefix + "-" + hex.EncodeToString(bytes)
}

// Attributes are a queue's, by their names.
type Attributes map[string]string

// Queue has the calls that nearly every test makes.
type Queue struct {
	*Fixture
	url *string
}

func (f *Fixture) newQueue(attributes Attributes) Queue {
	f.Helper()
	name := newName("q")
	if attributes["FifoQueue"] == "true" {
		name += ".fifo"
	}
	created := must(f.sqs.CreateQueue(f.Context(), &sqs.CreateQueueInput{
		QueueName:  &name,
		Attributes: attributes,
	}))(f)
	return Queue{Fixture: f, url: created.QueueUrl}
}

// newPair makes a queue whose messages, received count times, go to the other queue.
func (f *Fixture) newPair(count int, attributes Attributes) (queue, failed Queue) {
	f.Helper()
	failed = f.newQueue(attributes)
	policy, err := json.Marshal(map[string]any{
		"deadLetterTargetArn": *failed.arn(),
		"maxReceiveCount":     count,
	})
	if err != nil {
		f.Fatal(err)
	}
	more := Attributes{"RedrivePolicy": string(policy)}
	for name, value := range attributes {
		more[name] = value
	}
	return f.newQueue(more), failed
}

func (q Queue) trySend(body string, change ...func(*sqs.SendMessageInput)) (*sqs.SendMessageOutput, error) {
	input := &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: &body}
	for _, change := range change {
		change(input)
	}
	return q.sqs.SendMessage(q.Context(), input)
}

func (q Queue) send(body string, change ...func(*sqs.SendMessageInput)) *sqs.SendMessageOutput {
	q.Helper()
	return must(q.trySend(body, change...))(q)
}

func (q Queue) tryReceive(ctx context.Context, change ...func(*sqs.ReceiveMessageInput)) ([]types.Message, error) {
	input := &sqs.ReceiveMessageInput{
		QueueUrl:                    q.url,
		MaxNumberOfMessages:         10,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	}
	for _, change := range change {
		change(input)
	}
	answer, err := q.sqs.ReceiveMessage(ctx, input)
	if err != nil {
		return nil, err
	}
	return answer.Messages, nil
}

func (q Queue) receive(change ...func(*sqs.ReceiveMessageInput)) []types.Message {
	q.Helper()
	return must(q.tryReceive(q.Context(), change...))(q)
}

func (q Queue) receiveOne(change ...func(*sqs.ReceiveMessageInput)) types.Message {
	q.Helper()
	messages := q.receive(append(change, one)...)
	equal(q, len(messages), 1)
	return messages[0]
}

func one(input *sqs.ReceiveMessageInput)        { input.MaxNumberOfMessages = 1 }
func waitLong(input *sqs.ReceiveMessageInput)   { input.WaitTimeSeconds = waitSeconds }
func hideLonger(input *sqs.ReceiveMessageInput) { input.VisibilityTimeout = 600 }

func bodies(messages []types.Message) string {
	found := []string{}
	for _, message := range messages {
		found = append(found, *message.Body)
	}
	return strings.Join(found, " ")
}

func (q Queue) delete(message types.Message) {
	q.Helper()
	must(q.sqs.DeleteMessage(q.Context(), &sqs.DeleteMessageInput{
		QueueUrl:      q.url,
		ReceiptHandle: message.ReceiptHandle,
	}))(q)
}

func (q Queue) attributes(names ...types.QueueAttributeName) Attributes {
	q.Helper()
	return must(q.sqs.GetQueueAttributes(q.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl:       q.url,
		AttributeNames: names,
	}))(q).Attributes
}

func (q Queue) arn() *string {
	q.Helper()
	return aws.String(q.attributes("QueueArn")["QueueArn"])
}

// counters tells how many messages are visible, in flight and delayed.
func (q Queue) counters() [3]int {
	q.Helper()
	const prefix = "ApproximateNumberOfMessages"
	names := []types.QueueAttributeName{prefix, prefix + "NotVisible", prefix + "Delayed"}
	found := q.attributes(names...)
	var counters [3]int
	for place, name := range names {
		counters[place] = must(strconv.Atoi(found[string(name)]))(q)
	}
	return counters
}

// idsOf lists what a batch answered, in order of the ids.
func idsOf(answer any) (successful, failed []string) {
	switch answer := answer.(type) {
	case *sqs.SendMessageBatchOutput:
		for _, entry := range answer.Successful {
			successful = append(successful, *entry.Id)
		}
		for _, entry := range answer.Failed {
			failed = append(failed, *entry.Id)
		}
	case *sqs.DeleteMessageBatchOutput:
		for _, entry := range answer.Successful {
			successful = append(successful, *entry.Id)
		}
		for _, entry := range answer.Failed {
			failed = append(failed, *entry.Id)
		}
	case *sqs.ChangeMessageVisibilityBatchOutput:
		for _, entry := range answer.Successful {
			successful = append(successful, *entry.Id)
		}
		for _, entry := range answer.Failed {
			failed = append(failed, *entry.Id)
		}
	}
	slices.Sort(successful)
	slices.Sort(failed)
	return successful, failed
}

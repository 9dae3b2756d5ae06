package sdk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Bounds from above are generous: they tell "woken" from "waited to the end".

type received struct {
	messages []types.Message
	err      error
}

// poll starts a long poll beside the test.
func (q Queue) poll(ctx context.Context) <-chan received {
	answer := make(chan received, 1)
	go func() {
		messages, err := q.tryReceive(ctx, waitLong)
		answer <- received{messages, err}
	}()
	return answer
}

func TestALongPollOnAnEmptyQueueEndsWithItsWait(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	started := time.Now()
	messages := queue.receive(func(input *sqs.ReceiveMessageInput) { input.WaitTimeSeconds = 1 })
	equal(f, len(messages), 0)
	if took := time.Since(started); took < 900*time.Millisecond || took > 10*time.Second {
		t.Fatalf("it took %v", took)
	}
}

func TestASendWakesALongPoll(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	started := time.Now()
	waiting := queue.poll(f.Context())
	queue.send("wake up")
	answer := <-waiting
	equal(f, answer.err, nil)
	equal(f, bodies(answer.messages), "wake up")
	if took := time.Since(started); took > wokenWithin {
		t.Fatalf("it took %v", took)
	}
}

func TestTheEndOfAVisibilityTimeoutWakesALongPoll(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	queue.send("again")
	queue.receiveOne(hideLonger)
	started := time.Now()
	waiting := queue.poll(f.Context())
	f.advance(601 * time.Second)
	answer := <-waiting
	equal(f, answer.err, nil)
	equal(f, bodies(answer.messages), "again")
	if took := time.Since(started); took > wokenWithin {
		t.Fatalf("it took %v", took)
	}
}

func TestAnAbandonedLongPollTakesNoMessageWithIt(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	ctx, abandon := context.WithCancel(f.Context())
	waiting := queue.poll(ctx)
	abandon()
	if answer := <-waiting; !errors.Is(answer.err, context.Canceled) {
		t.Fatalf("it ended with %v", answer.err)
	}
	queue.send("still there")
	equal(f, bodies(queue.receive(waitLong)), "still there")
}

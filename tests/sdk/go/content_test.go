package sdk

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestABodyOfEveryLegalKindOfCharacter(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	digest := md5.Sum([]byte(legalEdges))
	sent := queue.send(legalEdges)
	equal(f, *sent.MD5OfMessageBody, hex.EncodeToString(digest[:]))
	message := queue.receiveOne()
	equal(f, *message.Body, legalEdges)
	equal(f, *message.MD5OfBody, hex.EncodeToString(digest[:]))
}

func TestEveryCharacterThatXMLHasInBodiesAsLargeAsTheyMayBe(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	for _, body := range everyLegalCharacter() {
		queue.send(body)
		message := queue.receiveOne()
		if *message.Body != body {
			t.Fatal("another body came back")
		}
		queue.delete(message)
	}
}

func TestABodyOfAMebibyte(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	body := strings.Repeat("x", 1024*1024)
	queue.send(body)
	if *queue.receiveOne().Body != body {
		t.Fatal("another body came back")
	}
}

func TestAttributesOfEachTypeBinaryOnesByteForByte(t *testing.T) {
	f := newFixture(t)
	queue := f.newQueue(nil)
	every := make([]byte, 256)
	for value := range every {
		every[value] = byte(value)
	}
	attributes := map[string]types.MessageAttributeValue{
		"picture": {DataType: aws.String("Binary.png"), BinaryValue: every},
		"count":   {DataType: aws.String("Number"), StringValue: aws.String("-12.5")},
		"edges":   {DataType: aws.String("String"), StringValue: aws.String(legalEdges)},
	}
	sent := queue.send("hello", func(input *sqs.SendMessageInput) { input.MessageAttributes = attributes })
	message := queue.receiveOne()
	equal(f, *message.MD5OfMessageAttributes, *sent.MD5OfMessageAttributes)
	equal(f, len(message.MessageAttributes), 3)
	for name, expected := range attributes {
		found := message.MessageAttributes[name]
		equal(f, *found.DataType, *expected.DataType)
		equal(f, aws.ToString(found.StringValue), aws.ToString(expected.StringValue))
		if !bytes.Equal(found.BinaryValue, expected.BinaryValue) {
			t.Errorf("%s: found %x", name, found.BinaryValue)
		}
	}
}

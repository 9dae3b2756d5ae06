"""Receives one message and deletes it. Credentials, region and endpoint come from ~/.aws."""

import boto3

queue_url = 'http://127.0.0.1:9324/000000000000/minha-fila'

sqs = boto3.client('sqs')

response = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=1, WaitTimeSeconds=10)
if 'Messages' in response:
    message = response['Messages'][0]
    print('Received:', message['Body'])
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message['ReceiptHandle'])
else:
    print('No message came.')

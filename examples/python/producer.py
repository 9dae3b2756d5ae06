"""Sends one message. Credentials, region and endpoint come from ~/.aws."""

import boto3

queue_url = 'http://127.0.0.1:9324/000000000000/minha-fila'

sqs = boto3.client('sqs')

response = sqs.send_message(QueueUrl=queue_url, MessageBody='Olá, esta é uma mensagem para o SQS!')
print('Sent, MessageId:', response['MessageId'])

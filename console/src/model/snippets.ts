import type { Attributes, Tags } from '../api/queues';

/** A queue to be made, with what a script needs to reach the server. */
export interface Wanted {
  name: string;
  attributes: Attributes;
  tags: Tags;
  endpoint: string;
  region: string;
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const json = (value: unknown) => JSON.stringify(value, undefined, 2);

export function asCli({ name, attributes, tags, endpoint, region }: Wanted): string {
  const lines = [
    `aws sqs create-queue --endpoint-url ${endpoint} --region ${region}`,
    `  --queue-name ${quote(name)}`,
    `  --attributes ${quote(JSON.stringify(attributes))}`,
  ];
  if (Object.keys(tags).length > 0) lines.push(`  --tags ${quote(JSON.stringify(tags))}`);
  return lines.join(' \\\n');
}

export function asPython({ name, attributes, tags, endpoint, region }: Wanted): string {
  return [
    'import boto3',
    '',
    `sqs = boto3.client("sqs", endpoint_url=${json(endpoint)}, region_name=${json(region)})`,
    'sqs.create_queue(',
    `    QueueName=${json(name)},`,
    `    Attributes=${indented(json(attributes))},`,
    `    tags=${indented(json(tags))},`,
    ')',
  ].join('\n');
}

const indented = (text: string) => text.replaceAll('\n', '\n    ');

const TERRAFORM: Record<string, string> = {
  VisibilityTimeout: 'visibility_timeout_seconds',
  MessageRetentionPeriod: 'message_retention_seconds',
  DelaySeconds: 'delay_seconds',
  MaximumMessageSize: 'max_message_size',
  ReceiveMessageWaitTimeSeconds: 'receive_wait_time_seconds',
  FifoQueue: 'fifo_queue',
  ContentBasedDeduplication: 'content_based_deduplication',
  DeduplicationScope: 'deduplication_scope',
  FifoThroughputLimit: 'fifo_throughput_limit',
  SqsManagedSseEnabled: 'sqs_managed_sse_enabled',
  KmsMasterKeyId: 'kms_master_key_id',
  KmsDataKeyReusePeriodSeconds: 'kms_data_key_reuse_period_seconds',
  Policy: 'policy',
  RedrivePolicy: 'redrive_policy',
  RedriveAllowPolicy: 'redrive_allow_policy',
};

/** Terraform would read these two as the beginnings of its own expressions. */
const hcl = (text: string) => json(text).replaceAll(/[$%]\{/g, (begin) => begin.charAt(0) + begin);

export function asTerraform({ name, attributes, tags }: Wanted): string {
  const lines = Object.entries(attributes).flatMap(([attribute, value = '']) => {
    const argument = TERRAFORM[attribute];
    const isBare = /^(\d+|true|false)$/.test(value);
    return argument === undefined ? [] : [`  ${argument} = ${isBare ? value : hcl(value)}`];
  });
  const marks = Object.entries(tags).map(([key, value]) => `    ${hcl(key)} = ${hcl(value)}`);
  const tagLines = marks.length === 0 ? [] : ['  tags = {', ...marks, '  }'];
  const label = name.replaceAll(/[^A-Za-z0-9_-]/g, '_').replace(/^(?![A-Za-z_])/, '_');
  const head = [`resource "aws_sqs_queue" ${json(label)} {`, `  name = ${hcl(name)}`];
  return [...head, ...lines, ...tagLines, '}'].join('\n');
}

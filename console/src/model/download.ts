import type { ReceivedMessage } from '../api/messages';

/** Messages as a file; their handles stay here. */
export function downloadMessages(queue: string, messages: Omit<ReceivedMessage, 'handle'>[]) {
  const told = messages.map(({ id, body, system, attributes }) => ({
    MessageId: id,
    Body: body,
    Attributes: system,
    MessageAttributes: attributes,
  }));
  const text = JSON.stringify(told, undefined, 2);
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${queue}-messages.json`;
  link.click();
  URL.revokeObjectURL(url);
}
